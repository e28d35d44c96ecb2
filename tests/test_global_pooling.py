"""Global pooling: the reference against plain loops, the kernels against both."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.pooling import global_kernels as kernels
from gpulayers.ops.pooling.problem import GlobalPoolingProblem
from tests.cases.pooling import FORMATS, GLOBAL_CASES, GlobalCase
from tests.pooling_loops import moved
from tests.preloading import preload
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", GLOBAL_CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)


@pytest.fixture
def loaded_device(kernel_device, dtype):
    """The kernel_device, with all kernels of the table compiled."""
    preload(kernel_device, "pooling", dtype)
    return kernel_device


def max_loop(values):
    """(maximum, position) of a list: the first NaN, else the first of the largest."""
    best = None
    for position, value in enumerate(values):
        if best is None or value > best or (value != value and best == best):
            best, at = value, position
    return best, at


def expected_results(case, x):
    """(maxima, positions, means, means of absolute values) of a channels_last array."""
    flat = x.reshape(case.batch, int(np.prod(case.spatial)), case.channels)
    maxima, means, magnitude = np.zeros((3, case.batch, case.channels))
    positions = np.zeros(maxima.shape, np.int64)
    for n, c in np.ndindex(maxima.shape):
        values = [float(value) for value in flat[n, :, c]]
        maxima[n, c], positions[n, c] = max_loop(values)
        means[n, c] = sum(values) / len(values)
        magnitude[n, c] = sum(map(abs, values)) / len(values)
    return maxima, positions, means, magnitude


def draw(kind, shape, dtype, seed=0):
    generator = np.random.default_rng(seed)
    if kind == "special":
        values = np.array([np.nan, -np.inf, -1, 0])
        drawn = generator.choice(values, shape, p=[0.02, 0.9, 0.04, 0.04])
    else:
        drawn = generator.integers(-9, 10, shape) if kind == "integers" else generator.standard_normal(shape)
    return drawn.astype(dtype)


def check(case, data_format, dtype, device):
    shape, options = case.shape(data_format), dict(data_format=data_format, keepdims=case.keepdims)
    reduced = case.shape(data_format) if case.keepdims else (case.batch, case.channels)
    if case.keepdims:
        spatial = _spatial_axes(case, data_format)
        reduced = tuple(1 if n in spatial else size for n, size in enumerate(reduced))
    terms = int(np.prod(case.spatial))
    for kind in ("integers", "floats", "special"):
        x = draw(kind, shape, dtype)
        wide = np.ascontiguousarray(moved(x.astype(np.float64), data_format))
        maxima, positions, means, magnitude = expected_results(case, wide)
        placed = device.asarray(x)
        y, argmax = ops.global_max_pool_with_argmax(placed, **options)
        assert y.shape == argmax.shape == reduced and y.dtype == dtype and argmax.dtype == np.int32
        assert_exact(device.to_numpy(y).reshape(maxima.shape), maxima, "maximum")
        alone = device.to_numpy(ops.global_max_pool(placed, **options))
        assert_exact(alone.reshape(maxima.shape), maxima, "alone")
        np.testing.assert_array_equal(device.to_numpy(argmax).reshape(maxima.shape), positions)
        if kind != "special":
            y = device.to_numpy(ops.global_average_pool(placed, **options))
            assert y.shape == reduced and y.dtype == dtype
            assert_close(y.reshape(means.shape), means, terms, magnitude, what="mean")
            again = device.to_numpy(ops.global_average_pool(placed, **options))
            assert y.tobytes() == again.tobytes(), "two runs differ in bits"

        dy = draw("floats", reduced, dtype, 1)
        dx = device.to_numpy(ops.global_max_pool_backward(device.asarray(dy), argmax, shape, **options))
        assert dx.shape == shape and dx.dtype == dtype
        expected = np.zeros((case.batch, terms, case.channels))
        for n, c in np.ndindex(maxima.shape):
            expected[n, positions[n, c], c] = dy.reshape(maxima.shape)[n, c]
        actual = np.ascontiguousarray(moved(dx, data_format)).reshape(expected.shape)
        assert_exact(actual, expected, "dx of the maximum")

    dx = device.to_numpy(ops.global_average_pool_backward(device.asarray(dy), shape, **options))
    assert dx.shape == shape and dx.dtype == dtype
    share = dy.astype(np.float64).reshape(case.batch, 1, case.channels) / terms
    actual = np.ascontiguousarray(moved(dx, data_format)).reshape(case.batch, terms, case.channels)
    assert_close(actual, np.broadcast_to(share, actual.shape), magnitude=np.abs(share), what="dx of the mean")


def _spatial_axes(case, data_format):
    first = 1 if data_format == "channels_last" else 2
    return range(first, first + len(case.spatial))


@cases
@formats
def test_reference(case, data_format, dtype):
    check(case, data_format, dtype, arrays.CPU)


@cases
@formats
def test_kernels(case, data_format, dtype, loaded_device):
    check(case, data_format, dtype, loaded_device)


def test_long_sums_stay_accurate():
    """A running float32 sum of so many ones would stand still at 2**24."""
    x = np.ones((1, 2**24 + 2**22, 1), np.float32)
    assert_exact(ops.global_average_pool(x), [[1]])


@formats
def test_unaligned_arguments(data_format, kernel_device):
    """Views that begin at an odd element are read right, if more narrowly."""
    flat = draw("floats", 1 + 2 * 4 * 4 * 8, np.float32)
    shape = (2, 4, 4, 8)
    x, placed = flat[1:].reshape(shape), kernel_device.asarray(flat)[1:].reshape(shape)
    y, argmax = ops.global_max_pool_with_argmax(placed, data_format=data_format)
    expected, expected_argmax = ops.global_max_pool_with_argmax(x, data_format=data_format)
    assert_exact(kernel_device.to_numpy(y), expected.astype(np.float64))
    np.testing.assert_array_equal(kernel_device.to_numpy(argmax), expected_argmax)
    flat_dy = draw("floats", 1 + y.size, np.float32)
    dy, placed_dy = flat_dy[1:].reshape(y.shape), kernel_device.asarray(flat_dy)[1:].reshape(y.shape)
    dx = ops.global_max_pool_backward(placed_dy, argmax, shape, data_format=data_format)
    expected = ops.global_max_pool_backward(dy, expected_argmax, shape, data_format=data_format)
    assert_exact(kernel_device.to_numpy(dx), expected.astype(np.float64))


def test_non_contiguous_arguments(kernel_device):
    x = draw("floats", (8, 5, 2), np.float32)
    y = kernel_device.to_numpy(ops.global_max_pool(kernel_device.asarray(x).T))
    assert_exact(y, np.max(x.T.astype(np.float64), axis=1))


@formats
def test_more_images_than_blocks(data_format, kernel_device, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_BLOCKS_ALONG_Y", 2)
    case = GlobalCase("more images than blocks", 7, (5,), 40)
    check(case, data_format, np.dtype(np.float32), kernel_device)


def test_both_formats_in_one_and_in_several_chunks():
    """The table reaches every way that a launcher may go."""

    class Machine:
        multiprocessors = 132

    ways = set()
    for case in GLOBAL_CASES:
        for data_format in FORMATS:
            shape = case.shape(data_format)
            problem = GlobalPoolingProblem.resolve(shape, np.float32, data_format, False)
            if case.batch:
                config = kernels.global_config(problem, Machine, np.zeros(shape, np.float32))
                ways.add((problem.inner == 1, config.width > 1, config.splits > 1))
                assert (config.splits - 1) * config.chunk < problem.positions <= config.splits * config.chunk
    assert len(ways) == 8


X = np.zeros((2, 6, 6, 3), np.float32)


@pytest.mark.parametrize(
    "x, options, error, words",
    [
        (X.astype(np.int32), {}, TypeError, "x must be one of .* Received: int32"),
        (X.tolist(), {}, TypeError, "x must be a NumPy or CuPy array. Received: list"),
        (X[0, 0], {}, ValueError, r"Received: shape \(6, 3\)"),
        (X[:, :0], {}, ValueError, r"at least 1. Received: shape \(2, 0, 6, 3\)"),
        (X, dict(data_format="NHWC"), ValueError, "data_format must be one of .* Received: 'NHWC'"),
    ],
)
def test_wrong_arguments(x, options, error, words):
    for function in (ops.global_max_pool, ops.global_max_pool_with_argmax, ops.global_average_pool):
        with pytest.raises(error, match=words):
            function(x, **options)


def test_wrong_gradients():
    y, argmax = ops.global_max_pool_with_argmax(X)
    with pytest.raises(ValueError, match=r"grad_output must have shape \(2, 1, 1, 3\). Received: \(2, 3\)"):
        ops.global_average_pool_backward(y, X.shape, keepdims=True)
    with pytest.raises(ValueError, match=r"grad_output must have shape \(2, 3\). Received: \(2,\)"):
        ops.global_max_pool_backward(y[:, 0], argmax, X.shape)
    with pytest.raises(TypeError, match="argmax must be int32. Received: int64"):
        ops.global_max_pool_backward(y, argmax.astype(np.int64), X.shape)
    with pytest.raises(ValueError, match=r"argmax must have shape \(2, 3\). Received: \(1, 3\)"):
        ops.global_max_pool_backward(y, argmax[:1], X.shape)


def test_images_too_large_for_the_kernels():
    problem = GlobalPoolingProblem.resolve((1, 2**15, 2**15, 2), np.float32, "channels_last", False)
    assert "fewer than 2**30 positions" in kernels.max_with_argmax.unsupported(problem, None)
    assert problem.argmax_dtype == np.int32
    problem = GlobalPoolingProblem.resolve((1, 2**16, 2**15, 2), np.float32, "channels_last", False)
    assert problem.argmax_dtype == np.int64


def test_problem():
    problem = GlobalPoolingProblem.resolve((2, 3, 4, 5), np.float16, "channels_first", True)
    assert problem.output_shape == (2, 3, 1, 1) and problem.positions == 20
    assert problem.bytes_moved() == (2 * 3 * 20 + 2 * 3) * 2 and problem.flops() == 120


def test_case_names_are_unique():
    assert len({case.name for case in GLOBAL_CASES}) == len(GLOBAL_CASES)
    assert isinstance(GLOBAL_CASES[0], GlobalCase)
