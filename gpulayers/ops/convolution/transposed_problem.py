"""What a transposed convolution is: a ConvolutionProblem, read backwards."""

from ..arrays import float_dtype
from ..spatial import integer, sizes, split_shape
from ..transposed_window import transposed_window
from .fused_activation import fused_activation
from .problem import problem_of


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
    dtype = float_dtype(dtype, "x")
    batch, spatial, channels = split_shape(input_shape, data_format)
    weight_shape = sizes(weight_shape, "The shape of weight")
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
