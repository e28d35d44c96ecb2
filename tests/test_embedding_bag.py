"""Embedding bags: the reference against plain loops, the kernel against both, and the layer."""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, models, ops
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


def loop(mode, ids, ends, table, weights, dy, mask):
    """(y, bounds on its sums, argmax, gradients of table and weights) in float64, element by element."""
    y, magnitude = np.zeros((2, *dy.shape))
    argmax = np.full(dy.shape, -1)
    grad_table, grad_weights = np.zeros(table.shape), np.zeros(len(ids))
    for bag in range(len(ends) - 1):
        inside = [i for i in range(ends[bag], ends[bag + 1]) if mask is None or mask[i]]
        for e in range(table.shape[1]) if inside else ():
            values, up = [float(table[ids[i], e]) for i in inside], float(dy[bag, e])
            if mode == "max":
                y[bag, e], at = max_loop(values)
                argmax[bag, e] = inside[at]
                grad_table[ids[inside[at]], e] += up
                continue
            for i, value in zip(inside, values):
                factor = (
                    float(weights[i]) if mode == "weighted" else 1 / len(values) if mode == "mean" else 1.0
                )
                y[bag, e] += factor * value
                magnitude[bag, e] += abs(factor * value)
                grad_table[ids[i], e] += factor * up
                grad_weights[i] += value * up
    return y, magnitude, argmax, grad_table, grad_weights


def check(case, dtype, device, mask=None):
    ids, offsets = case.draw_ids(), case.offsets
    given = ids if mask is None else np.where(mask, ids, -7)  # what the mask hides may be anything
    for kind in ("integers", "floats"):
        table = draw(kind, (case.input_dim, case.output_dim), dtype)
        factors = draw(kind, ids.shape, dtype, 1)
        dy = draw("integers", (len(offsets), case.output_dim), dtype, 2)
        for mode in MODES:
            weights = factors if mode == "weighted" else None
            options = dict(mode="sum" if mode == "weighted" else mode)
            options["weights"] = None if weights is None else device.asarray(weights)
            options["mask"] = None if mask is None else device.asarray(mask)
            placed = [device.asarray(array) for array in (given, offsets, table)]
            y, argmax = ops.embedding_bag(*placed, **options)
            assert y.dtype == dtype and (argmax is not None) == (mode == "max")
            expected, magnitude, places, grad_table, grad_weights = loop(
                mode, ids, [*offsets, len(ids)], table, weights, dy, mask
            )
            found = device.to_numpy(y)
            if mode == "max" or (kind == "integers" and mode == "sum"):
                assert_exact(found, expected, mode)
            assert_close(found, expected, 70, magnitude, what=mode)
            if mode == "max":
                np.testing.assert_array_equal(device.to_numpy(argmax), places)
            options["argmax"] = argmax
            found_table, found_weights = ops.embedding_bag_backward(device.asarray(dy), *placed, **options)
            found_table = device.to_numpy(found_table)
            if mode in ("max", "sum"):
                assert_exact(found_table, grad_table, f"gradient of {mode}")
            assert_close(found_table, grad_table, 200, 200, 3, what=f"gradient of {mode}")
            assert (found_weights is None) == (mode != "weighted")
            if mode == "weighted":
                assert_close(
                    device.to_numpy(found_weights), grad_weights, 40, 200, 3, what="gradient to weights"
                )
            unique_ids, rows, again = ops.embedding_bag_backward_sparse(
                device.asarray(dy), *placed, **options
            )
            used = np.unique(ids if mask is None else ids[mask])
            np.testing.assert_array_equal(device.to_numpy(unique_ids), used)
            assert device.to_numpy(rows).tobytes() == found_table[used].tobytes()
            assert mode != "weighted" or np.array_equal(
                device.to_numpy(again), device.to_numpy(found_weights)
            )


@cases
def test_reference(case, dtype):
    check(case, dtype, arrays.CPU)


