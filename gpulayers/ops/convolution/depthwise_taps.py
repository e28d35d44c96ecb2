"""What each tap of a depthwise convolution meets, and adds, in NumPy."""

import itertools

import numpy as np

from ..arrays import accumulation_dtype

_ROW_ELEMENTS = 1 << 14  # up to which the weights are repeated along a row, for longer runs of products


def meetings(problem):
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


def add_product(problem, sums, values, taps, products):
    """sums += values * taps, in the room for the products."""
    product = products[: values.size].reshape(values.shape)
    if problem.channels_last:
        taps = taps[: values.shape[-2]]
    sums += np.multiply(values, taps, out=product)


def along_channels(problem, values):
    """(..., channels) so that it broadcasts over the pixels, in the accumulation type."""
    values = values.astype(accumulation_dtype(problem.dtype))
    return values if problem.channels_last else values.reshape(*values.shape, *(1,) * problem.window.rank)


def filters(problem, weight):
    """(taps, channels, ones) or (taps, a row's length or 1, channels), broadcasting over the pixels."""
    taps = along_channels(problem, weight.reshape(problem.window.taps, problem.out_channels))
    if not problem.channels_last:
        return taps
    length = problem.window.output_size[-1]
    long = problem.window.strides[-1] == 1 and length * problem.out_channels <= _ROW_ELEMENTS
    return np.repeat(taps[:, None], length if long else 1, axis=1)
