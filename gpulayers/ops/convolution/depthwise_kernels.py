"""Launchers of the depthwise kernels of cuda/convolution."""

import dataclasses
import functools
import math

import numpy as np

from ... import jit
from ..arrays import accumulation_dtype, address_of
from ..dispatch import cuda_implementation
from .kernels import geometry, index_too_large, total

_THREADS, _RUN = 256, 4  # of the gather: of a block, and results a thread
_BLOCK_TAPS = 9  # of the backward to the weights
_MOST_COUNT = 2**30  # of threads and of pixels, which the kernels count in 32 bits
_MOST_CHUNKS = 65535  # of pixels, and of taps
_PARTIAL_BYTES = 64 << 20
_STRIDE_LIMIT = 2**28  # a run of results, held in 32 bits, spans four strides


@dataclasses.dataclass(frozen=True)
class DepthwiseGeometry:
    """Mirrored by the structure of the same name in cuda/convolution/depthwise.cuh."""

    source_strides: (np.int64, 5)
    target_strides: (np.int64, 5)
    weight_strides: (np.int64, 3)
    first_weight: np.int64
    batch: np.int32
    channels: np.int32
    multiplier: np.int32
    runs: np.int32
    source_size: (np.int32, 3)
    target_size: (np.int32, 3)
    window: (np.int32, 3)
    step: (np.int32, 3)
    offset: (np.int32, 3)
    dilation: (np.int32, 3)
    divisor: (np.int32, 3)


@dataclasses.dataclass(frozen=True)
class DepthwiseConfig:
    """Neighbouring channels a thread; which threads are neighbours; whether values slide from tap to tap."""

    vector: int
    channels_last: bool
    slide: bool


