"""Convolution in NumPy by planes of channels, for groups of so few channels that columns would be narrow.

Box by box, a row of the input is laid out once for every tap along a row of the window: as (groups, rows,
those taps, channels, pixels). What a row of the output meets lies in neighbouring rows then, one behind the
other: a matrix (taps * channels, pixels), which overlaps with that of the next row. Boxes run side by side.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np

from .. import scratch, threads
from ..arrays import accumulation_dtype
from ..spatial import SlidingWindow
from .blocks import boxes_of_steps, clear, inputs_of, outputs_of, sizes_of, steps_of
from .fused_activation import IN_PLACE

_ELEMENTS = 1 << 18  # of the rows of a box: about what a core's own cache holds
_PIXELS, _LEAST_PIXELS = 1024, 64  # of a row, at most, and at least if boxes are to run side by side
_FEW_PIXELS = 256  # rows of several images have more of them: each row costs a call of BLAS
_CONFLICT = 512  # bytes; pixels so far apart, or a multiple of it, take each other's place in the first cache
_CHANNELS = 64  # of a box, at least, where they lie side by side: lines of the cache are used as a whole
_FEW_CHANNELS, _FEW_INPUTS = 16, 4  # of a group, and of a convolution with one group
_FEW_PRODUCTS = 1 << 18  # that do not pay for threads
_MATRIX_PRODUCTS, _VECTOR_PRODUCTS = 1 << 18, 1 << 13  # of a call, that BLAS does not spread over threads


class Plan(NamedTuple):
    """How a problem is cut.

    Attributes:
        window: over two or three dimensions.
        rolled: whether rows of the output share rows; else all taps are laid out for each.
        groups: slices of the groups.
        steps: sizes of a box of the output, (images, *spatial axes).
        threads: at most so many, or None.
    """

    window: SlidingWindow
    rolled: bool
    groups: list
    steps: tuple
    threads: int


def takes(problem):
    """Whether this takes less time than columns: measured."""
    window, channels, filters = problem.window, problem.group_in_channels, problem.group_out_channels
    if problem.groups == 1:
        return channels <= (1 if problem.channels_last else _FEW_INPUTS)
    if min(channels, filters) == 1:
        return max(channels, filters) <= _FEW_CHANNELS
    if window.rank > 1 and not _rolled(window):
        return False
    if problem.channels_last:  # channels have to be set apart, and together again
        return max(channels, filters) <= _FEW_CHANNELS // 4
    return min(channels, filters) <= _FEW_CHANNELS


def _rolled(window):
    return window.dilation[0] == 1 and window.size[0] > window.strides[0]


@functools.lru_cache(maxsize=1024)
def plan(problem):
    """The Plan of a problem."""
    window, channels = problem.window, problem.group_in_channels
    if window.rank == 1:
        window = SlidingWindow(*[values[1:] for values in dataclasses.astuple(window.lifted())])
    rolled = _rolled(window)
    filters = problem.group_out_channels
    most = (_VECTOR_PRODUCTS if filters == 1 else _MATRIX_PRODUCTS) // (window.taps * channels * filters)
    alone = most >= _LEAST_PIXELS
    most = min(most, _PIXELS) if alone else _PIXELS
    rest = steps_of(window.output_size[1:], most)
    images = max(1, min(problem.batch, most // math.prod(rest), -(-_FEW_PIXELS // math.prod(rest))))
    taps, shared = (window.taps // window.size[0], window.strides[0]) if rolled else (window.taps, 1)
    row = taps * channels * images * math.prod(rest)  # elements, of a group
    least = min(problem.groups, max(1, _CHANNELS // channels)) if problem.channels_last else 1
    rows = max(1, min(window.output_size[0], _ELEMENTS // (row * shared * least)))
    rows = -(-window.output_size[0] // -(-window.output_size[0] // rows))  # boxes of like sizes
    groups = max(least, _ELEMENTS // (row * shared * rows) // least * least)
    slices = [slice(a, min(a + groups, problem.groups)) for a in range(0, problem.groups, groups)]
    side_by_side = alone and problem.flops() >= 2 * _FEW_PRODUCTS
    return Plan(window, rolled, slices, (images, rows, *rest), None if side_by_side else 1)


def convolve(problem, x, matrices, bias, y):
    """activation(conv + bias) into y.

    Args:
        x, y: (images, *spatial, channels), with any strides.
        matrices: (groups, taps * channels of a group, filters of a group), in the accumulation type.
        bias: in that type, or None.
    """
    window, rolled, slices, steps, most = plan(problem)
    x, y, dtype = _planes(x, problem.groups), _planes(y, problem.groups), accumulation_dtype(problem.dtype)
    matrices = np.ascontiguousarray(matrices.swapaxes(1, 2))[:, None]
    bias = None if bias is None else bias.reshape(problem.groups, -1, 1, 1)

    def compute(part):
        groups, box = part
        images, rows, *rest = sizes_of(box)
        target = _rows_outside(y[groups][_at(outputs_of(box))])
        direct = y.dtype == dtype and images == 1 and _by_pixels(target)
        with scratch.frame():
            lines = _lines(window, rolled, x[groups], box, dtype)
            product = target if direct else scratch.empty(target.shape, dtype)
            pixels = product.reshape(*product.shape[:3], -1)
            np.matmul(matrices[groups], lines, out=pixels.swapaxes(1, 2))
            if bias is not None:
                pixels += bias[groups]
            IN_PLACE[problem.activation](pixels)
            if not direct:
                target[...] = product

    boxes = boxes_of_steps(window, problem.batch, steps)
    threads.run(compute, [(groups, box) for box in boxes for groups in slices], threads=most)


def backward_weight(problem, x, dy, dw):
    """The gradient to the weights into dw, (groups, taps * channels of a group, filters of a group)."""
    window, rolled, slices, steps, most = plan(problem)
    x, dy = _planes(x, problem.groups), _planes(dy, problem.groups)

    def compute(groups):
        sums = np.zeros(dw[groups].shape, dw.dtype)
        for box in boxes_of_steps(window, problem.batch, steps):
            with scratch.frame():
                lines = _lines(window, rolled, x[groups], box, dw.dtype)
                values = _rows_outside(dy[groups][_at(outputs_of(box))])
                if dy.dtype != dw.dtype or values.shape[3] > 1:
                    values = _copied(values, dw.dtype)
                pixels = values.reshape(*values.shape[:3], -1)
                sums += np.matmul(lines, pixels.transpose(0, 2, 3, 1)).sum(axis=1)
        dw[groups] = sums

    threads.run(compute, slices, threads=most)


def _planes(array, groups):
    """(images, *spatial, channels) viewed as (groups, channels, images, *at least two spatial axes)."""
    array = array.transpose(array.ndim - 1, *range(array.ndim - 1))
    if array.ndim == 3:
        array = array[:, :, None]
    return array.reshape(groups, len(array) // groups, *array.shape[1:])  # splits an axis: a view


def _at(index):
    """(groups, channels, images, *spatial) at an index of the last ones."""
    return (slice(None), slice(None), *index)


def _rows_outside(planes):
    """(groups, channels, images, rows, ...) viewed as (groups, channels, rows, images, ...)."""
    return planes.swapaxes(2, 3)


def _by_pixels(target):
    """Whether BLAS can write the rows of a box: pixels, or enough channels, are neighbours in memory."""
    channels, pixels = target.strides[1], target.strides[-1]
    steps = zip(target.shape[:4:-1], target.strides[:4:-1], target.strides[-2:3:-1])
    if any(size * stride != outer for size, stride, outer in steps):
        return False
    return pixels == target.itemsize or (channels == target.itemsize and target.shape[1] >= _FEW_CHANNELS)


def _lines(window, rolled, x, box, dtype):
    """The matrices (groups, rows, taps * channels, pixels of all images) that a box of the output meets."""
    groups, channels = x.shape[:2]
    images, rows, *rest = sizes_of(box)
    piece = scratch.empty((groups, channels, *[part.length for part in box]), dtype)
    for axis, part in enumerate(box, 2):
        clear(piece, axis, part.held)
    _copy(piece[_at([part.held for part in box])], x[_at(inputs_of(box))])
    group, channel, image, *steps = piece.strides
    along = [step * stride for step, stride in zip(steps, window.strides)]
    across = [step * dilation for step, dilation in zip(steps, window.dilation)]
    if rolled:
        taps, shared, found = window.size[1:], window.strides[0], box[1].length
        strides = group, steps[0], *across[1:], channel, image, *along[1:]
    else:
        taps, shared, found = window.size, 1, rows
        strides = group, along[0], *across, channel, image, *along[1:]
    lines = scratch.empty((groups, found, *taps, channels, images, *rest), dtype)
    lines[...] = np.ndarray(lines.shape, dtype, piece, 0, strides)
    pixels = images * math.prod(rest)
    step = math.prod(taps) * channels * pixels * dtype.itemsize
    shape = (groups, rows, window.taps * channels, pixels)
    strides = found * step, shared * step, pixels * dtype.itemsize, dtype.itemsize
    return np.ndarray(shape, dtype, lines, 0, strides)


def _copied(planes, dtype):
    copied = scratch.empty(planes.shape, dtype)
    _copy(copied, planes)
    return copied


def _copy(target, planes):
    """Copies (groups, channels, ...)."""
    if planes.strides[-1] % _CONFLICT == 0 and planes.strides[1] == planes.itemsize:
        last = np.moveaxis(planes, (0, 1), (-2, -1))
        compact = scratch.empty(last.shape, planes.dtype)
        compact[...] = last
        planes = np.moveaxis(compact, (-2, -1), (0, 1))
    target[...] = planes
