"""The gradient to the input of a convolution, as convolutions of dy with strides of 1.

Input positions that are `stride` apart meet the same taps. With strides of 1 these are all positions, and the
gradient is one convolution, of dy with the weights mirrored. With larger strides there is one for each phase,
the position modulo the stride, with those of the taps that meet it.
"""

import dataclasses
import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from ..spatial import SlidingWindow


class Phase(NamedTuple):
    """One of the convolutions.

    Attributes:
        inputs: the slices of the spatial axes of dx where its results belong.
        taps: the slices of the weights' window that it uses.
        problem: of the convolution of dy; None where no tap meets the phase: dx is zero there.
    """

    inputs: tuple
    taps: tuple
    problem: object

    def mirrored(self, weight):
        """Its weights, with the taps in reverse: (*window, channels / groups, filters) of the forward."""
        return np.flip(weight[self.taps], range(len(self.taps)))


@functools.lru_cache(maxsize=1024)
def phases(problem):
    """The phases of a problem; each input position belongs to one of them."""
    window = problem.window
    offsets = [range(min(stride, size)) for stride, size in zip(window.strides, window.input_size)]
    return [_phase(problem, combination) for combination in itertools.product(*offsets)]


def _phase(problem, offsets):
    window = problem.window
    inputs, taps, *fields = zip(*[_along(window, axis, offset) for axis, offset in enumerate(offsets)])
    if None in taps:
        return Phase(inputs, taps, None)
    output_size, size, dilation, pad_low, pad_high = fields
    strides = (1,) * window.rank
    window = SlidingWindow(window.output_size, output_size, size, strides, dilation, pad_low, pad_high)
    channels = {"in_channels": problem.out_channels, "out_channels": problem.in_channels}
    return Phase(inputs, taps, dataclasses.replace(problem, window=window, **channels))


def _along(window, axis, offset):
    """(inputs, taps, then output_size, size, dilation, pad_low and pad_high of the window) along an axis."""
    stride, dilation = window.strides[axis], window.dilation[axis]
    inputs, positions = slice(offset, None, stride), -(-(window.input_size[axis] - offset) // stride)
    # Tap t meets the output position (offset + pad_low - t * dilation) / stride, where that is an integer.
    shifted = offset + window.pad_low[axis]
    meeting = [t for t in range(window.size[axis]) if (shifted - t * dilation) % stride == 0]
    if not meeting:
        return (inputs, None, *(positions, 0, 1, 0, 0))
    common = math.gcd(stride, dilation)
    reach = (len(meeting) - 1) * (dilation // common)
    low = reach - (shifted - meeting[0] * dilation) // stride
    high = positions + reach - window.output_size[axis] - low
    taps = slice(meeting[0], None, stride // common)
    return (inputs, taps, *(positions, len(meeting), dilation // common, low, high))
