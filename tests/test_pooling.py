"""Pooling in windows: the reference against plain loops, the kernels against both."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays, pooling
from gpulayers.ops.pooling import kernels
from gpulayers.ops.pooling.problem import PoolingProblem
from gpulayers.ops.recording import RecordingDevice
from tests import pooling_loops as loops
from tests.cases.pooling import CASES, LARGE_WINDOW, WINDOW_CASES, Case
from tests.pooling_loops import moved
from tests.preloading import preload
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize(
    "case, data_format",
    [pytest.param(case, name, id=f"{case.name}-{name}") for case in WINDOW_CASES for name in case.formats],
)


@pytest.fixture
def loaded_device(kernel_device, dtype):
    """The kernel_device, with all kernels of the table compiled."""
    preload(kernel_device, "pooling", dtype)
    return kernel_device


def draw(kind, shape, dtype, seed=0):
    """Small integers (with many equal ones), or floats."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(-2, 3, shape) if kind == "integers" else generator.standard_normal(shape)
    return drawn.astype(dtype)


def wide(array, data_format):
    return moved(np.asarray(array).astype(np.float64), data_format)


def check_max(case, data_format, dtype, device):
    shape = case.shape(data_format)
    options = case.options(data_format) | dict(dilation_rate=case.dilation_rate)
    for kind in ("integers", "floats"):
        x = draw(kind, shape, dtype)
        expected, expected_argmax = loops.max_loop(case, wide(x, data_format))
        placed = device.asarray(x)
        alone = device.to_numpy(ops.max_pool(placed, case.pool_size, **options))
        y, argmax = ops.max_pool_with_argmax(placed, case.pool_size, **options)
        assert alone.dtype == y.dtype == dtype
        assert argmax.dtype == np.min_scalar_type(np.prod(loops._each(case.pool_size, len(case.spatial))) - 1)
        assert_exact(moved(alone, data_format), expected, "y alone")
        assert_exact(moved(device.to_numpy(y), data_format), expected, "y")
        np.testing.assert_array_equal(moved(device.to_numpy(argmax), data_format), expected_argmax)

        dy = draw(kind, y.shape, dtype, 1)
        dy_there = device.asarray(dy)
        dx = [
            device.to_numpy(ops.max_pool_backward(dy_there, argmax, shape, case.pool_size, **options))
            for _ in range(2)
        ]
        assert dx[0].dtype == dtype and dx[0].shape == shape
        assert dx[0].tobytes() == dx[1].tobytes(), "two runs differ in bits"
        expected, magnitude = loops.max_backward_loop(case, wide(dy, data_format), expected_argmax)
        actual = moved(dx[0], data_format)
        if kind == "integers":
            assert_exact(actual, expected, "dx of integers")
        else:
            assert_close(actual, expected, np.prod(case.pool_size), magnitude, what="dx")


def check_average(case, data_format, dtype, device):
    shape, options = case.shape(data_format), case.options(data_format)
    x = draw("floats", shape, dtype)
    y = device.to_numpy(ops.average_pool(device.asarray(x), case.pool_size, **options))
    assert y.dtype == dtype
    expected, magnitude, terms = loops.average_loop(case, wide(x, data_format))
    assert_close(moved(y, data_format), expected, terms, magnitude, what="y")

    dy = draw("floats", y.shape, dtype, 1)
    dx = [
        device.to_numpy(ops.average_pool_backward(device.asarray(dy), shape, case.pool_size, **options))
        for _ in range(2)
    ]
    assert dx[0].dtype == dtype and dx[0].shape == shape
    assert dx[0].tobytes() == dx[1].tobytes(), "two runs differ in bits"
    expected, magnitude = loops.average_backward_loop(case, wide(dy, data_format))
    assert_close(moved(dx[0], data_format), expected, 2 * terms, magnitude, what="dx")


@cases
def test_reference_max(case, data_format, dtype):
    check_max(case, data_format, dtype, arrays.CPU)


@cases
def test_reference_average(case, data_format, dtype):
    check_average(case, data_format, dtype, arrays.CPU)


@cases
def test_kernel_max(case, data_format, dtype, loaded_device):
    check_max(case, data_format, dtype, loaded_device)


@cases
def test_kernel_average(case, data_format, dtype, loaded_device):
    check_average(case, data_format, dtype, loaded_device)


def test_many_taps_in_the_reference():
    check_max(LARGE_WINDOW, "channels_last", np.dtype(np.float32), arrays.CPU)


def test_many_taps_in_the_kernels(kernel_device):
    check_max(LARGE_WINDOW, "channels_last", np.dtype(np.float32), kernel_device)


