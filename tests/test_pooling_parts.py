"""How the reference cuts a pooling into parts: results, memory and threads."""

import math

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays, scratch
from gpulayers.ops.pooling import parts
from tests import pooling_loops as loops
from tests.cases.pooling import FORMATS, GLOBAL_CASES, WINDOW_CASES, Case
from tests.pooling_loops import moved
from tests.test_pooling import check_average, check_max, draw, special_values, wide

FLOAT32 = np.dtype(np.float32)
CUT_CASES = [
    *WINDOW_CASES,
    Case("pairs of taps", 2, (31,), 4, 11, strides=1, padding=5, dilation_rate=2),
    Case("pairs of taps in both dimensions", 1, (14, 12), 3, (6, 7), strides=1, padding=3),
    Case("side by side, 2 by 3 taps, odd", 2, (7, 10), 5, (2, 3)),
    Case("side by side, 8 taps, gaps at the end", 2, (29,), 3, 8),
    Case("side by side, 9 taps", 1, (7, 9), 4, 3),
    Case("3 dimensions, side by side, odd", 2, (5, 7, 6), 4, 2),
    Case("3 dimensions, strided, dilated", 1, (11, 10, 9), 4, 3, strides=2, padding=1, dilation_rate=3),
]
cut_cases = pytest.mark.parametrize("case", CUT_CASES, ids=lambda case: case.name)


@pytest.mark.parametrize("block", [64, 1000])
@cut_cases
def test_parts_of_any_size(case, block, monkeypatch):
    """Windows that reach over the edges of parts, along every axis and of single channels."""
    monkeypatch.setattr(parts, "BLOCK_BYTES", block)
    for data_format in case.formats:
        check_max(case, data_format, FLOAT32, arrays.CPU)
        check_average(case, data_format, FLOAT32, arrays.CPU)


@pytest.mark.parametrize("case", GLOBAL_CASES, ids=lambda case: case.name)
def test_parts_of_global_pooling(case, monkeypatch):
    from tests.test_global_pooling import check

    monkeypatch.setattr(parts, "BLOCK_BYTES", 100)
    for data_format in FORMATS:
        check(case, data_format, FLOAT32, arrays.CPU)


@pytest.mark.parametrize("block", [64, 1000])
@cut_cases
def test_special_values_in_parts(case, block, monkeypatch):
    monkeypatch.setattr(parts, "BLOCK_BYTES", block)
    for data_format in case.formats:
        shape = case.shape(data_format)
        options = case.options(data_format) | dict(dilation_rate=case.dilation_rate)
        x = special_values(shape, FLOAT32)
        expected, expected_argmax = loops.max_loop(case, wide(x, data_format))
        y, argmax = ops.max_pool_with_argmax(x, case.pool_size, **options)
        np.testing.assert_array_equal(moved(y, data_format), expected)
        np.testing.assert_array_equal(moved(argmax, data_format), expected_argmax)


def everything(case, data_format, dtype):
    """The results of every function for a case."""
    options = case.options(data_format)
    dilated = options | dict(dilation_rate=case.dilation_rate)
    shape, size = case.shape(data_format), case.pool_size
    x = special_values(shape, dtype)
    y, argmax = ops.max_pool_with_argmax(x, size, **dilated)
    dy = draw("floats", y.shape, dtype, 1)
    x = draw("floats", shape, dtype)
    results = [
        y,
        argmax,
        ops.max_pool(x, size, **dilated),
        ops.max_pool_backward(dy, argmax, shape, size, **dilated),
    ]
    y = ops.average_pool(x, size, **options)
    results += [y, ops.average_pool_backward(draw("floats", y.shape, dtype, 1), shape, size, **options)]
    form = dict(data_format=data_format)
    y, argmax = ops.global_max_pool_with_argmax(x, **form)
    results += [
        y,
        argmax,
        ops.global_max_pool(x, **form),
        ops.global_max_pool_backward(y, argmax, shape, **form),
    ]
    y = ops.global_average_pool(x, **form)
    return [*results, y, ops.global_average_pool_backward(y, shape, **form)]


@pytest.mark.parametrize("case", CUT_CASES[-12:], ids=lambda case: case.name)
def test_threads_do_not_change_a_bit(case, dtype, monkeypatch):
    monkeypatch.setattr(parts, "BLOCK_BYTES", 1000)
    for data_format in case.formats:
        monkeypatch.setenv("GPULAYERS_NUM_THREADS", "1")
        expected = everything(case, data_format, dtype)
        monkeypatch.setenv("GPULAYERS_NUM_THREADS", "3")
        for _ in range(3):
            for actual, alone in zip(everything(case, data_format, dtype), expected):
                assert actual.tobytes() == alone.tobytes()


LARGE = [
    Case("stem", 3, (60, 60), 64, 3, strides=2, padding=1),
    Case("side by side", 3, (61, 60), 64, 2),
    Case("stride 1", 2, (40, 40), 96, 3, strides=1, padding=1),
    Case("large windows", 1, (200, 200), 16, 11, strides=11),
    Case("1 dimension", 2, (3000,), 64, 8, strides=1, padding=4, dilation_rate=3),
    Case("3 dimensions", 1, (24, 24, 24), 32, 3, strides=2, padding=1, dilation_rate=3),
    Case("3 dimensions, side by side", 2, (20, 20, 20), 32, 2),
]


@pytest.mark.parametrize("case", LARGE, ids=lambda case: case.name)
@pytest.mark.parametrize("data_format", FORMATS)
def test_no_intermediate_array_exceeds_a_block(case, data_format, monkeypatch):
    sizes, empty = [], scratch.empty

    def counted(shape, dtype):
        sizes.append(math.prod(shape) * dtype.itemsize)
        return empty(shape, dtype)

    monkeypatch.setattr(scratch, "empty", counted)
    monkeypatch.setattr(parts, "BLOCK_BYTES", 1 << 17)
    everything(case, data_format, FLOAT32)
    assert sizes and max(sizes) <= parts.BLOCK_BYTES


def test_parts_are_few_and_cover_all():
    """A window in two parts costs twice; of many ways to cut, that one is taken which reads least twice."""
    from gpulayers.ops.pooling.problem import PoolingProblem

    shape = (2, 112, 112, 64)
    problem = PoolingProblem.resolve(shape, FLOAT32, 3, 2, 1, 1, "channels_last")
    seen, read = np.zeros(problem.lifted_output_shape, int), 0
    for part in parts.output_parts(problem, 4, parts.of_copies):
        seen[part.outside] += 1
        read += np.zeros(problem.lifted_input_shape, bool)[part.inside].size
    assert (seen == 1).all() and read < 1.05 * math.prod(shape)
    seen = np.zeros(problem.lifted_input_shape, int)
    for part in parts.input_parts(problem, 4, parts.of_places):
        seen[part.inside] += 1
    assert (seen == 1).all()
