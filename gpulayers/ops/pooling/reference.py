"""Pooling in NumPy: the fallback, and the truth for the kernels.

Every function sees both data formats as (outer, depth, height, width, inner) and works on one part at a time,
so that intermediate values stay in the processor's cache.
"""

import numpy as np

from ..arrays import accumulation_dtype
from .folding import fold, phases, places_of_taps, spread
from .parts import input_parts, output_parts

# Infinities and NaN are values like others here, as on the GPU: no warnings.
quiet = np.errstate(over="ignore", invalid="ignore")


@quiet
def max_forward(problem, x):
    """The largest value of each window; NaN if it holds a NaN, -inf if it lies wholly in the padding."""
    x, wide, y = _lifted_input(problem, x), accumulation_dtype(problem.dtype), _empty_output(problem)
    for inside, outside, window in output_parts(problem, wide.itemsize):
        y[outside] = fold(window, x[inside].astype(wide, copy=False), np.maximum, -np.inf)
    return y.reshape(problem.output_shape)


@quiet
def average_forward(problem, x):
    """The mean of each window's values, padding not counted; 0 if the window lies wholly in the padding."""
    x, wide, y = _lifted_input(problem, x), accumulation_dtype(problem.dtype), _empty_output(problem)
    counts = _counts(problem, wide)
    for inside, outside, window in output_parts(problem, wide.itemsize):
        sums = fold(window, x[inside].astype(wide, copy=False), np.add, 0)
        np.divide(sums, _part_of(counts, outside), out=y[outside], casting="same_kind")
    return y.reshape(problem.output_shape)


@quiet
def max_with_argmax(problem, x):
    """Returns (largest values, number of the tap that each came from): NaN before numbers, first of equals.

    Taps are numbered row by row. Without a tap that meets the input the number is 0.
    """
    x, wide, y = _lifted_input(problem, x), accumulation_dtype(problem.dtype), _empty_output(problem)
    argmax = np.empty(y.shape, problem.argmax_dtype)
    empty = problem.taps_inside() == 0
    for inside, outside, window in output_parts(problem, wide.itemsize):
        block = x[inside].astype(wide, copy=False)
        best = fold(window, block, np.maximum, -np.inf)
        y[outside] = best
        argmax[outside] = _taps_of_maxima(window, phases(window, block), best, argmax.dtype)
    argmax[:, empty] = 0
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


def _taps_of_maxima(window, sources, best, dtype):
    """The argmax is the number of taps that are passed before the maximum is met."""
    has_nan = np.isnan(best).any()
    passed, missing = np.zeros(best.shape, dtype), np.ones(best.shape, bool)
    differs = np.empty(best.shape, bool)
    # Booleans are bytes: added without a conversion where the argmax is of bytes.
    ones = missing.view(np.uint8) if dtype == np.uint8 else missing
    for place in places_of_taps(window):
        if place is not None:
            phase, inside, outside = place
            source = sources[phase][inside]
            here = np.not_equal(source, best[outside], out=differs[outside])
            if has_nan:
                here &= ~np.isnan(source)
            missing[outside] &= here
        passed += ones
    return passed


@quiet
def max_backward(problem, grad_output, argmax):
    """Adds each gradient to the input that its window's maximum came from."""
    dy, argmax = _lifted_output(problem, grad_output), _lifted_output(problem, argmax)
    wide, grad = accumulation_dtype(problem.dtype), _empty_input(problem)
    for inside, outside, window in input_parts(problem, wide.itemsize):
        part, block, chosen = grad[inside], dy[outside].astype(wide, copy=False), argmax[outside]
        sums = phases(window, shape=part.shape, dtype=wide)
        for tap, place in enumerate(places_of_taps(window)):
            if place is not None:
                phase, columns, windows = place
                target = sums[phase][columns]
                target += _where(chosen[windows] == tap, block[windows])
        step = window.strides[2]
        for phase in range(step):
            part[:, :, :, phase::step] = sums.get(phase, 0)
    return grad.reshape(problem.input_shape)


@quiet
def average_backward(problem, grad_output):
    """Spreads each gradient evenly over the inputs of its window."""
    dy, wide = _lifted_output(problem, grad_output), accumulation_dtype(problem.dtype)
    grad, counts = _empty_input(problem), _counts(problem, wide)
    for inside, outside, window in input_parts(problem, wide.itemsize):
        grad[inside] = spread(window, dy[outside] / _part_of(counts, outside))
    return grad.reshape(problem.input_shape)


def _lifted_input(problem, array):
    return array.reshape(problem.outer, *problem.window.lifted().input_size, problem.inner)


def _lifted_output(problem, array):
    return array.reshape(problem.outer, *problem.window.lifted().output_size, problem.inner)


def _empty_input(problem):
    return _lifted_input(problem, np.empty(problem.input_shape, problem.dtype))


def _empty_output(problem):
    return _lifted_output(problem, np.empty(problem.output_shape, problem.dtype))


def _counts(problem, dtype):
    """The divisors: an array (1, o, p, q, 1), or one number for all."""
    counts = np.maximum(problem.taps_inside(), 1).astype(dtype)
    return counts.flat[0] if (counts == counts.flat[0]).all() else counts[None, ..., None]


def _part_of(counts, index):
    return counts[(slice(None), *index[1:])] if counts.ndim else counts


def _where(mask, values):
    """The values where the mask is set, else 0, even for infinities; several times faster than np.where."""
    bits = np.dtype(f"i{values.dtype.itemsize}")
    kept = np.negative(mask.view(np.int8), out=mask.view(np.int8)).astype(bits)
    kept &= values.view(bits)
    return kept.view(values.dtype)
