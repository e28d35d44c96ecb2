"""Depthwise convolution: reference and kernels against loops; grouped convolutions that are depthwise."""

import math

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays, convolution
from gpulayers.ops.convolution import depthwise_fused, depthwise_reference
from gpulayers.ops.convolution.problem import ConvolutionProblem
from gpulayers.ops.recording import RecordingDevice
from tests.cases.convolution import FORMATS, Case
from tests.cases.depthwise_convolution import CASES, geometry, weight_shape
from tests.convolution_loops import Data
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)


def named(name):
    return next(case for case in CASES if case.name == name)


def computed(data, device, data_format):
    """{name: result} of every function, channels_last."""
    case = data.case

    def there(array):
        array = array if data_format == "channels_last" else np.moveaxis(array, -1, 1)
        return device.asarray(np.ascontiguousarray(array))

    def back(array):
        array = device.to_numpy(array)
        return array if data_format == "channels_last" else np.moveaxis(array, 1, -1)

    x, dy, shape = there(data.x), there(data.grad_output), weight_shape(case)
    weight = device.asarray(data.weight.reshape(shape))
    bias = None if data.bias is None else device.asarray(data.bias)
    options = {**geometry(case), "data_format": data_format}
    grad_weight = ops.depthwise_conv_backward_weight(x, dy, shape, **options)
    assert grad_weight.shape == shape
    return {
        "y": back(ops.depthwise_conv(x, weight, bias, **options, activation=case.activation)),
        "grad_input": back(ops.depthwise_conv_backward_input(dy, weight, x.shape, **options)),
        "grad_weight": device.to_numpy(grad_weight).reshape(case.weight),
    }


def check(case, dtype, device, data_format):
    """Every function: exact on small integers, within the bound on random numbers, in the same bits twice."""
    for integers in (True, False):
        data = Data(case, dtype, integers)
        results = computed(data, device, data_format)
        for name, result in results.items():
            expected, magnitude = getattr(data, name)
            assert result.dtype == dtype
            if integers and not (name == "y" and case.activation in ("tanh", "sigmoid")):
                assert_exact(result, expected, name)
            else:
                assert_close(result, expected, data.terms[name], magnitude, what=name)
    for name, again in computed(data, device, data_format).items():
        assert again.tobytes() == results[name].tobytes(), f"{name}: two runs differ in bits"


@pytest.mark.parametrize("elements", [1, depthwise_reference._BLOCK_ELEMENTS])
@cases
@formats
def test_reference(case, data_format, elements, monkeypatch):
    monkeypatch.setattr(depthwise_reference, "_BLOCK_ELEMENTS", elements)
    monkeypatch.setattr(depthwise_fused, "_BOX_ELEMENTS", elements)
    check(case, np.dtype(np.float64), arrays.CPU, data_format)


@pytest.mark.parametrize(
    "strides, dilation", [((1, 2), 1), ((2, 3), 1), ((1, 2), 2), ((1, 4), (1, 6)), ((2, 5), 2)]
)
@pytest.mark.parametrize("elements", [1, depthwise_fused._BOX_ELEMENTS])
def test_strides_and_dilation_along_the_rows(strides, dilation, elements, monkeypatch):
    monkeypatch.setattr(depthwise_fused, "_BOX_ELEMENTS", elements)
    size = (2, 11, 29, 5)
    case = Case("", size, (3, 4), 5, strides, padding=((1, 0), (2, 3)), dilation=dilation, groups=5)
    check(case, np.dtype(np.float64), arrays.CPU, "channels_last")


@pytest.mark.parametrize("pixels", [1, 2, 3, 4])
@cases
def test_reference_in_runs_of_pixels(case, pixels, monkeypatch):
    monkeypatch.setattr(depthwise_fused, "_run", lambda length, channels: math.gcd(length, pixels))
    check(case, np.dtype(np.float64), arrays.CPU, "channels_last")


def test_runs_divide_the_row_and_keep_within_the_cache():
    for length, channels in ((112, 32), (56, 144), (7, 3), (61, 48), (14, 5000)):
        run = depthwise_fused._run(length, channels)
        assert length % run == 0 and (run == 1 or run * channels <= depthwise_fused._RUN_ELEMENTS)
    assert 1 < depthwise_fused._run(112, 32) < 112


@pytest.mark.parametrize("name", ["several filters", "strided"])
def test_reference_in_every_type(name, dtype):
    check(named(name), dtype, arrays.CPU, "channels_first")


@cases
@formats
def test_kernels_in_float32(case, data_format, kernel_device):
    check(case, np.dtype(np.float32), kernel_device, data_format)


