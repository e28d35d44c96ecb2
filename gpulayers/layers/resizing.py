"""ZeroPadding, Cropping and UpSampling."""

from .. import config
from ..ops import resizing
from ..ops.spatial import checked_data_format, integer, spatial_tuple
from .layer import Layer
from .shapes import split


class _Spatial(Layer):
    """A layer that works on the spatial axes of (batch, *spatial, channels), or channels first."""

    rank = None
    converts_integers = False

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = checked_data_format(data_format or config.image_data_format())

    @property
    def _first(self):
        """The first spatial axis."""
        return 1 if self.data_format == "channels_last" else 2

    def _all_axes(self, spatial, other):
        """One entry an axis, from those of the spatial axes."""
        after = (other,) if self.data_format == "channels_last" else ()
        return (other,) * self._first + tuple(spatial) + after

    def compute_output_shape(self, input_shape):
        split(self, input_shape)
        sizes = list(input_shape)
        for number in range(self.rank):
            axis = self._first + number
            sizes[axis] = None if sizes[axis] is None else self._size(number, sizes[axis], input_shape)
        return tuple(sizes)


def _pairs(value, rank, name):
    """((before, after), ...) of an integer, one a dimension or a pair a dimension."""
    if rank == 1:
        value = (value, value) if not isinstance(value, (tuple, list)) else value
        return (spatial_tuple(value, 2, name, least=0),)
    value = value if isinstance(value, (tuple, list)) else (value,) * rank
    if len(value) != rank:
        raise ValueError(f"{name} must be an integer or {rank} integers or pairs. Received: {value!r}")
    return tuple(spatial_tuple(entry, 2, name, least=0) for entry in value)


class _ZeroPadding(_Spatial):
    """Zeros before and after the input.

    Args:
        padding: an integer for all sides, an integer a dimension, or a pair (before, after) a dimension; for
            one dimension an integer or the pair.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
    """

    def __init__(self, padding, data_format, **kwargs):
        super().__init__(data_format, **kwargs)
        self._sides = _pairs(padding, self.rank, "padding")
        self.padding = self._sides[0] if self.rank == 1 else self._sides

    def _size(self, number, size, shape):
        return size + sum(self._sides[number])

    def forward(self, x, training=True):
        split(self, x.shape)
        pairs = self._all_axes(self._sides, (0, 0))
        return resizing.pad(x, pairs), lambda grad_output: resizing.crop(grad_output, pairs)


class ZeroPadding1D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding2D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    __doc__ = _ZeroPadding.__doc__
    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class _Cropping(_Spatial):
    """The input without its borders.

    Args:
        cropping: an integer for all sides, an integer a dimension, or a pair (before, after) a dimension; for
            one dimension an integer or the pair.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.

    Raises (when called):
        ValueError: nothing is left.
    """

    def __init__(self, cropping, data_format, **kwargs):
        super().__init__(data_format, **kwargs)
        self._sides = _pairs(cropping, self.rank, "cropping")
        self.cropping = self._sides[0] if self.rank == 1 else self._sides

    def _size(self, number, size, shape):
        if sum(self._sides[number]) >= size:
            raise ValueError(
                f"cropping must be smaller than the input. Received: {self.cropping}, input shape {tuple(shape)}"
            )
        return size - sum(self._sides[number])

    def forward(self, x, training=True):
        self.compute_output_shape(x.shape)
        pairs = self._all_axes(self._sides, (0, 0))
        return resizing.crop(x, pairs), lambda grad_output: resizing.pad(grad_output, pairs)


class Cropping1D(_Cropping):
    """(batch, steps, channels) without its first and last steps.

    Args:
        cropping: an integer for both sides, or a pair (before, after).
    """

    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, "channels_last", **kwargs)

    def get_config(self):
        values = super().get_config()
        del values["data_format"]
        return values


class Cropping2D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    __doc__ = _Cropping.__doc__
    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class _UpSampling(_Spatial):
    """Every element repeated.

    Args:
        size: copies along each spatial axis.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
    """

    interpolation = "nearest"

    def _size(self, number, size, shape):
        return size * self._factors[number]

    def forward(self, x, training=True):
        split(self, x.shape)
        if self.interpolation != "nearest":
            form = (range(self._first, self._first + self.rank), self._factors, self.interpolation)
            x = x.astype(self.dtype, copy=False)
            return resizing.interpolate(x, *form), lambda dy: resizing.interpolate_backward(dy, *form)
        factors = self._all_axes(self._factors, 1)
        return resizing.repeat(x, factors), lambda dy: resizing.repeat_backward(dy, factors)


class UpSampling1D(_UpSampling):
    """Every step of (batch, steps, channels) repeated.

    Args:
        size: how often.
    """

    rank = 1

    def __init__(self, size=2, **kwargs):
        super().__init__("channels_last", **kwargs)
        self.size = integer(size, "size", least=1)
        self._factors = (self.size,)

    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name != "data_format"}


class UpSampling2D(_UpSampling):
    """Images enlarged by whole factors.

    Args:
        size: the factors of height and width, or one for both.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        interpolation: "nearest" (elements are repeated), "bilinear" or "bicubic" (with the cubic of Keras on
            PyTorch; Keras's backends differ).
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = self._factors = spatial_tuple(size, 2, "size")
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in resizing.INTERPOLATIONS:
            raise ValueError(
                f"interpolation must be one of {resizing.INTERPOLATIONS}. Received: {interpolation!r}"
            )


class UpSampling3D(_UpSampling):
    __doc__ = _UpSampling.__doc__
    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = self._factors = spatial_tuple(size, 3, "size")
