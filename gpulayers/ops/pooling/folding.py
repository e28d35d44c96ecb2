"""The sums and maxima of windows, one axis after the other, in NumPy."""

import numpy as np

from .. import scratch
from .running import copy


def fold(windows, block, combine, empty, out):
    """Combines the values of each window into `out`; padding is `empty`."""
    _run(windows.folding, block, combine, empty, out)


def spread(windows, block, out):
    """The adjoint of adding the values of each window: writes to each input of the part the sum of the outputs whose
    windows hold it."""
    _run(windows.spreading, block, np.add, 0, out)


def _run(passes, block, combine, padding, out):
    if not passes:
        copy(block, out)
    for step in passes:
        arrays = [block, *[room.copy(block, padding) for room in step.copies]]
        block, target = (out, out) if step.room is None else step.room.make(out, padding)
        for combination in step.combinations:
            to = target[combination.to]
            _combine(combination, arrays, combine, to)


def _combine(combination, arrays, combine, out):
    """Combines the taps of windows along one axis."""
    if not combination.taps:
        out[...] = 0
        return
    arrays = arrays[:]
    for _, array, one, other in combination.pairings:
        left, right = arrays[array][one], arrays[array][other]
        arrays.append(combine(left, right, out=scratch.empty(left.shape, left.dtype)))
    (_, array, at, _), *others = combination.taps
    result = arrays[array][at]
    if not others or others[0][3]:
        copy(result, out)
        result = out
    for _, array, at, to in others:
        combine(result[to], arrays[array][at], out=out[to])
        result = out
