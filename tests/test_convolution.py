"""Convolution: the reference against loops, numeric gradients and known values; arguments and errors."""

import math

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.convolution import blocks, columns, reference
from gpulayers.ops.convolution.problem import Activation, ConvolutionProblem
from tests.cases.convolution import CASES, FORMATS
from tests.convolution_loops import FUNCTIONS, Data, computed
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)


@pytest.fixture(params=["one pixel a box", "part of an image a box", "several images a box"])
def boxes(request, monkeypatch):
    """Cuts the reference's work as much larger problems would be cut."""
    if not request.param.startswith("several"):
        elements = 1 if request.param.startswith("one") else 500
        for name in ("_BLOCK_ELEMENTS", "_SUMMED_ELEMENTS"):
            monkeypatch.setattr(reference, name, elements)
        for name in ("_LEAST_PIXELS", "_SUMMED_PIXELS"):
            monkeypatch.setattr(reference, name, 1)
        monkeypatch.setattr(columns, "_PIECE_ELEMENTS", 2 * elements)


@cases
@formats
def test_reference_on_integers(case, data_format, boxes):
    data = Data(case, np.float64, integers=True)
    for name, result in computed(data, arrays.CPU, data_format).items():
        if name == "y" and case.activation in ("tanh", "sigmoid"):
            assert_close(result, data.y[0], what=name)
        else:
            assert_exact(result, getattr(data, name)[0], name)


@cases
def test_reference_on_floats(case, dtype):
    data = Data(case, dtype, integers=False)
    for name, result in computed(data, arrays.CPU, "channels_last").items():
        assert result.dtype == dtype
        expected, magnitude = getattr(data, name)
        assert_close(result, expected, data.terms[name], magnitude, what=name)


@cases
def test_gradients_are_the_adjoints_of_the_forward(case):
    """<dy, conv(x, w)> is the same number as <dx, x> and <dw, w>."""
    data = Data(case, np.float64, integers=True)
    kind = dict(**case.geometry)
    y = ops.conv(data.x, data.weight, **kind)
    product = np.vdot(data.grad_output, y)
    assert product == np.vdot(
        ops.conv_backward_input(data.grad_output, data.weight, data.x.shape, **kind), data.x
    )
    assert product == np.vdot(
        ops.conv_backward_weight(data.x, data.grad_output, case.weight, **kind), data.weight
    )


@pytest.mark.parametrize("name", ["causal dilated", "grouped and strided", "3d strided and dilated"])
def test_gradients_are_the_differences_of_the_forward(name):
    case = next(case for case in CASES if case.name == name)
    data = Data(case, np.float64, integers=False)
    results = computed(data, arrays.CPU, "channels_last")
    generator = np.random.default_rng(5)
    for gradient, argument in (("grad_input", 0), ("grad_weight", 1), ("grad_bias", 2)):
        operands = [data.x, data.weight, np.zeros(case.filters) if data.bias is None else data.bias]
        for _ in range(20):
            at = tuple(generator.integers(0, size) for size in operands[argument].shape)
            values = []
            for step in (0.5, -0.5):  # linear in each argument: any step is exact up to rounding
                moved = [operand.copy() for operand in operands]
                moved[argument][at] += step
                values.append(np.vdot(data.grad_output, ops.conv(*moved, **case.geometry)))
            assert values[0] - values[1] == pytest.approx(results[gradient][at], rel=1e-9, abs=1e-9)


def test_known_values():
    x = np.arange(5.0).reshape(1, 5, 1)
    ones = np.ones((2, 1, 1))
    assert ops.conv(x, ones, strides=2, padding="same").ravel().tolist() == [1, 5, 4]
    digits = np.array([1.0, 10, 100]).reshape(3, 1, 1)
    assert ops.conv(x, digits).ravel().tolist() == [210, 321, 432], "the kernel is not flipped"
    assert ops.conv(x, digits, padding="causal").ravel().tolist() == [0, 100, 210, 321, 432]
    assert ops.conv(x, digits, padding="same").ravel().tolist() == [100, 210, 321, 432, 43]
    assert ops.conv(x, ones, strides=2, dilation_rate=2).ravel().tolist() == [2, 6], (
        "strides and dilation together"
    )


