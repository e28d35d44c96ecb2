"""Launchers of cuda/convolution."""

import dataclasses
import functools
import math

import numpy as np

from ... import jit
from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation

_MOST_BLOCKS = 2**31 - 1
_MOST_CHUNKS = 65535
_INDEX_LIMIT = 2**30  # of sizes, tap positions and the depth of a product, which kernels hold in 32 bits
_PARTIAL_BYTES = 64 << 20  # memory for partial sums


@dataclasses.dataclass(frozen=True)
class TileConfig:
    """A block's tile of results, the depth of a slice in shared memory, and the results a thread keeps."""

    rows: int
    columns: int
    depth: int
    thread_rows: int
    thread_columns: int

    @property
    def threads(self):
        return (self.rows // self.thread_rows) * (self.columns // self.thread_columns)

    def tiles(self, rows, columns):
        return -(-rows // self.rows), -(-columns // self.columns)


LARGE = TileConfig(rows=128, columns=64, depth=16, thread_rows=8, thread_columns=4)
NARROW = TileConfig(rows=128, columns=32, depth=16, thread_rows=4, thread_columns=4)
NARROWEST = TileConfig(rows=128, columns=16, depth=16, thread_rows=4, thread_columns=2)
SMALL = TileConfig(rows=32, columns=64, depth=16, thread_rows=2, thread_columns=4)


def tile_config(rows, columns, groups, device):
    """The tile of a product of `rows` x `columns` results a group.

    No wider than the columns need; small where large tiles would leave multiprocessors idle.
    """
    if columns <= NARROWEST.columns:
        return NARROWEST
    if columns <= NARROW.columns:
        return NARROW
    return LARGE if math.prod(LARGE.tiles(rows, columns)) * groups >= device.multiprocessors else SMALL


def forward_config(problem, device):
    return tile_config(problem.output_pixels, problem.group_out_channels, problem.groups, device)


def backward_input_config(problem, device):
    return tile_config(
        _class_pixels(problem), problem.group_in_channels, problem.groups * _classes(problem), device
    )


@dataclasses.dataclass(frozen=True)
class BackwardWeightConfig:
    """The tile, and the output pixels a chunk."""

    tile: TileConfig
    chunk_pixels: int


def backward_weight_config(problem, device):
    """Enough chunks to fill the device, none so short that the partial sums cost more than the products."""
    rows = problem.window.taps * problem.group_in_channels
    columns = problem.group_out_channels
    tile = SMALL if rows <= SMALL.rows else tile_config(_MOST_BLOCKS, columns, problem.groups, device)
    blocks = math.prod(tile.tiles(rows, columns)) * problem.groups
    partial_bytes = math.prod(problem.weight_shape) * accumulation_dtype(problem.dtype).itemsize
    chunks = max(1, min(4 * device.multiprocessors // blocks, _PARTIAL_BYTES // partial_bytes, _MOST_CHUNKS))
    pixels = max(16 * tile.depth, -(-problem.output_pixels // chunks))
    return BackwardWeightConfig(tile, -(-pixels // tile.depth) * tile.depth)


@dataclasses.dataclass(frozen=True)
class ConvolutionGeometry:
    """Mirrored by the structure of the same name in cuda/convolution/geometry.cuh."""

    x_strides: (np.int64, 5)
    y_strides: (np.int64, 5)
    batch: np.int32
    groups: np.int32
    group_in_channels: np.int32
    group_out_channels: np.int32
    input_size: (np.int32, 3)
    output_size: (np.int32, 3)
    window: (np.int32, 3)
    strides: (np.int32, 3)
    dilation: (np.int32, 3)
    pad_low: (np.int32, 3)
    tap_step: (np.int32, 3)


def _strides(spatial, channels, channels_last):
    """Elements between neighbours along batch, channel, depth, height and width."""
    _, height, width = spatial
    pixels = math.prod(spatial)
    if channels_last:
        return pixels * channels, 1, height * width * channels, width * channels, channels
    return pixels * channels, pixels, height * width, width, 1


@functools.lru_cache(maxsize=1024)
def geometry(problem):
    """The ConvolutionGeometry of a problem as a structured array."""
    window = problem.window.lifted()
    return jit.as_structure(
        ConvolutionGeometry(
            x_strides=_strides(window.input_size, problem.in_channels, problem.channels_last),
            y_strides=_strides(window.output_size, problem.out_channels, problem.channels_last),
            batch=problem.batch,
            groups=problem.groups,
            group_in_channels=problem.group_in_channels,
            group_out_channels=problem.group_out_channels,
            input_size=window.input_size,
            output_size=window.output_size,
            window=window.size,
            strides=window.strides,
            dilation=window.dilation,
            pad_low=window.pad_low,
            tap_step=tuple(s // math.gcd(s, d) for s, d in zip(window.strides, window.dilation)),
        )
    )


def _classes(problem):
    """How many classes of input pixels there are that are equal modulo the strides."""
    return math.prod(map(min, problem.window.strides, problem.window.input_size))


def _class_pixels(problem):
    """Pixels of the largest class."""
    return problem.batch * math.prod(
        -(-n // s) for n, s in zip(problem.window.input_size, problem.window.strides)
    )


def index_too_large(problem, device):
    window = problem.window
    depth = window.taps * max(problem.in_channels, problem.out_channels)
    reach = (
        n + low + high + max(k * d, s)
        for n, low, high, k, d, s in zip(
            window.input_size, window.pad_low, window.pad_high, window.size, window.dilation, window.strides
        )
    )
    if max(depth, problem.batch, *reach) >= _INDEX_LIMIT:
        return f"a size, the reach of the window, or taps * channels is {_INDEX_LIMIT} or more"
    return None


def _forward_blocks(problem, device):
    config = forward_config(problem, device)
    return math.prod(config.tiles(problem.output_pixels, problem.group_out_channels)) * problem.groups


def _backward_input_blocks(problem, device):
    config = backward_input_config(problem, device)
    tiles = math.prod(config.tiles(_class_pixels(problem), problem.group_in_channels))
    return tiles * problem.groups * _classes(problem)


def _too_large(blocks):
    def unsupported(problem, device):
        reason = index_too_large(problem, device)
        if reason is None and blocks(problem, device) > _MOST_BLOCKS:
            return f"needs more than {_MOST_BLOCKS} blocks"
        return reason

    return unsupported


@cuda_implementation("convolution/direct_forward.cu", _too_large(_forward_blocks))
def direct_forward(problem, device, x, weight, bias=None):
    y = device.empty(problem.output_shape, problem.dtype)
    if problem.batch == 0:
        return y
    config = forward_config(problem, device)
    kernel = device.kernel(
        "convolution/direct_forward.cu",
        "convolution_direct_forward",
        (problem.dtype, problem.channels_last, problem.activation, config),
    )
    kernel((_forward_blocks(problem, device),), (config.threads,), (x, weight, bias, y, geometry(problem)))
    return y


@cuda_implementation("convolution/direct_backward_input.cu", _too_large(_backward_input_blocks))
def direct_backward_input(problem, device, grad_output, weight, bias=None):
    grad_input = device.empty(problem.input_shape, problem.dtype)
    if problem.batch == 0:
        return grad_input
    config = backward_input_config(problem, device)
    kernel = device.kernel(
        "convolution/direct_backward_input.cu",
        "convolution_direct_backward_input",
        (problem.dtype, problem.channels_last, problem.activation, config),
    )
    row_tiles, _ = config.tiles(_class_pixels(problem), problem.group_in_channels)
    arguments = (grad_output, weight, bias, grad_input, geometry(problem), np.int64(row_tiles))
    kernel((_backward_input_blocks(problem, device),), (config.threads,), arguments)
    return grad_input


@cuda_implementation("convolution/direct_backward_weight.cu", index_too_large)
def direct_backward_weight(problem, device, x, grad_output):
    """Partial sums over chunks of pixels, then their total."""
    if problem.batch == 0:
        return device.zeros(problem.weight_shape, problem.dtype)
    config = backward_weight_config(problem, device)
    chunks = -(-problem.output_pixels // config.chunk_pixels)
    partials = device.empty((chunks, *problem.weight_shape), accumulation_dtype(problem.dtype))
    kernel = device.kernel(
        "convolution/direct_backward_weight.cu",
        "convolution_direct_backward_weight",
        (problem.dtype, problem.channels_last, config.tile),
    )
    rows = problem.window.taps * problem.group_in_channels
    tiles = math.prod(config.tile.tiles(rows, problem.group_out_channels)) * problem.groups
    arguments = (x, grad_output, partials, geometry(problem), np.int32(config.chunk_pixels))
    kernel((tiles, chunks), (config.tile.threads,), arguments)
    return total(device, partials, problem.dtype)


@cuda_implementation("convolution/sums.cu")
def sums_backward_bias(problem, device, grad_output):
    """Sums over chunks of positions, then their total."""
    if problem.batch == 0:
        return device.zeros((problem.out_channels,), problem.dtype)
    if problem.channels_last:
        rows = grad_output.reshape(problem.output_pixels, problem.out_channels)
        return total(device, _column_sums(device, rows, accumulation_dtype(rows.dtype)), problem.dtype)
    positions, channels = problem.output_pixels, problem.out_channels
    chunk = _chunk(positions, channels, device, least=4096)
    partials = device.empty((-(-positions // chunk), channels), accumulation_dtype(problem.dtype))
    kernel = device.kernel("convolution/sums.cu", "convolution_channel_sum", (problem.dtype, partials.dtype))
    sizes = (
        np.int64(problem.batch),
        np.int32(channels),
        np.int64(positions // problem.batch),
        np.int64(chunk),
    )
    kernel((channels, len(partials)), (256,), (grad_output, partials, *sizes))
    return total(device, partials, problem.dtype)


def _chunk(length, blocks, device, least):
    """How much of a length one block adds up, so that together with `blocks` others it fills the device."""
    chunks = max(1, min(8 * device.multiprocessors // blocks, 256))
    return max(least, -(-length // chunks))


def total(device, partials, dtype):
    """The sum over the first axis, as `dtype`."""
    if len(partials) == 1 and partials.dtype == dtype:
        return partials.reshape(partials.shape[1:])
    return _column_sums(device, partials.reshape(len(partials), -1), dtype, chunked=False).reshape(
        partials.shape[1:]
    )


def _column_sums(device, rows, dtype, chunked=True):
    """Sums of the columns: (chunks, columns), as `dtype`; one chunk unless `chunked`."""
    count, columns = rows.shape
    width = min(32, 1 << (columns - 1).bit_length())
    tiles = -(-columns // width)
    chunk = _chunk(count, tiles, device, least=16 * 256 // width) if chunked else count
    sums = device.empty((-(-count // chunk), columns), dtype)
    kernel = device.kernel("convolution/sums.cu", "convolution_column_sum", (rows.dtype, sums.dtype, width))
    kernel((tiles, len(sums)), (256,), (rows, sums, np.int64(count), np.int64(columns), np.int64(chunk)))
    return sums
