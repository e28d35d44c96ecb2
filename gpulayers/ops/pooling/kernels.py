"""Launchers of cuda/pooling."""

import dataclasses
import math

import numpy as np

from ... import jit
from ..arrays import accumulation_dtype, address_of
from ..dispatch import cuda_implementation

_MAX, _AVERAGE, _GLOBAL = "pooling/max_pool.cu", "pooling/average_pool.cu", "pooling/global_pool.cu"
_THREADS = 256
_MOST_BLOCKS_ALONG_Y = 65535
_VECTOR_BYTES = 16
_CELL_POSITIONS = 16  # a thread writes at most this many input vectors of its own cell
_ROW_STRIDES = (2, 4)
_BLOCKS_PER_MULTIPROCESSOR = 4  # of global pooling, before images are split into chunks
_LEAST_STEPS = 4  # of a thread in a chunk


@dataclasses.dataclass(frozen=True)
class PoolingGeometry:
    """Mirrors the structure in cuda/pooling/window.cuh; depth, height, width."""

    outer: np.int64
    inner: np.int32
    input: (np.int32, 3)
    output: (np.int32, 3)
    window: (np.int32, 3)
    stride: (np.int32, 3)
    dilation: (np.int32, 3)
    pad: (np.int32, 3)


@dataclasses.dataclass(frozen=True)
class GlobalPoolingGeometry:
    """Mirrors the structure in cuda/pooling/global_pool.cu."""

    outer: np.int64
    positions: np.int32
    inner: np.int32
    splits: np.int32
    chunk: np.int32


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """Attributes:
    width: neighbouring channels a thread.
    row_stride: the stride of the row kernel, where that one applies, else 0.
    cells: whether the backward goes by cells: windows do not overlap.
    """

    width: int
    row_stride: int
    cells: bool


@dataclasses.dataclass(frozen=True)
class GlobalConfig:
    """Attributes:
    width: neighbouring elements a thread.
    block: threads (along channels, along positions); with one channel a warp works on a chunk.
    chunk, splits: positions of a chunk, and chunks.
    """

    width: int
    block: tuple
    chunk: int
    splits: int


def _lanes(length, *arrays):
    """Elements of the first array in 16 bytes, if they divide the length and every array is aligned to as many; else 1."""
    lanes = _VECTOR_BYTES // arrays[0].dtype.itemsize
    return lanes if length % lanes == 0 and _aligned(lanes, *arrays) else 1


def _aligned(lanes, *arrays):
    return all(address_of(array) % (lanes * array.dtype.itemsize) == 0 for array in arrays)


def _padded(window):
    return [n + low + high for n, low, high in zip(window.input_size, window.pad_low, window.pad_high)]


def pooling_geometry(problem):
    """The structure that the kernels receive."""
    window = problem.window.lifted()
    # A stride beyond the input and the dilation of a single tap have no effect, and need not fit the type.
    strides = tuple(map(min, window.strides, _padded(window)))
    dilation = tuple(d if k > 1 else 1 for d, k in zip(window.dilation, window.size))
    sizes = (window.input_size, window.output_size, window.size, strides, dilation, window.pad_low)
    return PoolingGeometry(problem.outer, problem.inner, *sizes)


def window_config(problem, device, *operands):
    """The variant for these arrays: x and the outputs of a forward, or dy, argmax and dx of a backward."""
    g = pooling_geometry(problem)
    if problem.inner == 1:
        return WindowConfig(1, _row_stride(g, *operands), False)
    apart = all(d == 1 and k <= s for d, k, s in zip(g.dilation, g.window, g.stride))
    return WindowConfig(_lanes(problem.inner, *operands), 0, apart and math.prod(g.stride) <= _CELL_POSITIONS)


