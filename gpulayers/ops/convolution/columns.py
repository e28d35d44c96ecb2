"""Windows side by side: how the NumPy reference turns a convolution into matrix products, block by block.

A block is a tuple of slices of the output, (images, *spatial positions). Arrays are channels_last here.
"""

import itertools
import math

import numpy as np

_BLOCK_ELEMENTS = 1 << 20  # of the columns of one block: about what the caches hold
FEW_CHANNELS = 8  # below it gradients are laid out pixel by pixel, for longer runs


def blocks(problem):
    """Blocks that cut the output into parts of a few megabytes of columns: several images, or part of one."""
    sizes = (problem.batch, *problem.window.output_size)
    pixels = _BLOCK_ELEMENTS // (problem.window.taps * problem.in_channels)
    steps = []
    for size in reversed(sizes):
        steps.append(max(1, min(size, pixels)))
        pixels //= steps[-1]
    cuts = [
        [slice(first, min(first + step, size)) for first in range(0, size, step)]
        for size, step in zip(sizes, reversed(steps))
    ]
    return itertools.product(*cuts)


def gather_columns(problem, x, block, dtype, buffer):
    """The windows of a block of the output: (groups, pixels, taps * channels), in the buffer or viewing x."""
    shape, inner, outer = _slab(problem, block)
    groups, channels, window = problem.groups, problem.group_in_channels, problem.window
    if problem.pointwise and groups == 1:
        return x[inner].astype(dtype, copy=False).reshape(1, -1, channels)
    slab = np.zeros(shape, dtype)
    slab[outer] = x[inner]
    image, *steps, element = slab.strides
    sizes = [part.stop - part.start for part in block]
    windows = np.lib.stride_tricks.as_strided(
        slab,
        (groups, *sizes, *window.size, channels),
        (
            *(channels * element, image),
            *(step * stride for step, stride in zip(steps, window.strides)),
            *(step * dilation for step, dilation in zip(steps, window.dilation)),
            element,
        ),
        writeable=False,
    )
    columns = buffer[: windows.size].reshape(windows.shape)
    columns[...] = windows
    return columns.reshape(groups, math.prod(sizes), window.taps * channels)


def column_buffer(problem, dtype):
    """Room for the columns of any block."""
    columns = problem.window.taps * problem.in_channels
    return np.empty(min(max(_BLOCK_ELEMENTS, columns), problem.output_pixels * columns), dtype)


def scatter_columns(problem, dx, block, columns):
    """The adjoint of `gather_columns`: adds columns to the part of dx that they came from."""
    shape, inner, outer = _slab(problem, block)
    groups, channels = problem.groups, problem.group_in_channels
    if channels < FEW_CHANNELS:
        slab = np.moveaxis(np.zeros((groups, channels, *shape[:-1]), columns.dtype), (0, 1), (-2, -1))
    else:
        slab = np.zeros((*shape[:-1], groups, channels), columns.dtype)
    sizes = [part.stop - part.start for part in block]
    for tap, slices in enumerate(_tap_slices(problem, sizes)):
        part = columns[..., tap * channels : (tap + 1) * channels].reshape(groups, *sizes, channels)
        slab[slices] += np.moveaxis(part, 0, -2)
    dx[inner] += slab.reshape(shape)[outer]


def _slab(problem, block):
    """The padded part of the input that a block sees.

    Returns:
        Its shape, the slices of the input in it, and the slices of it that hold them.
    """
    window = problem.window
    shape, inner, outer = [block[0].stop - block[0].start], [block[0]], [slice(None)]
    for axis, part in enumerate(block[1:]):
        start = part.start * window.strides[axis] - window.pad_low[axis]
        reach = (window.size[axis] - 1) * window.dilation[axis] + 1
        length = (part.stop - part.start - 1) * window.strides[axis] + reach
        low = min(max(0, start), window.input_size[axis])
        high = max(low, min(window.input_size[axis], start + length))
        shape.append(length)
        inner.append(slice(low, high))
        outer.append(slice(low - start, high - start))
    return (*shape, problem.in_channels), tuple(inner), tuple(outer)


def _tap_slices(problem, sizes):
    """For each tap, in the order of the weights, the slices of a slab that it meets."""
    window = problem.window
    for taps in itertools.product(*map(range, window.size)):
        starts = [tap * dilation for tap, dilation in zip(taps, window.dilation)]
        steps = zip(starts, sizes[1:], window.strides)
        yield (slice(None), *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in steps))
