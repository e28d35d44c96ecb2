"""Separable convolution layers: a depthwise convolution, then one of window 1 over the channels."""

from .. import ops
from ..ops.spatial import integer
from .convolution_base import BaseConvolution, fused_name, with_activation
from .shapes import channel_count, split


class SeparableConv(BaseConvolution):
    """activation(pointwise convolution of a depthwise convolution + bias); the base of SeparableConv1D and
    SeparableConv2D.

    Args:
        filters: output channels.
        kernel_size: of the window: an integer, or one a spatial dimension; so are strides and dilation_rate,
            which may both exceed 1 (Keras forbids that).
        padding: "valid" or "same"; beyond Keras an integer or a pair (before, after) a dimension.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        depth_multiplier: depthwise filters a channel.
        activation: a name or an Activation; relu, tanh and sigmoid run inside the second convolution.
        use_bias, depthwise_initializer ... bias_constraint: as in Keras.

    Shapes: (batch, *spatial, channels) -> (batch, *output spatial, filters), or channels first; depthwise
        kernel (*kernel_size, channels, depth_multiplier), pointwise kernel (1, ..., channels *
        depth_multiplier, filters), bias (filters,).
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = integer(filters, "filters", least=1)
        self.depth_multiplier = integer(depth_multiplier, "depth_multiplier", least=1)
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.set_output(activation, use_bias)
        self.set_weight_arguments(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self.set_weight_arguments(
            "pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint
        )
        self.set_weight_arguments("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.depthwise_kernel = self.pointwise_kernel = None

    def build(self, input_shape):
        channels = channel_count(self, input_shape)
        self.compute_output_shape(input_shape)  # raises where the input is too small
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self.weight_of("depthwise", depthwise, name="depthwise_kernel")
        self.pointwise_kernel = self.weight_of("pointwise", pointwise, name="pointwise_kernel")
        if self.use_bias:
            self.bias = self.weight_of("bias", (self.filters,))

    def forward(self, x, training=True):
        split(self, x.shape)
        depthwise, pointwise, geometry = self.depthwise_kernel, self.pointwise_kernel, self.geometry
        data_format = {"data_format": self.data_format}
        depthwise_kernel, pointwise_kernel, bias = map(self.cast, (depthwise, pointwise, self.bias))
        middle = ops.depthwise_conv(x, depthwise_kernel, **geometry)
        y = ops.conv(middle, pointwise_kernel, bias, activation=fused_name(self.activation), **data_format)
        y, activation_backward = with_activation(self.activation, y)

        def backward(grad_output, input_gradient=True):
            grad_output = activation_backward(grad_output)
            if pointwise.trainable:
                pointwise.add_grad(
                    ops.conv_backward_weight(middle, grad_output, pointwise.shape, **data_format)
                )
            if self.use_bias and self.bias.trainable:
                self.bias.add_grad(ops.conv_backward_bias(grad_output, **data_format))
            if not (depthwise.trainable or input_gradient):
                return None
            grad_middle = ops.conv_backward_input(grad_output, pointwise_kernel, middle.shape, **data_format)
            if depthwise.trainable:
                depthwise.add_grad(
                    ops.depthwise_conv_backward_weight(x, grad_middle, depthwise.shape, **geometry)
                )
            if not input_gradient:
                return None
            return ops.depthwise_conv_backward_input(grad_middle, depthwise_kernel, x.shape, **geometry)

        return y, backward

    def compute_output_shape(self, input_shape):
        return self.window_output_shape(input_shape, self.filters)


class SeparableConv1D(SeparableConv):
    __doc__ = SeparableConv.__doc__.replace("; the base of SeparableConv1D and\n    SeparableConv2D", "")
    rank = 1


class SeparableConv2D(SeparableConv):
    __doc__ = SeparableConv1D.__doc__
    rank = 2
