"""Convolution over one, two or three spatial dimensions."""

from .. import arrays
from ..spatial import split_shape
from .operations import (
    BACKWARD_BIAS,
    BACKWARD_INPUT,
    BACKWARD_WEIGHT,
    DEPTHWISE_BACKWARD_INPUT,
    DEPTHWISE_BACKWARD_WEIGHT,
    DEPTHWISE_FORWARD,
    FORWARD,
    backward_input,
    backward_weight,
    forward,
)
from .problem import ConvolutionProblem

__all__ = [
    "BACKWARD_BIAS",
    "BACKWARD_INPUT",
    "BACKWARD_WEIGHT",
    "DEPTHWISE_BACKWARD_INPUT",
    "DEPTHWISE_BACKWARD_WEIGHT",
    "DEPTHWISE_FORWARD",
    "FORWARD",
    "conv",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
]


def conv(
    x,
    weight,
    bias=None,
    *,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
    activation=None,
):
    """activation(convolution of x with weight, plus bias). The kernel is not flipped.

    Args:
        x: (n, *spatial, channels), or (n, channels, *spatial) for channels_first; 1 to 3 spatial dimensions.
        weight: (*window, channels / groups, filters), the dtype of x.
        bias: (filters,) or None.
        strides, dilation_rate: an integer, or one a spatial dimension; both may exceed 1.
        padding: "valid", "same", "causal" (one spatial dimension), an integer for all sides, or a pair
            (before, after) a spatial dimension.
        groups: divides channels and filters; group i of the filters sees group i of the channels.
        data_format: "channels_last" or "channels_first".
        activation: None, "relu", "tanh" or "sigmoid".

    Returns:
        The output in the same data format and dtype; sums are formed in float32 (float64 for float64).

    Raises:
        TypeError: mixed or unknown dtypes, or arrays on different devices.
        ValueError: shapes or arguments that do not fit, or a window larger than the padded input.
    """
    x, weight = arrays.take(x, "x"), arrays.take(weight, "weight")
    bias = None if bias is None else arrays.take(bias, "bias")
    device = arrays.common_device(x=x, weight=weight, bias=bias)
    dtype = arrays.same_dtype(x=x, weight=weight, bias=bias)
    problem = ConvolutionProblem.resolve(
        x.shape,
        weight.shape,
        dtype,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        data_format=data_format,
        activation=activation,
    )
    if bias is not None and bias.shape != (problem.out_channels,):
        raise ValueError(f"bias must have shape {(problem.out_channels,)}. Received: {bias.shape}")
    return forward(problem, device, *map(arrays.contiguous, (x, weight, bias)))


def conv_backward_input(
    grad_output,
    weight,
    input_shape,
    *,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
):
    """The gradient of `conv` (without activation) to x, of shape `input_shape`; other arguments as in `conv`.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    grad_output, weight = arrays.take(grad_output, "grad_output"), arrays.take(weight, "weight")
    device = arrays.common_device(grad_output=grad_output, weight=weight)
    problem = ConvolutionProblem.resolve(
        input_shape,
        weight.shape,
        arrays.same_dtype(grad_output=grad_output, weight=weight),
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        data_format=data_format,
    )
    _check_grad_output(problem, grad_output)
    return backward_input(problem, device, arrays.contiguous(grad_output), arrays.contiguous(weight))


def conv_backward_weight(
    x,
    grad_output,
    weight_shape,
    *,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
):
    """The gradient of `conv` (without activation) to weight, of shape `weight_shape`; the rest as in `conv`.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    x, grad_output = arrays.take(x, "x"), arrays.take(grad_output, "grad_output")
    device = arrays.common_device(x=x, grad_output=grad_output)
    problem = ConvolutionProblem.resolve(
        x.shape,
        weight_shape,
        arrays.same_dtype(x=x, grad_output=grad_output),
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        data_format=data_format,
    )
    _check_grad_output(problem, grad_output)
    return backward_weight(problem, device, arrays.contiguous(x), arrays.contiguous(grad_output))


def conv_backward_bias(grad_output, *, data_format="channels_last"):
    """The gradient of `conv` (without activation) to bias: sums over all axes but the channels'.

    Raises:
        TypeError, ValueError: not a float dtype, or not of rank 3 to 5.
    """
    grad_output = arrays.take(grad_output, "grad_output")
    device, dtype = arrays.device_of(grad_output), arrays.same_dtype(grad_output=grad_output)
    _, spatial, channels = split_shape(grad_output.shape, data_format, "grad_output")
    # The sums do not depend on the convolution: one tap stands for any window with this output.
    weight_shape = (*(1,) * len(spatial), channels, channels)
    problem = ConvolutionProblem.resolve(grad_output.shape, weight_shape, dtype, data_format=data_format)
    return BACKWARD_BIAS(problem, device, arrays.contiguous(grad_output))


def _check_grad_output(problem, grad_output):
    if grad_output.shape != problem.output_shape:
        raise ValueError(f"grad_output must have shape {problem.output_shape}. Received: {grad_output.shape}")
