"""Boxes of the output that the NumPy reference computes one by one, and the padded input that each one sees.

Work buffers are made for the largest box and used for all. Arrays are channels_last here.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

_PAGE = 4096  # bytes; channels so far apart, or a multiple of it, take each other's place in the caches


class Part(NamedTuple):
    """A box along one axis: the batch, or a spatial one.

    Attributes:
        outputs: the positions of the output.
        inputs: the positions of the input that they see.
        held: where in the padded piece of the input those lie; what is outside is zeros.
        length: of the padded piece.
    """

    outputs: slice
    inputs: slice
    held: slice
    length: int


def boxes(problem, pixels):
    """Tuples of Parts, (images, *spatial axes), which cut the output into boxes of at most so many pixels:
    several images, or part of one. The first is the largest."""
    return itertools.product(*_parts(problem.window, problem.batch, pixels))


def boxes_of_steps(window, batch, steps):
    """The same with the steps along (images, *spatial axes) given."""
    return itertools.product(*_parts_of_steps(window, batch, tuple(steps)))


def cuts(box, pixels):
    """The same within a box: pairs of indices, of the output and of what the box holds of it."""
    if math.prod(sizes_of(box)) <= pixels:
        return [(outputs_of(box), (slice(None),) * len(box))]
    return zip(*[itertools.product(*slices) for slices in _slices(outputs_of(box), pixels)])


@functools.lru_cache(maxsize=1024)
def _parts(window, batch, pixels):
    return _parts_of_steps(window, batch, tuple(steps_of((batch, *window.output_size), pixels)))


@functools.lru_cache(maxsize=1024)
def _parts_of_steps(window, batch, steps):
    images, *steps = steps
    parts = [[_images(first, min(first + images, batch)) for first in range(0, batch, images)]]
    for axis, step in enumerate(steps):
        size = window.output_size[axis]
        parts.append([_part(window, axis, first, min(first + step, size)) for first in range(0, size, step)])
    return parts


def steps_of(sizes, pixels):
    """How much of each axis makes boxes of at most so many pixels and of like sizes, the last axes first."""
    steps = []
    for size in reversed(sizes):
        count = -(-size // max(1, min(size, pixels)))
        steps.append(-(-size // max(1, count)) or 1)
        pixels //= steps[-1]
    return steps[::-1]


def _slices(index, pixels):
    outputs, held = [], []
    for part, step in zip(index, steps_of([part.stop - part.start for part in index], pixels)):
        outputs.append([slice(a, min(a + step, part.stop)) for a in range(part.start, part.stop, step)])
        held.append([slice(a.start - part.start, a.stop - part.start) for a in outputs[-1]])
    return outputs, held


def _images(first, stop):
    return Part(slice(first, stop), slice(first, stop), slice(0, stop - first), stop - first)


def _part(window, axis, first, stop):
    start = first * window.strides[axis] - window.pad_low[axis]
    reach = (window.size[axis] - 1) * window.dilation[axis] + 1
    length = (stop - 1 - first) * window.strides[axis] + reach
    low = min(max(0, start), window.input_size[axis])
    high = max(low, min(window.input_size[axis], start + length))
    held = slice(low - start, high - start) if high > low else slice(0, 0)
    return Part(slice(first, stop), slice(low, high), held, length)


def outputs_of(box):
    """The index of a box in the output."""
    return tuple([part.outputs for part in box])


def sizes_of(box):
    """(images, *positions) of a box in the output."""
    return tuple([part.outputs.stop - part.outputs.start for part in box])


def inputs_of(box):
    """The index of what a box sees, in the input."""
    return tuple([part.inputs for part in box])


class PaddedPiece:
    """Room for the padded piece of the input that a box sees, in `dtype`.

    Args:
        box: the largest one.
        channels: of the input.
        groups: leads the axes, so that the channels of a group lie side by side.
        phases: columns of the last spatial axis so many apart lie side by side: what a tap of a window with
            that stride meets.
        empty: makes the room.
    """

    def __init__(self, box, channels, dtype, groups=1, phases=1, empty=np.empty):
        self.dtype, self.groups, self.channels, self.phases = dtype, groups, channels // groups, phases
        self.room = empty((math.prod(self._shape(box)),), dtype)

    def _shape(self, box):
        *lengths, last = [part.length for part in box]
        return (self.groups, *lengths, self.phases, -(-last // self.phases), self.channels)

    def filled(self, x, box):
        """The piece of x: (groups, images, *spatial axes but the last, phases, columns of each, channels)."""
        shape = self._shape(box)
        piece = np.ndarray(shape, self.dtype, self.room)
        *leading, last = box
        for axis, part in enumerate(leading, 1):
            clear(piece, axis, part.held)
        inner = piece[(slice(None), *[part.held for part in leading])]
        x = x[inputs_of(box)]
        for phase in range(self.phases):
            held = slice(*[-(-(edge - phase) // self.phases) for edge in (last.held.start, last.held.stop)])
            here = inner[..., phase, :, :]
            clear(here, here.ndim - 2, held)
            first = held.start * self.phases + phase - last.held.start
            _copy(here[..., held, :], x[..., first :: self.phases, :], self.groups)
        return piece


def clear(array, axis, but):
    """Zeros along an axis outside the slice."""
    before = (slice(None),) * axis
    if but.start > 0:
        array[(*before, slice(0, but.start))] = 0
    if but.stop < array.shape[axis]:
        array[(*before, slice(but.stop, None))] = 0


def _copy(target, x, groups):
    """Copies (images, *spatial, channels) to (groups, images, *spatial, channels of a group)."""
    if groups > 1:
        target[...] = np.moveaxis(x.reshape(*x.shape[:-1], groups, -1), -2, 0)
    elif x.strides[-1] % _PAGE == 0:  # few channels at a time: their lines fit the ways of a cache
        for first in range(0, x.shape[-1], 8):
            target[0, ..., first : first + 8] = x[..., first : first + 8]
    else:
        target[0] = x
