"""Pooling layers: maxima and averages over sliding windows."""

from .. import ops
from ..arguments import flag
from ..ops.pooling.problem import PoolingProblem
from ..ops.pooling.unpooling import indices_of_taps
from ..ops.spatial import ceiling_padding, spatial_tuple
from .layer import Layer
from .shapes import checked_padding, layer_data_format, split, window_output_shape, with_stand_ins


class _Pooling(Layer):
    """Pooling over a sliding window.

    Args:
        pool_size: of the window: an integer, or one a spatial dimension.
        strides: as pool_size, which is the default.
        padding: "valid" or "same"; beyond Keras an integer or a pair (before, after) a dimension.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        ceil_mode: beyond Keras: also a last window that only begins in the input (or its first padding).

    Shapes: (batch, *spatial, channels) -> (batch, *output spatial, channels), or channels first.
    """

    rank = None
    dilation_rate = 1
    _extensions = {"ceil_mode": False}  # with their defaults; Keras's files do not know them

    def __init__(
        self,
        pool_size,
        strides=None,
        padding="valid",
        data_format=None,
        name=None,
        *,
        ceil_mode=False,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = spatial_tuple(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else spatial_tuple(strides, self.rank, "strides")
        self.padding = checked_padding(padding, self.rank)
        self.data_format = layer_data_format(data_format)
        self.ceil_mode = flag(ceil_mode, "ceil_mode")

    def _padding_of(self, shape):
        """The padding for inputs of that shape."""
        _, spatial, _ = split(self, shape)
        if not self.ceil_mode:
            return self.padding
        known = with_stand_ins(spatial)
        return ceiling_padding(known, self.pool_size, self.strides, self.padding, self.dilation_rate)

    def _geometry(self, shape):
        return dict(strides=self.strides, padding=self._padding_of(shape), data_format=self.data_format)

    def compute_output_shape(self, input_shape):
        padding = self._padding_of(input_shape)
        return window_output_shape(
            self, input_shape, self.pool_size, dilation=self.dilation_rate, padding=padding
        )

    def get_config(self):
        values = super().get_config()
        for name, default in self._extensions.items():
            if values[name] == default:
                del values[name]
        return values


class _MaxPooling(_Pooling):
    """Maxima over a sliding window; a NaN wins, and of equal ones the first.

    Args:
        pool_size: of the window: an integer, or one a spatial dimension.
        strides: as pool_size, which is the default.
        padding: "valid" or "same"; beyond Keras an integer or a pair (before, after) a dimension.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        dilation_rate: beyond Keras: between the taps of a window.
        ceil_mode: beyond Keras: also a last window that only begins in the input (or its first padding).
        return_indices: beyond Keras: the outputs are [maxima, their positions in the image, row by row].

    Shapes: (batch, *spatial, channels) -> (batch, *output spatial, channels), or channels first.
    """

    _extensions = {"ceil_mode": False, "dilation_rate": 1, "return_indices": False}

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding="valid",
        data_format=None,
        name=None,
        *,
        dilation_rate=1,
        return_indices=False,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.return_indices = flag(return_indices, "return_indices")
        self.dilation_rate = dilation_rate
        spatial_tuple(dilation_rate, self.rank, "dilation_rate")

    def forward(self, x, training=True):
        options = dict(self._geometry(x.shape), dilation_rate=self.dilation_rate)
        shape, kept, argmax = x.shape, x, None
        if training or self.return_indices:
            y, argmax = ops.max_pool_with_argmax(x, self.pool_size, **options)
            kept = None
        else:
            y = ops.max_pool(x, self.pool_size, **options)

        def backward(grad_output):
            grad_output = grad_output[0] if self.return_indices else grad_output
            taps = argmax if kept is None else ops.max_pool_with_argmax(kept, self.pool_size, **options)[1]
            return ops.max_pool_backward(grad_output, taps, shape, self.pool_size, **options)

        if self.return_indices:
            form = (options[name] for name in ("strides", "padding", "dilation_rate", "data_format"))
            problem = PoolingProblem.resolve(shape, x.dtype, self.pool_size, *form)
            return [y, indices_of_taps(problem, argmax)], backward
        return y, backward

    def compute_output_shape(self, input_shape):
        shape = super().compute_output_shape(input_shape)
        return [shape, shape] if self.return_indices else shape

    def compute_output_dtype(self, input_dtypes):
        dtype = super().compute_output_dtype(input_dtypes)
        return [dtype, "int64"] if self.return_indices else dtype


class _AveragePooling(_Pooling):
    """The mean of each window's elements; padding does not count."""

    def forward(self, x, training=True):
        shape, options = x.shape, self._geometry(x.shape)

        def backward(grad_output):
            return ops.average_pool_backward(grad_output, shape, self.pool_size, **options)

        return ops.average_pool(x, self.pool_size, **options), backward


class MaxPooling1D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__
    rank = 1


class MaxPooling2D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__
    rank = 2


class MaxPooling3D(_MaxPooling):
    __doc__ = _MaxPooling.__doc__
    rank = 3


class AveragePooling1D(_AveragePooling):
    __doc__ = _Pooling.__doc__.replace("Pooling", "Averages (without the padding)", 1)
    rank = 1


class AveragePooling2D(_AveragePooling):
    __doc__ = _Pooling.__doc__.replace("Pooling", "Averages (without the padding)", 1)
    rank = 2


class AveragePooling3D(_AveragePooling):
    __doc__ = _Pooling.__doc__.replace("Pooling", "Averages (without the padding)", 1)
    rank = 3