@functools.lru_cache(maxsize=1024)
def depthwise_geometry(problem, backward):
    """The DepthwiseGeometry of the forward, or of the backward to the input.

    channels_last: results run along the width. channels_first: along the height, if there is one, and
    neighbouring threads lie along the width.
    """
    window = problem.window.lifted()
    upright = not problem.channels_last and (window.input_size if backward else window.output_size)[1] > 1
    axes = (0, 2, 1) if upright else (0, 1, 2)

    def ordered(values):
        return tuple(int(values[axis]) for axis in axes)

    whole = geometry(problem)
    x_strides, y_strides = (tuple(map(int, whole[name])) for name in ("x_strides", "y_strides"))
    x_strides, y_strides = (strides[:2] + ordered(strides[2:]) for strides in (x_strides, y_strides))
    _, height, width = window.size
    weights = tuple(problem.out_channels * step for step in (height * width, width, 1))
    inputs, outputs, ones = ordered(window.input_size), ordered(window.output_size), (1, 1, 1)
    strides, low = ordered(window.strides), ordered(window.pad_low)
    common = dict(
        batch=problem.batch,
        multiplier=problem.group_out_channels,
        window=ordered(window.size),
        dilation=ordered(window.dilation),
    )
    if not backward:
        return DepthwiseGeometry(
            source_strides=x_strides,
            target_strides=y_strides,
            weight_strides=ordered(weights),
            first_weight=0,
            channels=problem.out_channels,
            runs=-(-outputs[2] // _RUN),
            source_size=inputs,
            target_size=outputs,
            step=strides,
            offset=tuple(-pad for pad in low),
            divisor=ones,
            **common,
        )
    # The taps in reverse order, so that positions grow with them as in the forward.
    last = tuple(k - 1 for k in ordered(window.size))
    return DepthwiseGeometry(
        source_strides=y_strides,
        target_strides=x_strides,
        weight_strides=tuple(-step for step in ordered(weights)),
        first_weight=sum(count * step for count, step in zip(last, ordered(weights))),
        channels=problem.in_channels,
        runs=-(-inputs[2] // strides[2] // _RUN),
        source_size=outputs,
        target_size=inputs,
        step=ones,
        offset=tuple(pad - count * d for pad, count, d in zip(low, last, ordered(window.dilation))),
        divisor=strides,
        **common,
    )


def depthwise_config(g, problem, *operands):
    """The variant for these arrays: the vector is of 16 bytes, or one element."""
    vector = _vector(problem, 16 // problem.dtype.itemsize, *operands)
    return DepthwiseConfig(vector, problem.channels_last, g.step[2] == g.dilation[2] and g.divisor[2] == 1)


def _vector(problem, elements, *operands):
    fits = problem.channels_last and problem.group_out_channels == 1 and problem.in_channels % elements == 0
    size = elements * problem.dtype.itemsize
    aligned = all(array is None or address_of(array) % size == 0 for array in operands)
    return elements if fits and aligned else 1


def _threads(g, vector=1):
    return g.batch * g.channels // vector * g.target_size[0] * g.target_size[1] * g.runs * g.divisor[2]


def _too_large(backward):
    def unsupported(problem, device):
        reason = index_too_large(problem, device)
        if reason is None and max(problem.window.strides) >= _STRIDE_LIMIT:
            return f"a stride of {_STRIDE_LIMIT} or more"
        if reason is None and _threads(depthwise_geometry(problem, backward)) > _MOST_COUNT:
            return f"needs more than {_MOST_COUNT} threads"
        return reason

    return unsupported


def _gather(problem, device, backward, source, weight, bias, target):
    if problem.batch == 0:
        return target
    g = depthwise_geometry(problem, backward)
    config = depthwise_config(g, problem, source, weight, target)
    name = "backward_input" if backward else "forward"
    kernel = device.kernel(
        f"convolution/depthwise_{name}.cu",
        f"convolution_depthwise_{name}",
        (problem.dtype, problem.activation, config),
    )
    blocks = -(-_threads(g, config.vector) // _THREADS)
    kernel((blocks,), (_THREADS,), (source, weight, bias, target, jit.as_structure(g)))
    return target


@cuda_implementation("convolution/depthwise_forward.cu", _too_large(backward=False))
def depthwise_forward(problem, device, x, weight, bias=None):
    y = device.empty(problem.output_shape, problem.dtype)
    return _gather(problem, device, False, x, weight, bias, y)


@cuda_implementation("convolution/depthwise_backward_input.cu", _too_large(backward=True))
def depthwise_backward_input(problem, device, grad_output, weight, bias=None):
    grad_input = device.empty(problem.input_shape, problem.dtype)
    return _gather(problem, device, True, grad_output, weight, bias, grad_input)


def _too_many_pixels(problem, device):
    reason = index_too_large(problem, device)
    if reason is None and problem.output_pixels > _MOST_COUNT:
        return f"more than {_MOST_COUNT} output pixels"
    if reason is None and problem.window.taps > _BLOCK_TAPS * _MOST_CHUNKS:
        return f"more than {_BLOCK_TAPS * _MOST_CHUNKS} taps"
    return reason


def chunk_pixels(problem, device, blocks, pixel_lanes):
    """Pixels of a partial sum: enough chunks to fill the device, none shorter than 16 pixels a thread."""
    partial_bytes = math.prod(problem.weight_shape) * accumulation_dtype(problem.dtype).itemsize
    chunks = max(1, min(8 * device.multiprocessors // blocks, _PARTIAL_BYTES // partial_bytes, _MOST_CHUNKS))
    return max(16 * pixel_lanes, -(-problem.output_pixels // chunks))


@cuda_implementation("convolution/depthwise_backward_weight.cu", _too_many_pixels)
def depthwise_backward_weight(problem, device, x, grad_output):
    """Partial sums over chunks of pixels, then their total."""
    if problem.batch == 0:
        return device.zeros(problem.weight_shape, problem.dtype)
    vector = _vector(problem, 2 if problem.dtype == np.float64 else 4, x, grad_output)
    threads = problem.out_channels // vector
    lanes = min(32, 1 << (threads - 1).bit_length()) if problem.channels_last else 1
    tiles, taps = -(-threads // lanes), -(-problem.window.taps // _BLOCK_TAPS)
    pixels = chunk_pixels(problem, device, tiles * taps, _THREADS // lanes)
    chunks = -(-problem.output_pixels // pixels)
    partials = device.empty((chunks, *problem.weight_shape), accumulation_dtype(problem.dtype))
    kernel = device.kernel(
        "convolution/depthwise_backward_weight.cu",
        "convolution_depthwise_backward_weight",
        (problem.dtype, vector),
    )
    arguments = (x, grad_output, partials, geometry(problem), np.int32(lanes), np.int32(pixels))
    kernel((tiles, chunks, taps), (_THREADS,), arguments)
    return total(device, partials, problem.dtype)
