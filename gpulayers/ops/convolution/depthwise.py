"""Depthwise convolution: `mult` filters for every channel. The same weights in memory as a convolution with a
group for each channel."""

from .. import arrays
from ..spatial import sizes, split_shape
from . import conv, conv_backward_input, conv_backward_weight


def depthwise_conv(x, weight, bias=None, *, data_format="channels_last", **options):
    """activation(every channel of x convolved with filters of its own, plus bias).

    Args:
        x: (n, *spatial, channels), or (n, channels, *spatial) for channels_first; 1 to 3 spatial dimensions.
        weight: (*window, channels, mult), the dtype of x; output channel c * mult + m is filter m of c.
        bias: (channels * mult,) or None.
        data_format: "channels_last" or "channels_first".
        options: strides, padding, dilation_rate and activation of `conv`.

    Raises:
        TypeError, ValueError: as `conv` does.
    """
    weight = arrays.take(weight, "weight")
    x = arrays.take(x, "x")
    grouped = _grouped(weight.shape, x.shape, data_format)
    return conv(x, weight.reshape(grouped), bias, groups=weight.shape[-2], data_format=data_format, **options)


def depthwise_conv_backward_input(
    grad_output, weight, input_shape, *, data_format="channels_last", **options
):
    """The gradient of `depthwise_conv` (without activation) to x, of shape `input_shape`.

    Args:
        options: strides, padding and dilation_rate of `conv`.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    weight = arrays.take(weight, "weight")
    grouped = _grouped(weight.shape, input_shape, data_format)
    options |= {"groups": weight.shape[-2], "data_format": data_format}
    return conv_backward_input(grad_output, weight.reshape(grouped), input_shape, **options)


def depthwise_conv_backward_weight(x, grad_output, weight_shape, *, data_format="channels_last", **options):
    """The gradient of `depthwise_conv` (without activation) to weight, of shape `weight_shape`.

    Args:
        options: strides, padding and dilation_rate of `conv`.

    Raises:
        TypeError, ValueError: as in the forward, or a grad_output that is not of the output's shape.
    """
    x = arrays.take(x, "x")
    grouped = _grouped(weight_shape, x.shape, data_format)
    options |= {"groups": weight_shape[-2], "data_format": data_format}
    return conv_backward_weight(x, grad_output, grouped, **options).reshape(weight_shape)


def _grouped(weight_shape, input_shape, data_format):
    """The shape of the weights as those of a convolution with a group for each channel."""
    _, spatial, channels = split_shape(input_shape, data_format)
    weight_shape, rank = sizes(weight_shape, "The shape of weight"), len(spatial)
    if len(weight_shape) != rank + 2 or weight_shape[-2] != channels or min(weight_shape) < 1:
        raise ValueError(
            f"weight must have {rank} window sizes, the {channels} channels of x, and filters a channel. "
            f"Received: shape {weight_shape}"
        )
    return (*weight_shape[:-2], 1, channels * weight_shape[-1])
