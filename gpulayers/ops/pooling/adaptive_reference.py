"""Adaptive pooling in NumPy: the fallback, and the truth for the kernels."""

import itertools

import numpy as np

from ..arrays import accumulation_dtype
from .running import numpy_settings


def _bins(problem):
    """(index of an output, slices of its bin, number of inputs) of each bin."""
    for places in itertools.product(*(enumerate(problem.bins(axis)) for axis in range(3))):
        output, ranges = zip(*places)
        count = np.prod([stop - first for first, stop in ranges])
        yield (slice(None), *output), (slice(None), *(slice(*pair) for pair in ranges)), count


def _lifted(problem, array, output):
    return array.reshape(problem.outer, *problem.lifted()[output], problem.inner)


@numpy_settings
def max_with_argmax(problem, x):
    """Returns (largest values, their positions in the image): NaN before numbers, first of equals."""
    x = _lifted(problem, x, False)
    positions = np.arange(x[0, ..., 0].size if len(x) else 0).reshape(x.shape[1:4] if len(x) else 0)
    y = np.empty(problem.output_shape, problem.dtype)
    argmax = np.empty(problem.output_shape, problem.argmax_dtype)
    if problem.batch == 0:
        return y, argmax
    y, argmax = _lifted(problem, y, True), _lifted(problem, argmax, True)
    for output, inside, count in _bins(problem):
        block = x[inside].reshape(problem.outer, count, problem.inner).astype(accumulation_dtype(x.dtype))
        chosen = block.argmax(axis=1)  # of NaN the first
        y[output] = np.take_along_axis(block, chosen[:, None], axis=1)[:, 0]
        argmax[output] = positions[inside[1:]].reshape(-1)[chosen]
    return y.reshape(problem.output_shape), argmax.reshape(problem.output_shape)


@numpy_settings
def max_backward(problem, grad_output, argmax):
    """Adds each gradient to the input that its bin's maximum came from."""
    wide = accumulation_dtype(problem.dtype)
    dx = np.zeros((problem.outer, np.prod(problem.spatial), problem.inner), wide)
    dy = grad_output.reshape(problem.outer, -1, problem.inner) if problem.batch else grad_output
    places = argmax.reshape(dy.shape)
    for number in range(dy.shape[1] if problem.batch else 0):
        at = places[:, number : number + 1].astype(np.int64)
        sums = np.take_along_axis(dx, at, axis=1) + dy[:, number : number + 1]
        np.put_along_axis(dx, at, sums, axis=1)
    return dx.astype(problem.dtype, copy=False).reshape(problem.input_shape)


@numpy_settings
def average_forward(problem, x):
    """The mean of each bin."""
    x, wide = _lifted(problem, x, False), accumulation_dtype(problem.dtype)
    y = np.empty((problem.outer, *problem.lifted()[1], problem.inner), problem.dtype)
    for output, inside, count in _bins(problem):
        y[output] = x[inside].sum(axis=(1, 2, 3), dtype=wide) / wide.type(count)
    return y.reshape(problem.output_shape)


@numpy_settings
def average_backward(problem, grad_output):
    """Spreads each gradient evenly over its bin."""
    wide = accumulation_dtype(problem.dtype)
    dy = _lifted(problem, grad_output, True).astype(wide, copy=False)
    dx = np.zeros((problem.outer, *problem.lifted()[0], problem.inner), wide)
    for output, inside, count in _bins(problem):
        dx[inside] += (dy[output] / wide.type(count))[:, None, None, None]
    return dx.astype(problem.dtype, copy=False).reshape(problem.input_shape)
