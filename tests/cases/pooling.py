"""Pooling problems, windowed and global, that drive every test of the operations."""

import dataclasses

from gpulayers import ops

FORMATS = ("channels_last", "channels_first")


@dataclasses.dataclass(frozen=True)
class Case:
    """A window over `batch` images of `spatial` sizes and `channels`."""

    name: str
    batch: int
    spatial: tuple
    channels: int
    pool_size: int | tuple
    strides: int | tuple | None = None
    padding: str | int | tuple = "valid"
    dilation_rate: int | tuple = 1
    formats: tuple = FORMATS

    def shape(self, data_format):
        if data_format == "channels_last":
            return (self.batch, *self.spatial, self.channels)
        return (self.batch, self.channels, *self.spatial)

    def options(self, data_format):
        """The keyword arguments that every pooling function takes."""
        return dict(strides=self.strides, padding=self.padding, data_format=data_format)


@dataclasses.dataclass(frozen=True)
class GlobalCase:
    """Images of `spatial` sizes and `channels`, each channel reduced to one value."""

    name: str
    batch: int
    spatial: tuple
    channels: int
    keepdims: bool = False

    shape = Case.shape


LAST, FIRST = ("channels_last",), ("channels_first",)
WINDOW_CASES = [
    Case("one element", 1, (1,), 1, 1),
    Case("digits", 2, (8, 8), 8, 2),
    Case("apart, vectors", 2, (6, 8), 16, 2),
    Case("apart, odd sizes", 2, (7, 5), 3, 2),
    Case("apart, gaps between windows", 1, (9, 8), 8, 2, strides=(4, 4)),
    Case("apart, gaps, odd", 1, (10, 11), 8, 2, strides=3),
    Case("apart, padded", 1, (5, 6), 8, 2, padding=1),
    Case("rows of 16 bytes, stride 2", 2, (6, 16), 3, 2, formats=FIRST),
    Case("rows of 16 bytes, stride 2, one tap wide", 1, (5, 8), 2, (3, 1), strides=(1, 2), formats=FIRST),
    Case("rows of 16 bytes, stride 4", 1, (8, 16), 2, (2, 3), strides=(2, 4), formats=FIRST),
    Case("rows of 16 bytes, padded", 1, (3, 4, 8), 2, 2, padding=((1, 0), (1, 1), (0, 0)), formats=FIRST),
    Case("overlap, same, stride 1", 2, (5, 7), 8, 3, strides=1, padding="same"),
    Case("overlap, same, stride 2", 2, (7, 8), 5, 3, strides=2, padding="same"),
    Case("overlap, stem", 1, (9, 9), 16, 3, strides=2, padding=1),
    Case("dilated", 1, (9, 8), 8, (3, 2), strides=1, dilation_rate=(2, 3)),
    Case("dilated and strided", 1, (11, 10), 4, 3, strides=(2, 3), padding=2, dilation_rate=2),
    Case("asymmetric padding", 1, (5, 6), 8, (2, 3), strides=2, padding=((0, 2), (3, 1))),
    Case("windows wholly in the padding", 1, (3, 4), 8, 2, strides=2, padding=((4, 3), (5, 2))),
    Case("padding beyond the stride", 2, (2, 3), 3, 3, strides=1, padding=4),
    Case("window as large as the input", 3, (4, 5), 4, (4, 5)),
    Case("stride beyond the input", 1, (3, 3), 8, 2, strides=50),
    Case("1 dimension", 2, (12,), 8, 3, strides=2),
    Case("1 dimension, odd, dilated", 3, (13,), 5, 4, strides=1, padding=3, dilation_rate=2),
    Case("1 dimension, one channel", 2, (16,), 1, 2),
    Case("3 dimensions", 1, (4, 5, 6), 8, 2),
    Case("3 dimensions, overlap", 1, (4, 5, 5), 3, 3, strides=(1, 2, 2), padding=1),
    Case("3 dimensions, dilated", 1, (6, 5, 5), 4, 2, strides=1, padding=1, dilation_rate=(3, 1, 2)),
    Case("more than one block", 3, (20, 18), 8, 2, strides=1),
    Case("long rows", 1, (3, 600), 2, (1, 2), strides=1),
    Case("257 taps", 1, (260,), 8, 257, strides=1),
    Case("257 taps, row by row", 2, (3, 90), 2, (3, 86), strides=2),
    Case("no images", 0, (4, 4), 3, 2),
]
GLOBAL_CASES = [
    GlobalCase("one element", 1, (1,), 1),
    GlobalCase("7 x 7", 2, (7, 7), 16),
    GlobalCase("odd", 3, (5, 3), 7, keepdims=True),
    GlobalCase("many narrow images", 40, (3,), 2),
    GlobalCase("rows in chunks", 1, (70, 80), 1),
    GlobalCase("odd rows in chunks", 1, (1301,), 2),
    GlobalCase("columns in chunks", 1, (30, 40), 24),
    GlobalCase("odd columns in chunks", 2, (401,), 3),
    GlobalCase("many channels", 2, (6,), 300),
    GlobalCase("3 dimensions", 1, (3, 4, 5), 8, keepdims=True),
    GlobalCase("no images", 0, (4, 4), 3),
]
# The reference takes its time over so many taps: tested in one dtype only.
LARGE_WINDOW = Case("65537 taps", 1, (3,), 8, 65537, strides=1, padding=((65536, 0),), formats=LAST)
CASES = [*WINDOW_CASES, LARGE_WINDOW, *GLOBAL_CASES]


def run(case, device, dtype):
    """Calls every function of the operation once, on zeros, in each format."""
    if isinstance(case, GlobalCase):
        for data_format in FORMATS:
            shape, options = case.shape(data_format), dict(data_format=data_format, keepdims=case.keepdims)
            x = device.zeros(shape, dtype)
            y, argmax = ops.global_max_pool_with_argmax(x, **options)
            ops.global_max_pool_backward(y, argmax, shape, **options)
            ops.global_average_pool_backward(ops.global_average_pool(x, **options), shape, **options)
        return
    for data_format in case.formats:
        shape, options = case.shape(data_format), case.options(data_format)
        x = device.zeros(shape, dtype)
        dilated = dict(options, dilation_rate=case.dilation_rate)
        ops.max_pool(x, case.pool_size, **dilated)
        y, argmax = ops.max_pool_with_argmax(x, case.pool_size, **dilated)
        ops.max_pool_backward(y, argmax, shape, case.pool_size, **dilated)
        y = ops.average_pool(x, case.pool_size, **options)
        ops.average_pool_backward(y, shape, case.pool_size, **options)
