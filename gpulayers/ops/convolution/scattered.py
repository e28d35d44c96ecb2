"""The gradient to an input of few channels: products with all taps at once, added where each tap belongs.

Seen as a convolution of dy it would multiply with matrices of just those few columns. Channel by channel the
additions run along rows of the input.
"""

import itertools

import numpy as np

from .blocks import boxes, inputs_of, outputs_of, sizes_of


def scattered_backward_input(problem, dy, weight, elements):
    """dx, channels_last, in the type of the weights.

    Args:
        dy: channels_last.
        elements: of the products of a box, at most, as far as a pixel's are not more.
    """
    window, groups, channels, dtype = problem.window, problem.groups, problem.group_in_channels, weight.dtype
    dx = np.zeros((problem.batch, *window.input_size, problem.in_channels), dtype)
    filters = problem.group_out_channels
    matrices = weight.reshape(-1, groups, filters).transpose(1, 0, 2)
    room = None
    for box in boxes(problem, max(1, elements // (window.taps * problem.in_channels))):
        rows = dy[outputs_of(box)].astype(dtype, copy=False).reshape(-1, groups, filters).transpose(1, 2, 0)
        if room is None:
            room = np.empty(groups * matrices.shape[1] * rows.shape[2], dtype)
        products = np.ndarray((groups, matrices.shape[1], rows.shape[2]), dtype, room)
        np.matmul(matrices, rows, out=products)
        _add(problem, products.reshape(groups, window.taps, channels, *sizes_of(box)), box, dx)
    return dx


def _add(problem, products, box, dx):
    """Adds (groups, taps, channels, images, *positions) to dx.

    The sums of a box are formed in a piece of the padded input, (groups, channels, images, *spatial axes but
    the last, phases, columns of each): columns a stride apart lie side by side.
    """
    window, sizes = problem.window, sizes_of(box)
    *lengths, last = [part.length for part in box]
    phases = window.strides[-1]
    shape = (problem.groups, problem.group_in_channels, *lengths, phases, -(-last // phases))
    piece = np.zeros(shape, products.dtype)
    for number, taps in enumerate(itertools.product(*map(range, window.size))):
        starts = [tap * dilation for tap, dilation in zip(taps, window.dilation)]
        along = [
            slice(start, start + (size - 1) * stride + 1, stride)
            for start, size, stride in zip(starts[:-1], sizes[1:-1], window.strides)
        ]
        column, phase = divmod(starts[-1], phases)
        piece[(..., *along, phase, slice(column, column + sizes[-1]))] += products[:, number]
    target = dx[inputs_of(box)]
    for phase in range(phases):
        held = slice(*[-(-(edge - phase) // phases) for edge in (box[-1].held.start, box[-1].held.stop)])
        first = held.start * phases + phase - box[-1].held.start
        sums = piece[(..., *[part.held for part in box[:-1]], phase, held)]
        sums = np.moveaxis(sums, (0, 1), (-2, -1))
        target[..., first::phases, :] += sums.reshape(*sums.shape[:-2], problem.in_channels)
