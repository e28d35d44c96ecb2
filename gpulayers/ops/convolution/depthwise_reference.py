"""Depthwise convolution in NumPy: in one pass (`depthwise_fused`) where channels lie side by side and each
has one filter, else as a grouped convolution by planes. Most gradients to the weights: tap by tap.

Sums are formed in float32 (float64 for float64) and rounded once.
"""

import itertools
import math

import numpy as np

from .. import threads
from ..arrays import accumulation_dtype
from . import depthwise_fused, reference
from .fused_activation import IN_PLACE
from .phases import phases

_BLOCK_ELEMENTS = 1 << 18  # of the output: about what the caches hold
_FEW_CHANNELS = 128  # below it loops over the channels of a pixel are short
_SHORT_ROW = 32  # pixels of a channel, along which loops are short too: planes join rows of several images
_FEW_ELEMENTS = 1 << 15  # of the output, that do not pay for threads


def depthwise_forward(problem, x, weight, bias=None):
    """activation(conv(x, weight) + bias)."""
    if not depthwise_fused.takes(problem):
        return reference.forward(problem, x, weight, bias)
    y = np.empty(problem.output_shape, problem.dtype)
    depthwise_fused.convolve(problem, x, weight, bias, y)
    return y


def depthwise_backward_input(problem, grad_output, weight, bias=None):
    """The gradient to the input; activation(gradient + bias) for a transposed convolution."""
    if not depthwise_fused.takes(problem):
        return reference.backward_input(problem, grad_output, weight, bias)
    dx = np.empty(problem.input_shape, problem.dtype)
    for phase in phases(problem):
        target = dx[(slice(None), *phase.inputs)]
        if phase.problem is None:
            target[...] = IN_PLACE[problem.activation](_without_taps(problem, bias))
        else:
            depthwise_fused.convolve(phase.problem, grad_output, phase.mirrored(weight), bias, target)
    return dx


def depthwise_backward_weight(problem, x, grad_output):
    """The gradient to the weights."""
    if not problem.channels_last and problem.window.output_size[-1] < _SHORT_ROW:
        return reference.backward_weight(problem, x, grad_output)
    dtype = accumulation_dtype(problem.dtype)
    dw = np.zeros((problem.window.taps, problem.out_channels), dtype)
    letters = "nabc"[: problem.window.rank + 1]
    taps = list(_meetings(problem))
    operand = letters + "k" if problem.channels_last else letters[0] + "k" + letters[1:]
    merged = (
        problem.channels_last and problem.window.strides[-1] == 1 and problem.out_channels < _FEW_CHANNELS
    )
    for images in _blocks(problem):
        repeated, dy = _repeated(problem, x[images]), grad_output[images].astype(dtype, copy=False)

        def add(meeting):
            tap, outputs, inputs = meeting
            found, grads = repeated[inputs], dy[outputs]
            if merged:  # pixels of a row with all their channels
                *shape, width, channels = grads.shape
                found, grads = found.reshape(*shape, -1), grads.reshape(*shape, -1)
                sums = np.einsum(f"{letters[:-1]}z,{letters[:-1]}z->z", found, grads)
                dw[tap] += sums.reshape(width, channels).sum(axis=0)
            else:
                dw[tap] += np.einsum(f"{operand},{operand}->k", found, grads)

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


def _repeated(problem, x):
    """x in the accumulation type, with a channel for each filter."""
    x = x.astype(accumulation_dtype(problem.dtype), copy=False)
    count = problem.group_out_channels
    return x if count == 1 else np.repeat(x, count, axis=-1 if problem.channels_last else 1)


def _meetings(problem):
    """For each tap, in the weights' order, the outputs that it reaches and the inputs they see there."""
    window = problem.window
    axes = range(window.rank)
    for number, tap in enumerate(itertools.product(*map(range, window.size))):
        ranges = [window.valid_range(axis, tap[axis]) for axis in axes]
        if any(first == stop for first, stop in ranges):
            continue
        inputs = []
        for axis, (first, stop) in enumerate(ranges):
            start = first * window.strides[axis] + tap[axis] * window.dilation[axis] - window.pad_low[axis]
            reach = (stop - 1 - first) * window.strides[axis] + 1
            inputs.append(slice(start, start + reach, window.strides[axis]))
        before = (slice(None),) * (1 if problem.channels_last else 2)
        yield number, (*before, *itertools.starmap(slice, ranges)), (*before, *inputs)
