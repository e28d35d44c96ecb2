"""Transposed convolution: the backward to the input of a convolution, whose gradients are that convolution's
forward and its backward to the weights."""

from .. import arrays
from .operations import backward_input, backward_weight, forward
from .transposed_problem import transposed_problem


def conv_transpose(
    x,
    weight,
    bias=None,
    *,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
    activation=None,
):
    """activation(transposed convolution of x with weight, plus bias).

    The kernel is not flipped: every element of x adds a copy of it to the output, `strides` apart.

    Args:
        x: (n, *spatial, channels), or (n, channels, *spatial) for channels_first; 1 to 3 spatial dimensions.
        weight: (*window, filters / groups, channels), the dtype of x.
        bias: (filters,) or None.
        strides, dilation_rate: an integer, or one a spatial dimension; both may exceed 1 (beyond Keras).
        padding: "valid" or "same"; beyond Keras an integer for all sides or a pair (before, after) a spatial
            dimension: what is cropped.
        output_padding: None, an integer, or one a spatial dimension, less than the stride; see
            `transposed_window` for the output's size.
        groups: beyond Keras; group i of the filters sees group i of the channels.
        data_format: "channels_last" or "channels_first".
        activation: None, "relu", "tanh" or "sigmoid".

    Returns:
        The output in the same data format and dtype; sums are formed in float32 (float64 for float64).

    Raises:
        TypeError: mixed or unknown dtypes, or arrays on different devices.
        ValueError: shapes or arguments that do not fit, or an output without elements.
    """
    x, weight = arrays.take(x, "x"), arrays.take(weight, "weight")
    bias = None if bias is None else arrays.take(bias, "bias")
    device = arrays.common_device(x=x, weight=weight, bias=bias)
    dtype = arrays.same_dtype(x=x, weight=weight, bias=bias)
    problem = transposed_problem(
        x.shape,
        weight.shape,
        dtype,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation_rate=dilation_rate,
        groups=groups,
        data_format=data_format,
        activation=activation,
    )
    if bias is not None and bias.shape != (problem.in_channels,):
        raise ValueError(f"bias must have shape {(problem.in_channels,)}. Received: {bias.shape}")
    return backward_input(problem, device, *map(arrays.contiguous, (x, weight, bias)))


def conv_transpose_backward_input(
    grad_output,
    weight,
    input_shape,
    *,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
):
    """The gradient of `conv_transpose` (without activation) to x, of shape `input_shape`; other arguments as there.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    grad_output, weight = arrays.take(grad_output, "grad_output"), arrays.take(weight, "weight")
    device = arrays.common_device(grad_output=grad_output, weight=weight)
    dtype = arrays.same_dtype(grad_output=grad_output, weight=weight)
    problem = transposed_problem(
        input_shape,
        weight.shape,
        dtype,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation_rate=dilation_rate,
        groups=groups,
        data_format=data_format,
    )
    _check_grad_output(problem, grad_output)
    return forward(problem, device, arrays.contiguous(grad_output), arrays.contiguous(weight))


def conv_transpose_backward_weight(
    x,
    grad_output,
    weight_shape,
    *,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
):
    """The gradient of `conv_transpose` (without activation) to weight, of shape `weight_shape`; the rest as there.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    x, grad_output = arrays.take(x, "x"), arrays.take(grad_output, "grad_output")
    device = arrays.common_device(x=x, grad_output=grad_output)
    dtype = arrays.same_dtype(x=x, grad_output=grad_output)
    problem = transposed_problem(
        x.shape,
        weight_shape,
        dtype,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation_rate=dilation_rate,
        groups=groups,
        data_format=data_format,
    )
    _check_grad_output(problem, grad_output)
    return backward_weight(problem, device, arrays.contiguous(grad_output), arrays.contiguous(x))


def _check_grad_output(problem, grad_output):
    if grad_output.shape != problem.input_shape:
        raise ValueError(f"grad_output must have shape {problem.input_shape}. Received: {grad_output.shape}")
