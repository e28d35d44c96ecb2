"""Depthwise convolution in NumPy where neighbouring channels lie side by side and each has one filter.

Box by box: einsum multiplies the windows with the taps and adds the products in one pass, along runs of
neighbouring pixels with all their channels, for which the taps are repeated. Boxes run side by side.
"""

import math

import numpy as np

from .. import scratch, threads
from ..arrays import accumulation_dtype
from .blocks import PaddedPiece, boxes, outputs_of, sizes_of
from .fused_activation import IN_PLACE

_BOX_ELEMENTS = 1 << 19  # of the output and what it sees of the input: enough for the calls to cost little
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
    seen = channels * (1 + math.prod(window.strides))  # elements, for each pixel
    parts = list(boxes(problem, max(1, _BOX_ELEMENTS // seen)))
    runs = {length: _run(length, channels) for length in {sizes_of(box)[-1] for box in parts}}
    taps = {run: np.repeat(weight[..., None, :], run, axis=-2) for run in set(runs.values())}
    taps = {run: repeated.reshape(*window.size, -1) for run, repeated in taps.items()}
    letters = "abcdefgh"[: window.rank]
    subscripts = f"n{letters[:-1]}j{letters.upper()}z,{letters.upper()}z->n{letters[:-1]}jz"
    in_place = y.dtype == dtype and y.strides[-2:] == (channels * dtype.itemsize, dtype.itemsize)
    stride, dilation = window.strides[-1], window.dilation[-1]
    period = stride // math.gcd(stride, dilation)  # taps that meet the same phase of the columns

    def compute(box):
        *leading, length = sizes_of(box)
        run = runs[length]
        with scratch.frame():
            piece = PaddedPiece(box, channels, dtype, phases=stride, empty=scratch.empty).filled(x, box)
            target = y[outputs_of(box)]
            sums = target if in_place else scratch.empty(target.shape, dtype)
            split = sums.reshape(*leading, length // run, run * channels)
            room = scratch.empty(split.shape, dtype) if period > 1 else None
            for first in range(min(period, window.size[-1])):
                met = taps[run][..., first::period, :]
                windows = _windows(window, piece, split.shape, met.shape, first * dilation, period * dilation)
                added = np.einsum(subscripts, windows, met, out=room if first else split)
                if first:
                    split += added
            if bias is not None:
                sums += bias
            finish(sums)
            if not in_place:
                target[...] = sums

    few = problem.output_pixels * channels * window.taps < _FEW_PRODUCTS
    threads.run(compute, parts, threads=1 if few else None)


def _run(length, channels):
    """How many neighbouring pixels make a run: a divisor of the length."""
    most = max(1, min(length, _RUN_ELEMENTS // channels))
    return next(run for run in range(most, 0, -1) if length % run == 0)


def _windows(window, piece, runs, taps, first, step):
    """A view (images, *positions but the last, runs, *taps, run * channels) of a box's padded piece.

    Args:
        runs, taps: the shapes (images, *positions but the last, runs, elements) and (*taps, elements).
        first, step: the columns that the taps of the last axis meet at the first position; all of one phase.
    """
    _, image, *rows, phase, column, element = piece.strides
    along = [rows * stride for rows, stride in zip(rows, window.strides)]
    across = [rows * dilation for rows, dilation in zip(rows, window.dilation)]
    column_of, phase_of = divmod(first, window.strides[-1])
    offset = phase_of * phase + column_of * column
    strides = (image, *along, runs[-1] * element, *across, step // window.strides[-1] * column, element)
    return np.ndarray((*runs[:-1], *taps), piece.dtype, piece, offset, strides)
