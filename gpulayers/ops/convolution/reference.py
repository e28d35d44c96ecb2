"""Convolution in NumPy: the fallback, and the truth for the kernels.

The windows of a box of the output are copied side by side ("columns") and multiplied with the weights, one
matrix product a group; for groups of few channels see `planes`. channels_first arrays are read and written
through channels_last views. Sums are formed in float32 (float64 for float64) and rounded once.
"""

import numpy as np

from .. import scratch
from ..arrays import accumulation_dtype
from . import planes
from .blocks import boxes, outputs_of
from .columns import Windows
from .fused_activation import IN_PLACE, Activation
from .phases import phases
from .scattered import scattered_backward_input

# Of the columns of a box: few enough to stay in a core's own cache between the copy and the product, and
# enough for the calls to cost little beside both.
_BLOCK_ELEMENTS = 1 << 19
# Pixels of a box, if there are as many filters: BLAS lays out the weights anew for every product.
_LEAST_PIXELS = 512
# The same for the gradient to the weights: each box adds once to all of them.
_SUMMED_ELEMENTS, _SUMMED_PIXELS = 1 << 20, 1024
_FEW_CHANNELS = 8  # below it products would be too narrow for BLAS


def forward(problem, x, weight, bias=None):
    """activation(conv(x, weight) + bias)."""
    y = np.empty(problem.output_shape, problem.dtype)
    rows = problem.window.taps * problem.group_in_channels
    matrices = weight.reshape(rows, problem.groups, problem.group_out_channels).transpose(1, 0, 2)
    _convolve(problem, channels_last(problem, x), matrices, bias, channels_last(problem, y))
    return y


def backward_input(problem, grad_output, weight, bias=None):
    """The gradient to the input of the convolution; activation(gradient + bias) for a transposed one."""
    dtype = accumulation_dtype(problem.dtype)
    bias = None if bias is None else bias.astype(dtype)
    dx = np.empty(problem.input_shape, problem.dtype)
    dx_last, dy = channels_last(problem, dx), channels_last(problem, grad_output)
    if problem.group_in_channels < _FEW_CHANNELS <= problem.group_out_channels:
        sums = scattered_backward_input(problem, dy, weight.astype(dtype, copy=False), _BLOCK_ELEMENTS)
        if bias is not None:
            sums += bias
        dx_last[...] = IN_PLACE[problem.activation](sums)
        return dx
    for phase in phases(problem):
        target = dx_last[(slice(None), *phase.inputs)]
        if phase.problem is None:
            values = np.zeros(problem.in_channels, dtype) if bias is None else bias.copy()
            target[...] = IN_PLACE[problem.activation](values)
        else:
            _convolve(phase.problem, dy, _mirrored_matrices(phase, weight), bias, target)
    return dx


def backward_weight(problem, x, grad_output):
    """The gradient to the weights."""
    x, dy = channels_last(problem, x), channels_last(problem, grad_output)
    dtype = accumulation_dtype(problem.dtype)
    rows, filters = problem.window.taps * problem.group_in_channels, problem.group_out_channels
    dw = np.zeros((problem.groups, rows, filters), dtype)
    if planes.takes(problem):
        planes.backward_weight(problem, x, dy, dw)
    else:
        with scratch.frame():
            _sum_columns(problem, x, dy, dw)
    return dw.transpose(1, 0, 2).reshape(problem.weight_shape).astype(problem.dtype, copy=False)


