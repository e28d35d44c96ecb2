"""The gradient of a maximum in NumPy: to the taps that the maxima came from."""

import functools

import numpy as np

from .. import scratch
from .passes import along, by_tap
from .running import copy


def place(windows, dy, taps, dx):
    """Writes each gradient to the input that it belongs to, of windows that lie side by side; zeros elsewhere."""
    for axis, line in enumerate(windows.lines):
        stop = line.outputs * line.taps
        if stop < line.inputs:
            dx[along(axis, slice(stop, None))] = 0
    of_taps = by_tap(windows, dx)
    # All bits of what is chosen and none of the others, since infinity times 0 is not 0.
    bits = np.dtype(f"i{dy.dtype.itemsize}")
    masks = np.equal(
        taps, windows.tap_numbers.astype(taps.dtype), out=scratch.empty(of_taps.shape, np.dtype(bool))
    ).view(np.int8)
    kept = scratch.empty(of_taps.shape, bits)
    kept[...] = np.negative(masks, out=masks)
    if dx.shape[4] == 1:
        np.bitwise_and(kept, dy.view(bits), out=of_taps.view(bits))
    else:  # whole runs of channels are copied faster than written by a function
        np.bitwise_and(kept, dy.view(bits), out=kept)
        copy(kept.view(dx.dtype), of_taps)


def scatter(windows, dy, taps, dx):
    """Writes to each input the sum of the gradients that belong to it, in the order of the windows."""
    images, inner = len(dy), dy.shape[4]
    places = scratch.empty(taps.shape, np.dtype(np.intp))
    np.take(_offsets(windows, inner), taps, mode="clip", out=places)
    places += _beginnings(windows, images, inner)
    sums = scratch.empty((images, *windows.reach, inner), dy.dtype)
    sums.fill(0)
    np.add.at(sums.reshape(-1), places.reshape(-1), dy.reshape(-1))
    dx[...] = sums[windows.within]


@functools.lru_cache(maxsize=256)
def _offsets(windows, inner):
    """Elements from the first tap of a window to each."""
    offset = np.zeros((), np.intp)
    for line, size in zip(windows.lines, windows.reach):
        offset = offset[..., None] * size + np.arange(line.taps) * line.dilation
    return (offset * inner).reshape(-1)


@functools.lru_cache(maxsize=4)
def _beginnings(windows, images, inner):
    """The element at the first tap of each window: (images, o, p, q, inner)."""
    place = np.arange(images)
    for line, size in zip(windows.lines, windows.reach):
        place = place[..., None] * size + np.arange(line.outputs) * line.step
    return place[..., None] * inner + np.arange(inner)
