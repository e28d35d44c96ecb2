"""Losses of overlapping regions and of embeddings' distances, with their gradients (see `losses`)."""

import numpy as np

from .. import config
from . import arrays
from .activations import sigmoid
from .axes import positive_axes
from .losses import whole_numbers
from .regression_losses import _both


def _expanded(x, axis, ndim):
    """Sums over axes from the front (None: over all), made to fit the array they were formed of again."""
    if axis is None:
        return x
    return x[tuple(None if a in axis else slice(None) for a in range(ndim))]


def _quotient(first, first_slope, second, second_slope, y_pred, axis):
    """(1 - first / second, backward) of sums over `axis`; slopes: derivatives to an element."""
    ratio = first / second

    def backward(weights):
        scale, part = _expanded(weights / second, axis, y_pred.ndim), _expanded(ratio, axis, y_pred.ndim)
        return ((part * second_slope - first_slope) * scale).astype(y_pred.dtype, copy=False)

    return 1 - ratio, backward


def dice(y_true, y_pred, axis=None):
    """1 - 2 sum(t p) / (sum(t) + sum(p)) over the axes given, or all."""
    xp, target, x = _both(y_true, y_pred)
    axis = None if axis is None else positive_axes(axis, x.ndim)
    total = target.sum(axis=axis) + x.sum(axis=axis) + x.dtype.type(config.epsilon())
    return _quotient(2 * (target * x).sum(axis=axis), 2 * target, total, 1, y_pred, axis)


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """1 - s / (s + alpha sum((1 - p) t) + beta sum(p (1 - t))), s = sum(t p), over the axes given, or all."""
    xp, target, x = _both(y_true, y_pred)
    axis = None if axis is None else positive_axes(axis, x.ndim)
    overlap = (target * x).sum(axis=axis)
    missed, wrong = ((1 - x) * target).sum(axis=axis), (x * (1 - target)).sum(axis=axis)
    total = overlap + missed * alpha + wrong * beta + x.dtype.type(config.epsilon())
    slope = target - alpha * target + beta * (1 - target)
    return _quotient(overlap, target, total, slope, y_pred, axis)


def _log_sum_exp(xp, x, chosen):
    """(log(sum(exp(x))) over the chosen of each row, each element's share of the sum); -inf where none is."""
    x = xp.where(chosen, x, -np.inf)
    largest = x.max(axis=1, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, 0)
    powers = xp.exp(x - largest)
    total = powers.sum(axis=1, keepdims=True)
    some = total > 0
    logarithm = xp.where(some, xp.log(xp.where(some, total, 1)) + largest, -np.inf)
    return logarithm[:, 0], powers / xp.where(some, total, 1)


def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """log(1 + P N), P and N the sums over the embeddings of the same label of exp(-gamma (m + d) (m - d)) and
    over those of another of exp(gamma (1 + m - d) (1 - m - d)), d the cosine distance and m the margin (Sun
    et al. 2020).

    Args:
        y_true: class numbers (samples,) or (samples, 1); y_pred: embeddings (samples, n) of length 1.
        ref_labels, ref_embeddings: of what the samples are compared with; default: the samples themselves.
        remove_diagonal: whether a sample is left out of those of its own label.
    """
    wide, itself = arrays.accumulation_dtype(y_pred.dtype), ref_embeddings is None
    xp, matmul = arrays.array_module(y_pred), arrays.device_of(y_pred).matmul
    x = y_pred.astype(wide, copy=False)
    others = x if itself else ref_embeddings.astype(wide, copy=False)
    labels = whole_numbers(y_true, "y_true").reshape(-1)
    other_labels = labels if ref_labels is None else whole_numbers(ref_labels, "ref_labels").reshape(-1)
    if others.ndim != 2 or x.ndim == 2 and others.shape[1] != x.shape[1]:
        raise ValueError(
            f"ref_embeddings must be rows as long as those of y_pred, of shape {tuple(y_pred.shape)}. "
            f"Received: shape {tuple(others.shape)}"
        )
    if x.ndim != 2 or labels.shape != x.shape[:1] or other_labels.shape != others.shape[:1]:
        raise ValueError(
            "y_true must hold a class number for each row of y_pred. "
            f"Received: {tuple(y_true.shape)} for {tuple(y_pred.shape)}"
        )
    distance = 1 - matmul(x, others.T)
    positive = distance > 0
    distance = xp.maximum(distance, 0)
    same = labels[:, None] == other_labels[None, :]
    different = ~same
    if remove_diagonal:
        same = same & ~xp.eye(len(labels), len(other_labels), dtype=bool)
    near, far = margin + distance, xp.maximum(1 + margin - distance, 0)
    (near_sum, near_shares), (far_sum, far_shares) = (
        _log_sum_exp(xp, -gamma * near * (margin - distance), same),
        _log_sum_exp(xp, gamma * far * (1 - margin - distance), different),
    )
    total = near_sum + far_sum
    some = xp.isfinite(total)
    known = xp.where(some, total, 0)
    values = xp.where(some, xp.maximum(known, 0) + xp.log1p(xp.exp(-abs(known))), 0)

    def backward(weights):
        by_distance = near_shares * gamma * 2 * distance
        by_distance = by_distance - far_shares * gamma * (far + (1 - margin - distance)) * (far > 0)
        slope = xp.where(some, sigmoid(known), 0)
        grad = by_distance * positive * (slope * weights)[:, None]
        grad = (grad + grad.T if itself else grad).astype(wide, copy=False)
        return -matmul(grad, others).astype(y_pred.dtype, copy=False)

    return values.astype(wide, copy=False), backward
