"""Pooling over all positions."""

from .. import ops
from ..arguments import flag
from ..ops import masking
from ..ops.spatial import join_shape
from .layer import Layer
from .shapes import layer_data_format, split


class _GlobalPooling(Layer):
    """Pooling over all positions.

    Args:
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        keepdims: keep the spatial axes, with size 1.

    Shapes: (batch, *spatial, channels) -> (batch, channels).
    """

    rank = None

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = layer_data_format(data_format)
        self.keepdims = flag(keepdims, "keepdims")

    @property
    def _form(self):
        return dict(data_format=self.data_format, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape):
        batch, spatial, channels = split(self, input_shape)
        return (
            join_shape(batch, (1,) * len(spatial), channels, self.data_format)
            if self.keepdims
            else (batch, channels)
        )


class _GlobalMaxPooling(_GlobalPooling):
    def forward(self, x, training=True):
        split(self, x.shape)
        if training:
            y, argmax = ops.global_max_pool_with_argmax(x, **self._form)
        else:
            y, argmax = ops.global_max_pool(x, **self._form), None
        kept, shape = (None, x.shape) if training else (x, x.shape)

        def backward(grad_output):
            positions = argmax if kept is None else ops.global_max_pool_with_argmax(kept, **self._form)[1]
            return ops.global_max_pool_backward(grad_output, positions, shape, **self._form)

        return y, backward


class _GlobalAveragePooling(_GlobalPooling):
    def forward(self, x, training=True):
        split(self, x.shape)
        shape = x.shape
        y = ops.global_average_pool(x, **self._form)
        return y, lambda grad_output: ops.global_average_pool_backward(grad_output, shape, **self._form)


class GlobalMaxPooling1D(_GlobalMaxPooling):
    __doc__ = _GlobalPooling.__doc__.replace("Pooling", "The maximum", 1)
    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    __doc__ = _GlobalPooling.__doc__.replace("Pooling", "The maximum", 1)
    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    __doc__ = _GlobalPooling.__doc__.replace("Pooling", "The maximum", 1)
    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The average over the time steps; with a mask, over those it keeps (NaN where it keeps none).

    Args:
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        keepdims: keep the time axis, with size 1.

    Shapes: (batch, steps, channels) -> (batch, channels); mask (batch, steps).
    """

    rank = 1
    supports_masking = True

    def forward(self, x, mask=None, training=True):
        if mask is None:
            return super().forward(x, training)
        split(self, x.shape)
        first = self.data_format == "channels_first"
        y, weights = masking.masked_average(x.swapaxes(1, 2) if first else x, mask, self.keepdims)

        def backward(grad_output):
            grad_output = grad_output.swapaxes(1, 2) if first and self.keepdims else grad_output
            grad = masking.masked_average_backward(grad_output, weights, self.keepdims)
            return grad.swapaxes(1, 2) if first else grad

        return (y.swapaxes(1, 2) if first and self.keepdims else y), backward

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling):
    __doc__ = _GlobalPooling.__doc__.replace("Pooling", "The average", 1)
    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    __doc__ = _GlobalPooling.__doc__.replace("Pooling", "The average", 1)
    rank = 3
