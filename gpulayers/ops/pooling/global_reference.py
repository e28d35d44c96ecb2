"""Global pooling in NumPy: the fallback, and the truth for the kernels.

Both data formats are (outer, positions, inner). Positions are reduced in runs first, which become parts; so a maximum
is found in two steps, and sums stay accurate.
"""

import math

import numpy as np

from ..arrays import accumulation_dtype
from . import parts
from .running import copy, in_dtype, in_parts, numpy_settings

_ELEMENTS = 2048  # of a row: NumPy combines rows of about so many elements fastest


@numpy_settings
def max_forward(problem, x):
    """The largest value of each channel, or NaN if there is one."""
    y = np.maximum.reduce(_of_runs(problem, x, np.maximum), axis=1)
    return y.astype(problem.dtype, copy=False).reshape(problem.output_shape)


@numpy_settings
def max_with_argmax(problem, x):
    """The largest value of each channel, and its position; the first of equals, a NaN before any number."""
    maxima, length = _of_runs(problem, x, np.maximum), _run_length(problem)
    y, argmax = (
        np.maximum.reduce(maxima, axis=1),
        np.empty((problem.outer, problem.inner), problem.argmax_dtype),
    )
    x = x.reshape(problem.outer, problem.positions, problem.inner)

    def find(images):
        """The first run that has the maximum, and its place in that run."""
        best = y[images]
        begin = first_place(maxima[images], best) * length
        np.minimum(begin, problem.positions - length, out=begin)
        values = x[images]
        if length < problem.positions:
            values = np.take_along_axis(values, begin[:, None] + np.arange(length)[:, None], axis=1)
        argmax[images] = begin + first_place(in_dtype(values, best.dtype), best)

    # An index of 8 bytes, a value and a mark for each position of a run.
    in_parts(find, parts.image_blocks(problem.outer, length * problem.inner * 16))
    y = y.astype(problem.dtype, copy=False)
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


@numpy_settings
def max_backward(problem, grad_output, argmax):
    """The gradient at the maximum's position, zero elsewhere."""
    shape = (problem.outer, 1, problem.inner)
    grad = np.zeros((problem.outer, problem.positions, problem.inner), problem.dtype)
    positions = argmax.reshape(shape).astype(np.int64, copy=False)
    np.put_along_axis(grad, positions, grad_output.reshape(shape), axis=1)
    return grad.reshape(problem.input_shape)


@numpy_settings
def average_forward(problem, x):
    """The mean of each channel: sums of runs, added in float64."""
    sums = _of_runs(problem, x, np.add)
    if sums.shape[1] == 1:
        means = sums[:, 0] / sums.dtype.type(problem.positions)
    else:
        means = np.add.reduce(sums, axis=1, dtype=np.float64) / problem.positions
    return means.astype(problem.dtype, copy=False).reshape(problem.output_shape)


@numpy_settings
def average_backward(problem, grad_output):
    """The gradient divided by the number of positions, at every position."""
    wide = accumulation_dtype(problem.dtype)
    share = (grad_output.astype(wide, copy=False) / wide.type(problem.positions)).astype(problem.dtype)
    share = share.reshape(problem.outer, 1, problem.inner)
    grad = np.empty((problem.outer, problem.positions, problem.inner), problem.dtype)

    def spread(part):
        images, positions = part
        target = grad[images, positions]
        copy(np.broadcast_to(share[images], target.shape), target)

    in_parts(spread, _parts(problem, problem.dtype.itemsize))
    return grad.reshape(problem.input_shape)


def _run_length(problem):
    """Positions that are reduced at once: about the square root of all."""
    return min(problem.positions, max(64, math.isqrt(problem.positions)))


def _parts(problem, itemsize):
    """[(images, positions)]: several images, or whole runs of one."""
    length = _run_length(problem)
    run_bytes = length * problem.inner * itemsize
    if problem.positions // length * run_bytes <= parts.BLOCK_BYTES:
        step = problem.positions
    else:
        step = max(1, parts.BLOCK_BYTES // run_bytes) * length
    return [
        (images, slice(start, min(start + step, problem.positions)))
        for images in parts.image_blocks(
            problem.outer, min(step, problem.positions) * problem.inner * itemsize
        )
        for start in range(0, problem.positions, step)
    ]


def _of_runs(problem, x, combine):
    """Combines the positions of each run: (outer, runs, inner); the last run may be shorter."""
    x, wide = x.reshape(problem.outer, problem.positions, problem.inner), accumulation_dtype(problem.dtype)
    length = _run_length(problem)
    found = np.empty((problem.outer, -(-problem.positions // length), problem.inner), wide)

    def compute(part):
        images, positions = part
        block = in_dtype(x[images, positions], wide)
        count = block.shape[1]
        first, runs = positions.start // length, count // length
        whole = block[:, : runs * length].reshape(len(block), runs, length, problem.inner)
        found[images, first : first + runs] = _reduced(combine, whole)
        if runs * length < count:
            found[images, first + runs] = _reduced(combine, block[:, None, runs * length :])[:, 0]

    in_parts(compute, _parts(problem, wide.itemsize))
    return found


def _reduced(combine, values):
    """Combines (images, runs, positions, inner) along the positions."""
    images, runs, length, inner = values.shape
    if inner == 1 and length >= 128:
        return combine.reduce(values, axis=2)
    # Rows of some positions at a time; then halves of what is left, the middle one left over.
    together = min(length, max(1, _ELEMENTS // inner)) if inner > 1 else length
    whole = length // together * together
    rows = values[:, :, :whole].reshape(images, runs, length // together, together * inner)
    rows = combine.reduce(rows, axis=2).reshape(images, runs, together, inner)
    rest = rows[:, :, : length - whole]
    combine(rest, values[:, :, whole:], out=rest)
    while together > 1:
        half = together // 2
        kept = rows[:, :, : together - half]
        combine(kept[:, :, :half], rows[:, :, together - half : together], out=kept[:, :, :half])
        together -= half
    return rows[:, :, 0]


def first_place(values, best):
    """The first place along the positions of (images, positions, inner) that has the best value, or NaN with it."""
    hits = values == best[:, None]
    if np.isnan(best).any():
        hits |= np.isnan(values)
    length = values.shape[1]
    weights = np.arange(length, 0, -1, dtype=np.min_scalar_type(length))[:, None]
    return length - _reduced(np.maximum, (hits.view(np.uint8) * weights)[:, None])[:, 0].astype(np.int64)
