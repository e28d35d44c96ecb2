"""Normalisation over some axes, forward and backward; 16-bit types are computed in float32.

All of them have one backward: with v = (x - mean) * inverse, or x * inverse, and weights of the positions w,
    grad_x = inverse * (grad_v - w * (sum(grad_v) + v * sum(grad_v * v)))
where the first sum stands only if the mean was taken away (S. Ioffe, C. Szegedy, 2015).
"""

import dataclasses
import math

import numpy as np

from .. import config
from . import arrays

_LONG_ROW = 2048  # elements


@dataclasses.dataclass(frozen=True)
class Normalized:
    """What a normalisation leaves, in the accumulation dtype.

    Attributes:
        values: the normalised array.
        inverse: what it was multiplied by, with the reduced axes of size 1.
        axes: reduced over.
        weights: of the positions in the statistics: a number, an array, or None for constant statistics.
        centered: whether the mean was taken away.
        mean, variance: the statistics, with the reduced axes of size 1; None where not computed.
    """

    values: object
    inverse: object
    axes: tuple
    weights: object
    centered: bool
    mean: object = None
    variance: object = None

    def backward(self, grad_values):
        """The gradient to x, in the accumulation dtype."""
        if self.weights is None:
            return grad_values * self.inverse
        xp = arrays.array_module(grad_values)
        change = grad_values * self.values
        along = total(change, self.axes)
        across = total(grad_values, self.axes) if self.centered else None
        same = np.shape(self.weights) in ((), along.shape)  # along the axes: they are factors of the sums
        if same:
            along *= self.weights
        xp.multiply(self.values, along, out=change)
        if across is not None:
            if same:
                across *= self.weights
            change += across
        if not same:
            change *= self.weights
        xp.subtract(grad_values, change, out=change)
        change *= self.inverse
        return change


@dataclasses.dataclass(frozen=True)
class Deviated:
    """x divided by its deviation: `wide` is x, `moments` its normalisation."""

    wide: object
    moments: Normalized

    @property
    def values(self):
        return self.wide * self.moments.inverse

    def backward(self, grad_values):
        """The gradient to x: the deviation passes one on, the mean none."""
        m = self.moments
        along = (grad_values * self.wide).sum(axis=m.axes, keepdims=True)
        return m.inverse * (grad_values - m.weights * m.values * m.inverse * along)


def total(values, axes):
    """values.sum(axis=axes, keepdims=True)."""
    count, size = (math.prod(values.shape[part]) for part in (slice(len(axes)), slice(len(axes), None)))
    fold = math.gcd(count, 1 << max(0, (_LONG_ROW // max(1, size)).bit_length() - 1))
    in_cache = arrays.device_of(values).block_elements is not None
    if axes != tuple(range(len(axes))) or fold < 2 or not (in_cache and values.flags.c_contiguous):
        return values.sum(axis=axes, keepdims=True)
    # NumPy adds up long rows faster.
    folded = values.reshape(count // fold, fold * size).sum(axis=0).reshape(fold, size).sum(axis=0)
    return folded.reshape((1,) * len(axes) + values.shape[len(axes) :])


def normalize_moments(x, axes, epsilon, mask=None):
    """(x - mean) / sqrt(variance + epsilon), the statistics being x's own over the axes.

    Args:
        x: a float array.
        axes: a tuple, counted from the front.
        mask: None, or a bool array broadcast to x: the positions that count in the statistics.
    """
    wide = _wide(x)
    xp = arrays.array_module(x)
    if mask is None:
        count = np.prod([x.shape[axis] for axis in axes], dtype=np.float64)
        weights, mean = 1 / count, total(wide, axes)
        mean /= count
        centered = wide - mean
        variance = total(centered * centered, axes)
        variance /= count
    else:
        kept = xp.broadcast_to(mask, x.shape).astype(wide.dtype)
        weights = kept / (kept.sum(axis=axes, keepdims=True) + config.epsilon())
        mean = (wide * weights).sum(axis=axes, keepdims=True)
        centered = wide - mean
        variance = (centered * centered * weights).sum(axis=axes, keepdims=True)
    inverse = 1 / xp.sqrt(variance + epsilon)
    centered *= inverse
    return Normalized(centered, inverse, axes, weights, True, mean, variance)


def normalize_constants(x, axes, mean, variance, epsilon):
    """(x - mean) / sqrt(variance + epsilon) with given statistics, broadcast to x."""
    wide = _wide(x)
    xp = arrays.array_module(x)
    inverse = 1 / xp.sqrt(variance.astype(wide.dtype, copy=False) + epsilon)
    values = wide - mean.astype(wide.dtype, copy=False)
    values *= inverse
    return Normalized(values, inverse, axes, None, True)


def normalize_deviation(x, axes, epsilon):
    """x / sqrt(variance + epsilon), the mean left in."""
    moments = normalize_moments(x, axes, epsilon)
    return Deviated(_wide(x), moments)


def normalize_rms(x, axes, epsilon):
    """x / sqrt(mean(x^2) + epsilon)."""
    wide = _wide(x)
    xp = arrays.array_module(x)
    weights = 1 / np.prod([x.shape[axis] for axis in axes], dtype=np.float64)
    inverse = 1 / xp.sqrt((wide * wide).mean(axis=axes, keepdims=True) + epsilon)
    return Normalized(wide * inverse, inverse, axes, weights, False)


def normalize_length(x, axes, epsilon):
    """x / max(|x|, epsilon), the length over the axes."""
    wide = _wide(x)
    xp = arrays.array_module(x)
    length = xp.sqrt((wide * wide).sum(axis=axes, keepdims=True))
    inverse = 1 / xp.maximum(length, epsilon)
    return Normalized(wide * inverse, inverse, axes, (length > epsilon).astype(wide.dtype), False)


def scale_and_shift(values, gamma, beta, shape, dtype):
    """values * gamma + beta in `dtype`; gamma and beta are reshaped to `shape`, or None."""
    y = values if gamma is None else values * gamma.reshape(shape).astype(values.dtype, copy=False)
    if beta is not None:
        beta = beta.reshape(shape).astype(values.dtype, copy=False)
        y = arrays.array_module(y).add(y, beta, out=None if y is values else y)
    return y.astype(dtype, copy=False)


def scale_and_shift_backward(grad_output, values, gamma, shape):
    """(grad_values, grad_gamma, grad_beta), the last two summed to `shape`, in the type of `values`."""
    wide = grad_output.astype(values.dtype, copy=False)
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    grad_beta = total(wide, axes)
    grad_gamma = total(wide * values, axes)
    if gamma is not None:
        wide = wide * gamma.reshape(shape).astype(wide.dtype, copy=False)
    return wide, grad_gamma, grad_beta


def _wide(x):
    return x.astype(arrays.accumulation_dtype(x.dtype), copy=False)
