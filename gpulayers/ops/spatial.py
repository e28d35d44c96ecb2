"""Windows that slide over spatial dimensions: tuples, padding and output sizes.

The only place for this arithmetic; convolution and pooling share it.
"""

import dataclasses
import math
import operator

DATA_FORMATS = ("channels_last", "channels_first")


def integer(value, name, least=0):
    """The value as an int, or a TypeError/ValueError if it is not an integer of at least `least`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer. Received: {value!r}") from None
    if not least <= number < 2**63:
        limit = f"at least {least}" if number < least else "below 2**63"
        raise ValueError(f"{name} must be {limit}. Received: {number}")
    return number


def sizes(shape, name):
    """The shape as a tuple of ints, or a TypeError."""
    try:
        if isinstance(shape, str):
            raise TypeError
        found = tuple(map(operator.index, shape))
    except TypeError:
        raise TypeError(f"{name} must hold integers. Received: {shape!r}") from None
    if any(abs(size) >= 2**63 for size in found):
        raise ValueError(f"{name} must hold integers of 64 bits. Received: {shape!r}")
    return found


def spatial_tuple(value, rank, name, least=1):
    """One integer a spatial dimension, from one integer for all of them or a sequence of `rank`."""
    if not isinstance(value, (tuple, list)):
        return (integer(value, name, least),) * rank
    if len(value) != rank:
        raise ValueError(f"{name} must be an integer or {rank} integers. Received: {value!r}")
    return tuple(integer(entry, name, least) for entry in value)


def checked_data_format(data_format):
    """The data format itself, or a ValueError."""
    if not isinstance(data_format, str) or data_format not in DATA_FORMATS:
        raise ValueError(f"data_format must be one of {DATA_FORMATS}. Received: {data_format!r}")
    return data_format


def split_shape(shape, data_format, name="x"):
    """(batch, spatial sizes, channels) of an array shape of rank 3, 4 or 5.

    Raises:
        ValueError: another rank, an unknown data format, or a spatial size or channel count below 1.
    """
    checked_data_format(data_format)
    shape = sizes(shape, f"The shape of {name}")
    if not 3 <= len(shape) <= 5:
        raise ValueError(
            f"{name} must have a batch axis, 1 to 3 spatial axes and a channel axis. Received: shape {shape}"
        )
    batch, *rest = shape
    *spatial, channels = rest if data_format == "channels_last" else (*rest[1:], rest[0])
    if min(*spatial, channels) < 1:
        raise ValueError(
            f"The spatial sizes and channels of {name} must be at least 1. Received: shape {shape}"
        )
    return batch, tuple(spatial), channels


def join_shape(batch, spatial, channels, data_format):
    """The array shape of that batch, spatial sizes and channel count: the inverse of `split_shape`."""
    if data_format == "channels_last":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


@dataclasses.dataclass(frozen=True)
class SlidingWindow:
    """A window of `size` taps that slides over an input, per spatial dimension.

    Output position o and tap t meet the input position `o * stride + t * dilation - pad_low`; positions
    outside the input are padding.

    Attributes:
        input_size, output_size: sizes of the input and of the result.
        size: taps of the window.
        strides, dilation: steps between outputs, and between taps.
        pad_low, pad_high: padding before and after the input.
    """

    input_size: tuple
    output_size: tuple
    size: tuple
    strides: tuple
    dilation: tuple
    pad_low: tuple
    pad_high: tuple

    @classmethod
    def resolve(cls, input_size, size, strides=1, padding="valid", dilation=1, causal_allowed=False):
        """The geometry of a window over an input.

        Args:
            input_size: spatial sizes; their number is the rank.
            size, strides, dilation: an integer, or one a spatial dimension.
            padding: "valid" (none); "same" (output size ceil(input / stride), the odd extra one after the
                input); "causal" (one spatial dimension and `causal_allowed` only: all before the input);
                an integer for all sides; or a pair (before, after) a spatial dimension.

        Raises:
            TypeError, ValueError: arguments of another form, or a window larger than the padded input.
        """
        input_size = tuple(map(int, input_size))
        rank = len(input_size)
        size = spatial_tuple(size, rank, "The window size")
        strides = spatial_tuple(strides, rank, "strides")
        dilation = spatial_tuple(dilation, rank, "dilation_rate")
        extent = tuple((k - 1) * d + 1 for k, d in zip(size, dilation))
        pairs = _padding_pairs(padding, input_size, extent, strides, causal_allowed)
        output = tuple(
            (n + low + high - e) // s + 1 for n, (low, high), e, s in zip(input_size, pairs, extent, strides)
        )
        if min(output) < 1:
            raise ValueError(
                "The padded input must be at least as large as the (dilated) window. "
                f"Received: input {input_size}, window {extent}, padding {padding!r}"
            )
        low, high = zip(*pairs)
        return cls(input_size, output, size, strides, dilation, low, high)

    @property
    def rank(self):
        return len(self.size)

    @property
    def taps(self):
        """Taps of the window over all dimensions."""
        return math.prod(self.size)

    def lifted(self):
        """The same window over three dimensions: leading ones of size 1 are added."""
        missing = 3 - self.rank
        ones, zeros = (1,) * missing, (0,) * missing
        return SlidingWindow(
            ones + self.input_size,
            ones + self.output_size,
            ones + self.size,
            ones + self.strides,
            ones + self.dilation,
            zeros + self.pad_low,
            zeros + self.pad_high,
        )

    def valid_range(self, axis, tap):
        """[first, stop) of the output positions along an axis at which the tap meets the input."""
        offset = tap * self.dilation[axis] - self.pad_low[axis]
        stride = self.strides[axis]
        first = max(0, -(offset // stride))
        stop = min(self.output_size[axis], (self.input_size[axis] - 1 - offset) // stride + 1)
        return first, max(first, stop)


def ceiling_padding(input_size, size, strides, padding, dilation):
    """The padding, as pairs, with which a last window that only begins in the input counts too (as PyTorch's
    ceil_mode)."""
    size = spatial_tuple(size, len(input_size), "The window size")
    strides = spatial_tuple(strides, len(input_size), "strides")
    dilation = spatial_tuple(dilation, len(input_size), "dilation_rate")
    extent = tuple((k - 1) * d + 1 for k, d in zip(size, dilation))
    pairs = []
    for n, (low, high), e, s in zip(
        input_size, _padding_pairs(padding, input_size, extent, strides, False), extent, strides
    ):
        count = -(-(n + low + high - e) // s) + 1
        if (count - 1) * s >= n + low:
            count -= 1
        pairs.append((low, high + max((count - 1) * s + e - (n + low + high), 0)))
    return tuple(pairs)


def _padding_pairs(padding, input_size, extent, strides, causal_allowed):
    rank = len(input_size)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * rank
        if padding == "same":
            totals = (max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(input_size, strides, extent))
            return tuple((total // 2, total - total // 2) for total in totals)
        if padding == "causal" and causal_allowed:
            if rank != 1:
                raise ValueError(f"padding='causal' needs one spatial dimension. Received: {rank}")
            return ((extent[0] - 1, 0),)
    elif isinstance(padding, (tuple, list)):
        if len(padding) == rank and all(
            isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in padding
        ):
            return tuple(tuple(integer(side, "padding") for side in pair) for pair in padding)
    else:
        return ((integer(padding, "padding"),) * 2,) * rank
    names = "'valid', 'same', 'causal'" if causal_allowed else "'valid', 'same'"
    raise ValueError(
        f"padding must be {names}, an integer, or {rank} pairs (before, after). Received: {padding!r}"
    )
