"""How the reference of embedding adds runs of rows: long runs, parts and threads."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.embedding import reference, run_sums
from tests.cases.embedding import Case
from tests.cases.embedding_bag import Case as BagCase
from tests.test_embedding import backward_loop, check_backward, check_forward
from tests.test_embedding_bag import check as check_bags
from tests.test_global_pooling import max_loop
from tests.tolerances import assert_exact

BLOCKS = (1, 700, 1 << 21)
CASES = [
    Case("runs of all lengths", (1500,), 90, 3, ids="skewed"),
    Case("three rounds of packs", (2500,), 2, 3),
    Case("packs that are full", (32 * 33,), 1, 2, ids="same"),
    Case("one more than a pack", (33,), 4, 5, ids="same"),
    Case("as long as a pack", (32,), 4, 5, ids="same"),
    Case("a table of many rows", (70,), 5000, 4, index="int64"),
]
BAG_CASES = [
    BagCase("long and short bags", (3, 100, 0, 1, 64, 63, 65, 7, 0), 30, 5),
    BagCase("many bags", tuple(range(40)) * 2, 50, 4),
]


@pytest.fixture(params=BLOCKS)
def block(request, monkeypatch):
    monkeypatch.setattr(run_sums, "BLOCK_BYTES", request.param)
    monkeypatch.setattr(reference, "PART_BYTES", request.param)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_parts_of_any_size(case, dtype, block):
    check_forward(case, dtype, arrays.CPU)
    check_backward(case, dtype, arrays.CPU)


@pytest.mark.parametrize("case", BAG_CASES, ids=lambda case: case.name)
def test_bags_in_parts_of_any_size(case, dtype, block):
    check_bags(case, dtype, arrays.CPU)


@pytest.mark.parametrize("lengths", [(5, 3, 4), (80, 3, 70)])
def test_nan_is_the_largest_in_a_bag(lengths, block):
    generator = np.random.default_rng(0)
    values = np.array([np.nan, -np.inf, 0, 1])
    ids, offsets = np.arange(sum(lengths)), np.concatenate([[0], np.cumsum(lengths)[:-1]])
    for _ in range(20):
        table = generator.choice(values, (len(ids), 9), p=[0.02, 0.9, 0.04, 0.04]).astype(np.float32)
        y, argmax = ops.embedding_bag(ids, offsets, table, mode="max")
        for bag, start in enumerate(offsets):
            for column in range(9):
                best, at = max_loop([float(v) for v in table[start : start + lengths[bag], column]])
                assert argmax[bag, column] == start + at
                np.testing.assert_array_equal(y[bag, column], best)


def test_infinite_gradients_of_bags_reach_the_maxima_alone(kernel_device):
    ids, offsets = np.array([0, 1, 2, 1]), np.array([0, 2])
    table = np.array([[1, 2], [3, 1], [0, 5]], np.float32)
    placed = [kernel_device.asarray(array) for array in (ids, offsets, table)]
    _, argmax = ops.embedding_bag(*placed, mode="max")
    dy = np.array([[np.inf, np.inf], [np.inf, 1]], np.float32)
    expected = [[0, np.inf], [np.inf, 0], [0, 1]]
    grad, _ = ops.embedding_bag_backward(kernel_device.asarray(dy), *placed, mode="max", argmax=argmax)
    assert_exact(kernel_device.to_numpy(grad), expected)
    _, argmax = ops.embedding_bag(ids, offsets, table, mode="max")
    assert_exact(ops.embedding_bag_backward(dy, ids, offsets, table, mode="max", argmax=argmax)[0], expected)


def everything(dtype):
    generator = np.random.default_rng(0)
    ids = np.minimum(generator.zipf(1.2, 3000), 400) - 1
    table, dy = (
        generator.standard_normal((400, 6)).astype(dtype),
        generator.standard_normal((3000, 6)).astype(dtype),
    )
    offsets = np.sort(generator.integers(0, 3000, 200))
    offsets[0] = 0
    results = [ops.embedding(ids, table), ops.embedding_backward(ids, dy, 400)]
    results += ops.embedding_backward_sparse(ids, dy, 400)
    for mode in ("sum", "mean", "max"):
        y, argmax = ops.embedding_bag(ids, offsets, table, mode=mode)
        results += [y, ops.embedding_bag_backward(y, ids, offsets, table, mode=mode, argmax=argmax)[0]]
        results += [] if argmax is None else [argmax]
    return results


def test_threads_do_not_change_a_bit(dtype, monkeypatch):
    monkeypatch.setattr(run_sums, "BLOCK_BYTES", 700)
    monkeypatch.setattr(reference, "PART_BYTES", 700)
    monkeypatch.setenv("GPULAYERS_NUM_THREADS", "1")
    expected = everything(dtype)
    monkeypatch.setenv("GPULAYERS_NUM_THREADS", "3")
    for _ in range(5):
        for actual, alone in zip(everything(dtype), expected, strict=True):
            assert actual.tobytes() == alone.tobytes()


def test_long_sums_stay_accurate():
    """A running float32 sum of so many ones would stand still at 2**24."""
    count = 2**24 + 2**20
    starts, ones = np.array([0]), np.ones((1, 1), np.float32)
    total = np.zeros((1, 1), np.float32)
    run_sums.add_runs(starts, count, lambda at, out: np.copyto(out, ones), np.dtype(np.float32), total)
    assert_exact(total, [[count]])


def test_rows_of_ids_apart_are_copied():
    ids = np.random.default_rng(0).permutation(500).astype(np.int32)
    dy = np.random.default_rng(1).standard_normal((500, 3)).astype(np.float32)
    assert_exact(ops.embedding_backward(ids, dy, 600), backward_loop(ids, dy, 600)[0])
