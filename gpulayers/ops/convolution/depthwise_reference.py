"""Depthwise convolution in NumPy: in one pass (`depthwise_fused`) where channels lie side by side, else for
every tap a multiply-add of strided views, block by block.

Arrays stay in their data format. A channel with several filters is repeated, so that every filter has a
channel of its own. Sums are formed in float32 (float64 for float64) and rounded once.
"""

import math

import numpy as np

from .. import threads
from ..arrays import accumulation_dtype
from . import depthwise_fused
from .depthwise_taps import add_product, along_channels, filters, meetings
from .phases import phases
from .reference import ACTIVATIONS

_BLOCK_ELEMENTS = 1 << 18  # of the output: about what the caches hold
_FEW_ELEMENTS = 1 << 15  # of the output, that do not pay for threads


def depthwise_forward(problem, x, weight, bias=None):
    """activation(conv(x, weight) + bias)."""
    y = np.empty(problem.output_shape, problem.dtype)
    if depthwise_fused.takes(problem):
        depthwise_fused.convolve(problem, x, weight, bias, y)
        return y
    taps = filters(problem, weight)
    bias = None if bias is None else along_channels(problem, bias)

    def compute(images):
        repeated = _repeated(problem, x[images])
        sums = np.zeros(y[images].shape, repeated.dtype)
        products = np.empty(sums.size, sums.dtype)
        for tap, outputs, inputs in meetings(problem):
            add_product(problem, sums[outputs], repeated[inputs], taps[tap], products)
        if bias is not None:
            sums += bias
        y[images] = ACTIVATIONS[problem.activation](sums)

    threads.run(compute, _blocks(problem))
    return y


def depthwise_backward_input(problem, grad_output, weight, bias=None):
    """The gradient to the input; activation(gradient + bias) for a transposed convolution."""
    dx = np.empty(problem.input_shape, problem.dtype)
    if depthwise_fused.takes(problem):
        for phase in phases(problem):
            target = dx[(slice(None), *phase.inputs)]
            if phase.problem is None:
                target[...] = ACTIVATIONS[problem.activation](_without_taps(problem, bias))
            else:
                depthwise_fused.convolve(phase.problem, grad_output, phase.mirrored(weight), bias, target)
        return dx
    taps = filters(problem, weight)
    bias = None if bias is None else along_channels(problem, bias)

    def compute(images):
        dy = grad_output[images].astype(taps.dtype, copy=False)
        shape = list(dx[images].shape)
        shape[_channel_axis(problem)] = problem.out_channels
        sums = np.zeros(shape, dy.dtype)
        products = np.empty(dy.size, dy.dtype)
        for tap, outputs, inputs in meetings(problem):
            add_product(problem, sums[inputs], dy[outputs], taps[tap], products)
        sums = _summed(problem, sums)
        if bias is not None:
            sums = sums + bias
        dx[images] = ACTIVATIONS[problem.activation](sums)

    threads.run(compute, _blocks(problem))
    return dx


def depthwise_backward_weight(problem, x, grad_output):
    """The gradient to the weights."""
    dtype = accumulation_dtype(problem.dtype)
    dw = np.zeros((problem.window.taps, problem.out_channels), dtype)
    letters = "nabc"[: problem.window.rank + 1]
    taps = list(meetings(problem))
    operand = letters + "k" if problem.channels_last else letters[0] + "k" + letters[1:]
    for images in _blocks(problem):
        repeated, dy = _repeated(problem, x[images]), grad_output[images].astype(dtype, copy=False)

        def add(meeting):
            tap, outputs, inputs = meeting
            dw[tap] += np.einsum(f"{operand},{operand}->k", repeated[inputs], dy[outputs])

        threads.run(add, taps, threads=1 if dy.size < _FEW_ELEMENTS else None)
    return dw.reshape(problem.weight_shape).astype(problem.dtype, copy=False)


def _blocks(problem):
    """Slices of the batch."""
    image = math.prod(problem.window.output_size) * problem.out_channels
    step = max(1, _BLOCK_ELEMENTS // image)
    return [slice(first, first + step) for first in range(0, problem.batch, step)]


def _without_taps(problem, bias):
    """What an input gets that no tap meets: the bias, or zeros."""
    dtype = accumulation_dtype(problem.dtype)
    return np.zeros(problem.in_channels, dtype) if bias is None else bias.astype(dtype)


def _channel_axis(problem):
    return -1 if problem.channels_last else 1


def _repeated(problem, x):
    """x in the accumulation type, with a channel for each filter."""
    x = x.astype(accumulation_dtype(problem.dtype), copy=False)
    count = problem.group_out_channels
    return x if count == 1 else np.repeat(x, count, axis=_channel_axis(problem))


def _summed(problem, dx):
    """The adjoint of `_repeated`: the sum over the filters of each channel."""
    count = problem.group_out_channels
    if count == 1:
        return dx
    axis = dx.ndim - 1 if problem.channels_last else 1
    return dx.reshape(*dx.shape[:axis], problem.in_channels, count, *dx.shape[axis + 1 :]).sum(axis=axis + 1)
