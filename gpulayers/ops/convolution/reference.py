"""Convolution in NumPy: the fallback, and the truth for the kernels.

The windows of a block of outputs are copied side by side ("columns") and multiplied with the weights, one
matrix product a group. channels_first arrays are read and written through channels_last views. Sums are
formed in float32 (float64 for float64) and rounded once.
"""

import numpy as np

from ..arrays import accumulation_dtype
from .columns import FEW_CHANNELS, blocks, column_buffer, gather_columns, scatter_columns
from .mirrored import mirrored, mirrored_weight
from .problem import Activation


def _sigmoid(y):
    with np.errstate(over="ignore"):  # exp overflows to infinity where the result is 0
        return np.divide(1, 1 + np.exp(-y), out=y)  # np.negative is wrong in place on some strides


ACTIVATIONS = {  # each in place
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
    buffer = column_buffer(problem, matrix.dtype)
    direct = problem.channels_last and problem.groups == 1 and y.dtype == matrix.dtype
    for block in blocks(problem):
        columns = gather_columns(problem, x, block, matrix.dtype, buffer)
        target = y_last[block]
        if direct:
            product = target.reshape(-1, problem.out_channels)
            np.matmul(columns[0], matrix[0], out=product)
        else:  # (groups, pixels, filters) until transposed
            product = np.matmul(columns, matrix).transpose(1, 0, 2).reshape(-1, problem.out_channels)
        if bias is not None:
            product += bias
        product = ACTIVATIONS[problem.activation](product)
        if not direct:
            target[...] = product.reshape(target.shape)
    return y


def backward_input(problem, grad_output, weight, bias=None):
    """The gradient to the input of the convolution; activation(gradient + bias) for a transposed one."""
    if set(problem.window.strides) == {1} and problem.group_in_channels >= FEW_CHANNELS:
        return forward(mirrored(problem), grad_output, mirrored_weight(problem, weight), bias)
    dx = np.zeros(problem.input_shape, accumulation_dtype(problem.dtype))
    dx_last, dy = _channels_last(problem, dx), _channels_last(problem, grad_output)
    matrix = _weight_matrices(problem, weight)
    for block in blocks(problem):
        rows = _output_matrices(problem, dy[block])
        if problem.group_in_channels < FEW_CHANNELS:
            columns = np.matmul(matrix, rows.transpose(0, 2, 1)).transpose(0, 2, 1)
        else:
            columns = np.matmul(rows, matrix.transpose(0, 2, 1))
        scatter_columns(problem, dx_last, block, columns)
    if bias is not None:
        dx_last += bias.astype(dx.dtype)
    dx = ACTIVATIONS[problem.activation](dx)
    return dx.astype(problem.dtype, copy=False)


def backward_weight(problem, x, grad_output):
    """The gradient to the weights."""
    x, dy = _channels_last(problem, x), _channels_last(problem, grad_output)
    rows, dtype = problem.window.taps * problem.group_in_channels, accumulation_dtype(problem.dtype)
    dw = np.zeros((problem.groups, rows, problem.group_out_channels), dtype)
    buffer = column_buffer(problem, dtype)
    for block in blocks(problem):
        columns = gather_columns(problem, x, block, dtype, buffer)
        dw += np.matmul(columns.transpose(0, 2, 1), _output_matrices(problem, dy[block]))
    return dw.transpose(1, 0, 2).reshape(problem.weight_shape).astype(problem.dtype, copy=False)


def backward_bias(problem, grad_output):
    """The gradient to the bias: sums over the batch and the spatial positions."""
    dy = _channels_last(problem, grad_output)
    dtype = accumulation_dtype(problem.dtype)
    sums = np.zeros(problem.out_channels, dtype)
    for block in blocks(problem):
        rows = dy[block].reshape(-1, problem.out_channels).astype(dtype, copy=False)
        sums += np.ones(len(rows), dtype) @ rows
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
