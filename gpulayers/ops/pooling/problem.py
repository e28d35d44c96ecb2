"""What one pooling call is: validation, shapes, work."""

import functools
import math

import numpy as np

from ...arguments import flag
from ..arrays import float_dtype
from ..dispatch import problem_type, remembered
from ..spatial import SlidingWindow, checked_data_format, join_shape, split_shape


@problem_type
class PoolingProblem:
    """A window that slides over 1 to 3 spatial dimensions, each channel by itself.

    Attributes:
        batch, channels: of the input and the output.
        window: the geometry (see `SlidingWindow`).
        data_format: "channels_last" or "channels_first".
        dtype: of the input and the output.
    """

    batch: int
    channels: int
    window: SlidingWindow
    data_format: str
    dtype: np.dtype

    @classmethod
    @remembered
    def resolve(cls, input_shape, dtype, pool_size, strides, padding, dilation_rate, data_format):
        """The problem of pooling an array of that shape, or a ValueError/TypeError."""
        dtype = float_dtype(dtype, "x")
        batch, spatial, channels = split_shape(input_shape, data_format)
        strides = pool_size if strides is None else strides
        window = SlidingWindow.resolve(spatial, pool_size, strides, padding, dilation_rate)
        if window.taps >= 2**31:
            raise ValueError(f"A window must have fewer than 2**31 taps. Received: pool_size={pool_size!r}")
        return cls(batch, channels, window, data_format, dtype)

    @property
    def input_shape(self):
        return join_shape(self.batch, self.window.input_size, self.channels, self.data_format)

    @property
    def output_shape(self):
        return join_shape(self.batch, self.window.output_size, self.channels, self.data_format)

    @property
    def argmax_dtype(self):
        """The smallest unsigned type that numbers the window's taps."""
        return np.min_scalar_type(self.window.taps - 1)

    @property
    def outer(self):
        """Images that are pooled apart from each other: both formats are (outer, spatial..., inner)."""
        return self.batch if self.data_format == "channels_last" else self.batch * self.channels

    @property
    def inner(self):
        """Neighbouring elements that share their window."""
        return self.channels if self.data_format == "channels_last" else 1

    @functools.cached_property
    def lifted_input_shape(self):
        """(outer, three spatial sizes, inner) of the input."""
        return (self.outer, *self.window.lifted().input_size, self.inner)

    @functools.cached_property
    def lifted_output_shape(self):
        """(outer, three spatial sizes, inner) of the output."""
        return (self.outer, *self.window.lifted().output_size, self.inner)

    @functools.cached_property
    def taps_inside(self):
        """How many taps of each window meet the input, not the padding, along each of three axes."""
        window = self.window.lifted()
        found = []
        for axis in range(3):
            counts = np.zeros(window.output_size[axis], int)
            for tap in range(window.size[axis]):
                counts[slice(*window.valid_range(axis, tap))] += 1
            found.append(tuple(counts.tolist()))
        return found

    @functools.cached_property
    def side_by_side(self):
        """Whether windows lie side by side, from the input's first element on, and wholly within the input."""
        window = self.window.lifted()
        ends = (count * step for count, step in zip(window.output_size, window.strides))
        return (
            window.size == window.strides
            and all(d == 1 or k == 1 for d, k in zip(window.dilation, window.size))
            and not any(window.pad_low)
            and all(end <= size for end, size in zip(ends, window.input_size))
        )

    def flops(self):
        """Comparisons or additions, padding counted as if it were input."""
        return math.prod(self.output_shape) * self.window.taps

    def bytes_moved(self):
        """The least bytes of the forward without argmax, and of the average's backward: both arrays once."""
        return (math.prod(self.input_shape) + math.prod(self.output_shape)) * self.dtype.itemsize


@problem_type
class GlobalPoolingProblem:
    """Every channel of every image reduced to one value.

    Attributes:
        batch, channels, spatial: sizes of the input.
        data_format: "channels_last" or "channels_first".
        keepdims: whether the spatial dimensions stay, with size 1.
        dtype: of the input and the output.
    """

    batch: int
    channels: int
    spatial: tuple
    data_format: str
    keepdims: bool
    dtype: np.dtype

    @classmethod
    @remembered
    def resolve(cls, input_shape, dtype, data_format, keepdims):
        """The problem of pooling an array of that shape, or a ValueError/TypeError."""
        dtype = float_dtype(dtype, "x")
        batch, spatial, channels = split_shape(input_shape, checked_data_format(data_format))
        return cls(batch, channels, spatial, data_format, flag(keepdims, "keepdims"), dtype)

    @property
    def input_shape(self):
        return join_shape(self.batch, self.spatial, self.channels, self.data_format)

    @property
    def output_shape(self):
        if self.keepdims:
            return join_shape(self.batch, (1,) * len(self.spatial), self.channels, self.data_format)
        return (self.batch, self.channels)

    @property
    def positions(self):
        """Values that become one."""
        return math.prod(self.spatial)

    @property
    def argmax_dtype(self):
        """The type that numbers the positions."""
        return np.dtype(np.int32 if self.positions < 2**31 else np.int64)

    @property
    def outer(self):
        """Both formats are (outer, positions, inner)."""
        return self.batch if self.data_format == "channels_last" else self.batch * self.channels

    @property
    def inner(self):
        return self.channels if self.data_format == "channels_last" else 1

    def flops(self):
        """Comparisons or additions."""
        return math.prod(self.input_shape)

    def bytes_moved(self):
        """The least bytes of either direction: the input's size once and the output's once."""
        return (math.prod(self.input_shape) + self.batch * self.channels) * self.dtype.itemsize
