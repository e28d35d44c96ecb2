"""The benchmarks' rows: their keys, their work, and checks that notice wrong results."""

import dataclasses
import math

import numpy as np
import pytest

from bench import counters, workloads
from bench.workloads import (
    BOTH,
    FORWARD,
    Workload,
    convolution,
    dense,
    embedding,
    models,
    networks,
    pooling,
    recurrent_variants,
    transposed,
)
from gpulayers.ops import arrays

_TABLE = embedding.EmbeddingProblem((90,), 60, 5, np.dtype(np.float32), np.dtype(np.int64))
TINY = [
    *counters.rows(),
    *(
        Workload("embedding", f"tiny {ids}", "", _TABLE, ids, direction)
        for ids in ("uniform", "zipf")
        for direction in (embedding.SPARSE, embedding.SGD, embedding.ADAM)
    ),
    *(transposed.row_of("dcgan 4x4/2 64>3 32", 1, direction) for direction in (FORWARD, BOTH)),
    *(dense.row_of("tiny", 5, 7, 9, "relu", "", 0, direction, "float32") for direction in (FORWARD, BOTH)),
    *recurrent_variants.tiny_rows(),
]


@pytest.fixture(params=["cpu", "gpu"])
def device_name(request):
    return request.param


def test_rows(device_name):
    rows = workloads.all_rows(device_name)  # asserts that the keys differ
    assert {row.family for row in rows} == set(workloads.FAMILIES)
    assert {row.family for row in rows if row.importance == 0} >= {
        "convolution",
        "pooling",
        "embedding",
        "recurrent",
        *(["recurrent_variants"] if device_name == "cpu" else []),
    }
    assert [row.importance for row in rows] == sorted(row.importance for row in rows)
    for row in rows:
        flops, moved = row.module.work(row)
        assert flops >= 0 and moved > 0, row.key
        assert row.problem.dtype == workloads.dtype_of(row.precision), row.key


def test_gpu_rows_have_every_precision_and_batches_from_1_to_256():
    rows = workloads.all_rows("gpu")
    assert {row.precision for row in rows} == set(workloads.PRECISIONS)
    batches = {
        row.problem.batch
        for row in rows
        if row.family == "convolution" and row.name.startswith("resnet 3x3 64")
    }
    assert batches >= {1, 8, 32, 256}


def test_choosing_rows():
    everything, quick = workloads.all_rows("cpu"), workloads.all_rows("cpu", quick=True)
    assert 0 < len(quick) < len(everything) and {row.importance for row in quick} == {0}
    chosen = workloads.all_rows("cpu", only=["pooling/", "backward"])
    assert chosen and all("pooling/" in row.key and "backward" in row.key for row in chosen)


@pytest.mark.parametrize("workload", TINY, ids=lambda row: row.key)
def test_check_accepts_right_results_and_refuses_wrong_ones(workload):
    operands = workload.module.operands(workload, arrays.CPU, seed=3)
    outputs = workload.module.ours(workload, operands)()
    workload.module.check(workload, operands, outputs, arrays.CPU)
    for name, array in outputs.items():
        if array.dtype.kind == "i":
            wrongs = (array + 1, array[:-1])
        else:
            wrongs = (array * array.dtype.type(1.01) + array.dtype.type(0.01), np.full_like(array, np.nan))
        for wrong in wrongs:
            with pytest.raises(AssertionError):
                workload.module.check(workload, operands, outputs | {name: wrong}, arrays.CPU)


def test_a_gradient_that_misses_its_hottest_row_is_refused():
    problem = embedding.EmbeddingProblem((500,), 50, 4, np.dtype(np.float32), np.dtype(np.int64))
    workload = Workload("embedding", "hot", "", problem, "zipf", BOTH)
    operands = embedding.operands(workload, arrays.CPU, seed=0)
    outputs = embedding.ours(workload, operands)()
    hottest = np.bincount(operands["ids"]).argmax()
    outputs["grad_table"][hottest] = 0
    with pytest.raises(AssertionError, match=f"row {hottest}"):
        embedding.check(workload, operands, outputs, arrays.CPU)


def test_zipf_ids_are_skewed_and_scattered():
    problem = embedding.EmbeddingProblem((20000,), 1000, 1, np.dtype(np.float32), np.dtype(np.int64))
    counts = {}
    for kind in ("uniform", "zipf"):
        ids = embedding.operands(Workload("embedding", "", "", problem, kind), arrays.CPU, seed=0)["ids"]
        assert ids.min() >= 0 and ids.max() < 1000
        counts[kind] = np.bincount(ids, minlength=1000)
    # 1 / (rank * ln 1001): the first rank has a tenth of the ids, the tenth rank a tenth of that.
    ordered = np.sort(counts["zipf"])[::-1]
    assert 1800 < ordered[0] < 2200 and counts["uniform"].max() < 60
    assert np.argsort(counts["zipf"])[-2] != 1 + np.argsort(counts["zipf"])[-1], "the hot rows are neighbours"


