"""Padding, cropping and upsampling of spatial axes, forward and backward."""

import functools

import numpy as np

from . import arrays

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")
_SHARPNESS = -0.75  # of the cubic, as in PyTorch


def pad(x, pairs):
    """x with pairs (before, after) of zeros along each axis."""
    y = arrays.device_of(x).zeros(tuple(n + a + b for n, (a, b) in zip(x.shape, pairs)), x.dtype)
    y[_inside(x.shape, pairs)] = x
    return y


def crop(x, pairs):
    """x without pairs (before, after) of elements along each axis: the backward of `pad`, and pad of crop."""
    shape = tuple(n - a - b for n, (a, b) in zip(x.shape, pairs))
    return arrays.contiguous(x[_inside(shape, pairs)])


def _inside(shape, pairs):
    return tuple(slice(before, before + size) for size, (before, _) in zip(shape, pairs))


def repeat(x, factors):
    """Every element repeated along each axis."""
    xp = arrays.array_module(x)
    for axis, factor in enumerate(factors):
        x = x if factor == 1 else xp.repeat(x, factor, axis=axis)
    return x


def repeat_backward(grad_output, factors):
    """The gradient of `repeat`: sums over the copies, in float32 (float64 for float64)."""
    sizes = [part for size, factor in zip(grad_output.shape, factors) for part in (size // factor, factor)]
    dtype = grad_output.dtype
    blocks = grad_output.reshape(sizes)
    axes = tuple(range(1, len(sizes), 2))
    return blocks.sum(axis=axes, dtype=arrays.accumulation_dtype(dtype)).astype(dtype, copy=False)


def interpolate(x, axes, factors, interpolation):
    """x resized along the axes by whole factors, "bilinear" or "bicubic".

    Pixels have their centres at n + 1/2; beyond the edge stands the edge's value.
    """
    return _along(x, axes, factors, interpolation, transposed=False)


def interpolate_backward(grad_output, axes, factors, interpolation):
    """The gradient of `interpolate`."""
    return _along(grad_output, axes, factors, interpolation, transposed=True)


def _along(x, axes, factors, interpolation, transposed):
    device, xp = arrays.device_of(x), arrays.array_module(x)
    y = x.astype(arrays.accumulation_dtype(x.dtype), copy=False)
    for axis, factor in zip(axes, factors):
        size = y.shape[axis] // factor if transposed else y.shape[axis]
        matrix = device.asarray(_matrix(size, factor, interpolation), y.dtype)
        rows = xp.moveaxis(y, axis, -1)
        # matmul wants two axes: the others lie in the first.
        product = device.matmul(
            rows.reshape(rows.size // rows.shape[-1], rows.shape[-1]), matrix if transposed else matrix.T
        )
        y = xp.moveaxis(product.reshape(*rows.shape[:-1], product.shape[-1]), -1, axis)
    return arrays.contiguous(y.astype(x.dtype, copy=False))


@functools.lru_cache(64)
def _matrix(size, factor, interpolation):
    """(size * factor, size): the share of each input in each output."""
    centres = (np.arange(size * factor) + 0.5) / factor - 0.5
    if interpolation == "bilinear":
        centres = np.maximum(centres, 0)
    first = np.floor(centres).astype(int)
    offset = centres - first
    if interpolation == "bilinear":
        taps = {0: 1 - offset, 1: offset}
    else:
        taps = {tap: _cubic(np.abs(offset - tap)) for tap in (-1, 0, 1, 2)}
    matrix = np.zeros((size * factor, size))
    for tap, share in taps.items():
        np.add.at(matrix, (np.arange(size * factor), np.clip(first + tap, 0, size - 1)), share)
    matrix.setflags(write=False)
    return matrix


def _cubic(distance):
    """R. Keys's cubic convolution, 1981."""
    a = _SHARPNESS
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, far)
