"""Global pooling in NumPy: the fallback, and the truth for the kernels.

Both data formats are (outer, positions, inner).
"""

import math

import numpy as np

from ..arrays import accumulation_dtype
from .parts import image_blocks
from .reference import quiet


@quiet
def max_with_argmax(problem, x):
    """The largest value of each channel, and its position; the first of equals, a NaN before any number."""
    x, wide = x.reshape(problem.outer, problem.positions, problem.inner), accumulation_dtype(problem.dtype)
    shape = (problem.outer, problem.inner)
    y, argmax = np.empty(shape, problem.dtype), np.empty(shape, problem.argmax_dtype)
    length = _run_length(problem)
    starts = np.minimum(np.arange(0, problem.positions, length), problem.positions - length)
    for images in _blocks(problem, wide):
        # The maximum of each run of positions, the first run that has the largest, and its place in that.
        block = x[images]
        runs = (block[:, at : at + length].astype(wide, copy=False) for at in starts)
        best = np.stack([_largest(values) for values in runs], axis=1)
        run = starts[best.argmax(axis=1)][:, None]
        values = np.take_along_axis(block, run + np.arange(length)[:, None], axis=1).astype(wide, copy=False)
        place = values.argmax(axis=1)[:, None]
        y[images] = np.take_along_axis(values, place, axis=1)[:, 0]
        argmax[images] = (run + place)[:, 0]
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


def _run_length(problem):
    """Positions that are reduced at once: about the square root of all."""
    return min(problem.positions, max(64, math.isqrt(problem.positions)))


def _largest(values):
    """The maximum of (n, positions, inner) over the positions, by halves: NumPy is slow on short rows."""
    if values.shape[2] == 1:
        return values.max(axis=1)
    while values.shape[1] > 1:
        half = -(-values.shape[1] // 2)
        values = np.maximum(values[:, :half], values[:, -half:])
    return values[:, 0]


@quiet
def max_backward(problem, grad_output, argmax):
    """The gradient at the maximum's position, zero elsewhere."""
    shape = (problem.outer, 1, problem.inner)
    grad = np.zeros((problem.outer, problem.positions, problem.inner), problem.dtype)
    positions = argmax.reshape(shape).astype(np.int64, copy=False)
    np.put_along_axis(grad, positions, grad_output.reshape(shape), axis=1)
    return grad.reshape(problem.input_shape)


@quiet
def average_forward(problem, x):
    """The mean of each channel."""
    x, wide = x.reshape(problem.outer, problem.positions, problem.inner), accumulation_dtype(problem.dtype)
    y, length = np.empty((problem.outer, problem.inner), problem.dtype), _run_length(problem)
    # Runs of a bounded length, added in float64, keep the rounding error small however many positions.
    runs = [slice(start, start + length) for start in range(0, problem.positions, length)]
    for images in _blocks(problem, wide):
        sums = sum(x[images, run].sum(axis=1, dtype=wide).astype(np.float64) for run in runs)
        y[images] = sums / problem.positions
    return y.reshape(problem.output_shape)


@quiet
def average_backward(problem, grad_output):
    """The gradient divided by the number of positions, at every position."""
    wide = accumulation_dtype(problem.dtype)
    share = (grad_output.astype(wide, copy=False) / wide.type(problem.positions)).astype(problem.dtype)
    shape = (problem.outer, problem.positions, problem.inner)
    grad = np.empty(shape, problem.dtype)
    grad[...] = share.reshape(problem.outer, 1, problem.inner)
    return grad.reshape(problem.input_shape)


def _blocks(problem, dtype):
    return image_blocks(problem.outer, problem.positions * problem.inner * dtype.itemsize)