def _row_stride(g, x, *outputs):
    stride, lanes = g.stride[2], _lanes(g.input[2], x)
    fits = stride in _ROW_STRIDES and lanes >= stride and _aligned(lanes // stride, *outputs)
    apart = g.window[2] <= stride and g.dilation[2] == 1
    unpadded = g.pad[2] == 0 and g.output[2] * stride == g.input[2]
    return stride if fits and apart and unpadded else 0


def global_config(problem, device, x):
    """Enough chunks to fill the device where there are few results; a fixed choice for a problem and a device."""
    if problem.inner == 1:
        width = _lanes(problem.positions, x)
        block, step, tasks = (1, _THREADS), 32 * width, problem.outer / 8  # 8 warps a block
    else:
        width = _lanes(problem.inner, x)
        vectors = problem.inner // width
        along_channels = min(32, _power_of_two(vectors))
        step = _THREADS // along_channels
        block, tasks = (along_channels, step), problem.outer * -(-vectors // along_channels)
    wanted = -(-_BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors // max(1, math.ceil(tasks)))
    most = -(-problem.positions // (_LEAST_STEPS * step))
    chunk = -(-problem.positions // (min(wanted, most) * step)) * step
    return GlobalConfig(width, block, chunk, -(-problem.positions // chunk))


def _too_large(problem, device):
    depth, height, width = _padded(problem.window.lifted())
    if height * width * problem.inner >= 2**31 or depth * problem.outer >= 2**31:
        return "the padded input must have fewer than 2**31 depth slices, each of fewer than 2**31 elements"
    return None


def _global_too_large(problem, device):
    if problem.positions >= 2**30 or problem.positions * problem.inner >= 2**31 or problem.outer >= 2**31:
        return "there must be fewer than 2**31 images, each of fewer than 2**30 positions and 2**31 elements"
    return None


def _power_of_two(least):
    return 1 << max(0, least - 1).bit_length()


def _launch(kernel, plane, slices, arguments):
    """Lays the elements of a depth slice along x of the launch and the slices along y."""
    along_x = min(_THREADS, _power_of_two(plane))
    along_y = _THREADS // along_x
    grid = (-(-plane // along_x), min(-(-slices // along_y), _MOST_BLOCKS_ALONG_Y))
    kernel(grid, (along_x, along_y), arguments)


def _forward(problem, device, file, name, template, x, *outputs):
    """Runs the kernel that `window_config` chooses; an output that is not wanted is None."""
    if problem.batch == 0:
        return
    g = pooling_geometry(problem)
    config = window_config(problem, device, x, *(array for array in outputs if array is not None))
    if config.row_stride:
        kernel = device.kernel(file, f"{name}_row_forward", (*template, config.row_stride))
        plane = g.output[1] * (g.input[2] * problem.dtype.itemsize // _VECTOR_BYTES)
    else:
        kernel = device.kernel(file, f"{name}_window_forward", (*template, config.width))
        plane = g.output[1] * g.output[2] * (g.inner // config.width)
    _launch(kernel, plane, g.outer * g.output[0], (x, *outputs, jit.as_structure(g)))


def _backward(problem, device, file, name, template, *operands):
    grad_input = device.empty(problem.input_shape, problem.dtype)
    if problem.batch == 0:
        return grad_input
    g, config = pooling_geometry(problem), window_config(problem, device, *operands, grad_input)
    variant, sizes = "window", g.input
    if config.cells:
        variant, sizes = "cell", [-(-(n + pad) // s) for n, pad, s in zip(g.input, g.pad, g.stride)]
    kernel = device.kernel(file, f"{name}_{variant}_backward", (*template, config.width))
    plane = sizes[1] * sizes[2] * (g.inner // config.width)
    _launch(kernel, plane, g.outer * sizes[0], (*operands, grad_input, jit.as_structure(g)))
    return grad_input


@cuda_implementation(_MAX, _too_large)
def max_forward(problem, device, x):
    y = device.empty(problem.output_shape, problem.dtype)
    _forward(problem, device, _MAX, "max_pool", (problem.dtype, np.dtype(np.uint8), False), x, y, None)
    return y


@cuda_implementation(_MAX, _too_large)
def max_with_argmax(problem, device, x):
    y = device.empty(problem.output_shape, problem.dtype)
    argmax = device.empty(problem.output_shape, problem.argmax_dtype)
    _forward(problem, device, _MAX, "max_pool", (problem.dtype, problem.argmax_dtype, True), x, y, argmax)
    return y, argmax


@cuda_implementation(_MAX, _too_large)
def max_backward(problem, device, grad_output, argmax):
    return _backward(problem, device, _MAX, "max_pool", (problem.dtype, problem.argmax_dtype), grad_output, argmax)


@cuda_implementation(_AVERAGE, _too_large)
def average_forward(problem, device, x):
    y = device.empty(problem.output_shape, problem.dtype)
    _forward(problem, device, _AVERAGE, "average_pool", (problem.dtype,), x, y)
    return y


@cuda_implementation(_AVERAGE, _too_large)
def average_backward(problem, device, grad_output):
    return _backward(problem, device, _AVERAGE, "average_pool", (problem.dtype,), grad_output)


def _global_forward(problem, device, x, maximum):
    """Returns (y, argmax or None)."""
    y = device.empty(problem.output_shape, problem.dtype)
    argmax = device.empty(problem.output_shape, problem.argmax_dtype) if maximum else None
    if problem.batch == 0:
        return y, argmax
    config = global_config(problem, device, x)
    values = places = None
    if config.splits > 1:
        partial_shape = (config.splits, problem.outer, problem.inner)
        values = device.empty(partial_shape, accumulation_dtype(problem.dtype))
        places = device.empty(partial_shape, problem.argmax_dtype) if maximum else None
    sizes = (problem.outer, problem.positions, problem.inner, config.splits, config.chunk)
    g = jit.as_structure(GlobalPoolingGeometry(*sizes))
    if problem.inner == 1:
        name, block = "rows", (_THREADS,)
        grid = (min(-(-problem.outer * config.splits // 8), 2**31 - 1),)
    else:
        name, block = "columns", config.block
        tiles = -(-problem.inner // (config.width * block[0]))
        grid = (tiles, config.splits, min(problem.outer, _MOST_BLOCKS_ALONG_Y))
    kernel = device.kernel(_GLOBAL, f"global_pool_{name}_forward", (problem.dtype, maximum, config.width))
    kernel(grid, block, (x, y, argmax, values, places, g))
    if config.splits > 1:
        kernel = device.kernel(_GLOBAL, "global_pool_combine_forward", (problem.dtype, maximum))
        kernel((-(-problem.outer * problem.inner // _THREADS),), (_THREADS,), (values, places, y, argmax, g))
    return y, argmax


def _global_backward(problem, device, grad_output, argmax):
    grad_input = device.empty(problem.input_shape, problem.dtype)
    if problem.batch == 0:
        return grad_input
    along_positions = problem.inner == 1
    if along_positions:
        width = _lanes(problem.positions, grad_input)
    else:
        width = _lanes(problem.inner, grad_input, grad_output, *(() if argmax is None else (argmax,)))
    template = (problem.dtype, argmax is not None, along_positions, width)
    kernel = device.kernel(_GLOBAL, "global_pool_spread_backward", template)
    g = jit.as_structure(GlobalPoolingGeometry(problem.outer, problem.positions, problem.inner, 1, problem.positions))
    plane = problem.positions * problem.inner // width
    _launch(kernel, plane, problem.outer, (grad_output, argmax, grad_input, g))
    return grad_input


@cuda_implementation(_GLOBAL, _global_too_large)
def global_max(problem, device, x):
    return _global_forward(problem, device, x, True)


@cuda_implementation(_GLOBAL, _global_too_large)
def global_average(problem, device, x):
    return _global_forward(problem, device, x, False)[0]


@cuda_implementation(_GLOBAL, _global_too_large)
def global_max_backward(problem, device, grad_output, argmax):
    return _global_backward(problem, device, grad_output, argmax)


@cuda_implementation(_GLOBAL, _global_too_large)
def global_average_backward(problem, device, grad_output):
    return _global_backward(problem, device, grad_output, None)
