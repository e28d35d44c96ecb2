"""Adaptive pooling: to a given number of bins, whatever the input's size."""

from .. import ops
from ..ops.spatial import join_shape, spatial_tuple
from .layer import Layer
from .shapes import layer_data_format, split


class _Adaptive(Layer):
    """Pooling to a given number of bins that cover the input; neighbouring bins may share elements.

    Args:
        output_size: bins: an integer, or one a spatial dimension.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.

    Shapes: (batch, *spatial, channels) -> (batch, *output_size, channels), or channels first.
    """

    rank = None

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = spatial_tuple(output_size, self.rank, "output_size")
        self.data_format = layer_data_format(data_format)

    def compute_output_shape(self, input_shape):
        batch, _, channels = split(self, input_shape)
        return join_shape(batch, self.output_size, channels, self.data_format)


class _AdaptiveAverage(_Adaptive):
    def forward(self, x, training=True):
        split(self, x.shape)
        shape, form = x.shape, dict(data_format=self.data_format)
        y = ops.adaptive_average_pool(x, self.output_size, **form)
        return y, lambda grad_output: ops.adaptive_average_pool_backward(grad_output, shape, **form)


class _AdaptiveMax(_Adaptive):
    def forward(self, x, training=True):
        split(self, x.shape)
        shape, form = x.shape, dict(data_format=self.data_format)
        y, argmax = ops.adaptive_max_pool_with_argmax(x, self.output_size, **form)
        return y, lambda grad_output: ops.adaptive_max_pool_backward(grad_output, argmax, shape, **form)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    __doc__ = _Adaptive.__doc__.replace("Pooling", "Averages: pooling", 1)
    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    __doc__ = _Adaptive.__doc__.replace("Pooling", "Averages: pooling", 1)
    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    __doc__ = _Adaptive.__doc__.replace("Pooling", "Averages: pooling", 1)
    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    __doc__ = _Adaptive.__doc__.replace("Pooling", "Maxima: pooling", 1)
    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    __doc__ = _Adaptive.__doc__.replace("Pooling", "Maxima: pooling", 1)
    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    __doc__ = _Adaptive.__doc__.replace("Pooling", "Maxima: pooling", 1)
    rank = 3
