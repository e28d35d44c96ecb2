"""Windows side by side ("columns"): how the NumPy reference turns a convolution into matrix products."""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import scratch
from .blocks import PaddedPiece, boxes, cuts, inputs_of, sizes_of

# Of the padded piece of the input from which windows are copied: few enough to stay in a core's own cache.
_PIECE_ELEMENTS = 1 << 18


class Windows:
    """The windows of a convolution's input, in boxes of the output. Used in a `scratch.frame`.

    Iterating gives pairs: the index of a box in the output, channels_last, and a view of its windows,
    (groups, images, *positions, *window, channels of a group), valid until the next. The first is largest.

    Args:
        x: the input, channels_last, or a channels_first one viewed as such.
        dtype: of the windows.
        pixels: of a box, at most.

    Attributes:
        viewed: whether the windows, one tap each, are the pixels of x itself.
    """

    def __init__(self, problem, x, dtype, pixels):
        self.problem, self.x, self.dtype, self.pixels = problem, x, dtype, pixels
        self.viewed = problem.pointwise and problem.groups == 1 and x.dtype == dtype
        self._room = None

    def __iter__(self):
        problem, window, piece = self.problem, self.problem.window, None
        most = max(self.pixels, _PIECE_ELEMENTS // (problem.in_channels * math.prod(window.strides)))
        # Without padding the windows are views of x, where the channels of a window lie side by side there.
        near = window.taps == 1 or (problem.groups == 1 and problem.channels_last)
        near = near and self.x.dtype == self.dtype and not any(window.pad_low + window.pad_high)
        for box in boxes(problem, problem.output_pixels if near else most):
            if near:
                x = self.x[inputs_of(box)]
                strides = problem.group_in_channels * x.strides[-1], *x.strides
            else:
                piece = piece or PaddedPiece(
                    box, problem.in_channels, self.dtype, problem.groups, empty=scratch.empty
                )
                x = piece.filled(self.x, box)
                strides = *x.strides[:-3], *x.strides[-2:]  # without the phases: there is one
            windows = self._windows(x, strides, box, as_strided if near else _of_piece)
            for index, held in cuts(box, self.pixels):
                yield index, windows[(slice(None), *held)]

    def _windows(self, x, strides, box, view):
        group, image, *steps, element = strides
        window, groups, channels = self.problem.window, self.problem.groups, self.problem.group_in_channels
        along = [step * stride for step, stride in zip(steps, window.strides)]
        across = [step * dilation for step, dilation in zip(steps, window.dilation)]
        shape = (groups, *sizes_of(box), *window.size, channels)
        return view(x, shape, (group, image, *along, *across, element))

    def side_by_side(self, windows):
        """The windows as (groups, pixels, taps * channels): copied to a room for the largest, but where they
        are the pixels of x."""
        pixels = math.prod(windows.shape[1 : -1 - self.problem.window.rank])
        if self.viewed:
            return windows.reshape(1, pixels, -1)
        if self._room is None:
            self._room = scratch.empty((windows.size,), self.dtype)
        columns = np.ndarray(windows.shape, self.dtype, self._room)
        columns[...] = windows
        return columns.reshape(self.problem.groups, pixels, -1)


def _of_piece(piece, shape, strides):
    return np.ndarray(shape, piece.dtype, piece, 0, strides)  # takes less time than as_strided