def test_more_images_than_blocks(kernel_device, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_BLOCKS_ALONG_Y", 1)
    case = Case("more slices than blocks", 3, (4, 10, 10), 8, 2)
    for data_format in case.formats:
        check_max(case, data_format, np.dtype(np.float32), kernel_device)


SPECIAL = [
    Case("apart", 1, (6, 8), 8, 2),
    Case("rows", 1, (6, 8), 8, 2, formats=("channels_first",)),
    Case("overlap", 1, (6, 8), 8, 3, strides=1, padding="same"),
    Case("odd", 1, (5, 7), 3, (2, 3), strides=2, padding=((3, 1), (0, 2))),
]


def special_values(shape, dtype):
    """Numbers among which NaN and infinities are frequent."""
    generator = np.random.default_rng(3)
    values = np.array([np.nan, -np.inf, np.inf, -1, 0, 2])
    return generator.choice(values, shape, p=[0.05, 0.75, 0.02, 0.06, 0.06, 0.06]).astype(dtype)


def check_special_values(case, data_format, dtype, device):
    shape, options = case.shape(data_format), case.options(data_format)
    x = special_values(shape, dtype)
    expected, expected_argmax = loops.max_loop(case, wide(x, data_format))
    assert np.isnan(expected).any() and (expected == -np.inf).any() and (expected == 2).any()
    y, argmax = ops.max_pool_with_argmax(device.asarray(x), case.pool_size, **options)
    assert_exact(moved(device.to_numpy(y), data_format), expected, "maximum")
    np.testing.assert_array_equal(moved(device.to_numpy(argmax), data_format), expected_argmax)

    # Infinite gradients reach the maxima and nothing else.
    dy = np.full(y.shape, np.inf, dtype)
    dx = device.to_numpy(ops.max_pool_backward(device.asarray(dy), argmax, shape, case.pool_size, **options))
    hit, _ = loops.max_backward_loop(case, np.ones(expected.shape), expected_argmax)
    assert_exact(moved(dx, data_format), np.where(hit > 0, np.inf, 0), "dx")

    with np.errstate(invalid="ignore"):
        expected, _, _ = loops.average_loop(case, wide(x, data_format))
    y = device.to_numpy(ops.average_pool(device.asarray(x), case.pool_size, **options))
    np.testing.assert_array_equal(np.isnan(wide(y, data_format)), np.isnan(expected))
    np.testing.assert_array_equal(wide(y, data_format)[np.isinf(expected)], expected[np.isinf(expected)])


special = pytest.mark.parametrize(
    "case, data_format",
    [pytest.param(case, name, id=f"{case.name}-{name}") for case in SPECIAL for name in case.formats],
)


@special
def test_special_values_in_the_reference(case, data_format, dtype):
    check_special_values(case, data_format, dtype, arrays.CPU)


@special
def test_special_values_in_the_kernels(case, data_format, dtype, loaded_device):
    check_special_values(case, data_format, dtype, loaded_device)


def check_windows_in_the_padding(device):
    x = device.asarray(np.array([3, -1], np.float32).reshape(1, 2, 1))
    options = dict(strides=2, padding=((2, 3),))
    y, argmax = ops.max_pool_with_argmax(x, 2, **options)
    assert_exact(device.to_numpy(y).ravel(), [-np.inf, 3, -np.inf])
    np.testing.assert_array_equal(device.to_numpy(argmax).ravel(), [0, 0, 0])
    assert_exact(device.to_numpy(ops.average_pool(x, 2, **options)).ravel(), [0, 1, 0])
    dy = device.asarray(np.array([5, 7, 9], np.float32).reshape(1, 3, 1))
    dx = ops.max_pool_backward(dy, argmax, (1, 2, 1), 2, **options)
    assert_exact(device.to_numpy(dx).ravel(), [7, 0])
    assert_exact(device.to_numpy(ops.average_pool_backward(dy, (1, 2, 1), 2, **options)).ravel(), [3.5, 3.5])


def test_windows_in_the_padding_in_the_reference():
    check_windows_in_the_padding(arrays.CPU)


def test_windows_in_the_padding_in_the_kernels(kernel_device):
    check_windows_in_the_padding(kernel_device)


def test_values_of_keras():
    x = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    assert_exact(ops.max_pool(x, 3, strides=2, padding="same").ravel(), [1, 3, 4])
    assert_exact(ops.average_pool(x, 2, strides=2, padding="same").ravel(), [0.5, 2.5, 4])
    assert_exact(ops.max_pool(x, 2).ravel(), [1, 3])
    assert_exact(ops.average_pool(x, 3, strides=1).ravel(), [1, 2, 3])


GRADIENT_CASES = [case for case in WINDOW_CASES if 0 < np.prod(case.shape("channels_last")) < 300]


@pytest.mark.parametrize("case", GRADIENT_CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_numeric_gradient(case, kind):
    data_format = case.formats[0]
    shape, options = case.shape(data_format), case.options(data_format)
    generator = np.random.default_rng(5)
    x = generator.permutation(np.arange(np.prod(shape)) * 9.0).reshape(shape)  # no two are close
    if kind == "max":
        options |= dict(dilation_rate=case.dilation_rate)
        forward = ops.max_pool
        y, argmax = ops.max_pool_with_argmax(x, case.pool_size, **options)
        dy = generator.standard_normal(y.shape)
        dx = ops.max_pool_backward(dy, argmax, shape, case.pool_size, **options)
    else:
        forward = ops.average_pool
        dy = generator.standard_normal(forward(x, case.pool_size, **options).shape)
        dx = ops.average_pool_backward(dy, shape, case.pool_size, **options)

    def value(x):
        y = forward(x, case.pool_size, **options)
        return np.sum(np.where(np.isinf(y), 0, y) * dy)

    numeric = np.zeros(shape)
    for index in np.ndindex(shape):
        step = np.zeros(shape)
        step[index] = 0.5
        numeric[index] = value(x + step) - value(x - step)  # both operations are linear over so small a step
    np.testing.assert_allclose(dx, numeric, rtol=0, atol=1e-12 * max(1, np.abs(x).max() * np.abs(dy).sum()))


@cases
def test_average_backward_is_the_adjoint(case, data_format):
    shape, options = case.shape(data_format), case.options(data_format)
    x = draw("floats", shape, np.float64)
    y = ops.average_pool(x, case.pool_size, **options)
    dy = draw("floats", y.shape, np.float64, 1)
    dx = ops.average_pool_backward(dy, shape, case.pool_size, **options)
    np.testing.assert_allclose(np.sum(dy * y), np.sum(dx * x), rtol=1e-12, atol=1e-11)


def test_images_beyond_a_block_of_the_reference(monkeypatch):
    """Working on a few images at a time changes nothing."""
    from gpulayers.ops.pooling import parts

    x, dy = draw("floats", (7, 8, 8, 8), np.float32), draw("floats", (7, 4, 4, 8), np.float32, 1)

    def everything():
        y, argmax = ops.max_pool_with_argmax(x, 2)
        means, dx = ops.average_pool(x, 2), ops.max_pool_backward(dy, argmax, x.shape, 2)
        return y, argmax, means, dx, ops.average_pool_backward(dy, x.shape, 2), ops.global_average_pool(x)

    expected = everything()
    monkeypatch.setattr(parts, "BLOCK_BYTES", 2 * 8 * 8 * 8 * 4)
    for actual, whole in zip(everything(), expected):
        np.testing.assert_array_equal(actual, whole)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_unaligned_arguments(data_format, kernel_device):
    """Views that begin at an odd element are read right, if more narrowly."""
    flat = draw("floats", 1 + 2 * 8 * 8 * 8, np.float32)
    x, placed = flat[1:].reshape(2, 8, 8, 8), kernel_device.asarray(flat)[1:].reshape(2, 8, 8, 8)
    options = dict(data_format=data_format)
    y, argmax = ops.max_pool_with_argmax(placed, 2, **options)
    expected, expected_argmax = ops.max_pool_with_argmax(x, 2, **options)
    assert_exact(kernel_device.to_numpy(y), expected.astype(np.float64))
    np.testing.assert_array_equal(kernel_device.to_numpy(argmax), expected_argmax)
    actual = kernel_device.to_numpy(ops.average_pool(placed, 2, **options))
    assert_close(actual, ops.average_pool(x.astype(np.float64), 2, **options), 4, np.abs(x).max())
    flat_dy = draw("floats", 1 + y.size, np.float32, 1)
    dy, placed_dy = flat_dy[1:].reshape(y.shape), kernel_device.asarray(flat_dy)[1:].reshape(y.shape)
    dx = ops.max_pool_backward(placed_dy, argmax, x.shape, 2, **options)
    expected = ops.max_pool_backward(dy, expected_argmax, x.shape, 2, **options)
    assert_exact(kernel_device.to_numpy(dx), expected.astype(np.float64))


def test_non_contiguous_arguments(kernel_device):
    x = draw("floats", (8, 6, 4, 2), np.float32)
    y, argmax = ops.max_pool_with_argmax(kernel_device.asarray(x).T, 2)
    expected, expected_argmax = ops.max_pool_with_argmax(np.ascontiguousarray(x.T), 2)
    assert_exact(kernel_device.to_numpy(y), expected.astype(np.float64))
    np.testing.assert_array_equal(kernel_device.to_numpy(argmax), expected_argmax)
    means = kernel_device.to_numpy(ops.average_pool(kernel_device.asarray(x).T, 2))
    assert_close(means, ops.average_pool(x.T.astype(np.float64), 2), 4, np.abs(x).max())


X = np.zeros((2, 6, 6, 3), np.float32)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (dict(x=X.astype(np.int32)), TypeError, r"x must be one of .* Received: int32"),
        (dict(x=X.tolist()), TypeError, "x must be a NumPy or CuPy array. Received: list"),
        (dict(x=X[0, 0]), ValueError, r"Received: shape \(6, 3\)"),
        (dict(pool_size=0), ValueError, "at least 1. Received: 0"),
        (dict(pool_size=2.5), TypeError, "Received: 2.5"),
        (dict(pool_size=(2, 2, 2)), ValueError, r"Received: \(2, 2, 2\)"),
        (dict(pool_size=7), ValueError, "at least as large as the .* window"),
        (dict(strides=0), ValueError, "strides must be at least 1. Received: 0"),
        (dict(padding="causal"), ValueError, "padding must be .* Received: 'causal'"),
        (dict(padding=-1), ValueError, "padding must be at least 0. Received: -1"),
        (dict(padding=((1, 1),)), ValueError, r"Received: \(\(1, 1\),\)"),
        (dict(data_format="NCHW"), ValueError, "data_format must be one of .* Received: 'NCHW'"),
        (dict(pool_size=2**31, padding=2**31), ValueError, "fewer than .* taps. Received: pool_size=21"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    arguments = dict(x=X, pool_size=2) | arguments
    for function in (ops.max_pool, ops.max_pool_with_argmax, ops.average_pool):
        with pytest.raises(error, match=words):
            function(**arguments)


def test_wrong_dilation():
    with pytest.raises(ValueError, match="dilation_rate must be at least 1. Received: 0"):
        ops.max_pool(X, 2, dilation_rate=0)


def test_wrong_gradients():
    _, argmax = ops.max_pool_with_argmax(X, 2)
    dy = np.zeros((2, 3, 3, 3), np.float32)
    with pytest.raises(ValueError, match=r"grad_output must have shape .* Received: \(2, 3, 3, 2\)"):
        ops.max_pool_backward(dy[..., :2], argmax, X.shape, 2)
    with pytest.raises(ValueError, match=r"argmax must have shape .* Received: \(1, 3, 3, 3\)"):
        ops.max_pool_backward(dy, argmax[:1], X.shape, 2)
    with pytest.raises(TypeError, match="argmax must be uint8. Received: int64"):
        ops.max_pool_backward(dy, argmax.astype(np.int64), X.shape, 2)
    with pytest.raises(TypeError, match="grad_output must be one of .* Received: int32"):
        ops.max_pool_backward(dy.astype(np.int32), argmax, X.shape, 2)
    with pytest.raises(ValueError, match=r"grad_output must have shape .* Received: \(2, 3, 3, 2\)"):
        ops.average_pool_backward(dy[..., :2], X.shape, 2)


def test_mixed_devices(emulated):
    y, argmax = ops.max_pool_with_argmax(X, 2)
    with pytest.raises(TypeError, match="same device. Received: grad_output on emulated .*, argmax on cpu"):
        ops.max_pool_backward(emulated.asarray(y), argmax, X.shape, 2)


@pytest.mark.parametrize(
    "shape, words",
    [
        ((1, 2**16, 2**15, 1), "fewer than 2[*]{2}31 elements"),
        ((2**31, 2, 2, 1), "fewer than 2[*]{2}31 depth slices"),
        ((1, 2**30, 1), "less than 2[*]{2}30"),
    ],
)
def test_images_too_large_for_the_kernels(shape, words):
    pool_size = (2,) + (1,) * (len(shape) - 3)
    problem = PoolingProblem.resolve(shape, np.float32, pool_size, None, "valid", 1, "channels_last")
    device = RecordingDevice("sm_90")
    with pytest.raises(ValueError, match=words):
        pooling.MAX_FORWARD.choose(problem, device)
    with pytest.raises(ValueError, match=words):
        pooling.AVERAGE_BACKWARD.choose(problem, device)


def test_problem():
    problem = PoolingProblem.resolve((2, 7, 8, 3), np.float16, 3, 2, "same", 1, "channels_last")
    assert problem.input_shape == (2, 7, 8, 3) and problem.output_shape == (2, 4, 4, 3)
    assert problem.bytes_moved() == (2 * 7 * 8 * 3 + 2 * 4 * 4 * 3) * 2
    assert problem.flops() == 2 * 4 * 4 * 3 * 9
    assert "pooling/max_pool.cu" in ops.explain(problem, RecordingDevice("sm_90"))


def test_case_names_are_unique():
    assert len({(type(case), case.name) for case in CASES}) == len(CASES)