def test_same_equals_valid_on_a_padded_input():
    generator = np.random.default_rng(0)
    x, weight = generator.integers(-3, 4, (2, 6, 7, 3)) * 1.0, generator.integers(-3, 4, (3, 4, 3, 5)) * 1.0
    padded = np.pad(x, ((0, 0), (1, 1), (1, 2), (0, 0)))
    assert_exact(ops.conv(x, weight, padding="same"), ops.conv(padded, weight))
    assert_exact(ops.conv(x, weight, padding=((1, 1), (1, 2))), ops.conv(padded, weight))


@pytest.mark.parametrize("activation", [entry.value for entry in Activation])
def test_activations(activation, dtype):
    values = np.array([-np.inf, -1e4, -90, -3, -0.5, 0, 0.5, 3, 90, 1e4, np.inf, np.nan]).astype(dtype)
    result = ops.conv(values.reshape(1, -1, 1), np.ones((1, 1, 1), dtype), activation=activation)
    assert_close(
        result.ravel(),
        FUNCTIONS[activation](values.astype(np.float64)),
        magnitude=1.0 if activation else None,
    )


def test_16_bit_types_round_once():
    """2048 + 1 + 1 is 2050 in float32, but stays 2048 where every partial sum is rounded to float16."""
    x = np.array([2048, 1, 1], np.float16).reshape(1, 1, 3)
    result = ops.conv(x, np.ones((1, 3, 1), np.float16))
    assert result.item() == 2050
    bias = ops.conv(x[..., :2], np.ones((1, 2, 1), np.float16), np.array([1], np.float16))
    assert bias.item() == 2050
    assert ops.conv_backward_bias(x.reshape(1, 3, 1)).item() == 2050


def test_non_contiguous_arguments():
    generator = np.random.default_rng(0)
    x, weight = generator.standard_normal((4, 2, 5, 6)), generator.standard_normal((3, 4, 2, 3))
    strided = ops.conv(x.transpose(0, 2, 3, 1), weight.transpose(0, 3, 2, 1)[..., ::-1])
    copied = ops.conv(x.transpose(0, 2, 3, 1).copy(), weight.transpose(0, 3, 2, 1)[..., ::-1].copy())
    assert_exact(strided, copied)


def test_arguments_are_left_alone():
    data = Data(CASES[3], np.float32, integers=False)
    before = [array.copy() for array in (data.x, data.weight, data.bias, data.grad_output)]
    for data_format in FORMATS:
        computed(data, arrays.CPU, data_format)
    for array, copy in zip((data.x, data.weight, data.bias, data.grad_output), before):
        assert_exact(array, copy)


@pytest.mark.parametrize("shape", [(70, 8, 8, 16), (5, 100, 90, 16), (2, 20, 100, 90, 16), (1, 20000, 16)])
def test_boxes_cover_the_output_once_and_are_small(shape):
    weight, most = (*(3,) * (len(shape) - 2), 16, 8), 1000
    problem = ConvolutionProblem.resolve(shape, weight, np.float32, padding="same")
    seen, sizes = np.zeros(shape[:-1], int), []
    for box in blocks.boxes(problem, most):
        seen[blocks.outputs_of(box)] += 1
        sizes.append(seen[blocks.outputs_of(box)].size)
    assert (seen == 1).all()
    assert most / 4 < np.mean(sizes) and max(sizes) == sizes[0] <= most


X, W = np.zeros((2, 8, 8, 4), np.float32), np.zeros((3, 3, 4, 6), np.float32)


