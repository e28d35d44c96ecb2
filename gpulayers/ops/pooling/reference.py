"""Pooling in NumPy: the fallback, and the truth for the kernels.

Every function sees both data formats as (outer, depth, height, width, inner) and works on a few images at a
time, so that intermediate values stay in the processor's cache.
"""

import itertools
import math

import numpy as np

from ..arrays import accumulation_dtype

BLOCK_BYTES = 1 << 21
# Infinities and NaN are values like others here, as on the GPU: no warnings.
quiet = np.errstate(over="ignore", invalid="ignore")


def image_blocks(images, image_bytes):
    """Slices of so many images that a block stays in the processor's cache."""
    step = max(1, BLOCK_BYTES // image_bytes)
    return (slice(start, start + step) for start in range(0, images, step))


@quiet
def max_forward(problem, x):
    """The largest value of each window; NaN if it holds a NaN, -inf if it lies wholly in the padding."""
    return _forward(problem, x, np.maximum, -np.inf)


@quiet
def average_forward(problem, x):
    """The mean of each window's values, padding not counted; 0 if the window lies wholly in the padding."""
    counts = np.maximum(problem.taps_inside(), 1).astype(accumulation_dtype(problem.dtype))[None, ..., None]
    return _forward(problem, x, np.add, 0, counts)


@quiet
def max_with_argmax(problem, x):
    """Returns (largest values, number of the tap that each came from): NaN before numbers, first of equals.

    Taps are numbered row by row. Without a tap that meets the input the number is 0.
    """
    x, wide = _lifted_input(problem, x), accumulation_dtype(problem.dtype)
    y = _empty_output(problem, problem.dtype)
    argmax = np.zeros(y.shape, problem.argmax_dtype)
    window, empty = problem.window.lifted(), problem.taps_inside() == 0
    for images in _blocks(problem, wide):
        block = x[images].astype(wide, copy=False)
        best = _folded(window, block, np.maximum, -np.inf)
        y[images] = best
        has_nan = np.isnan(best).any()
        # The argmax is the number of taps that are passed before the maximum is met.
        passed, missing = argmax[images], np.ones(best.shape, bool)
        for place in _places_of_taps(window):
            if place is not None:
                inside, outside = place
                differs = block[inside] != best[outside]
                if has_nan:
                    differs &= ~np.isnan(block[inside])
                missing[outside] &= differs
            passed += missing
        passed[:, empty] = 0
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


@quiet
def max_backward(problem, grad_output, argmax):
    """Adds each gradient to the input that its window's maximum came from."""
    dy, argmax = _lifted_output(problem, grad_output), _lifted_output(problem, argmax)
    wide = accumulation_dtype(problem.dtype)
    grad = np.empty((problem.outer, *problem.window.lifted().input_size, problem.inner), problem.dtype)
    for images in _blocks(problem, wide):
        block, chosen = dy[images].astype(wide, copy=False), argmax[images]
        dx = np.zeros(grad[images].shape, wide)
        for tap, place in enumerate(_places_of_taps(problem.window.lifted())):
            if place is not None:
                inside, outside = place
                dx[inside] += _where(chosen[outside] == tap, block[outside])
        grad[images] = dx
    return grad.reshape(problem.input_shape)


@quiet
def average_backward(problem, grad_output):
    """Spreads each gradient evenly over the inputs of its window."""
    dy, wide = _lifted_output(problem, grad_output), accumulation_dtype(problem.dtype)
    window = problem.window.lifted()
    counts = np.maximum(problem.taps_inside(), 1).astype(wide)[None, ..., None]
    grad = np.empty((problem.outer, *window.input_size, problem.inner), problem.dtype)
    for images in _blocks(problem, wide):
        block = dy[images] / counts
        for axis in reversed(range(3)):
            block = _spread(window, axis, block)
        grad[images] = block
    return grad.reshape(problem.input_shape)


def _lifted_input(problem, array):
    return array.reshape(problem.outer, *problem.window.lifted().input_size, problem.inner)


def _lifted_output(problem, array):
    return array.reshape(problem.outer, *problem.window.lifted().output_size, problem.inner)


def _empty_output(problem, dtype):
    return np.empty((problem.outer, *problem.window.lifted().output_size, problem.inner), dtype)


def _blocks(problem, dtype):
    return image_blocks(problem.outer, math.prod(problem.window.input_size) * problem.inner * dtype.itemsize)


def _meeting(window, axis, tap):
    """Slices of the input and the output along one axis, where the tap meets the input; None if nowhere."""
    first, stop = window.valid_range(axis, tap)
    if first >= stop:
        return None
    start = first * window.strides[axis] + tap * window.dilation[axis] - window.pad_low[axis]
    last = start + (stop - 1 - first) * window.strides[axis]
    return slice(start, last + 1, window.strides[axis]), slice(first, stop)


def _places_of_taps(window):
    """(index into the input, into the output) where each tap in turn meets the input; None if nowhere."""
    for taps in itertools.product(*map(range, window.size)):
        pairs = [_meeting(window, axis, tap) for axis, tap in enumerate(taps)]
        if None in pairs:
            yield None
        else:
            inside, outside = zip(*pairs)
            yield (slice(None), *inside), (slice(None), *outside)


def _where(mask, values):
    """The values where the mask is set, else 0, even for infinities; several times faster than np.where."""
    bits = np.dtype(f"i{values.dtype.itemsize}")
    return (values.view(bits) & np.negative(mask.astype(bits))).view(values.dtype)


def _along(axis, part):
    return (slice(None),) * (axis + 1) + (part,)


def _is_identity(window, axis):
    same_size = window.input_size[axis] == window.output_size[axis]
    return window.size[axis] == window.strides[axis] == 1 and same_size


def _forward(problem, x, combine, empty, counts=None):
    """Combines the values of each window, and divides by the counts."""
    x, wide = _lifted_input(problem, x), accumulation_dtype(problem.dtype)
    y = _empty_output(problem, problem.dtype)
    window = problem.window.lifted()
    for images in _blocks(problem, wide):
        block = x[images].astype(wide, copy=False)
        block = _folded(window, block, combine, empty)
        y[images] = block if counts is None else block / counts
    return y.reshape(problem.output_shape)


def _folded(window, block, combine, empty):
    """Combines the values of each window, one dimension after the other."""
    for axis in range(3):
        block = _fold(window, axis, block, combine, empty)
    return block


def _fold(window, axis, block, combine, empty):
    """Combines the taps along one axis."""
    if _is_identity(window, axis):
        return block
    shape = list(block.shape)
    shape[axis + 1] = window.output_size[axis]
    result = None
    for tap in range(window.size[axis]):
        pair = _meeting(window, axis, tap)
        if pair is None:
            continue
        inside, outside = pair
        source = block[_along(axis, inside)]
        if result is None and source.shape[axis + 1] == shape[axis + 1]:
            result = source.copy()
            continue
        if result is None:
            result = np.full(shape, empty, block.dtype)
        target = result[_along(axis, outside)]
        combine(target, source, out=target)
    return np.full(shape, empty, block.dtype) if result is None else result


def _spread(window, axis, block):
    """The adjoint of adding the taps along one axis."""
    if _is_identity(window, axis):
        return block
    shape = list(block.shape)
    shape[axis + 1] = window.input_size[axis]
    result = np.zeros(shape, block.dtype)
    for tap in range(window.size[axis]):
        pair = _meeting(window, axis, tap)
        if pair is not None:
            result[_along(axis, pair[0])] += block[_along(axis, pair[1])]
    return result
