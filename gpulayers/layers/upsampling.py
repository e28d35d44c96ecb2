"""UpSampling."""

from ..ops import resizing
from ..ops.spatial import integer, spatial_tuple
from .padding import Spatial
from .shapes import split


class _UpSampling(Spatial):
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
            form = (range(self.first, self.first + self.rank), self._factors, self.interpolation)
            return resizing.interpolate(x, *form), lambda dy: resizing.interpolate_backward(dy, *form)
        factors = self.all_axes(self._factors, 1)
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
        if not isinstance(interpolation, str) or self.interpolation not in resizing.INTERPOLATIONS:
            raise ValueError(
                f"interpolation must be one of {resizing.INTERPOLATIONS}. Received: {interpolation!r}"
            )
        self.converts_integers = self.interpolation != "nearest"


class UpSampling3D(_UpSampling):
    __doc__ = _UpSampling.__doc__
    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(data_format, **kwargs)
        self.size = self._factors = spatial_tuple(size, 3, "size")
