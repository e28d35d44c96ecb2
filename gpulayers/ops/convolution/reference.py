"""Convolution in NumPy: the fallback, and the truth for the kernels.

Blocks of output rows, a few megabytes each: their windows are copied side by side ("columns") and multiplied with the
weights as one matrix product a group. channels_first arrays are read and written through channels_last views.
"""

import itertools
import math

import numpy as np

from ..arrays import accumulation_dtype
from .problem import Activation

_BLOCK_ELEMENTS = 1 << 20  # of the columns of one block: about what the caches hold
_FEW_CHANNELS = 8  # below it columns are gathered pixel by pixel, for longer runs


def _sigmoid(y):
    with np.errstate(over="ignore"):  # exp overflows to infinity where the result is 0
        return 1 / (1 + np.exp(-y))


ACTIVATIONS = {
    Activation.NONE: lambda y: y,
    Activation.RELU: lambda y: np.maximum(y, 0, out=y),
    Activation.TANH: lambda y: np.tanh(y, out=y),
    Activation.SIGMOID: _sigmoid,
}


def forward(problem, x, weight, bias=None):
    """activation(conv(x, weight) + bias)."""
    y = np.empty(problem.output_shape, problem.dtype)
    x, y_last = _channels_last(problem, x), _channels_last(problem, y)
    matrix = _weight_matrices(problem, weight)
    bias = None if bias is None else bias.astype(matrix.dtype)
    for block in _blocks(problem):
        product = np.matmul(_columns(problem, x, block), matrix)  # (groups, pixels, filters of the group)
        product = product[0] if problem.groups == 1 else product.transpose(1, 0, 2).reshape(product.shape[1], -1)
        if bias is not None:
            product += bias
        target = y_last[block]
        target[...] = ACTIVATIONS[problem.activation](product).reshape(target.shape)
    return y


def backward_input(problem, grad_output, weight):
    """The gradient to the input of the convolution."""
    dx = np.zeros(problem.input_shape, accumulation_dtype(problem.dtype))
    dx_last, dy = _channels_last(problem, dx), _channels_last(problem, grad_output)
    matrix = _weight_matrices(problem, weight)
    for block in _blocks(problem):
        rows = _output_matrices(problem, dy[block])
        if problem.group_in_channels < _FEW_CHANNELS:
            columns = np.matmul(matrix, rows.transpose(0, 2, 1)).transpose(0, 2, 1)
        else:
            columns = np.matmul(rows, matrix.transpose(0, 2, 1))
        _add_columns(problem, dx_last, block, columns)
    return dx.astype(problem.dtype, copy=False)


def backward_weight(problem, x, grad_output):
    """The gradient to the weights."""
    x, dy = _channels_last(problem, x), _channels_last(problem, grad_output)
    groups, filters = problem.groups, problem.group_out_channels
    dw = np.zeros((groups, problem.window.taps * problem.group_in_channels, filters), accumulation_dtype(problem.dtype))
    for block in _blocks(problem):
        dw += np.matmul(_columns(problem, x, block).transpose(0, 2, 1), _output_matrices(problem, dy[block]))
    return dw.transpose(1, 0, 2).reshape(problem.weight_shape).astype(problem.dtype, copy=False)


def backward_bias(problem, grad_output):
    """The gradient to the bias: sums over the batch and the spatial positions."""
    dy = _channels_last(problem, grad_output)
    accumulate = accumulation_dtype(problem.dtype)
    sums = np.zeros(problem.out_channels, accumulate)
    for block in _blocks(problem):
        rows = dy[block].reshape(-1, problem.out_channels).astype(accumulate, copy=False)
        sums += np.ones(len(rows), accumulate) @ rows
    return sums.astype(problem.dtype, copy=False)


def _channels_last(problem, array):
    return array if problem.channels_last else np.moveaxis(array, 1, -1)


def _weight_matrices(problem, weight):
    """(groups, taps * channels, filters), in the accumulation type."""
    rows = problem.window.taps * problem.group_in_channels
    matrices = weight.reshape(rows, problem.groups, problem.group_out_channels).transpose(1, 0, 2)
    return np.ascontiguousarray(matrices, accumulation_dtype(problem.dtype))


