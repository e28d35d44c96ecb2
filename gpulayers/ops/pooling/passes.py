"""Which views of which arrays the windows of a part combine, one axis after the other.

Geometry alone, worked out once for a part's shape; `folding` and `maxima` do the arithmetic. Arrays are (images, depth,
height, width, inner). What lies around the inputs of a part is written once into an array between two axes, so that
every window is whole and a tap is a view.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np

from .. import scratch
from .running import copy


@dataclasses.dataclass(frozen=True)
class Line:
    """One axis of a part.

    Positions are counted from the first tap of the part's first window: tap t of window o is at position
    `o * step + t * dilation`, input i of the part at `first + i`.
    """

    taps: int
    step: int
    dilation: int
    outputs: int
    first: int
    inputs: int

    @property
    def is_identity(self):
        return self.taps == self.step == 1 and self.inputs == self.outputs and self.first == 0

    @property
    def extent(self):
        """Positions from the first tap to the last."""
        return (self.outputs - 1) * self.step + (self.taps - 1) * self.dilation + 1 if self.outputs else 0

    @property
    def padding(self):
        """Positions of the windows before and after the part's inputs."""
        return max(0, self.first), max(0, self.extent - self.first - self.inputs)

    def meeting(self, tap):
        """Slices of the inputs and the outputs where the tap meets an input of the part; None if nowhere."""
        at = tap * self.dilation - self.first  # of window 0
        start = max(0, -(at // self.step))
        stop = min(self.outputs, (self.inputs - 1 - at) // self.step + 1)
        if start >= stop:
            return None
        inside = slice(start * self.step + at, (stop - 1) * self.step + at + 1, self.step)
        return inside, slice(start, stop)


class Room(NamedTuple):
    """An array to be made.

    Attributes:
        sizes: depth, height, width.
        within: the index of what is written into it; around that it is padding.
        borders: indices of the padding.
        source: the index of what is copied into it, if it is a copy.
    """

    sizes: tuple
    within: tuple
    borders: tuple
    source: tuple = ()

    def make(self, like, padding):
        """(the array, with its padding set, of the images, channels and dtype of another; the view within)."""
        whole = scratch.empty((len(like), *self.sizes, like.shape[4]), like.dtype)
        for border in self.borders:
            whole[border] = padding
        return whole, whole[self.within] if self.borders else whole

    def copy(self, block, padding):
        whole, within = self.make(block, padding)
        copy(block[self.source], within)
        return whole


class Combination(NamedTuple):
    """What is combined; arrays are counted: the pass's input, its copies, the results of the pairings.

    Attributes:
        pairings: (taps by which the second lies after the first, array, index, index) of pairs, each of which makes a
            further array.
        taps: (tap, array, index, index of the results it belongs to) of what is combined, in order, those that belong
            to all before others; none: the results are 0.
        to: the index of the results.
    """

    pairings: list
    taps: list
    to: tuple = ()


class Pass(NamedTuple):
    """One axis.

    Attributes:
        weight: by how much the number of a tap grows from tap to tap along this axis.
        copies: rooms for copies of the input.
        combinations: see there.
        room: for the result, with the padding of the next axis; None for the last axis.
    """

    weight: int
    copies: list
    combinations: list
    room: Room | None


class Windows:
    """The windows of a part: a Line for each of depth, height and width."""

    def __init__(self, lines):
        self.lines = lines

    @functools.cached_property
    def folding(self):
        """Passes that combine the values of each window. The width comes last: its short runs cost most."""
        # Where columns are used again, contiguous copies of them pay.
        return self._passes((0, 1, 2), lambda line: 1 < line.step < line.taps, _partial)

    @functools.cached_property
    def selecting(self):
        """Passes from the width to the depth, as taps are numbered."""
        return self._passes((2, 1, 0), lambda line: line.step > 1, lambda line, axis: None)

    @functools.cached_property
    def is_padded(self):
        return any(line.padding != (0, 0) for line in self.lines)

    @functools.cached_property
    def first_taps(self):
        """The number of the first tap of each window that meets the input, else 0: (o, p, q, 1)."""
        number, met = 0, True
        for axis, line in enumerate(self.lines):
            starts = (np.arange(line.outputs) * line.step).reshape([-1 if axis == n else 1 for n in range(4)])
            tap = np.maximum(0, -((starts - line.first) // line.dilation))
            met = met & (tap < line.taps) & (starts + tap * line.dilation < line.first + line.inputs)
            number = number * line.taps + tap
        return np.where(met, number, 0)

    @functools.cached_property
    def tap_numbers(self):
        """The numbers of the taps: (depth, height, width, 1, 1, 1, 1, 1)."""
        sizes = [line.taps for line in self.lines]
        return np.arange(math.prod(sizes)).reshape(*sizes, 1, 1, 1, 1, 1)

    @functools.cached_property
    def reach(self):
        """Positions along each axis: of the windows, and of the part's inputs behind them."""
        return tuple(max(line.extent, line.first + line.inputs) for line in self.lines)

    @functools.cached_property
    def within(self):
        """The index of the part's inputs in an array over the reach."""
        return (slice(None), *(slice(line.first, line.first + line.inputs) for line in self.lines))

    def _passes(self, order, splits, unpadded):
        axes = [axis for axis in order if not self.lines[axis].is_identity]
        sizes = [line.inputs for line in self.lines]
        passes, weight = [], 1
        for number, axis in enumerate(axes):
            line, padding = self.lines[axis], self.lines[axis].padding if number == 0 else (0, 0)
            pairings, copies = [], []
            taps = unpadded(line, axis) if padding != (0, 0) else None
            if axis == 2 and splits(line):
                copies, taps = _columns(line, sizes, line.first if number == 0 else 0)
            elif taps is None:
                copies = [_room(sizes, axis, padding)] if padding != (0, 0) else []
                pairings, taps = _pairs(line, axis, len(copies))
            sizes[axis] = line.outputs
            room = None
            if number + 1 < len(axes):
                following = axes[number + 1]
                room = _room(sizes, following, self.lines[following].padding)
                sizes[following] = room.sizes[following]
            passes.append(Pass(weight, copies, [Combination(pairings, taps)], room))
            weight *= line.taps
        return passes

    @functools.cached_property
    def spreading(self):
        """Passes of the adjoint of adding the values of each window: from the outputs to the part's inputs. Dilation 1
        alone. The width comes first: the arrays grow."""
        axes = [axis for axis in (2, 1, 0) if not self.lines[axis].is_identity]
        sizes = [line.outputs for line in self.lines]
        passes = []
        for number, axis in enumerate(axes):
            line = self.lines[axis]
            before, after = _spread_padding(line)
            copies = [_room(sizes, axis, (before, after))] if number == 0 and before + after else []
            combinations = []
            for phase, count, taps, last in _phases(line):
                found = ([], [])
                if taps:
                    unit = Line(taps, 1, 1, count, 0, count + taps - 1)
                    found = _pairs(unit, axis, len(copies), before + last - taps + 1)
                combinations.append(Combination(*found, along(axis, slice(phase, None, line.step))))
            sizes[axis] = line.inputs
            room = None
            if number + 1 < len(axes):
                following = axes[number + 1]
                room = _room(sizes, following, _spread_padding(self.lines[following]))
                sizes[following] = room.sizes[following]
            passes.append(Pass(1, copies, combinations, room))
        return passes


def along(axis, part):
    """The index of a part of one of the three axes."""
    return (slice(None),) * (axis + 1) + (part,)


def by_tap(windows, array):
    """A view (depth, height, width of a window, images, o, p, q, inner) of what the windows hold, where they lie
    side by side from the part's first input on."""
    sizes, within = [len(array)], (slice(None),)
    for line in windows.lines:
        sizes += line.outputs, line.taps
        within += (slice(0, line.outputs * line.taps),)
    of_windows = array[within].reshape(*sizes, array.shape[4], copy=False)
    return of_windows.transpose(2, 4, 6, 0, 1, 3, 5, 7)


def _room(sizes, axis, padding):
    """Room for an array of these sizes, with padding along an axis."""
    before, after = padding
    whole = list(sizes)
    whole[axis] += before + after
    borders = [slice(0, before)] * (before > 0) + [slice(whole[axis] - after, None)] * (after > 0)
    within = along(axis, slice(before, whole[axis] - after))
    return Room(tuple(whole), within, tuple(along(axis, border) for border in borders))


def _columns(line, sizes, begin):
    """(rooms for contiguous copies of the columns of each remainder by the step, taps).

    Args:
        begin: the position of the input's first column.
    """
    copies, numbers = [], {}
    places = [tap * line.dilation for tap in range(line.taps)]
    for phase in sorted({place % line.step for place in places}):
        numbers[phase] = len(copies) + 1
        columns = len(range(phase, line.extent, line.step))
        before = min(columns, max(0, -((phase - begin) // line.step)))
        source = range(phase + before * line.step - begin, sizes[2], line.step)[: columns - before]
        room = _room((*sizes[:2], len(source)), 2, (before, columns - before - len(source)))
        copies.append(room._replace(source=along(2, slice(source.start, source.stop, line.step))))
    taps = [
        (tap, numbers[p % line.step], along(2, slice(p // line.step, p // line.step + line.outputs)), ())
        for tap, p in enumerate(places)
    ]
    return copies, taps


def _partial(line, axis):
    """Taps where they meet the input, those that meet it in every window first; None if that is no good way."""
    whole = slice(0, line.outputs)
    found = [(tap, *pair) for tap in range(line.taps) if (pair := line.meeting(tap))]
    found.sort(key=lambda entry: entry[2] != whole)
    if not found or found[0][2] != whole or line.step == 1 and line.taps > 3:  # then pairs of taps pay
        return None
    return [(tap, 0, along(axis, i), () if o == whole else along(axis, o)) for tap, i, o in found]


def _pairs(line, axis, array, begin=0):
    """(pairings, taps) of windows over an array, the first of which begins at position `begin`.

    With step 1 a pair of taps serves several windows: they are put together from pairs, pairs of pairs and so on.
    """
    pairings, taps, tap, left, length = [], [], 0, line.taps, line.extent
    reach = (line.outputs - 1) * line.step + 1
    while True:
        width = 1 << len(pairings)  # taps that an element of the array stands for
        for _ in range(left if line.step > 1 or left <= 3 else left % 2):
            place = begin + tap * line.dilation
            taps.append((tap, array, along(axis, slice(place, place + reach, line.step)), ()))
            tap += width
        if line.step > 1 or left <= 3:
            return pairings, taps
        apart = width * line.dilation
        one = along(axis, slice(begin, begin + length - apart))
        other = along(axis, slice(begin + apart, begin + length))
        pairings.append((width, array, one, other))
        array, begin, left, length = array + 1, 0, left // 2, length - apart


def _phases(line):
    """For each remainder of the inputs by the step: (its first input, inputs, the window's taps that meet them, the
    last window that meets the first input)."""
    for phase in range(min(line.step, line.inputs)):
        last, remainder = divmod(line.first + phase, line.step)
        yield (
            phase,
            len(range(phase, line.inputs, line.step)),
            len(range(remainder, line.taps, line.step)),
            last,
        )


def _spread_padding(line):
    """Outputs that the inputs at the ends miss, before and after."""
    before = after = 0
    for _, count, taps, last in _phases(line):
        if taps:
            before, after = max(before, taps - 1 - last), max(after, last + count - line.outputs)
    return before, after
