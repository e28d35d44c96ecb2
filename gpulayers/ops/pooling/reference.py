"""Pooling in NumPy: the fallback, and the truth for the kernels.

Every function sees both data formats as (outer, depth, height, width, inner) and works on one part at a time,
so that intermediate values stay in the processor's cache; parts run side by side.
"""

import functools
import math

import numpy as np

from .. import scratch
from ..arrays import accumulation_dtype
from . import parts
from .folding import fold, spread
from .maxima import select, select_apart
from .running import in_dtype, in_parts, numpy_settings, write
from .scattering import place, scatter

_FEW = (
    8  # taps up to which a pass for each costs less than one axis after the other, or than element by element
)


@numpy_settings
def max_forward(problem, x):
    """The largest value of each window; NaN if it holds a NaN, -inf if it lies wholly in the padding."""
    x, wide, y = (
        _lifted_input(problem, x),
        accumulation_dtype(problem.dtype),
        np.empty(problem.lifted_output_shape, problem.dtype),
    )

    def compute(part):
        block = in_dtype(x[part.inside], wide)
        write(y[part.outside], wide, lambda out: fold(part.windows, block, np.maximum, -np.inf, out))

    in_parts(compute, parts.output_parts(problem, wide.itemsize, parts.of_sums))
    return y.reshape(problem.output_shape)


@numpy_settings
def max_with_argmax(problem, x):
    """Returns (largest values, number of the tap that each came from): NaN before numbers, first of equals.

    Taps are numbered row by row. Without a tap that meets the input the number is 0.
    """
    x, wide, y = (
        _lifted_input(problem, x),
        accumulation_dtype(problem.dtype),
        np.empty(problem.lifted_output_shape, problem.dtype),
    )
    argmax = np.empty(y.shape, problem.argmax_dtype)
    choose = select_apart if _few_apart(problem) else select

    def compute(part):
        block, taps = in_dtype(x[part.inside], wide), argmax[part.outside]
        write(y[part.outside], wide, lambda out: choose(part.windows, block, out, taps))

    in_parts(compute, parts.output_parts(problem, wide.itemsize, parts.of_copies))
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


@numpy_settings
def max_backward(problem, grad_output, argmax):
    """Adds each gradient to the input that its window's maximum came from."""
    dy, argmax = _lifted_output(problem, grad_output), _lifted_output(problem, argmax)
    wide, dx = accumulation_dtype(problem.dtype), np.empty(problem.lifted_input_shape, problem.dtype)
    masks = _few_apart(problem)

    def compute(part):
        block, taps = dy[part.outside], argmax[part.outside]
        if not block.size:  # no window reaches here
            dx[part.inside] = 0
        elif masks:
            place(part.windows, block, taps, dx[part.inside])
        else:
            scatter(part.windows, in_dtype(block, wide), taps, dx[part.inside])

    elements = parts.of_copies if masks else parts.of_places
    in_parts(compute, parts.input_parts(problem, wide.itemsize, elements))
    return dx.reshape(problem.input_shape)


@numpy_settings
def average_forward(problem, x):
    """The mean of each window's values, padding not counted; 0 if the window lies wholly in the padding."""
    x, wide, y = (
        _lifted_input(problem, x),
        accumulation_dtype(problem.dtype),
        np.empty(problem.lifted_output_shape, problem.dtype),
    )

    def compute(part):
        def mean(out):
            fold(part.windows, in_dtype(x[part.inside], wide), np.add, 0, out)
            np.divide(out, _divisors(problem, part, wide), out=out)

        write(y[part.outside], wide, mean)

    in_parts(compute, parts.output_parts(problem, wide.itemsize, parts.of_sums))
    return y.reshape(problem.output_shape)


@numpy_settings
def average_backward(problem, grad_output):
    """Spreads each gradient evenly over the inputs of its window."""
    dy, wide, dx = (
        _lifted_output(problem, grad_output),
        accumulation_dtype(problem.dtype),
        np.empty(problem.lifted_input_shape, problem.dtype),
    )

    def compute(part):
        block = dy[part.outside]
        if not block.size:  # no window reaches here
            dx[part.inside] = 0
            return
        shares = np.divide(block, _divisors(problem, part, wide), out=scratch.empty(block.shape, wide))
        write(dx[part.inside], wide, lambda out: spread(part.windows, shares, out))

    in_parts(compute, parts.input_parts(problem, wide.itemsize, parts.of_sums))
    return dx.reshape(problem.input_shape)


def _few_apart(problem):
    """Whether windows are small and lie side by side: then each tap is a view of the input."""
    return problem.side_by_side and problem.window.taps <= _FEW


def _lifted_input(problem, array):
    return array.reshape(problem.lifted_input_shape)


def _lifted_output(problem, array):
    return array.reshape(problem.lifted_output_shape)


def _divisors(problem, part, dtype):
    """How many taps of each window meet the input, at least 1: one number for all of a part, or an array."""
    along = (counts[windows] for counts, windows in zip(problem.taps_inside, part.outside[1:4]))
    channels = part.outside[4]
    return _product(tuple(along), channels.stop - channels.start, dtype)


@functools.lru_cache(maxsize=8)
def _product(along, inner, dtype):
    if all(min(counts) == max(counts) for counts in along):
        return dtype.type(max(1, math.prod(counts[0] for counts in along)))
    counts = np.maximum(functools.reduce(np.multiply.outer, along), 1).astype(dtype)
    return np.repeat(counts[None, ..., None], inner, axis=4)  # NumPy divides whole blocks fastest