def _sum_columns(problem, x, dy, dw):
    """The gradient to the weights into dw, (groups, taps * channels, filters)."""
    (_, rows, filters), dtype, size = dw.shape, dw.dtype, problem.window.size[0]
    pixels = _viewed_pixels(problem) or max(_SUMMED_ELEMENTS // (problem.groups * rows), _SUMMED_PIXELS)
    windows = Windows(problem, x, dtype, pixels)
    # Part of the window at a time, where all of it would need more room.
    elements = min(pixels, problem.output_pixels) * problem.groups * rows
    step = size if windows.viewed else max(1, size * _SUMMED_ELEMENTS // max(1, elements))
    room, begun = None, False
    for index, found in windows:
        products = dy[index].astype(dtype, copy=False).reshape(-1, problem.groups, filters).transpose(1, 0, 2)
        for first in range(0, size, step):
            taps = (slice(None),) * (1 + len(index)) + (slice(first, first + step),)
            transposed = windows.side_by_side(found[taps]).swapaxes(1, 2)
            start = first * (rows // size)
            sums = dw[:, start : start + transposed.shape[1]]
            if begun:
                if room is None:
                    room = scratch.empty((problem.groups, transposed.shape[1], filters), dtype)
                sums += np.matmul(transposed, products, out=room[:, : transposed.shape[1]])
            else:
                np.matmul(transposed, products, out=sums)
        begun = True


def backward_bias(problem, grad_output):
    """The gradient to the bias: sums over the batch and the spatial positions."""
    dy, dtype = channels_last(problem, grad_output), accumulation_dtype(problem.dtype)
    sums = np.zeros(problem.out_channels, dtype)
    for box in boxes(problem, max(1, _BLOCK_ELEMENTS // problem.out_channels)):
        rows = dy[outputs_of(box)].reshape(-1, problem.out_channels).astype(dtype, copy=False)
        sums += np.ones(len(rows), dtype) @ rows
    return sums.astype(problem.dtype, copy=False)


def channels_last(problem, array):
    """The array, or a channels_first one viewed as channels_last."""
    return array if problem.channels_last else array.transpose(0, *range(2, array.ndim), 1)


def _convolve(problem, x, matrices, bias, y):
    """activation(conv + bias) into y; x, y channels_last, matrices (groups, taps * channels, filters)."""
    dtype = accumulation_dtype(problem.dtype)
    matrices = matrices.astype(dtype, copy=False)
    bias = None if bias is None else bias.astype(dtype, copy=False)
    if planes.takes(problem):
        planes.convolve(problem, x, matrices, bias, y)
    else:
        with scratch.frame():
            _convolve_columns(problem, x, matrices, bias, y)


def _convolve_columns(problem, x, matrices, bias, y):
    dtype, filters = matrices.dtype, problem.out_channels
    in_place = y.dtype == dtype and y.flags.c_contiguous
    planar = not in_place and y.dtype == dtype and np.moveaxis(y, -1, 1).flags.c_contiguous
    finish = IN_PLACE[problem.activation]
    pixels = _viewed_pixels(problem)
    if not pixels or not in_place or bias is not None or problem.activation is not Activation.NONE:
        pixels = _pixels(problem)
    windows, room = Windows(problem, x, dtype, pixels), None
    for index, found in windows:
        rows, target = windows.side_by_side(found), y[index]
        pixels = rows.shape[1]
        if in_place:
            product = target.reshape(pixels, filters)
        elif planar and len(target) == 1:
            product = np.moveaxis(target, -1, 1).reshape(filters, pixels).T
        else:
            room = scratch.empty((pixels, filters), dtype) if room is None else room
            product = room[:pixels]
        np.matmul(rows, matrices, out=product.reshape(pixels, problem.groups, -1).transpose(1, 0, 2))
        if bias is not None:
            product += bias
        finish(product if product.flags.c_contiguous else product.T)
        if not in_place and product.flags.c_contiguous:
            target[...] = product.reshape(target.shape)


def _pixels(problem):
    """Of a box whose columns are multiplied with the weights."""
    columns = problem.window.taps * problem.in_channels
    if problem.pointwise and problem.groups == 1:
        columns = max(columns, problem.out_channels)
    return max(1, _BLOCK_ELEMENTS // columns, min(_LEAST_PIXELS, problem.group_out_channels))


def _viewed_pixels(problem):
    """Pixels of a box whose columns are part of x itself and need no room; None where they are not."""
    if not problem.pointwise or problem.groups > 1 or problem.dtype != accumulation_dtype(problem.dtype):
        return None
    pixels = problem.output_pixels // max(1, problem.batch)
    if problem.channels_last:
        return pixels * problem.batch
    return pixels if pixels >= _LEAST_PIXELS else None


def _mirrored_matrices(phase, weight):
    """(groups, taps * filters, channels) of a forward's weights, for a phase of its backward."""
    taps, groups = phase.mirrored(weight), phase.problem.groups
    *size, channels, filters = taps.shape
    split = taps.reshape(*size, channels, groups, filters // groups)
    by_channel = np.moveaxis(split, (-2, -3), (0, 1))  # the copy that follows is of rows of filters
    return by_channel.reshape(groups, channels, -1).transpose(0, 2, 1)
