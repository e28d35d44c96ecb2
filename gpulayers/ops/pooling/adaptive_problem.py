"""What one adaptive pooling call is: validation, shapes, work."""

import dataclasses
import math

import numpy as np

from ..arrays import float_dtype
from ..spatial import checked_data_format, join_shape, spatial_tuple, split_shape


@dataclasses.dataclass(frozen=True)
class AdaptivePoolingProblem:
    """Images pooled to a given number of bins: o of m over n inputs is [o * n // m, ceil((o + 1) * n / m)).

    Attributes:
        batch, channels: of the input and the output.
        spatial, output_size: sizes of the input, and the number of bins, one a spatial dimension.
        data_format: "channels_last" or "channels_first".
        dtype: of the input and the output.
    """

    batch: int
    channels: int
    spatial: tuple
    output_size: tuple
    data_format: str
    dtype: np.dtype

    @classmethod
    def resolve(cls, input_shape, dtype, output_size, data_format):
        """The problem of pooling an array of that shape, or a ValueError/TypeError."""
        dtype = float_dtype(dtype, "x")
        batch, spatial, channels = split_shape(input_shape, checked_data_format(data_format))
        bins = spatial_tuple(output_size, len(spatial), "output_size")
        return cls(batch, channels, spatial, bins, data_format, dtype)

    @property
    def input_shape(self):
        return join_shape(self.batch, self.spatial, self.channels, self.data_format)

    @property
    def output_shape(self):
        return join_shape(self.batch, self.output_size, self.channels, self.data_format)

    @property
    def argmax_dtype(self):
        """The type that numbers the positions."""
        return np.dtype(np.int32 if math.prod(self.spatial) < 2**31 else np.int64)

    @property
    def outer(self):
        """Both formats are (outer, spatial..., inner)."""
        return self.batch if self.data_format == "channels_last" else self.batch * self.channels

    @property
    def inner(self):
        return self.channels if self.data_format == "channels_last" else 1

    def lifted(self):
        """(input sizes, output sizes) over three dimensions."""
        ones = (1,) * (3 - len(self.spatial))
        return ones + self.spatial, ones + self.output_size

    def bins(self, axis):
        """The pairs (first, stop) of the bins of an axis of the lifted problem."""
        n, m = (sizes[axis] for sizes in self.lifted())
        return [(o * n // m, -(-(o + 1) * n // m)) for o in range(m)]

    def flops(self):
        """Comparisons or additions."""
        taps = math.prod(sum(stop - first for first, stop in self.bins(axis)) for axis in range(3))
        return self.outer * self.inner * taps

    def bytes_moved(self):
        """The least bytes of either direction of the average: both arrays once."""
        return (math.prod(self.input_shape) + math.prod(self.output_shape)) * self.dtype.itemsize
