"""What one convolution is: validation, shapes, work."""

import math

import numpy as np

from ..arrays import float_dtype
from ..dispatch import problem_type, remembered
from ..spatial import SlidingWindow, integer, join_shape, sizes, split_shape
from .fused_activation import Activation, fused_activation


@problem_type
class ConvolutionProblem:
    """A convolution of `batch` inputs; the same for the forward and for every gradient.

    With x, w, y per group, and positions outside the input as zeros:
        y[n, o, k] = activation(b[k] + sum over taps t and channels c of
                                x[n, o * stride + t * dilation - pad_low, c] * w[t, c, k])

    Attributes:
        batch: inputs.
        window: sizes, strides, dilation and padding of the spatial dimensions.
        in_channels, out_channels: channels of x and of y, over all groups.
        groups: channels are split into as many independent convolutions.
        data_format: "channels_last" or "channels_first", of x and y.
        dtype: of every array.
        activation: an `Activation`, of the forward; or of the backward to the input where that is the forward
            of a transposed convolution.
    """

    batch: int
    window: SlidingWindow
    in_channels: int
    out_channels: int
    groups: int
    data_format: str
    dtype: np.dtype
    activation: Activation = Activation.NONE

    @classmethod
    @remembered
    def resolve(
        cls,
        input_shape,
        weight_shape,
        dtype,
        *,
        strides=1,
        padding="valid",
        dilation_rate=1,
        groups=1,
        data_format="channels_last",
        activation=None,
    ):
        """The problem of convolving an input with weights of shape (*window, in_channels / groups, filters).

        Raises:
            TypeError, ValueError: arguments that do not fit; see `SlidingWindow.resolve` for the padding.
        """
        dtype = float_dtype(dtype, "x")
        batch, spatial, in_channels = split_shape(input_shape, data_format)
        weight_shape = sizes(weight_shape, "The shape of weight")
        rank, groups = len(spatial), integer(groups, "groups", least=1)
        if len(weight_shape) != rank + 2 or min(weight_shape) < 1:
            raise ValueError(
                f"weight must have {rank} window sizes, in_channels / groups and filters, each positive. "
                f"Received: shape {weight_shape}"
            )
        *size, group_channels, filters = weight_shape
        if group_channels * groups != in_channels:
            raise ValueError(
                "The channels of x must be groups times those of weight. "
                f"Received: {in_channels} channels of x, {groups} groups of {group_channels}"
            )
        if filters % groups:
            raise ValueError(
                f"filters must be a multiple of groups. Received: {filters} filters, {groups} groups"
            )
        window = SlidingWindow.resolve(spatial, size, strides, padding, dilation_rate, causal_allowed=True)
        return problem_of(
            batch, window, in_channels, filters, groups, data_format, dtype, fused_activation(activation)
        )

    @property
    def channels_last(self):
        return self.data_format == "channels_last"

    @property
    def group_in_channels(self):
        return self.in_channels // self.groups

    @property
    def group_out_channels(self):
        return self.out_channels // self.groups

    @property
    def input_shape(self):
        return join_shape(self.batch, self.window.input_size, self.in_channels, self.data_format)

    @property
    def output_shape(self):
        return join_shape(self.batch, self.window.output_size, self.out_channels, self.data_format)

    @property
    def weight_shape(self):
        return (*self.window.size, self.group_in_channels, self.out_channels)

    @property
    def output_pixels(self):
        """Spatial output positions over the whole batch."""
        return self.batch * math.prod(self.window.output_size)

    @property
    def pointwise(self):
        """Whether every output pixel sees just the input pixel at its own position."""
        window = self.window
        return window.taps == 1 and set(window.strides) == {1} and not any(window.pad_low + window.pad_high)

    def flops(self):
        """Two for each output element, tap and channel; taps in the padding count."""
        return 2 * self.output_pixels * self.out_channels * self.window.taps * self.group_in_channels

    def bytes_moved(self):
        """The least bytes: input, weight and output once each."""
        elements = sum(map(math.prod, (self.input_shape, self.weight_shape, self.output_shape)))
        return elements * self.dtype.itemsize


class DepthwiseProblem(ConvolutionProblem):
    """A convolution in which every output channel sees one input channel, of several.

    It has operations of its own.
    """


def problem_of(batch, window, in_channels, out_channels, groups, *options):
    """The ConvolutionProblem of these fields, of the kind that has the fitting operations."""
    kind = DepthwiseProblem if in_channels == groups > 1 else ConvolutionProblem
    return kind(batch, window, in_channels, out_channels, groups, *options)
