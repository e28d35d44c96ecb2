"""Launchers of cuda/pooling: windows."""

import dataclasses
import functools
import math

import numpy as np

from ... import jit
from ..arrays import address_of
from ..dispatch import cuda_implementation

_MAX, _AVERAGE = "pooling/max_pool.cu", "pooling/average_pool.cu"
THREADS = 256
MOST_BLOCKS_ALONG_Y = 65535
_VECTOR_BYTES = 16
_CELL_POSITIONS = 16  # a thread writes at most this many input vectors of its own cell
_ROW_STRIDES = (2, 4)


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
class WindowConfig:
    """Attributes:
    width: neighbouring channels a thread.
    row_stride: the stride of the row kernel, where that one applies, else 0.
    cells: whether the backward goes by cells: windows do not overlap.
    """

    width: int
    row_stride: int
    cells: bool


def lanes_of(length, *arrays):
    """Elements of the first array in 16 bytes if they divide the length and all are aligned so; else 1."""
    lanes = _VECTOR_BYTES // arrays[0].dtype.itemsize
    return lanes if length % lanes == 0 and _aligned(lanes, *arrays) else 1


def _aligned(lanes, *arrays):
    return all(address_of(array) % (lanes * array.dtype.itemsize) == 0 for array in arrays)


def _padded(window):
    return [n + low + high for n, low, high in zip(window.input_size, window.pad_low, window.pad_high)]


@functools.lru_cache(maxsize=1024)
def pooling_geometry(problem):
    """What the kernels are told of a problem."""
    window = problem.window.lifted()
    # A stride beyond the input and the dilation of a single tap have no effect, and need not fit the type.
    strides = tuple(map(min, window.strides, _padded(window)))
    dilation = tuple(d if k > 1 else 1 for d, k in zip(window.dilation, window.size))
    sizes = (window.input_size, window.output_size, window.size, strides, dilation, window.pad_low)
    return PoolingGeometry(problem.outer, problem.inner, *sizes)


@functools.lru_cache(maxsize=1024)
def structure(problem):
    """The PoolingGeometry as a structured array, which the kernels receive."""
    return jit.as_structure(pooling_geometry(problem))


def window_config(problem, device, *operands):
    """The variant for these arrays: x and the outputs of a forward, or dy, argmax and dx of a backward."""
    g = pooling_geometry(problem)
    if problem.inner == 1:
        return WindowConfig(1, _row_stride(g, *operands), False)
    apart = all(d == 1 and k <= s for d, k, s in zip(g.dilation, g.window, g.stride))
    cells = apart and math.prod(g.stride) <= _CELL_POSITIONS
    return WindowConfig(lanes_of(problem.inner, *operands), 0, cells)


def _row_stride(g, x, *outputs):
    stride, lanes = g.stride[2], lanes_of(g.input[2], x)
    fits = stride in _ROW_STRIDES and lanes >= stride and _aligned(lanes // stride, *outputs)
    apart = g.window[2] <= stride and g.dilation[2] == 1
    unpadded = g.pad[2] == 0 and g.output[2] * stride == g.input[2]
    return stride if fits and apart and unpadded else 0


def _too_large(problem, device):
    depth, height, width = _padded(problem.window.lifted())
    if max(depth, height, width) >= 2**30:
        return "the sizes of the padded input must be less than 2**30"
    if height * width * problem.inner >= 2**31 or depth * problem.outer >= 2**31:
        return "the padded input must have fewer than 2**31 depth slices, each of fewer than 2**31 elements"
    return None


def power_of_two(least):
    return 1 << max(0, least - 1).bit_length()


def launch_planes(kernel, plane, slices, arguments):
    """Lays the elements of a depth slice along x of the launch and the slices along y."""
    along_x = min(THREADS, power_of_two(plane))
    along_y = THREADS // along_x
    grid = (-(-plane // along_x), min(-(-slices // along_y), MOST_BLOCKS_ALONG_Y))
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
    launch_planes(kernel, plane, g.outer * g.output[0], (x, *outputs, structure(problem)))


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
    launch_planes(kernel, plane, g.outer * sizes[0], (*operands, grad_input, structure(problem)))
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
    template = (problem.dtype, problem.argmax_dtype)
    return _backward(problem, device, _MAX, "max_pool", template, grad_output, argmax)


@cuda_implementation(_AVERAGE, _too_large)
def average_forward(problem, device, x):
    y = device.empty(problem.output_shape, problem.dtype)
    _forward(problem, device, _AVERAGE, "average_pool", (problem.dtype,), x, y)
    return y


@cuda_implementation(_AVERAGE, _too_large)
def average_backward(problem, device, grad_output):
    return _backward(problem, device, _AVERAGE, "average_pool", (problem.dtype,), grad_output)
