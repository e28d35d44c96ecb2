"""Convolution layers."""

from ..ops.spatial import integer
from .convolution_base import BaseConvolution
from .shapes import channel_count


class Conv(BaseConvolution):
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

    causal = True

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
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.groups = integer(groups, "groups", least=1)
        if self.filters % self.groups:
            raise ValueError(
                f"filters must be a multiple of groups. Received: filters={filters}, groups={groups}"
            )
        self.set_output(activation, use_bias)
        self.set_weight_arguments("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.set_weight_arguments("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.kernel = None

    def build(self, input_shape):
        channels = channel_count(self, input_shape)
        self.compute_output_shape(input_shape)  # raises where the input is too small
        if channels % self.groups:
            raise ValueError(
                f"The input's channels must be a multiple of groups={self.groups}. "
                f"Received: {channels} channels"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.weight_of("kernel", shape)
        if self.use_bias:
            self.bias = self.weight_of("bias", (self.filters,))

    @property
    def geometry(self):
        return super().geometry | {"groups": self.groups}

    def compute_output_shape(self, input_shape):
        return self.window_output_shape(input_shape, self.filters)


class Conv1D(Conv):
    __doc__ = Conv.__doc__.replace("; the base of Conv1D, Conv2D and Conv3D", ", along one dimension")
    rank = 1


class Conv2D(Conv):
    __doc__ = Conv.__doc__.replace("; the base of Conv1D, Conv2D and Conv3D", ", over two dimensions")
    rank = 2


class Conv3D(Conv):
    __doc__ = Conv.__doc__.replace("; the base of Conv1D, Conv2D and Conv3D", ", over three dimensions")
    rank = 3