def test_rows_that_ids_are_expected_to_use():
    problem = embedding.EmbeddingProblem((3000,), 1000, 1, np.dtype(np.float32), np.dtype(np.int64))
    for kind in ("uniform", "zipf"):
        workload = Workload("embedding", "", "", problem, kind)
        used = [len(np.unique(embedding.operands(workload, arrays.CPU, seed)["ids"])) for seed in range(5)]
        assert math.isclose(np.mean(used), embedding.rows_used(workload), rel_tol=0.02)


def test_work_of_a_known_layer():
    row = next(
        r for r in workloads.all_rows("cpu") if r.key == "convolution/resnet 3x3 64>64 56 n8/forward/float32"
    )
    flops, moved = convolution.work(row)
    assert flops == 2 * 8 * 56 * 56 * 64 * 64 * 9
    assert moved == 4 * (2 * 8 * 56 * 56 * 64 + 9 * 64 * 64)
    both = dataclasses.replace(row, direction=BOTH)
    assert convolution.work(both) == (3 * flops, 3 * moved)


def test_flops_of_resnet50_and_mobilenet():
    # The papers' multiply-adds: 4.1e9 with strides in the 3x3 convolutions, and 0.30e9.
    for name, expected, weights in (("ResNet-50", 4.1e9, 54), ("MobileNetV2", 0.3e9, 53)):
        shapes = networks.Shapes(np.float32)
        assert networks.NETWORKS[name](shapes, (1, 224, 224, 3)) == (1, 1000)
        assert math.isclose(shapes.flops / 2, expected, rel_tol=0.02)
        assert len(shapes.weights) == weights


def test_networks_agree_with_the_formulas():
    """A small stand-in network through every method of the backends."""

    def network(backend, x):
        x = backend.conv(x, 8, 3, 2, 1, activation="relu")
        y = backend.conv(x, 8, 3, 1, 1, groups=8, activation="relu")
        x = backend.add(backend.conv(y, 8, 1, 1, 0), x, activation="relu")
        x = backend.add(backend.max_pool(x, 3, 1, 1), x)
        return backend.dense(backend.global_average_pool(x), 5)

    random = np.random.default_rng(0)
    shapes = networks.Shapes(np.float32)
    network(shapes, (2, 9, 9, 3))
    weights = [
        (random.normal(size=shape).astype(np.float32), random.normal(size=shape[-1:]).astype(np.float32))
        for shape in shapes.weights
    ]
    x = random.normal(size=(2, 9, 9, 3)).astype(np.float32)
    wide = [tuple(array.astype(np.float64) for array in pair) for pair in weights]
    expected = network(networks.Formula(wide), x.astype(np.float64))
    np.testing.assert_allclose(network(networks.Ours(weights), x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", [models.DIGITS, models.CHARACTERS])
def test_training_rows_learn(model):
    workload = models.row_of(model, 32, models.TRAINING)
    run = models.ours(workload, models.operands(workload, arrays.CPU, seed=0))
    first = run()
    for _ in range(2):
        last = run()
    models.check(workload, {}, last, arrays.CPU)
    assert float(last["loss"]) < float(first["loss"])
    with pytest.raises(AssertionError, match="guessing"):
        models.check(workload, {}, {"loss": 100.0}, arrays.CPU)


def test_tolerance_refuses_nan_and_shapes():
    good = np.ones(3, np.float32)
    workloads.assert_near(good, np.ones(3), "float32", 1, None, "y")
    with pytest.raises(AssertionError, match="1 of 3 values are off, at worst nan"):
        workloads.assert_near(np.array([1, np.nan, 1], np.float32), np.ones(3), "float32", 1, None, "y")
    with pytest.raises(AssertionError, match="shape"):
        workloads.assert_near(good, np.ones((3, 1)), "float32", 1, None, "y")
    slightly_off = good * np.float32(1.001)
    workloads.assert_near(slightly_off, np.ones(3), "tf32", 1, 1.0, "y")
    with pytest.raises(AssertionError):
        workloads.assert_near(slightly_off, np.ones(3), "float32", 1, 1.0, "y")


def test_rows_name_operations_that_exist():
    from gpulayers.ops.dispatch import OPERATIONS

    for row in (*workloads.all_rows("cpu"), *workloads.all_rows("gpu")):
        for name in row.module.operations(row):
            assert name in OPERATIONS, (row.key, name)
            assert OPERATIONS[name].problem_type is type(row.problem)


def test_float32_precision_is_set_for_the_row_only():
    import gpulayers

    row = next(row for row in workloads.all_rows("gpu") if row.precision == "tf32")
    assert gpulayers.float32_precision() == "ieee"
    with workloads.float32_precision_of(row):
        assert gpulayers.float32_precision() == "tf32"
    assert gpulayers.float32_precision() == "ieee"


def test_kernelbench_shapes():
    """The sizes that make the big rows: a typing error would make them easy."""
    found = {name: pooling._LAYERS[name] for name in ("max 4 64 512", "average 11 64 2048")}
    assert found["max 4 64 512"][1:7] == ((512, 512), 64, 4, 1, 1, 1)
    assert found["average 11 64 2048"][1:4] == ((2048, 2048), 64, 11)
    problem = convolution.problem_of("3x3 64>128 512x1024", 8)
    assert problem.input_shape == (8, 512, 1024, 64) and problem.output_shape == (8, 510, 1022, 128)
