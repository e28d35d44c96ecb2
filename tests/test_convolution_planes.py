"""Convolution by planes of channels: against loops, however the work is cut; numbers that are not finite."""

import math

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.convolution import planes
from gpulayers.ops.convolution.problem import ConvolutionProblem
from tests.cases.convolution import FORMATS, Case
from tests.convolution_loops import Data, computed
from tests.tolerances import assert_close, assert_exact

CASES = [
    Case("rows of several images", (5, 6, 7, 8), (3, 3), 8, padding="same", groups=4, activation="relu"),
    Case("enough filters to write in place", (1, 5, 9, 4), (3, 3), 32, padding="same", groups=2),
    Case("strides that share rows", (2, 9, 11, 6), (3, 3), 6, strides=2, padding="same", groups=3),
    Case("strides beyond the rows", (2, 9, 7, 4), (2, 3), 8, strides=(3, 1), groups=2),
    Case("dilated rows", (2, 9, 8, 4), (3, 2), 4, padding=2, dilation=(2, 3), groups=2),
    Case("rows of one tap", (2, 4, 9, 6), (1, 5), 6, padding="same", groups=2, bias=False),
    Case("columns of one tap", (2, 9, 4, 6), (5, 1), 6, padding="same", groups=2),
    Case("padding on one side", (2, 5, 6, 4), (3, 3), 6, padding=((4, 0), (0, 5)), groups=2),
    Case("channels whole lines apart", (2, 3, 5, 64), (3, 2), 32, padding="same", groups=16),
    Case("one dimension", (3, 19, 6), (4,), 9, padding="same", groups=3, activation="tanh"),
    Case("one dimension, strided and dilated", (3, 23, 6), (3,), 6, strides=2, dilation=3, groups=3),
    Case("three dimensions", (2, 4, 5, 6, 4), (3, 2, 3), 6, padding="same", groups=2),
    Case("three dimensions, strided", (2, 5, 5, 6, 4), (3, 3, 2), 4, (2, 1, 2), padding=1, groups=2),
    Case("one group of few channels", (2, 9, 8, 3), (3, 3), 18, strides=2, padding="same"),
    Case("several filters a channel", (2, 6, 5, 4), (3, 2), 12, padding="same", groups=4),
]
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)


@pytest.fixture(params=["one row a box", "part of an image a box", "all in one box"])
def boxes(request, monkeypatch):
    monkeypatch.setattr(planes, "takes", lambda problem: True)
    if not request.param.startswith("all"):
        elements, pixels = (1, 1) if request.param.startswith("one") else (500, 5)
        monkeypatch.setattr(planes, "_ELEMENTS", elements)
        monkeypatch.setattr(planes, "_PIXELS", pixels)
        monkeypatch.setattr(planes, "_FEW_PIXELS", 1)
        monkeypatch.setattr(planes, "_CHANNELS", 1)
    planes.plan.cache_clear()
    yield
    planes.plan.cache_clear()


@cases
@formats
def test_on_integers(case, data_format, boxes):
    data = Data(case, np.float64, integers=True)
    for name, result in computed(data, arrays.CPU, data_format).items():
        if name == "y" and case.activation == "tanh":
            assert_close(result, data.y[0], what=name)
        else:
            assert_exact(result, getattr(data, name)[0], name)


@pytest.mark.parametrize("case", CASES[:3] + CASES[8:10], ids=lambda case: case.name)
@formats
def test_on_floats(case, data_format, dtype):
    data = Data(case, dtype, integers=False)
    for name, result in computed(data, arrays.CPU, data_format).items():
        assert result.dtype == dtype
        expected, magnitude = getattr(data, name)
        assert_close(result, expected, data.terms[name], magnitude, what=name)


