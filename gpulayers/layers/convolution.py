"""Convolution layers."""

from .. import activations, config, constraints, initializers, ops, regularizers
from ..ops.activations import activate
from ..ops.convolution.problem import Activation as FusedActivation
from ..ops.spatial import checked_data_format, integer, spatial_tuple
from .layer import Layer
from .shapes import channel_count, checked_padding, split, window_output_shape

_FUSED = {entry.value for entry in FusedActivation}


class Conv(Layer):
    """activation(convolution + bias); the base of Conv1D, Conv2D and Conv3D.

    Args:
        filters: output channels.
        kernel_size: of the window: an integer, or one a spatial dimension; so are strides and dilation_rate,
            which may both exceed 1 (Keras forbids that).
        padding: "valid", "same", "causal" (Conv1D); beyond Keras an integer or a pair (before, after) a
            dimension.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        groups: independent convolutions that share the channels out.
        activation: a name or an Activation; relu, tanh and sigmoid run inside the convolution.
        use_bias, kernel_initializer ... bias_constraint: as in Keras.

    Shapes: (batch, *spatial, channels) -> (batch, *output spatial, filters), or channels first;
        kernel (*kernel_size, channels / groups, filters), bias (filters,).
    """

    rank = None
    skips_input_gradient = True

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = integer(filters, "filters", least=1)
        self.kernel_size = spatial_tuple(kernel_size, self.rank, "kernel_size")
        self.strides = spatial_tuple(strides, self.rank, "strides")
        self.padding = checked_padding(padding, self.rank, causal=True)
        self.data_format = checked_data_format(data_format or config.image_data_format())
        self.dilation_rate = spatial_tuple(dilation_rate, self.rank, "dilation_rate")
        self.groups = integer(groups, "groups", least=1)
        if self.filters % self.groups:
            raise ValueError(
                f"filters must be a multiple of groups. Received: filters={filters}, groups={groups}"
            )
        self.activation, self.use_bias = activations.get(activation), bool(use_bias)
        self.kernel_initializer, self.bias_initializer = map(
            initializers.get, (kernel_initializer, bias_initializer)
        )
        self.kernel_regularizer, self.bias_regularizer = map(
            regularizers.get, (kernel_regularizer, bias_regularizer)
        )
        self.kernel_constraint, self.bias_constraint = map(
            constraints.get, (kernel_constraint, bias_constraint)
        )
        self.kernel = self.bias = None

    def build(self, input_shape):
        channels = channel_count(self, input_shape)
        if channels % self.groups:
            raise ValueError(
                f"The input's channels must be a multiple of groups={self.groups}. "
                f"Received: {channels} channels"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(
            shape, self.kernel_initializer, True, self.kernel_regularizer, self.kernel_constraint, "kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                True,
                self.bias_regularizer,
                self.bias_constraint,
                "bias",
            )

    def forward(self, x, training=True):
        split(self, x.shape)
        fused = self.activation.name if self.activation.name in _FUSED else None
        geometry = dict(
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
            data_format=self.data_format,
        )
        bias = self.bias.value if self.use_bias else None
        y = ops.conv(x, self.kernel.value, bias, activation=fused, **geometry)
        if fused:

            def activation_backward(grad_output):
                return self.activation.backward(grad_output, y)
        else:
            y, activation_backward = activate(self.activation, y)

        def backward(grad_output, input_gradient=True):
            grad_output = activation_backward(grad_output)
            if self.kernel.trainable:
                self.kernel.add_grad(ops.conv_backward_weight(x, grad_output, self.kernel.shape, **geometry))
            if self.use_bias and self.bias.trainable:
                self.bias.add_grad(ops.conv_backward_bias(grad_output, data_format=self.data_format))
            return (
                ops.conv_backward_input(grad_output, self.kernel.value, x.shape, **geometry)
                if input_gradient
                else None
            )

        return y, backward

    def compute_output_shape(self, input_shape):
        return window_output_shape(self, input_shape, self.kernel_size, self.filters, self.dilation_rate)


class Conv1D(Conv):
    __doc__ = Conv.__doc__.replace("; the base of Conv1D, Conv2D and Conv3D", ", along one dimension")
    rank = 1


class Conv2D(Conv):
    __doc__ = Conv.__doc__.replace("; the base of Conv1D, Conv2D and Conv3D", ", over two dimensions")
    rank = 2


class Conv3D(Conv):
    __doc__ = Conv.__doc__.replace("; the base of Conv1D, Conv2D and Conv3D", ", over three dimensions")
    rank = 3
