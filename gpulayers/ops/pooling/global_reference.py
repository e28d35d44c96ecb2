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
    for images in _blocks(problem, wide):
        block = x[images].astype(wide, copy=False)
        argmax[images] = block.argmax(axis=1)
        y[images] = np.take_along_axis(block, argmax[images][:, None].astype(np.int64), axis=1)[:, 0]
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


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
    # Partial sums of a bounded length keep the rounding error small however many positions there are.
    starts = np.arange(0, problem.positions, max(64, math.isqrt(problem.positions)))
    y = np.empty((problem.outer, problem.inner), problem.dtype)
    for images in _blocks(problem, wide):
        sums = np.add.reduceat(x[images], starts, axis=1, dtype=wide).sum(axis=1)
        y[images] = sums / wide.type(problem.positions)
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
