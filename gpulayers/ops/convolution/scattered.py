"""The gradient to an input of few channels: products with all taps at once, added where each tap belongs.

Seen as a convolution of dy it would multiply with matrices of just those few columns. Channel by channel the
additions run along rows of the input.
"""

import itertools
import math

import numpy as np

from .blocks import boxes, inputs_of, outputs_of, sizes_of


def scattered_backward_input(problem, dy, weight, elements):
    """dx, channels_last, in the type of the weights.

    Args:
        dy: channels_last.
        elements: of the products of a box, at most, as far as a pixel's are not more.
    """
    window, groups, dtype = problem.window, problem.groups, weight.dtype
    dx = np.zeros((problem.batch, *window.input_size, problem.in_channels), dtype)
    filters = problem.group_out_channels
    matrices = weight.reshape(-1, groups, filters).transpose(1, 0, 2)
    rooms = {}
    for box in boxes(problem, max(1, elements // (window.taps * problem.in_channels))):
        rows = dy[outputs_of(box)].astype(dtype, copy=False).reshape(-1, groups, filters).transpose(1, 2, 0)
        room = rooms.get(sizes_of(box))
        if room is None:
            room = rooms[sizes_of(box)] = _Room(problem, box, dtype)
        np.matmul(matrices, rows, out=room.products)
        _add(room.sums(), box, dx)
    return dx


class _Room:
    """For the products of boxes of one size, (groups, taps * channels, pixels), and for their sums.

    The sums are formed in a piece of the padded input, (groups, channels, images, *spatial axes but the last,
    phases, columns of each): columns a stride apart lie side by side.
    """

    def __init__(self, problem, box, dtype):
        window, sizes = problem.window, sizes_of(box)
        groups, channels = problem.groups, problem.group_in_channels
        *lengths, last = [part.length for part in box]
        phases = window.strides[-1]
        self.products = np.empty((groups, window.taps * channels, math.prod(sizes)), dtype)
        self.piece = np.empty((groups, channels, *lengths, phases, -(-last // phases)), dtype)
        by_tap = self.products.reshape(groups, window.taps, channels, *sizes)
        self.terms = []  # for each tap, views of the sums and of what is added there
        for number, taps in enumerate(itertools.product(*map(range, window.size))):
            starts = [tap * dilation for tap, dilation in zip(taps, window.dilation)]
            along = [
                slice(start, start + (size - 1) * stride + 1, stride)
                for start, size, stride in zip(starts[:-1], sizes[1:-1], window.strides)
            ]
            column, phase = divmod(starts[-1], phases)
            found = self.piece[(..., *along, phase, slice(column, column + sizes[-1]))]
            self.terms.append((found, by_tap[:, number]))

    def sums(self):
        """The piece."""
        self.piece[...] = 0
        for found, products in self.terms:
            np.add(found, products, out=found)
        return self.piece


def _add(piece, box, dx):
    """Adds a piece to dx, channel by channel: along rows."""
    target, phases = dx[inputs_of(box)], piece.shape[-2]
    for phase in range(phases):
        held = slice(*[-(-(edge - phase) // phases) for edge in (box[-1].held.start, box[-1].held.stop)])
        first = held.start * phases + phase - box[-1].held.start
        sums = piece[(..., *[part.held for part in box[:-1]], phase, held)]
        for channel, values in enumerate(sums.reshape(dx.shape[-1], *sums.shape[2:])):
            target[..., first::phases, channel] += values