@formats
def test_which_problems_are_computed_by_planes(data_format):
    def takes(channels, filters, groups, window=(3, 3), **options):
        shape = (2, 8, 8, channels) if data_format == "channels_last" else (2, channels, 8, 8)
        options |= {"groups": groups, "data_format": data_format}
        weight = (*window, channels // groups, filters)
        return planes.takes(ConvolutionProblem.resolve(shape, weight, np.float32, **options))

    channels_first = data_format == "channels_first"
    assert takes(128, 128, 32) and takes(8, 64, 8) and takes(64, 8, 8) and takes(1, 16, 1)
    assert not takes(128, 128, 2) and not takes(64, 64, 1)
    assert not takes(128, 128, 32, window=(1, 7)) and not takes(128, 128, 32, strides=3)
    assert takes(128, 128, 16) == takes(16, 512, 2) == takes(3, 64, 1) == channels_first


@pytest.mark.parametrize("size", [3, 5, 7, 11])
@pytest.mark.parametrize("channels, filters", [(1, 1), (1, 2), (4, 4), (8, 16)])
def test_boxes_that_run_side_by_side_leave_blas_one_thread_each(size, channels, filters):
    """OpenBLAS takes threads of its own for larger products: 4 * 65536 of matrices, 4 * 2304 of a vector."""
    for spatial in ((14, 14), (56, 56), (40, 3000), (100_000,)):
        weight = (*(size,) * len(spatial), channels, 12 * filters)
        shape = (8, 12 * channels, *spatial)
        options = {"groups": 12, "padding": "same", "data_format": "channels_first"}
        problem = ConvolutionProblem.resolve(shape, weight, np.float32, **options)
        plan = planes.plan(problem)
        images, _, *rest = plan.steps
        products = images * math.prod(rest) * problem.window.taps * channels * filters
        assert plan.threads == 1 or products <= (4 * 2304 if filters == 1 else 4 * 65536)
        assert images * math.prod(rest) <= planes._PIXELS


@formats
@pytest.mark.parametrize("value", [np.inf, np.nan])
@np.errstate(invalid="ignore")  # an infinite gradient times the padding
def test_numbers_that_are_not_finite_stay_in_their_windows_and_groups(data_format, value):
    generator = np.random.default_rng(0)
    x = generator.integers(1, 5, (2, 7, 9, 12)).astype(np.float32)
    weight = generator.integers(1, 5, (3, 3, 4, 12)).astype(np.float32)
    dy = generator.integers(1, 5, (2, 7, 9, 12)).astype(np.float32)
    x[1, 2, 3, 5] = dy[0, 0, 8, 6] = value

    def formatted(array):
        return array if data_format == "channels_last" else np.moveaxis(array, -1, 1)

    options = {"padding": "same", "data_format": data_format}
    y = ops.conv(formatted(x), weight, groups=3, **options)
    dx = ops.conv_backward_input(formatted(dy), weight, formatted(x).shape, groups=3, **options)
    dw = ops.conv_backward_weight(formatted(x), formatted(dy), weight.shape, groups=3, **options)
    axis = formatted(np.arange(4).reshape(1, 1, 1, 4)).shape.index(4)
    for group in range(3):
        held = np.arange(4) + 4 * group
        part, grad = formatted(x[..., held]), formatted(dy[..., held])
        options["data_format"] = data_format
        expected = ops.conv(part, weight[..., held], **options)
        np.testing.assert_array_equal(y.take(held, axis), expected)
        expected = ops.conv_backward_input(grad, weight[..., held], part.shape, **options)
        np.testing.assert_array_equal(dx.take(held, axis), expected)
        expected = ops.conv_backward_weight(part, grad, (3, 3, 4, 4), **options)
        np.testing.assert_array_equal(dw[..., held], expected)
    assert np.isfinite(y).sum() == y.size - 9 * 4 and np.isfinite(dx).sum() == dx.size - 4 * 4


@formats
def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch, data_format):
    generator = np.random.default_rng(3)
    shape = (3, 40, 41, 64) if data_format == "channels_last" else (3, 64, 40, 41)
    x, weight = (
        generator.standard_normal(shape, np.float32),
        generator.standard_normal((3, 3, 4, 64), np.float32),
    )
    options = {"padding": "same", "groups": 16, "data_format": data_format}

    def results():
        y = ops.conv(x, weight, activation="relu", **options)
        dx = ops.conv_backward_input(y, weight, x.shape, **options)
        return y, dx, ops.conv_backward_weight(x, y, weight.shape, **options)

    monkeypatch.setenv("GPULAYERS_NUM_THREADS", "1")
    alone = results()
    monkeypatch.setenv("GPULAYERS_NUM_THREADS", "3")
    for one, several in zip(alone, results()):
        np.testing.assert_array_equal(one, several)
