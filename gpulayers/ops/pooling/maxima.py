"""The largest value of each window and the tap that it came from, one axis after the other, in NumPy.

Along the width first: then rows compare in the order of their taps, and of equal values the first one wins.
"""

import numpy as np

from .. import scratch
from .passes import Combination, by_tap
from .running import copy

_BOOL = np.dtype(bool)


def select(windows, block, values, numbers):
    """Writes the largest value of each window into `values` and the number of its tap, row by row, into `numbers`.

    Of equal values the first counts, a NaN before all others; the number is 0 where no tap meets the input.
    """
    _select(windows.selecting, block, values, numbers, False)
    least = np.minimum.reduce(values, axis=None)
    if np.isnan(least):
        _select(windows.selecting, block, values, numbers, True)
    if windows.is_padded and not least > -np.inf:
        # Padding is -inf, too, and won where it comes before an input of -inf.
        np.maximum(numbers, windows.first_taps.astype(numbers.dtype), out=numbers)


def select_apart(windows, block, values, numbers):
    """As `select`, of windows that lie side by side: between copies of what each tap holds, in order."""
    of_taps = by_tap(windows, block)
    copies = scratch.empty(of_taps.shape, block.dtype)
    copy(of_taps, copies)
    sources = [(tap, None) for tap in copies.reshape(-1, *values.shape)]
    combination = Combination([], [(number, number, ..., ()) for number in range(len(sources))])
    _best(combination, sources, 1, (values, numbers), False)
    if np.isnan(np.minimum.reduce(values, axis=None)):
        _best(combination, sources, 1, (values, numbers), True)


def _select(passes, block, values, numbers, has_nan):
    if not passes:
        values[...], numbers[...] = block, 0
    source = block, None
    for step in passes:
        copies = [room.copy(source[0], -np.inf) for room in step.copies]
        number_copies = [None if source[1] is None else room.copy(source[1], 0) for room in step.copies]
        sources = [source, *zip(copies, number_copies)]
        source = target = values, numbers
        if step.room is not None:
            rooms = step.room.make(values, -np.inf), step.room.make(numbers, 0)
            source, target = zip(*rooms)
        _best(step.combinations[0], sources, step.weight, target, has_nan)


def _best(combination, sources, weight, target, has_nan):
    """Selects among the taps along one axis; a source is (values, tap numbers or None for zeros)."""
    for apart, array, one, other in combination.pairings:
        left, right = _at(sources[array], one), _at(sources[array], other)
        pair = scratch.empty(left[0].shape, left[0].dtype), scratch.empty(left[0].shape, target[1].dtype)
        sources.append(pair)
        _better(left, right, apart * weight, has_nan, pair, _spare(pair))
    (_, array, at, _), *others = combination.taps
    best = _at(sources[array], at)
    if not others:
        target[0][...], target[1][...] = best[0], 0 if best[1] is None else best[1]
        return
    spare = _spare(target)
    for tap, array, at, _ in others:
        _better(best, _at(sources[array], at), tap * weight, has_nan, target, spare)
        best = target


def _at(source, index):
    values, numbers = source
    return values[index], None if numbers is None else numbers[index]


def _spare(source):
    numbers = source[1]
    return scratch.empty(numbers.shape, _BOOL), scratch.empty(numbers.shape, numbers.dtype)


def _better(left, right, shift, has_nan, out, spare):
    """The better of each pair, the left one of equals; tap numbers of the right one count `shift` more."""
    (left, left_numbers), (right, right_numbers), (values, numbers), (chosen, moved) = left, right, out, spare
    shift = numbers.dtype.type(shift)
    np.greater(right, left, out=chosen)
    if has_nan:
        chosen |= np.isnan(right) & ~np.isnan(left)
    np.maximum(left, right, out=values)
    if right_numbers is not None:
        shift = np.add(right_numbers, shift, out=moved)
    if left_numbers is None:
        np.multiply(chosen.view(np.uint8), shift, out=numbers)
    else:
        # Numbers on the right are the greater ones: those chosen win a maximum against those on the left.
        np.multiply(chosen.view(np.uint8), shift, out=moved)
        np.maximum(left_numbers, moved, out=numbers)
