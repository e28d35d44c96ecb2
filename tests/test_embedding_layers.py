"""Embedding and EmbeddingBag as they are called: kinds of ids, empty batches, wrong ids, foreign arrays."""

import warnings

import numpy as np
import pytest

from gpulayers import layers
from gpulayers.ops import arrays

TABLE = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
IDS = np.array([[1, 2, 2], [9, 0, 5]])


def embedding(**options):
    return layers.Embedding(10, 3, weights=TABLE, **options)


def bag(mode="sum", **options):
    layer = layers.EmbeddingBag(10, 3, mode, **options)
    layer.build(None)
    layer.set_weights([TABLE])
    return layer


@pytest.mark.parametrize("kind", [*INTEGERS, "float16", "float32", "float64", "bfloat16", "bool"])
def test_kinds_of_ids(kind, emulated):
    dtype = arrays.bfloat16 if kind == "bfloat16" else np.dtype(kind)
    ids = IDS.astype(dtype)
    expected = TABLE[ids.astype(int)]
    np.testing.assert_array_equal(embedding()(ids), expected)
    np.testing.assert_allclose(bag()(ids), expected.sum(axis=1), rtol=1e-6)
    mask = embedding(mask_zero=True).compute_mask(ids)
    assert mask.dtype == bool and mask.tolist() == (ids.astype(int) != 0).tolist()
    with pytest.raises(TypeError, match="hold integer ids. Received: dtype complex128"):
        embedding()(ids.astype(complex))


@pytest.mark.parametrize(
    "wrong, shown",
    [
        (np.array([3.0, np.nan]), "id -9223372036854775808 at position 1"),
        (np.array([3.0, np.inf, 0.0]), "id .* at position 1"),
        (np.array([2.0**40], np.float32), "id 1099511627776 at position 0"),
        (np.array([2**32 + 1]), "id 4294967297 at position 0"),
        (np.array([2**32 - 1], np.uint32), "id 4294967295 at position 0"),
        (np.array([0, -1], np.int8), "id -1 at position 1"),
        (np.array([[0, 1], [10, 11]], np.uint8), r"id 10 at position \(1, 0\)"),
    ],
)
def test_ids_out_of_range(wrong, shown):
    """Named; nothing is wrapped into the table's range by a conversion, and no gradient is left behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for layer in (embedding(), embedding(sparse_gradient=True)):
            with pytest.raises(IndexError, match=rf"\[0, 10\). Received: {shown}"):
                layer.forward(wrong)
            assert layer.embeddings.grad is None
        with pytest.raises(IndexError, match=r"\[0, 10\)"):
            bag()(wrong if wrong.ndim == 2 else wrong[None])


@pytest.mark.parametrize("sparse", [False, True])
def test_empty_batches(sparse):
    for shape in ((0, 5), (5, 0), (0,), (2, 0, 3)):
        layer = embedding(sparse_gradient=sparse)
        y, backward = layer.forward(np.zeros(shape, np.int32))
        assert y.shape == (*shape, 3) and backward(y) is None
        grad = layer.embeddings.grad
        assert not (grad.dense() if sparse else grad).any() and grad.shape == (10, 3)
    for mode in ("sum", "mean", "max"):
        nothing = np.zeros(0, np.int64)
        for inputs in (
            np.zeros((0, 4), int),
            np.zeros((4, 0), int),
            [nothing, nothing],
            [nothing, np.zeros(3, int)],
        ):
            layer = bag(mode, sparse_gradient=sparse)
            y, backward = layer.forward(inputs)
            backward(y)
            assert y.shape[1] == 3 and not y.any()
            grad = layer.embeddings.grad
            assert not (grad.dense() if sparse else grad).any()


def test_a_single_id():
    np.testing.assert_array_equal(embedding()(np.array(4)), TABLE[4])


class Tensor:
    """An array of another library: it has DLPack's methods and no others."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("sparse", [False, True])
def test_arrays_of_other_libraries(sparse):
    layer = embedding(mask_zero=True, sparse_gradient=sparse)
    y, backward = layer.forward(Tensor(IDS))
    np.testing.assert_array_equal(y, TABLE[IDS])
    assert isinstance(layer.compute_mask(Tensor(IDS)), np.ndarray)
    layer = bag(sparse_gradient=sparse)
    y, backward = layer.forward([Tensor(IDS), Tensor(np.array([2, 3])), Tensor(np.ones((2, 3), np.float32))])
    np.testing.assert_allclose(y, [TABLE[[1, 2]].sum(axis=0), TABLE[[9, 0, 5]].sum(axis=0)], rtol=1e-6)
    assert [grad is None for grad in backward(y)] == [True, True, False]


def test_types_of_the_table():
    """The ids keep their values whatever the layer computes in."""
    for dtype in ("float16", "bfloat16", "mixed_bfloat16", "mixed_float16", "float64"):
        layer = layers.Embedding(5000, 2, dtype=dtype)
        ids = np.array([4999.0, 2049.0])
        y, backward = layer.forward(ids)
        value = layer.embeddings.numpy()[[4999, 2049]]
        np.testing.assert_array_equal(y, value.astype(layer.compute_dtype))
        backward(y)
        used = np.flatnonzero(layer.embeddings.grad.astype(np.float64).any(axis=1))
        assert used.tolist() == [2049, 4999] and layer.embeddings.grad.dtype == layer.variable_dtype
