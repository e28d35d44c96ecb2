"""ZeroPadding and Cropping."""

from ..ops import resizing
from ..ops.spatial import spatial_tuple
from .layer import Layer
from .shapes import layer_data_format, split


class Spatial(Layer):
    """A layer that works on the spatial axes of (batch, *spatial, channels), or channels first."""

    rank = None
    converts_integers = False

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = layer_data_format(data_format)

    @property
    def first(self):
        """The first spatial axis."""
        return 1 if self.data_format == "channels_last" else 2

    def all_axes(self, spatial, other):
        """One entry an axis, from those of the spatial axes."""
        after = (other,) if self.data_format == "channels_last" else ()
        return (other,) * self.first + tuple(spatial) + after

    def compute_output_shape(self, input_shape):
        split(self, input_shape)
        sizes = list(input_shape)
        for number in range(self.rank):
            axis = self.first + number
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


class _ZeroPadding(Spatial):
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
        pairs = self.all_axes(self._sides, (0, 0))
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


class _Cropping(Spatial):
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
                "cropping must be smaller than the input. "
                f"Received: {self.cropping}, input shape {tuple(shape)}"
            )
        return size - sum(self._sides[number])

    def forward(self, x, training=True):
        self.compute_output_shape(x.shape)
        pairs = self.all_axes(self._sides, (0, 0))
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
