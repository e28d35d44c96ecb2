"""Pooling by plain loops in float64, written from the definitions: what the reference and the kernels are
compared with.

Arrays are channels_last; `moved` brings those of the other format there and back.
"""

import functools
import itertools

import numpy as np

from tests.cases.pooling import Case


def moved(array, data_format, back=False):
    """The array with its channels last; `back`: into the data format again."""
    if data_format == "channels_last":
        return array
    return np.moveaxis(array, -1, 1) if back else np.moveaxis(array, 1, -1)


def _each(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


@functools.cache
def windows(case: Case, dilated: bool):
    """(output sizes, [(output index, [(tap number, input index) of the taps inside the input])])."""
    rank = len(case.spatial)
    size = _each(case.pool_size, rank)
    strides = size if case.strides is None else _each(case.strides, rank)
    dilation = _each(case.dilation_rate, rank) if dilated else (1,) * rank
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    if case.padding == "valid":
        padding = [(0, 0)] * rank
    elif case.padding == "same":
        total = [max(0, (-(-n // s) - 1) * s + e - n) for n, s, e in zip(case.spatial, strides, reach)]
        padding = [(t // 2, t - t // 2) for t in total]
    elif isinstance(case.padding, int):
        padding = [(case.padding, case.padding)] * rank
    else:
        padding = case.padding
    outputs = [(n + lo + hi - e) // s + 1 for n, (lo, hi), e, s in zip(case.spatial, padding, reach, strides)]
    found = []
    for output in itertools.product(*map(range, outputs)):
        inside = []
        for number, taps in enumerate(itertools.product(*map(range, size))):
            at = [o * s + t * d - lo for o, s, t, d, (lo, _) in zip(output, strides, taps, dilation, padding)]
            if all(0 <= i < n for i, n in zip(at, case.spatial)):
                inside.append((number, tuple(at)))
        found.append((output, inside))
    return tuple(outputs), found


def _at(index):
    return (slice(None), *index)


def max_loop(case, x):
    """(maxima, tap numbers)."""
    outputs, found = windows(case, True)
    y = np.full((case.batch, *outputs, case.channels), -np.inf)
    argmax = np.zeros(y.shape, np.int64)
    for output, inside in found:
        for n, c in np.ndindex(case.batch, case.channels):
            best = None
            for number, place in inside:
                value = float(x[(n, *place, c)])
                if best is None or value > best or (value != value and best == best):
                    best = value
                    y[(n, *output, c)], argmax[(n, *output, c)] = value, number
    return y, argmax


def max_backward_loop(case, dy, argmax):
    """(gradient, sums of absolute values)."""
    dx, magnitude = np.zeros((2, case.batch, *case.spatial, case.channels))
    for output, inside in windows(case, True)[1]:
        for number, place in inside:
            share = np.where(argmax[_at(output)] == number, dy[_at(output)], 0)
            dx[_at(place)] += share
            magnitude[_at(place)] += np.abs(share)
    return dx, magnitude


def average_loop(case, x):
    """(means, means of absolute values, the most taps of a window)."""
    outputs, found = windows(case, False)
    y, magnitude = np.zeros((2, case.batch, *outputs, case.channels))
    for output, inside in found:
        for _, place in inside:
            y[_at(output)] += x[_at(place)] / len(inside)
            magnitude[_at(output)] += np.abs(x[_at(place)]) / len(inside)
    return y, magnitude, max(len(inside) for _, inside in found)


def average_backward_loop(case, dy):
    """(gradient, sums of absolute values)."""
    dx, magnitude = np.zeros((2, case.batch, *case.spatial, case.channels))
    for output, inside in windows(case, False)[1]:
        for _, place in inside:
            dx[_at(place)] += dy[_at(output)] / len(inside)
            magnitude[_at(place)] += np.abs(dy[_at(output)]) / len(inside)
    return dx, magnitude
