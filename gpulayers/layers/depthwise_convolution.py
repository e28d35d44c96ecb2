"""Depthwise convolution layers."""

from .. import ops
from ..ops.spatial import integer
from .convolution_base import BaseConvolution
from .shapes import channel_count


class DepthwiseConv(BaseConvolution):
    """activation(every channel convolved with filters of its own + bias); the base of DepthwiseConv1D and
    DepthwiseConv2D.

    Args:
        kernel_size: of the window: an integer, or one a spatial dimension; so are strides and dilation_rate,
            which may both exceed 1 (Keras forbids that).
        padding: "valid" or "same"; beyond Keras an integer or a pair (before, after) a dimension.
        depth_multiplier: filters a channel.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        activation: a name or an Activation; relu, tanh and sigmoid run inside the convolution.
        use_bias, depthwise_initializer ... bias_constraint: as in Keras.

    Shapes: (batch, *spatial, channels) -> (batch, *output spatial, channels * depth_multiplier), or channels
        first; kernel (*kernel_size, channels, depth_multiplier), bias (channels * depth_multiplier,).
    """

    operations = (ops.depthwise_conv, ops.depthwise_conv_backward_weight, ops.depthwise_conv_backward_input)

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = integer(depth_multiplier, "depth_multiplier", least=1)
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.set_output(activation, use_bias)
        self.set_weight_arguments(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self.set_weight_arguments("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.kernel = None

    def build(self, input_shape):
        channels = channel_count(self, input_shape)
        self.compute_output_shape(input_shape)  # raises where the input is too small
        self.kernel = self.weight_of(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), name="kernel"
        )
        if self.use_bias:
            self.bias = self.weight_of("bias", (channels * self.depth_multiplier,))

    def compute_output_shape(self, input_shape):
        return self.window_output_shape(input_shape, channel_count(self, input_shape) * self.depth_multiplier)


class DepthwiseConv1D(DepthwiseConv):
    __doc__ = DepthwiseConv.__doc__.replace("; the base of DepthwiseConv1D and\n    DepthwiseConv2D", "")
    rank = 1


class DepthwiseConv2D(DepthwiseConv):
    __doc__ = DepthwiseConv1D.__doc__
    rank = 2
