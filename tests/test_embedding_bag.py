"""Embedding bags: the reference against plain loops, the kernel against both, and the layer."""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, ops
from gpulayers.ops import arrays
from tests.cases.embedding_bag import CASES
from tests.preloading import preload
from tests.test_global_pooling import draw, max_loop
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
MODES = ("sum", "mean", "max", "weighted")


@pytest.fixture
def loaded_device(kernel_device, dtype):
    """The kernel_device, with all kernels of the table compiled."""
    preload(kernel_device, "embedding_bag", dtype)
    return kernel_device


def check(case, dtype, device):
    ids, offsets = case.draw_ids(), case.offsets
    ends = [*offsets, len(ids)]
    for kind in ("integers", "floats"):
        table = draw(kind, (case.input_dim, case.output_dim), dtype)
        factors = draw(kind, ids.shape, dtype, 1)
        dy = draw("integers", (len(offsets), case.output_dim), dtype, 2)
        for mode in MODES:
            weights = factors if mode == "weighted" else None
            options = dict(mode="sum" if mode == "weighted" else mode)
            options["weights"] = None if weights is None else device.asarray(weights)
            placed = [device.asarray(array) for array in (ids, offsets, table)]
            y, argmax = ops.embedding_bag(*placed, **options)
            assert y.dtype == dtype and (argmax is not None) == (mode == "max")
            grads = ops.embedding_bag_backward(device.asarray(dy), *placed, argmax=argmax, **options)
            expected, magnitude = np.zeros((2, *dy.shape))
            grad_table, grad_weights = np.zeros(table.shape), np.zeros(len(ids))
            for bag in range(len(offsets)):
                inside = range(ends[bag], ends[bag + 1])
                for e in range(case.output_dim):
                    values = [float(table[ids[i], e]) for i in inside]
                    up = float(dy[bag, e])
                    if not values:
                        continue
                    if mode == "max":
                        expected[bag, e], at = max_loop(values)
                        grad_table[ids[inside[at]], e] += up
                        continue
                    share = 1 / len(values) if mode == "mean" else 1.0
                    for i, value in zip(inside, values):
                        factor = float(weights[i]) if mode == "weighted" else share
                        expected[bag, e] += factor * value
                        magnitude[bag, e] += abs(factor * value)
                        grad_table[ids[i], e] += factor * up
                        grad_weights[i] += value * up
            found, found_table = device.to_numpy(y), device.to_numpy(grads[0])
            if mode == "max" or (kind == "integers" and mode == "sum"):
                assert_exact(found, expected, mode)
            assert_close(found, expected, 70, magnitude, what=mode)
            assert_close(found_table, grad_table, 200, 200, 3, what=f"gradient of {mode}")
            assert (grads[1] is None) == (mode != "weighted")
            if mode == "weighted":
                assert_close(device.to_numpy(grads[1]), grad_weights, 40, 200, 3, what="gradient to weights")


@cases
def test_reference(case, dtype):
    check(case, dtype, arrays.CPU)


@cases
def test_kernels(case, dtype, loaded_device):
    check(case, dtype, loaded_device)


TABLE, IDS, OFFSETS = np.ones((7, 3), np.float32), np.array([1, 2, 6]), np.array([0, 2])


def test_bad_ids_are_named(kernel_device):
    for wrong in (7, -1):
        ids = kernel_device.asarray(np.array([1, 2, wrong, wrong]))
        with pytest.raises(IndexError, match=f"Received: id {wrong} at position 2"):
            ops.embedding_bag(ids, kernel_device.asarray(OFFSETS), kernel_device.asarray(TABLE))


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: ops.embedding_bag(IDS, OFFSETS, TABLE, mode="min"), ValueError),
        (lambda: ops.embedding_bag(IDS.astype(float), OFFSETS, TABLE), TypeError),
        (lambda: ops.embedding_bag(IDS, OFFSETS * 1.0, TABLE), TypeError),
        (lambda: ops.embedding_bag(IDS, OFFSETS[None], TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS, np.array([1, 2]), TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS, np.array([0, 3, 1]), TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS, np.array([0, 4]), TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS, OFFSETS[:0], TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS, OFFSETS, None), TypeError),
        (lambda: ops.embedding_bag(IDS, OFFSETS, TABLE, mode="max", weights=TABLE[0]), ValueError),
        (lambda: ops.embedding_bag(IDS, OFFSETS, TABLE, weights=TABLE[0, :2]), ValueError),
        (lambda: ops.embedding_bag_backward(TABLE, IDS, OFFSETS, TABLE), ValueError),
        (lambda: ops.embedding_bag_backward(TABLE[:2], IDS, OFFSETS, TABLE, mode="max"), ValueError),
        (lambda: layers.EmbeddingBag(3, 3, "min"), ValueError),
        (lambda: layers.EmbeddingBag(3, 3)(IDS), ValueError),
    ],
)
def test_wrong_arguments(call, error):
    with pytest.raises(error, match="Received: "):
        call()


@pytest.mark.parametrize("mode", MODES)
def test_layer(mode):
    layer = layers.EmbeddingBag(7, 3, "sum" if mode == "weighted" else mode, dtype="float64")
    inputs = [IDS, OFFSETS] + ([np.array([0.5, 2.0, -1.0])] if mode == "weighted" else [])
    report = gpulayers.check_gradients(layer, None, inputs=inputs)
    assert report and len(report.errors) == len(inputs) - 1, report
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert layer(inputs).shape == (2, 3) == layer.compute_output_shape([part.shape for part in inputs])
