"""Transposed convolution layers."""

from .. import ops
from ..ops.spatial import integer, join_shape, spatial_tuple
from ..ops.transposed_window import transposed_window
from .convolution_base import BaseConvolution
from .shapes import channel_count, split, with_stand_ins


class ConvTranspose(BaseConvolution):
    """activation(transposed convolution + bias); the base of Conv1DTranspose, Conv2DTranspose and
    Conv3DTranspose.

    Args:
        filters: output channels.
        kernel_size: of the window: an integer, or one a spatial dimension; so are strides and dilation_rate,
            which may both exceed 1 (Keras forbids that).
        padding: "valid" or "same"; beyond Keras an integer or a pair (before, after) a dimension: what is
            cropped from the output.
        output_padding: None, an integer, or one a dimension, less than the stride; see
            `gpulayers.ops.transposed_window` for the output's size. Conv3DTranspose takes data_format before
            output_padding, as in Keras.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        activation: a name or an Activation; relu, tanh and sigmoid run inside the convolution.
        use_bias, kernel_initializer ... bias_constraint: as in Keras.
        groups: beyond Keras: independent convolutions that share the channels out.

    Shapes: (batch, *spatial, channels) -> (batch, *output spatial, filters), or channels first;
        kernel (*kernel_size, filters / groups, channels), bias (filters,).
    """

    operations = (ops.conv_transpose, ops.conv_transpose_backward_weight, ops.conv_transpose_backward_input)

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        *,
        groups=1,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = integer(filters, "filters", least=1)
        self.set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = spatial_tuple(output_padding, self.rank, "output_padding", least=0)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"output_padding must be less than strides={self.strides}. Received: {output_padding!r}"
                )
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
        self.kernel = self.weight_of("kernel", (*self.kernel_size, self.filters // self.groups, channels))
        if self.use_bias:
            self.bias = self.weight_of("bias", (self.filters,))

    @property
    def geometry(self):
        return super().geometry | {"output_padding": self.output_padding, "groups": self.groups}

    def compute_output_shape(self, input_shape):
        batch, spatial, _ = split(self, input_shape)
        known = with_stand_ins(spatial)
        window = transposed_window(
            known, self.kernel_size, self.strides, self.padding, self.output_padding, self.dilation_rate
        )
        sizes = tuple(None if length is None else out for length, out in zip(spatial, window.input_size))
        return join_shape(batch, sizes, self.filters, self.data_format)

    def get_config(self):
        values = super().get_config()
        if self.groups == 1:
            del values["groups"]  # which Keras does not know
        return values


class Conv1DTranspose(ConvTranspose):
    __doc__ = ConvTranspose.__doc__.replace(
        "; the base of Conv1DTranspose, Conv2DTranspose and\n    Conv3DTranspose", ""
    )
    rank = 1


class Conv2DTranspose(ConvTranspose):
    __doc__ = Conv1DTranspose.__doc__
    rank = 2


class Conv3DTranspose(ConvTranspose):
    __doc__ = Conv1DTranspose.__doc__
    rank = 3

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        output_padding=None,
        *arguments,
        **keywords,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, *arguments, **keywords
        )