@cases
def test_kernels(case, dtype, loaded_device):
    check(case, dtype, loaded_device)


@cases
def test_masks(case, kernel_device):
    mask = np.random.default_rng(3).random(sum(case.lengths)) < 0.6
    for chosen in (mask, np.zeros_like(mask)):
        for device in (arrays.CPU, kernel_device):
            check(case, np.dtype(np.float32), device, chosen)


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_ids_are_bags(mode, kernel_device):
    """Ids (bags, length) give what the same ids and offsets do, to the bit."""
    generator = np.random.default_rng(0)
    ids, mask = generator.integers(0, 9, (4, 5)), generator.random((4, 5)) < 0.5
    table, dy = (generator.standard_normal(shape).astype(np.float32) for shape in ((9, 6), (4, 6)))
    weights = generator.standard_normal((4, 5)).astype(np.float32) if mode == "weighted" else None
    for device in (arrays.CPU, kernel_device):
        place = lambda array: None if array is None else device.asarray(array)
        for shown in (None, mask):
            results = []
            for flat in (False, True):
                arranged = [ids, weights, shown]
                if flat:
                    arranged = [None if array is None else array.reshape(-1) for array in arranged]
                options = {"mode": "sum" if mode == "weighted" else mode}
                options |= {"weights": place(arranged[1]), "mask": place(arranged[2])}
                placed = place(arranged[0]), place(np.arange(0, 20, 5)) if flat else None, place(table)
                y, argmax = ops.embedding_bag(*placed, **options)
                grads = ops.embedding_bag_backward(place(dy), *placed, argmax=argmax, **options)
                assert grads[1] is None or grads[1].shape == arranged[0].shape
                results.append([device.to_numpy(array) for array in (y, argmax, *grads) if array is not None])
            for one, other in zip(*results):
                np.testing.assert_array_equal(one.reshape(-1), other.reshape(-1))


