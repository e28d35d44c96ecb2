"""What all convolution layers share."""

from .. import activations, ops
from ..arguments import flag
from ..ops.activations import activate
from ..ops.convolution.problem import Activation as FusedActivation
from ..ops.spatial import spatial_tuple
from .layer import Layer
from .shapes import checked_padding, layer_data_format, split, window_output_shape

_FUSED = {entry.value for entry in FusedActivation}


def fused_name(activation):
    """The name under which `ops` run the activation inside a convolution, or None."""
    return activation.name if activation.name in _FUSED else None


def with_activation(activation, y):
    """(output, backward) of the activation, given the output of a convolution that ran it if it could."""
    if fused_name(activation):
        return y, lambda grad_output: activation.backward(grad_output, y)
    return activate(activation, y)


class BaseConvolution(Layer):
    """activation(convolution with one kernel + bias). Subclasses set `operations`, and `kernel` in build."""

    rank = None
    causal = False  # whether padding may be "causal"
    skips_input_gradient = True
    operations = (ops.conv, ops.conv_backward_weight, ops.conv_backward_input)

    def set_window(self, kernel_size, strides, padding, data_format, dilation_rate):
        self.kernel_size = spatial_tuple(kernel_size, self.rank, "kernel_size")
        self.strides = spatial_tuple(strides, self.rank, "strides")
        self.padding = checked_padding(padding, self.rank, causal=self.causal)
        self.data_format = layer_data_format(data_format)
        self.dilation_rate = spatial_tuple(dilation_rate, self.rank, "dilation_rate")

    def set_output(self, activation, use_bias):
        self.activation, self.use_bias = activations.get(activation), flag(use_bias, "use_bias")
        self.bias = None

    @property
    def geometry(self):
        """The keywords of `operations`."""
        return dict(
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    @property
    def fixed_axes(self):
        return (1,) if self.data_format == "channels_first" else (-1,)

    def forward(self, x, training=True):
        split(self, x.shape)
        convolve, backward_weight, backward_input = self.operations
        geometry = self.geometry
        kernel, bias = self.cast(self.kernel), self.cast(self.bias)
        y = convolve(x, kernel, bias, activation=fused_name(self.activation), **geometry)
        y, activation_backward = with_activation(self.activation, y)

        def backward(grad_output, input_gradient=True):
            grad_output = activation_backward(grad_output)
            if self.kernel.trainable:
                self.kernel.add_grad(backward_weight(x, grad_output, self.kernel.shape, **geometry))
            if self.use_bias and self.bias.trainable:
                self.bias.add_grad(ops.conv_backward_bias(grad_output, data_format=self.data_format))
            return backward_input(grad_output, kernel, x.shape, **geometry) if input_gradient else None

        return y, backward

    def window_output_shape(self, input_shape, channels):
        """The output's shape for a convolution that is not transposed."""
        return window_output_shape(self, input_shape, self.kernel_size, channels, self.dilation_rate)