@pytest.mark.parametrize(
    "x, weight, options, error, words",
    [
        (X[0, 0], W, {}, ValueError, r"Received: shape \(8, 4\)"),
        (X, W[0], {}, ValueError, r"weight must have 2 window sizes.*Received: shape \(3, 4, 6\)"),
        (X, W[:0], {}, ValueError, r"each positive. Received: shape \(0, 3, 4, 6\)"),
        (X, W[:, :, :3], {}, ValueError, "Received: 4 channels of x, 1 groups of 3"),
        (
            X,
            W[:, :, :1],
            dict(groups=4),
            ValueError,
            "filters must be a multiple of groups. Received: 6 filters, 4 groups",
        ),
        (X, W, dict(groups=0), ValueError, "groups must be at least 1. Received: 0"),
        (
            X,
            W,
            dict(bias=np.zeros(5, np.float32)),
            ValueError,
            r"bias must have shape \(6,\). Received: \(5,\)",
        ),
        (X, W, dict(bias=np.zeros(6, np.float64)), TypeError, "one dtype. Received: .*bias float64"),
        (X, W.astype(np.float16), {}, TypeError, "one dtype. Received: x float32, weight float16"),
        (X.astype(np.int32), W.astype(np.int32), {}, TypeError, "Received: int32"),
        (X, W, dict(activation="elu"), ValueError, "activation must be one of .* Received: 'elu'"),
        (X, W, dict(padding="causal"), ValueError, "needs one spatial dimension. Received: 2"),
        (X, W, dict(padding="full"), ValueError, "'causal'.*Received: 'full'"),
        (X, W, dict(dilation_rate=4), ValueError, r"window \(9, 9\)"),
        (X, W, dict(data_format="NCHW"), ValueError, "Received: 'NCHW'"),
        (X.tolist(), W, {}, TypeError, "x must be a NumPy or CuPy array. Received: list"),
    ],
)
def test_wrong_arguments(x, weight, options, error, words):
    with pytest.raises(error, match=words):
        ops.conv(x, weight, **options)


def test_wrong_gradients():
    with pytest.raises(
        ValueError, match=r"grad_output must have shape \(2, 6, 6, 6\). Received: \(2, 8, 8, 6\)"
    ):
        ops.conv_backward_input(np.zeros((2, 8, 8, 6), np.float32), W, X.shape)
    with pytest.raises(
        ValueError, match=r"grad_output must have shape \(2, 8, 8, 6\). Received: \(2, 6, 6, 6\)"
    ):
        ops.conv_backward_weight(X, np.zeros((2, 6, 6, 6), np.float32), W.shape, padding="same")
    with pytest.raises(TypeError, match="one dtype"):
        ops.conv_backward_input(np.zeros((2, 6, 6, 6), np.float64), W, X.shape)
    with pytest.raises(ValueError, match=r"grad_output must have .* Received: shape \(2, 6\)"):
        ops.conv_backward_bias(np.zeros((2, 6), np.float32))
    with pytest.raises(TypeError, match="Received: int64"):
        ops.conv_backward_bias(np.zeros((2, 6, 3), np.int64))


def test_work_of_a_problem():
    problem = ConvolutionProblem.resolve(
        (2, 8, 8, 4), (3, 3, 2, 6), np.float16, groups=2, padding="same", strides=2
    )
    assert problem.output_shape == (2, 4, 4, 6)
    assert problem.flops() == 2 * (2 * 4 * 4) * 6 * 9 * 2
    assert problem.bytes_moved() == 2 * (2 * 8 * 8 * 4 + 9 * 2 * 6 + 2 * 4 * 4 * 6)
    assert not problem.pointwise
    assert ConvolutionProblem.resolve((2, 3, 4), (1, 4, 5), np.float32).pointwise
    assert not ConvolutionProblem.resolve(
        (2, 3, 4), (1, 4, 5), np.float32, strides=2, padding=((0, 2),)
    ).pointwise


def test_cases_are_all_different():
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.rank for case in CASES} == {1, 2, 3}
    assert {case.activation for case in CASES} == {entry.value for entry in Activation}
    assert all(math.prod(case.input) < 10_000 for case in CASES)
