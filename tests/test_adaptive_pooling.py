"""Adaptive pooling: the reference against plain loops, the kernels against both; unpooling."""

import itertools

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, ops
from gpulayers.ops import arrays
from gpulayers.ops.pooling import adaptive_kernels as kernels
from gpulayers.ops.pooling.adaptive_problem import AdaptivePoolingProblem
from tests.cases.adaptive_pooling import CASES
from tests.cases.pooling import FORMATS
from tests.pooling_loops import moved
from tests.preloading import preload
from tests.test_global_pooling import draw, max_loop
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)
WIDE = dict(dtype="float64")


@pytest.fixture
def loaded_device(kernel_device, dtype):
    """The kernel_device, with all kernels of the table compiled."""
    preload(kernel_device, "adaptive_pooling", dtype)
    return kernel_device


def bins_of(case):
    """Pairs (output index, input indices of its bin), written down from the definition."""
    sizes = (
        case.output_size if isinstance(case.output_size, tuple) else (case.output_size,) * len(case.spatial)
    )
    for output in itertools.product(*map(range, sizes)):
        ranges = []
        for o, n, m in zip(output, case.spatial, sizes):
            ranges.append([i for i in range(n) if i * m < (o + 1) * n and (i + 1) * m > o * n])
        yield output, list(itertools.product(*ranges))


def check(case, data_format, dtype, device):
    shape, form = case.shape(data_format), dict(data_format=data_format)
    for kind in ("integers", "floats", "special"):
        x = draw(kind, shape, dtype)
        wide = np.ascontiguousarray(moved(x.astype(np.float64), data_format))
        y, argmax = ops.adaptive_max_pool_with_argmax(device.asarray(x), case.output_size, **form)
        means = ops.adaptive_average_pool(device.asarray(x), case.output_size, **form)
        assert y.dtype == means.dtype == dtype and argmax.dtype == np.int32
        found = [moved(device.to_numpy(array), data_format) for array in (y, argmax, means)]
        dy = draw("integers", y.shape, dtype, 1)
        last_dy = moved(dy.astype(np.float64), data_format)
        dx_max, dx_mean = np.zeros((2, *wide.shape))
        for output, inside in bins_of(case):
            for n, c in itertools.product(range(case.batch), range(case.channels)):
                values = [wide[(n, *place, c)] for place in inside]
                maximum, at = max_loop(values)
                assert_exact(found[0][(n, *output, c)], maximum, "maximum")
                assert found[1][(n, *output, c)] == np.ravel_multi_index(inside[at], case.spatial)
                if kind != "special":
                    magnitude = np.abs(values).mean()
                    assert_close(
                        found[2][(n, *output, c)], np.mean(values), len(values), magnitude, what="mean"
                    )
                gradient = last_dy[(n, *output, c)]
                dx_max[(n, *inside[at], c)] += gradient
                for place in inside:
                    dx_mean[(n, *place, c)] += gradient / len(inside)
        if kind == "special":
            continue
        placed = device.asarray(dy)
        dx = ops.adaptive_max_pool_backward(placed, argmax, shape, **form)
        assert dx.dtype == dtype and dx.shape == shape
        assert_exact(moved(device.to_numpy(dx), data_format), dx_max, "dx of the maximum")
        dx = ops.adaptive_average_pool_backward(placed, shape, **form)
        assert_close(moved(device.to_numpy(dx), data_format), dx_mean, 40, 40, what="dx of the mean")
        plain = ops.adaptive_max_pool(device.asarray(x), case.output_size, **form)
        np.testing.assert_array_equal(device.to_numpy(plain), device.to_numpy(y))


@cases
@formats
def test_reference(case, data_format, dtype):
    check(case, data_format, dtype, arrays.CPU)


@cases
@formats
def test_kernels(case, data_format, dtype, loaded_device):
    check(case, data_format, dtype, loaded_device)


def test_images_too_large_for_the_kernels():
    problem = AdaptivePoolingProblem.resolve((1, 2**30, 4), np.float32, 7, "channels_last")
    assert "2**31" in kernels.max_with_argmax.unsupported(problem, None)
    assert problem.argmax_dtype == np.int32 and problem.flops() >= 2**32
    assert problem.bytes_moved() == (2**32 + 28) * 4


X = np.zeros((2, 6, 6, 3), np.float32)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: ops.adaptive_max_pool(X, 0), ValueError),
        (lambda: ops.adaptive_max_pool(X, 2.5), TypeError),
        (lambda: ops.adaptive_max_pool(X, (2, 2, 2)), ValueError),
        (lambda: ops.adaptive_average_pool(X.astype(int), 2), TypeError),
        (lambda: ops.adaptive_average_pool(X, 2, data_format="NHWC"), ValueError),
        (lambda: ops.adaptive_average_pool_backward(X[0], X.shape), ValueError),
        (lambda: ops.adaptive_average_pool_backward(X[:1], X.shape), ValueError),
        (lambda: ops.adaptive_max_pool_backward(X, X, X.shape), TypeError),
        (lambda: ops.adaptive_max_pool_backward(X, X.astype(np.int32)[:1], X.shape), ValueError),
        (lambda: layers.AdaptiveMaxPooling1D((2, 2)), ValueError),
        (lambda: layers.AdaptiveMaxPooling1D(2)(X), ValueError),
        (lambda: ops.max_unpool(X, X, 12), TypeError),
        (lambda: ops.max_unpool(X, X.astype(int)[:1], 12), ValueError),
        (lambda: ops.max_unpool(X, X.astype(int) + 144, 12), IndexError),
        (lambda: ops.max_unpool(X, X.astype(int) - 2, 12), IndexError),
        (lambda: layers.MaxUnpooling2D()(X), ValueError),
        (lambda: layers.MaxUnpooling2D().compute_output_shape((2, 3, 4, 5)), ValueError),
    ],
)
def test_wrong_arguments(call, error):
    with pytest.raises(error, match="Received: "):
        call()


