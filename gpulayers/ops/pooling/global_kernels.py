"""Launchers of cuda/pooling/global_pool.cu."""

import dataclasses
import math

import numpy as np

from ... import jit
from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from .kernels import MOST_BLOCKS_ALONG_Y, THREADS, lanes_of, launch_planes, power_of_two

_FILE = "pooling/global_pool.cu"
_BLOCKS_PER_MULTIPROCESSOR = 4  # wanted, before images are split into chunks
_LEAST_STEPS = 4  # of a thread in a chunk


@dataclasses.dataclass(frozen=True)
class GlobalPoolingGeometry:
    """Mirrors the structure in cuda/pooling/global_pool.cu."""

    outer: np.int64
    positions: np.int32
    inner: np.int32
    splits: np.int32
    chunk: np.int32


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


def global_config(problem, device, x):
    """Enough chunks to fill the device where there are few results; fixed for a problem and a device."""
    if problem.inner == 1:
        width = lanes_of(problem.positions, x)
        block, step, tasks = (1, THREADS), 32 * width, problem.outer / 8  # 8 warps a block
    else:
        width = lanes_of(problem.inner, x)
        vectors = problem.inner // width
        along_channels = min(32, power_of_two(vectors))
        step = THREADS // along_channels
        block, tasks = (along_channels, step), problem.outer * -(-vectors // along_channels)
    wanted = -(-_BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors // max(1, math.ceil(tasks)))
    most = -(-problem.positions // (_LEAST_STEPS * step))
    chunk = -(-problem.positions // (min(wanted, most) * step)) * step
    return GlobalConfig(width, block, chunk, -(-problem.positions // chunk))


def _too_large(problem, device):
    if problem.positions >= 2**30 or problem.positions * problem.inner >= 2**31 or problem.outer >= 2**31:
        return "there must be fewer than 2**31 images, each of fewer than 2**30 positions and 2**31 elements"
    return None


def _forward(problem, device, x, maximum):
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
        name, block = "rows", (THREADS,)
        grid = (min(-(-problem.outer * config.splits // 8), 2**31 - 1),)
    else:
        name, block = "columns", config.block
        tiles = -(-problem.inner // (config.width * block[0]))
        grid = (tiles, config.splits, min(problem.outer, MOST_BLOCKS_ALONG_Y))
    kernel = device.kernel(_FILE, f"global_pool_{name}_forward", (problem.dtype, maximum, config.width))
    kernel(grid, block, (x, y, argmax, values, places, g))
    if config.splits > 1:
        kernel = device.kernel(_FILE, "global_pool_combine_forward", (problem.dtype, maximum))
        kernel((-(-problem.outer * problem.inner // THREADS),), (THREADS,), (values, places, y, argmax, g))
    return y, argmax


def _backward(problem, device, grad_output, argmax):
    grad_input = device.empty(problem.input_shape, problem.dtype)
    if problem.batch == 0:
        return grad_input
    along_positions = problem.inner == 1
    if along_positions:
        width = lanes_of(problem.positions, grad_input)
    else:
        width = lanes_of(problem.inner, grad_input, grad_output, *(() if argmax is None else (argmax,)))
    template = (problem.dtype, argmax is not None, along_positions, width)
    kernel = device.kernel(_FILE, "global_pool_spread_backward", template)
    sizes = (problem.outer, problem.positions, problem.inner, 1, problem.positions)
    g = jit.as_structure(GlobalPoolingGeometry(*sizes))
    plane = problem.positions * problem.inner // width
    launch_planes(kernel, plane, problem.outer, (grad_output, argmax, grad_input, g))
    return grad_input


@cuda_implementation(_FILE, _too_large)
def max_forward(problem, device, x):
    return _forward(problem, device, x, True)[0]


@cuda_implementation(_FILE, _too_large)
def max_with_argmax(problem, device, x):
    return _forward(problem, device, x, True)


@cuda_implementation(_FILE, _too_large)
def average_forward(problem, device, x):
    return _forward(problem, device, x, False)[0]


@cuda_implementation(_FILE, _too_large)
def max_backward(problem, device, grad_output, argmax):
    return _backward(problem, device, grad_output, argmax)


@cuda_implementation(_FILE, _too_large)
def average_backward(problem, device, grad_output):
    return _backward(problem, device, grad_output, None)