def _output_matrices(problem, dy):
    """A block of dy as (groups, pixels, filters), in the accumulation type."""
    rows = dy.astype(accumulation_dtype(problem.dtype), copy=False)
    return rows.reshape(-1, problem.groups, problem.group_out_channels).transpose(1, 0, 2)


def _blocks(problem):
    """Slices (images, output rows) that cut the output into blocks: several whole images, or rows of one."""
    rows = problem.window.output_size[0]
    row_elements = math.prod(problem.window.output_size[1:]) * problem.window.taps * problem.in_channels
    step = max(1, min(rows, _BLOCK_ELEMENTS // row_elements))
    images = max(1, _BLOCK_ELEMENTS // (row_elements * rows)) if step == rows else 1
    for image in range(0, problem.batch, images):
        for row in range(0, rows, step):
            yield slice(image, min(image + images, problem.batch)), slice(row, min(row + step, rows))


def _slab(problem, block):
    """The padded part of the input that a block of the output sees.

    Returns:
        Its shape, the slices of the input in it, and the slices of it that hold them.
    """
    window = problem.window
    images, rows = block
    shape, inner, outer = [images.stop - images.start], [images], [slice(None)]
    for axis in range(window.rank):
        first, stop = (rows.start, rows.stop) if axis == 0 else (0, window.output_size[axis])
        start = first * window.strides[axis] - window.pad_low[axis]
        length = (stop - first - 1) * window.strides[axis] + (window.size[axis] - 1) * window.dilation[axis] + 1
        low, high = max(0, start), min(window.input_size[axis], start + length)
        high = max(low, high)
        shape.append(length)
        inner.append(slice(low, high))
        outer.append(slice(low - start, high - start))
    return (*shape, problem.in_channels), tuple(inner), tuple(outer)


def _tap_slices(problem, block):
    """For each tap the slices of a slab that it meets, in the order of the weights."""
    window = problem.window
    counts = (block[1].stop - block[1].start, *window.output_size[1:])
    for taps in itertools.product(*map(range, window.size)):
        starts = [tap * dilation for tap, dilation in zip(taps, window.dilation)]
        yield (
            slice(None),
            *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, window.strides)),
        )


def _columns(problem, x, block):
    """The windows of a block side by side: (groups, pixels, taps * channels), in the accumulation type."""
    accumulate = accumulation_dtype(problem.dtype)
    shape, inner, outer = _slab(problem, block)
    if x[inner].shape == shape:
        slab = x[inner].astype(accumulate, copy=False)
    else:
        slab = np.zeros(shape, accumulate)
        slab[outer] = x[inner]
    groups, channels, taps = problem.groups, problem.group_in_channels, problem.window.taps
    if problem.pointwise and groups == 1:
        return slab.reshape(1, -1, channels)
    sizes = (shape[0], block[1].stop - block[1].start, *problem.window.output_size[1:])
    pixels = math.prod(sizes)
    slab = slab.reshape(*shape[:-1], groups, channels)
    if channels < _FEW_CHANNELS:
        columns = np.empty((groups, taps, channels, *sizes), accumulate)
        for tap, slices in enumerate(_tap_slices(problem, block)):
            columns[:, tap] = np.moveaxis(slab[slices], (-2, -1), (0, 1))
        return columns.reshape(groups, taps * channels, pixels).transpose(0, 2, 1)
    columns = np.empty((groups, *sizes, taps, channels), accumulate)
    for tap, slices in enumerate(_tap_slices(problem, block)):
        columns[..., tap, :] = np.moveaxis(slab[slices], -2, 0)
    return columns.reshape(groups, pixels, taps * channels)


def _add_columns(problem, dx, block, columns):
    """The adjoint of `_columns`: adds columns to the part of dx that they came from."""
    shape, inner, outer = _slab(problem, block)
    groups, channels, taps = problem.groups, problem.group_in_channels, problem.window.taps
    slab = np.zeros((*shape[:-1], groups, channels), columns.dtype)
    sizes = (shape[0], block[1].stop - block[1].start, *problem.window.output_size[1:])
    for tap, slices in enumerate(_tap_slices(problem, block)):
        part = columns[..., tap * channels : (tap + 1) * channels].reshape(groups, *sizes, channels)
        slab[slices] += np.moveaxis(part, 0, -2)
    dx[inner] += slab.reshape(shape)[outer]
