"""Transposed convolution: reference and kernels against loops, known values, arguments and errors."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.transposed_window import transposed_window
from tests.cases.convolution import FORMATS
from tests.cases.transposed_convolution import CASES
from tests.tolerances import assert_close, assert_exact
from tests.transposed_convolution_loops import Data

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
formats = pytest.mark.parametrize("data_format", FORMATS)
LINE = np.arange(5.0).reshape(1, 5, 1)
DECIMAL = np.array([1.0, 10.0, 100.0]).reshape(3, 1, 1)


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

    x, dy, weight = there(data.x), there(data.grad_output), device.asarray(data.weight)
    bias = None if data.bias is None else device.asarray(data.bias)
    options = {**case.geometry, "data_format": data_format}
    return {
        "y": back(ops.conv_transpose(x, weight, bias, **options, activation=case.activation)),
        "grad_input": back(ops.conv_transpose_backward_input(dy, weight, x.shape, **options)),
        "grad_weight": device.to_numpy(ops.conv_transpose_backward_weight(x, dy, case.weight, **options)),
    }


def check(case, dtype, device, data_format):
    """Every function: exact on small integers, within the bound on random numbers."""
    for integers in (True, False):
        data = Data(case, dtype, integers)
        for name, result in computed(data, device, data_format).items():
            expected, magnitude = getattr(data, name)
            assert result.dtype == dtype
            if integers and not (name == "y" and case.activation in ("tanh", "sigmoid")):
                assert_exact(result, expected, name)
            else:
                assert_close(result, expected, data.terms[name], magnitude, what=name)


@cases
@formats
def test_reference(case, data_format):
    check(case, np.dtype(np.float64), arrays.CPU, data_format)


@pytest.mark.parametrize("name", ["doubling", "depthwise"])
def test_reference_in_every_type(name, dtype):
    check(named(name), dtype, arrays.CPU, "channels_first")


@cases
@formats
def test_kernels_in_float32(case, data_format, kernel_device):
    check(case, np.dtype(np.float32), kernel_device, data_format)


@pytest.mark.parametrize("other", [t for t in arrays.FLOAT_DTYPES if t != np.float32], ids=str)
def test_kernels_in_other_types(other, kernel_device):
    check(named("same with output padding"), other, kernel_device, "channels_last")


def test_known_values():
    whole = [0, 0, 1, 10, 102, 20, 203, 30, 304, 40, 400]
    assert ops.conv_transpose(LINE, DECIMAL, strides=2).ravel().tolist() == whole
    assert ops.conv_transpose(LINE, DECIMAL, strides=2, padding="same").ravel().tolist() == whole[:-1]
    assert ops.conv_transpose(LINE, DECIMAL, strides=2, padding=((1, 2),)).ravel().tolist() == whole[1:-2]
    more = ops.conv_transpose(LINE, DECIMAL, strides=2, output_padding=1).ravel().tolist()
    assert more == [*whole, 0]


def test_the_bias_reaches_outputs_that_no_input_does():
    y = ops.conv_transpose(LINE, DECIMAL[:1], np.array([7.0]), strides=3)
    assert y.ravel().tolist() == [7, 7, 7, 8, 7, 7, 9, 7, 7, 10, 7, 7, 11, 7, 7]


def test_a_transposed_convolution_is_the_adjoint_of_a_convolution():
    generator = np.random.default_rng(0)
    x, weight = generator.standard_normal((2, 9, 8, 4)), generator.standard_normal((3, 2, 4, 5))
    y = ops.conv(x, weight, strides=2, padding=1)
    again = ops.conv_transpose(y, weight, strides=2, padding=1, output_padding=(0, 0))
    assert again.shape == x.shape
    np.testing.assert_allclose(again, ops.conv_backward_input(y, weight, x.shape, strides=2, padding=1))


def test_windows_are_those_of_a_convolution():
    window = transposed_window((4, 3), (3, 2), (2, 3), ((1, 0), (0, 1)), dilation=2)
    assert window.input_size == (10, 8) and window.output_size == (4, 3)
    assert (window.pad_low, window.pad_high) == ((1, 0), (0, 1))


def test_gradients_know_no_activation():
    with pytest.raises(TypeError, match="activation"):
        ops.conv_transpose_backward_input(LINE, DECIMAL, (1, 5, 1), activation="relu")


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.conv_transpose(LINE, DECIMAL[0]),
        lambda: ops.conv_transpose(LINE, np.ones((3, 1, 2))),
        lambda: ops.conv_transpose(LINE, DECIMAL, np.ones(2)),
        lambda: ops.conv_transpose(LINE, DECIMAL, strides=2, output_padding=2),
        lambda: ops.conv_transpose(LINE, DECIMAL, output_padding=-1),
        lambda: ops.conv_transpose(LINE, DECIMAL, padding="causal"),
        lambda: ops.conv_transpose(LINE, DECIMAL, padding=((4, 3),)),
        lambda: ops.conv_transpose(LINE[:, :1], DECIMAL[:2], padding="same", output_padding=0),
        lambda: ops.conv_transpose(LINE, DECIMAL, groups=2),
        lambda: ops.conv_transpose(LINE, DECIMAL, activation="softmax"),
        lambda: ops.conv_transpose(LINE, DECIMAL, strides=(2, 2)),
        lambda: ops.conv_transpose_backward_input(LINE, DECIMAL, (1, 5, 1)),
        lambda: ops.conv_transpose_backward_weight(LINE, LINE, (3, 1, 1)),
    ],
)
def test_arguments_that_do_not_fit(call):
    with pytest.raises(ValueError, match="Received: "):
        call()