def test_positions_of_bad_ids_in_rows(kernel_device):
    ids, mask = np.array([[0, -1, 2], [3, 1, 99]]), np.array([[True, False, True], [False, True, True]])
    table = kernel_device.asarray(np.ones((3, 2), np.float32))
    placed, mask = kernel_device.asarray(ids), kernel_device.asarray(mask)
    dy = kernel_device.asarray(np.ones((2, 2), np.float32))
    for hide, words in ((None, r"id -1 at position \(0, 1\)"), (mask, r"id 99 at position \(1, 2\)")):
        with pytest.raises(IndexError, match=words):
            ops.embedding_bag(placed, None, table, mask=hide)
        for backward in (ops.embedding_bag_backward, ops.embedding_bag_backward_sparse):
            with pytest.raises(IndexError, match=words):
                backward(dy, placed, None, table, mask=hide)


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
        (
            lambda: ops.embedding_bag_backward_sparse(
                TABLE[:2], IDS, OFFSETS, TABLE, mode="max", argmax=np.zeros((2, 3))
            ),
            ValueError,
        ),
        (lambda: ops.embedding_bag(IDS, None, TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS[None], OFFSETS, TABLE), ValueError),
        (lambda: ops.embedding_bag(IDS, OFFSETS, TABLE, mask=IDS), ValueError),
        (lambda: ops.embedding_bag(IDS, OFFSETS, TABLE, mask=IDS[:2] > 0), ValueError),
        (lambda: layers.EmbeddingBag(3, 3, "min"), ValueError),
        (lambda: layers.EmbeddingBag(3, 3)(IDS), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)([IDS, OFFSETS, OFFSETS]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)([IDS, TABLE[0]]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)(IDS[None, None]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)(IDS.astype(complex)[None]), TypeError),
        (lambda: layers.EmbeddingBag(9, 3)([IDS[None], np.array([4])]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)([IDS[None], np.array([-1])]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)([IDS[None], np.array([1, 1])]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)([IDS[None], TABLE[:1]]), ValueError),
        (lambda: layers.EmbeddingBag(9, 3)(IDS[None], mask=IDS > 0), ValueError),
        (lambda: layers.EmbeddingBag(9, 3).compute_output_shape((3,)), ValueError),
    ],
)
def test_wrong_arguments(call, error):
    with pytest.raises(error, match="Received: "):
        call()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_ways_to_call_the_layer(mode, sparse):
    """Rows of ids with a mask, lengths or a padding id are the same bags as their ids and offsets."""
    generator = np.random.default_rng(0)
    padded = np.array([[3, 1, 3, 0], [0, 0, 0, 0], [2, 6, 0, 0]])
    lengths, ids, offsets = np.array([3, 0, 2], np.int32), np.array([3, 1, 3, 2, 6]), np.array([0, 3, 3])
    inside = np.arange(4) < lengths[:, None]
    factors, dy = generator.standard_normal((3, 4)), generator.standard_normal((3, 5))
    weighted = mode == "weighted"
    options = {"mode": "sum" if weighted else mode, "dtype": "float64", "sparse_gradient": sparse}
    layer, zero = layers.EmbeddingBag(7, 5, **options), layers.EmbeddingBag(7, 5, mask_zero=True, **options)
    layer.build(None), zero.build(None)
    zero.set_weights(layer.get_weights())
    hidden = np.where(inside, padded, -9)
    calls = [
        (layer, [ids, offsets], {}),
        (layer, [hidden, lengths], {}),
        (layer, [hidden], {"mask": inside}),
        (layer, [hidden, lengths], {"mask": padded != 99}),
        (zero, [padded], {}),
        (zero, [padded, lengths], {"mask": inside}),
        (zero, [padded.astype(np.uint8)], {}),
        (zero, [padded.astype(np.float32)], {}),
    ]
    found = []
    for which, inputs, keywords in calls:
        if weighted:
            inputs = [*inputs, factors[inside] if inputs[0].ndim == 1 else factors]
        one = len(inputs) == 1
        y, backward = which.forward(inputs[0] if one else inputs, **keywords)
        grads = backward(dy)
        assert grads is None if one else len(grads) == len(inputs) and grads[0] is None
        assert (
            which.compute_output_shape(inputs[0].shape if one else [part.shape for part in inputs])
            == y.shape
            == (3, 5)
        )
        grad = which.embeddings.grad
        which.embeddings.grad = None
        grad_weights = grads[-1] if weighted else np.zeros(0)
        if grad_weights.ndim == 2:
            assert not grad_weights[~inside].any()
            grad_weights = grad_weights[inside]
        found.append((y, grad.dense() if sparse else grad, grad_weights))
    for call in found[1:]:
        for one, other in zip(call, found[0]):
            np.testing.assert_array_equal(one, other)


def test_layer_in_a_model():
    model = models.Sequential(
        [layers.Input((4,), dtype="int32"), layers.EmbeddingBag(9, 6, "max", mask_zero=True), layers.Dense(1)]
    )
    assert model.output_shape == (None, 1)
    model.compile("sgd", "mse")
    ids = np.random.default_rng(0).integers(0, 9, (20, 4))
    first, *_, last = model.fit(ids, ids.max(axis=1) / 9, epochs=20, verbose=0).history["loss"]
    assert last < 0.5 * first


@pytest.mark.parametrize("mode", MODES)
def test_layer(mode):
    layer = layers.EmbeddingBag(7, 3, "sum" if mode == "weighted" else mode, dtype="float64")
    inputs = [IDS, OFFSETS] + ([np.array([0.5, 2.0, -1.0])] if mode == "weighted" else [])
    report = gpulayers.check_gradients(layer, None, inputs=inputs)
    assert report and len(report.errors) == len(inputs) - 1, report
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert layer(inputs).shape == (2, 3) == layer.compute_output_shape([part.shape for part in inputs])
