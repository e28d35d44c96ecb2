"""Adaptive pooling in NumPy: the fallback, and the truth for the kernels."""

import functools
import itertools
import math

import numpy as np

from .. import scratch
from ..arrays import accumulation_dtype
from . import parts, reference
from .global_reference import first_place
from .passes import along
from .problem import PoolingProblem
from .running import in_dtype, in_parts, numpy_settings
from .unpooling import indices_of_taps


def _bins(problem):
    """(index of an output, slices of its bin, number of inputs) of each bin."""
    for places in itertools.product(*(enumerate(problem.bins(axis)) for axis in range(3))):
        output, ranges = zip(*places)
        count = np.prod([stop - first for first, stop in ranges])
        yield (slice(None), *output), (slice(None), *(slice(*pair) for pair in ranges)), count


def _lifted(problem, array, output):
    return array.reshape(problem.outer, *problem.lifted()[output], problem.inner)


def _windows(problem):
    """The same as windows side by side, where all bins of an axis have one size; else None."""
    if any(size % bins for size, bins in zip(problem.spatial, problem.output_size)):
        return None
    sizes = tuple(size // bins for size, bins in zip(problem.spatial, problem.output_size))
    return PoolingProblem.resolve(
        problem.input_shape, problem.dtype, sizes, None, "valid", 1, problem.data_format
    )


@numpy_settings
def max_with_argmax(problem, x):
    """Returns (largest values, their positions in the image): NaN before numbers, first of equals."""
    windows = _windows(problem)
    if windows is not None:
        y, taps = reference.max_with_argmax(windows, x)
        return y, indices_of_taps(windows, taps).astype(problem.argmax_dtype, copy=False)
    x, wide, sizes = _lifted(problem, x, False), accumulation_dtype(problem.dtype), problem.lifted()[0]
    positions = np.arange(math.prod(sizes), dtype=problem.argmax_dtype).reshape(sizes)
    y, argmax = (np.empty(problem.output_shape, dtype) for dtype in (problem.dtype, problem.argmax_dtype))
    largest, places = _lifted(problem, y, True), _lifted(problem, argmax, True)

    def compute(images):
        for output, inside, count in _bins(problem):
            values = in_dtype(x[images][inside], wide).reshape(-1, count, problem.inner)
            best = np.maximum.reduce(values, axis=1)
            largest[images][output] = best
            places[images][output] = positions[inside[1:]].reshape(-1)[first_place(values, best)]

    largest_bin = math.prod(max(stop - first for first, stop in problem.bins(axis)) for axis in range(3))
    in_parts(compute, parts.image_blocks(problem.outer, largest_bin * problem.inner * wide.itemsize))
    return y, argmax


@numpy_settings
def max_backward(problem, grad_output, argmax):
    """Adds each gradient to the input that its bin's maximum came from."""
    wide, positions, inner = accumulation_dtype(problem.dtype), math.prod(problem.spatial), problem.inner
    dx, count = np.zeros(math.prod(problem.input_shape), wide), math.prod(problem.output_size)
    places = argmax.reshape(problem.outer, count, inner) * np.intp(inner)
    places += np.arange(inner)
    places += (np.arange(problem.outer) * (positions * inner))[:, None, None]
    np.add.at(dx, places.reshape(-1), grad_output.reshape(-1).astype(wide, copy=False))
    return dx.astype(problem.dtype, copy=False).reshape(problem.input_shape)


@numpy_settings
def average_forward(problem, x):
    """The mean of each bin: sums along one axis after the other."""
    windows = _windows(problem)
    if windows is not None:
        return reference.average_forward(windows, x)
    x, wide = _lifted(problem, x, False), accumulation_dtype(problem.dtype)
    y, counts = (
        np.empty((problem.outer, *problem.lifted()[1], problem.inner), problem.dtype),
        _counts(problem, wide),
    )

    def compute(images):
        sums = in_dtype(x[images], wide)
        for axis in range(3):
            bins = problem.bins(axis)
            if len(bins) != sums.shape[axis + 1]:  # else each bin has one input
                sizes = list(sums.shape)
                sizes[axis + 1] = len(bins)
                values, sums = sums, scratch.empty(tuple(sizes), wide)
                for place, (first, stop) in enumerate(bins):
                    part = values[along(axis, slice(first, stop))]
                    np.add.reduce(part, axis=axis + 1, out=sums[along(axis, place)])
        y[images] = sums / counts

    in_parts(compute, _images(problem, wide))
    return y.reshape(problem.output_shape)


@numpy_settings
def average_backward(problem, grad_output):
    """Spreads each gradient evenly over its bin, along one axis after the other."""
    windows = _windows(problem)
    if windows is not None:
        return reference.average_backward(windows, grad_output)
    dy, wide = _lifted(problem, grad_output, True), accumulation_dtype(problem.dtype)
    dx, counts = (
        np.empty((problem.outer, *problem.lifted()[0], problem.inner), problem.dtype),
        _counts(problem, wide),
    )

    def compute(images):
        shares = in_dtype(dy[images], wide) / counts
        for axis in (2, 1, 0):
            bins, sizes = problem.bins(axis), list(shares.shape)
            sizes[axis + 1] = problem.lifted()[0][axis]
            if len(bins) != sizes[axis + 1]:
                spread = scratch.empty(tuple(sizes), wide)
                spread.fill(0)
                for place, bounds in enumerate(bins):
                    spread[along(axis, slice(*bounds))] += shares[along(axis, slice(place, place + 1))]
                shares = spread
        dx[images] = shares

    in_parts(compute, _images(problem, wide))
    return dx.reshape(problem.input_shape)


def _counts(problem, dtype):
    """Inputs of each bin: (o, p, q, 1)."""
    lengths = ([stop - first for first, stop in problem.bins(axis)] for axis in range(3))
    return functools.reduce(np.multiply.outer, lengths).astype(dtype)[..., None]


def _images(problem, dtype):
    """Blocks of whole images."""
    sizes = (max(pair) for pair in zip(*problem.lifted()))
    return parts.image_blocks(problem.outer, math.prod(sizes) * problem.inner * dtype.itemsize)