@formats
@pytest.mark.parametrize(
    "options",
    [
        dict(strides=2),
        dict(strides=1, padding=1),
        dict(strides=3, padding=((0, 1), (2, 0)), dilation_rate=(2, 1)),
        dict(strides=2, padding=((4, 0), (0, 3))),
    ],
)
def test_indices_point_to_the_maxima(options, data_format):
    x = draw("floats", (2, 3, 7, 6) if data_format == "channels_first" else (2, 7, 6, 3), np.float32)
    y, indices = ops.max_pool_with_indices(x, 2, data_format=data_format, **options)
    np.testing.assert_array_equal(y, ops.max_pool(x, 2, data_format=data_format, **options))
    last, at = moved(x, data_format).reshape(2, 42, 3), moved(indices, data_format).reshape(2, -1, 3)
    found = np.where(at < 0, -np.inf, np.take_along_axis(last, np.maximum(at, 0), axis=1))
    np.testing.assert_array_equal(found, moved(y, data_format).reshape(found.shape))
    assert (at < 0).any() == isinstance(options.get("padding"), tuple)  # windows wholly in the padding


@formats
def test_unpooling_puts_maxima_back(data_format):
    x = draw("floats", (2, 4, 6, 5) if data_format == "channels_last" else (2, 5, 4, 6), np.float32)
    pooling = layers.MaxPooling2D(2, data_format=data_format, return_indices=True)
    (y, indices), backward = pooling.forward(x)
    unpooling = layers.MaxUnpooling2D(2, data_format=data_format)
    back, unpooling_backward = unpooling.forward([y, indices])
    assert back.shape == x.shape == unpooling.compute_output_shape([y.shape, y.shape])
    assert pooling.compute_output_shape(x.shape) == [y.shape, y.shape]
    np.testing.assert_array_equal(back[back != 0], x[back != 0])
    np.testing.assert_array_equal(backward([y, None]), back)
    grad, none = unpooling_backward(x)
    assert none is None
    np.testing.assert_array_equal(grad, y)


def test_of_several_values_for_one_position_the_last_counts():
    y = np.array([[[1.0], [2.0], [3.0], [4.0]]], np.float32)
    indices = np.array([[[2], [0], [2], [-1]]])
    np.testing.assert_array_equal(ops.max_unpool(y, indices, 4)[0, :, 0], [2, 0, 3, 0])
    grad = np.array([[[5.0], [6.0], [7.0], [8.0]]], np.float32)
    np.testing.assert_array_equal(ops.max_unpool_backward(grad, indices)[0, :, 0], [0, 5, 7, 0])


@pytest.mark.parametrize(
    "size, stride, padding, out", [(7, 2, "valid", 4), (6, 3, 1, 3), (5, 4, 0, 2), (4, 2, 0, 2)]
)
def test_ceil_mode(size, stride, padding, out):
    x = draw("floats", (1, size, 2), np.float32)
    layer = layers.MaxPooling1D(2, stride, padding, ceil_mode=True)
    y = layer(x)
    assert y.shape == (1, out, 2) == layer.compute_output_shape((1, size, 2))
    low = 0 if padding == "valid" else padding
    for o in range(out):
        inside = x[0, max(0, o * stride - low) : o * stride - low + 2]
        np.testing.assert_array_equal(y[0, o], inside.max(axis=0))
    means = layers.AveragePooling1D(2, stride, padding, ceil_mode=True)(x)
    inside = x[0, max(0, (out - 1) * stride - low) :][:2]
    np.testing.assert_allclose(means[0, -1], inside.mean(axis=0), rtol=1e-6)


def test_extensions_stand_in_the_configuration_only_when_used():
    assert set(layers.MaxPooling2D().get_config()) == {
        "name", "trainable", "dtype", "pool_size", "strides", "padding", "data_format"
    }  # fmt: skip
    layer = layers.MaxPooling2D(2, 1, dilation_rate=2, ceil_mode=True, return_indices=True)
    again = layers.deserialize(layers.serialize(layer))
    assert (again.dilation_rate, again.ceil_mode, again.return_indices) == (2, True, True)
    report = gpulayers.check_gradients(layers.MaxPooling2D(2, 1, dilation_rate=2, **WIDE), (2, 5, 6, 2))
    assert report, report
    x = draw("floats", (1, 5, 6, 2), np.float32)
    np.testing.assert_array_equal(
        layers.MaxPooling2D(2, 1, dilation_rate=2)(x), ops.max_pool(x, 2, strides=1, dilation_rate=2)
    )