@pytest.mark.parametrize(
    "name, data_format", [("same 3x3, vectors", "channels_last"), ("strided", "channels_last")]
)
@pytest.mark.parametrize("other", [t for t in arrays.FLOAT_DTYPES if t != np.float32], ids=str)
def test_kernels_in_other_types(name, data_format, other, kernel_device):
    check(named(name), other, kernel_device, data_format)


def test_arrays_off_the_vectors_alignment(kernel_device):
    data = Data(named("same 3x3, vectors"), np.float32, integers=True)
    shifted = kernel_device.zeros((data.x.size + 1,), np.float32)
    shifted[1:] = kernel_device.asarray(data.x.reshape(-1))
    x = shifted[1:].reshape(data.x.shape)
    weight = kernel_device.asarray(data.weight.reshape(3, 3, 8, 1))
    y = ops.depthwise_conv(x, weight, kernel_device.asarray(data.bias), padding="same", activation="relu")
    assert_exact(kernel_device.to_numpy(y), data.y[0])


def test_a_grouped_convolution_of_single_channels_is_depthwise():
    problem = ConvolutionProblem.resolve((2, 8, 8, 6), (3, 3, 1, 12), np.float32, groups=6)
    device = RecordingDevice("sm_90")
    for operation, file in [
        (convolution.DEPTHWISE_FORWARD, "depthwise_forward"),
        (convolution.DEPTHWISE_BACKWARD_INPUT, "depthwise_backward_input"),
        (convolution.DEPTHWISE_BACKWARD_WEIGHT, "depthwise_backward_weight"),
    ]:
        assert operation.choose(problem, device).file == f"convolution/{file}.cu"
    x, weight = device.zeros((2, 8, 8, 6), np.float32), device.zeros((3, 3, 1, 12), np.float32)
    y = ops.conv(x, weight, groups=6)
    ops.conv_backward_input(y, weight, x.shape, groups=6)
    ops.conv_backward_weight(x, y, weight.shape, groups=6)
    assert all(
        launch.file.startswith(("convolution/depthwise", "convolution/sums")) for launch in device.launches
    )
    assert "depthwise_forward" in ops.explain(problem, device)


def test_too_large_strides_go_to_the_direct_kernels():
    problem = ConvolutionProblem.resolve((1, 9, 4), (2, 1, 4), np.float32, groups=4, strides=2**28)
    device = RecordingDevice("sm_90")
    assert convolution.DEPTHWISE_FORWARD.choose(problem, device).name == "direct_forward"


def test_what_the_kernels_do_not_count_goes_to_the_direct_kernels():
    device = RecordingDevice("sm_90")
    large = ConvolutionProblem.resolve((2**16, 2**16, 4), (1, 1, 4), np.float32, groups=4)
    assert convolution.DEPTHWISE_FORWARD.choose(large, device).name == "direct_forward"
    assert convolution.DEPTHWISE_BACKWARD_WEIGHT.choose(large, device).name == "direct_backward_weight"


X = np.zeros((2, 5, 5, 3), np.float32)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.depthwise_conv(X, np.zeros((3, 3, 4, 1), np.float32)),
        lambda: ops.depthwise_conv(X, np.zeros((3, 3, 3), np.float32)),
        lambda: ops.depthwise_conv(X, np.zeros((3, 3, 3, 0), np.float32)),
        lambda: ops.depthwise_conv(X, np.zeros((3, 3, 3, 2), np.float32), np.zeros(3, np.float32)),
        lambda: ops.depthwise_conv_backward_input(X, np.zeros((3, 3, 3, 1), np.float32), (2, 5, 5, 3)),
        lambda: ops.depthwise_conv_backward_weight(X, X, (3, 3, 3, 1)),
    ],
)
def test_shapes_that_do_not_fit(call):
    with pytest.raises(ValueError, match="Received: "):
        call()


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("strides", [1, 2])
def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch, data_format, strides):
    generator = np.random.default_rng(3)
    shape = (3, 57, 61, 48) if data_format == "channels_last" else (3, 48, 57, 61)
    x = generator.standard_normal(shape, np.float32)
    weight = generator.standard_normal((3, 5, 48, 1), np.float32)
    options = dict(strides=strides, padding="same", data_format=data_format)

    def results():
        y = ops.depthwise_conv(x, weight, activation="relu", **options)
        yield y
        yield ops.depthwise_conv_backward_input(y, weight, x.shape, **options)
        yield ops.depthwise_conv_backward_weight(x, y, weight.shape, **options)

    monkeypatch.setenv("GPULAYERS_NUM_THREADS", "1")
    alone = list(results())
    monkeypatch.setenv("GPULAYERS_NUM_THREADS", "3")
    for one, several in zip(alone, results()):
        np.testing.assert_array_equal(one, several)
    assert (alone[0] >= 0).all() and (alone[0] > 0).any()
