"""Transposed convolution: the backward to the input of a convolution, whose gradients are that convolution's
forward and its backward to the weights."""

from .. import arrays
from ..spatial import integer, split_shape
from ..transposed_window import transposed_window
from .operations import backward_input, backward_weight, forward
from .problem import fused_activation, problem_of


def transposed_problem(
    input_shape,
    weight_shape,
    dtype,
    *,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    groups=1,
    data_format="channels_last",
    activation=None,
):
    """The ConvolutionProblem whose backward to the input this is: x is its grad_output.

    Raises:
        TypeError, ValueError: arguments that do not fit; see `transposed_window` for the padding.
    """
    dtype = arrays.float_dtype(dtype, "x")
    batch, spatial, channels = split_shape(input_shape, data_format)
    weight_shape = tuple(map(int, weight_shape))
    rank, groups = len(spatial), integer(groups, "groups", least=1)
    if len(weight_shape) != rank + 2 or min(weight_shape) < 1:
        raise ValueError(
            f"weight must have {rank} window sizes, filters / groups and in_channels, each positive. "
            f"Received: shape {weight_shape}"
        )
    *size, group_filters, weight_channels = weight_shape
    if weight_channels != channels:
        raise ValueError(
            "The channels of x must be those of weight, its last axis. "
            f"Received: {channels} channels of x, weight of shape {weight_shape}"
        )
    if channels % groups:
        raise ValueError(f"The channels of x must be a multiple of groups={groups}. Received: {channels}")
    window = transposed_window(spatial, size, strides, padding, output_padding, dilation_rate)
    filters, activation = group_filters * groups, fused_activation(activation)
    return problem_of(batch, window, filters, channels, groups, data_format, dtype, activation)


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


def conv_transpose_backward_input(grad_output, weight, input_shape, **options):
    """The gradient of `conv_transpose` (without activation) to x, of shape `input_shape`.

    Args:
        options: strides, padding, output_padding, dilation_rate, groups and data_format of `conv_transpose`.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    grad_output, weight = arrays.take(grad_output, "grad_output"), arrays.take(weight, "weight")
    device = arrays.common_device(grad_output=grad_output, weight=weight)
    dtype = arrays.same_dtype(grad_output=grad_output, weight=weight)
    problem = transposed_problem(input_shape, weight.shape, dtype, **options)
    _check_grad_output(problem, grad_output)
    return forward(problem, device, arrays.contiguous(grad_output), arrays.contiguous(weight))


def conv_transpose_backward_weight(x, grad_output, weight_shape, **options):
    """The gradient of `conv_transpose` (without activation) to weight, of shape `weight_shape`.

    Args:
        options: strides, padding, output_padding, dilation_rate, groups and data_format of `conv_transpose`.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    x, grad_output = arrays.take(x, "x"), arrays.take(grad_output, "grad_output")
    device = arrays.common_device(x=x, grad_output=grad_output)
    dtype = arrays.same_dtype(x=x, grad_output=grad_output)
    problem = transposed_problem(x.shape, weight_shape, dtype, **options)
    _check_grad_output(problem, grad_output)
    return backward_weight(problem, device, arrays.contiguous(grad_output), arrays.contiguous(x))


def _check_grad_output(problem, grad_output):
    if grad_output.shape != problem.input_shape:
        raise ValueError(f"grad_output must have shape {problem.input_shape}. Received: {grad_output.shape}")
