"""Depthwise convolution in NumPy where neighbouring channels lie side by side and each has one filter.

Box by box: einsum multiplies the windows with the taps and adds the products in one pass, along runs of
neighbouring pixels with all their channels, for which the taps are repeated. Boxes run side by side.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import threads
from ..arrays import accumulation_dtype
from .blocks import PaddedPiece, boxes, outputs_of, sizes_of
from .fused_activation import IN_PLACE

_BOX_ELEMENTS = 1 << 16  # of the output: with what it sees of the input they stay in a core's own cache
_RUN_ELEMENTS = 2400  # with the taps and the sums they stay in the first cache
_FEW_PRODUCTS = 1 << 18  # that do not pay for threads


def takes(problem):
    """Whether the arrays are such."""
    return problem.channels_last and problem.group_out_channels == 1


def convolve(problem, x, weight, bias, y):
    """activation(conv + bias) into y, (images, *spatial, channels) with any strides.

    Args:
        weight: (*window, 1, channels) or (*window, channels, 1).
    """
    dtype, window, channels = accumulation_dtype(problem.dtype), problem.window, problem.in_channels
    weight = weight.reshape(*window.size, channels).astype(dtype, copy=False)
    bias = None if bias is None else bias.astype(dtype, copy=False)
    finish = IN_PLACE[problem.activation]
    parts = list(boxes(problem, max(1, _BOX_ELEMENTS // channels)))
    lengths = {sizes_of(box)[-1] for box in parts}
    runs = {length: _run(length, channels) if window.strides[-1] == 1 else 1 for length in lengths}
    taps = {run: np.repeat(weight[..., None, :], run, axis=-2) for run in set(runs.values())}
    letters = "abcdefgh"[: window.rank]
    subscripts = f"n{letters[:-1]}j{letters.upper()}z,{letters.upper()}z->n{letters[:-1]}jz"
    in_place = y.dtype == dtype and y.strides[-2:] == (channels * dtype.itemsize, dtype.itemsize)

    def compute(box):
        *leading, length = sizes_of(box)
        run = runs[length]
        windows = _windows(problem, PaddedPiece(box, channels, dtype).filled(x, box), sizes_of(box), run)
        target = y[outputs_of(box)]
        shape = (*leading, length // run, run * channels)
        if in_place:  # splits the last two axes anew
            sums = as_strided(target, shape, (*target.strides[:-2], run * target.strides[-2], dtype.itemsize))
        else:
            sums = np.empty(shape, dtype)
        np.einsum(subscripts, windows, taps[run].reshape(*window.size, -1), out=sums)
        values = target if in_place else sums.reshape(target.shape)
        if bias is not None:
            values += bias
        finish(values)
        if not in_place:
            target[...] = values

    few = problem.output_pixels * channels * window.taps < _FEW_PRODUCTS
    threads.run(compute, parts, threads=1 if few else None)


def _run(length, channels):
    """How many neighbouring pixels make a run: a divisor of the length."""
    most = max(1, min(length, _RUN_ELEMENTS // channels))
    return next(run for run in range(most, 0, -1) if length % run == 0)


def _windows(problem, piece, sizes, run):
    """A view (images, *positions, runs, *window, run * channels) of a box's padded piece of the input."""
    window, channels = problem.window, problem.in_channels
    _, image, *rows, _, column, element = piece.strides
    steps = *rows, column
    along = [step * stride for step, stride in zip(steps, window.strides)]
    along[-1] *= run
    across = [step * dilation for step, dilation in zip(steps, window.dilation)]
    shape = (*sizes[:-1], sizes[-1] // run, *window.size, run * channels)
    return as_strided(piece, shape, (image, *along, *across, element), writeable=False)
