"""Accuracies and correlations as functions: one value a sample or element."""

import math

import numpy as np

from .. import config
from ..arguments import count, flag, real
from ..losses.loss import Loss
from ..losses.weights import as_array
from ..ops import arrays
from ..ops.axes import positive_axes
from ..ops.losses import whole_numbers


def accuracy(y_true, y_pred):
    """Where y_pred equals y_true."""
    y_true, y_pred = same_shapes(y_true, y_pred)
    return (y_true == y_pred).astype(np.float32)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Where y_pred > threshold agrees with y_true."""
    y_true, y_pred = same_shapes(y_true, y_pred)
    return (y_true == (y_pred > real(threshold, "threshold"))).astype(np.float32)


def same_shapes(y_true, y_pred):
    """Both as arrays of one device and one shape; see `Loss.prepared`.

    Raises:
        ValueError: different shapes.
    """
    y_true, y_pred = Loss.prepared(y_true, y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(f"y_true must have the shape {y_pred.shape} of y_pred. Received: {y_true.shape}")
    return y_true, y_pred


def _numbers(y_true, y_pred):
    """(class numbers, predictions), the former in the shape of the latter's rows."""
    y_pred = as_array(y_pred)
    y_true = as_array(y_true, arrays.device_of(y_pred))
    if y_true.size == math.prod(y_pred.shape[:-1]):  # as in Keras, whatever the axes
        y_true = y_true.reshape(y_pred.shape[:-1])
    else:
        raise ValueError(
            f"y_true must hold one class number for each row of y_pred, of shape {tuple(y_pred.shape)}. "
            f"Received: {tuple(y_true.shape)}"
        )
    return y_true, y_pred


def _of_one_hot(y_true, y_pred):
    y_pred = as_array(y_pred)
    y_true = as_array(y_true, arrays.device_of(y_pred))
    if y_true.ndim == 0 or y_true.shape[:-1] != y_pred.shape[:-1]:
        raise ValueError(
            f"y_true must be one-hot rows for those of y_pred, of shape {tuple(y_pred.shape)}. "
            f"Received: {tuple(y_true.shape)}"
        )
    return y_true.argmax(axis=-1), y_pred


def categorical_accuracy(y_true, y_pred):
    """Where the largest of y_pred is the largest of the one-hot y_true."""
    y_true, y_pred = _of_one_hot(y_true, y_pred)
    return (y_true == y_pred.argmax(axis=-1)).astype(np.float32)


def sparse_categorical_accuracy(y_true, y_pred):
    """Where the largest of y_pred is at the class number y_true."""
    y_true, y_pred = _numbers(y_true, y_pred)
    return (y_true == y_pred.argmax(axis=-1)).astype(np.float32)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """Where fewer than k of y_pred are above the one at the class number y_true; from_sorted_ids: y_pred
    holds class numbers, the likeliest first."""
    y_true, y_pred = _numbers(y_true, y_pred)
    k = count(k, "k", 1)
    if flag(from_sorted_ids, "from_sorted_ids"):
        return (y_true[..., None] == y_pred[..., :k]).any(axis=-1).astype(np.float32)
    xp, y_true = arrays.array_module(y_pred), whole_numbers(y_true, "y_true")
    known = (y_true >= 0) & (y_true < y_pred.shape[-1])  # no other class is among the largest
    chosen = xp.take_along_axis(y_pred, xp.where(known, y_true, 0)[..., None], -1)
    return (((y_pred > chosen).sum(axis=-1) < k) & known).astype(np.float32)


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Where fewer than k of y_pred are above the one at the largest of the one-hot y_true."""
    return sparse_top_k_categorical_accuracy(*_of_one_hot(y_true, y_pred), k)


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine itself, not minus it as the loss."""
    from ..losses import cosine_similarity as loss

    return -loss(y_true, y_pred, axis=axis)


def pearson_correlation(y_true, y_pred, axis=-1):
    """The covariance over `axis` by both standard deviations."""
    y_true, y_pred = _floats(y_true, y_pred)
    axis = positive_axes(axis, y_pred.ndim)
    parts = []
    for values in (y_true, y_pred):
        values = values - values.mean(axis=axis, keepdims=True)
        parts.append(values / values.std(axis=axis, keepdims=True))
    return (parts[0] * parts[1]).mean(axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """2 cov / (var + var + (mean - mean)^2) over `axis` (Lin 1989)."""
    y_true, y_pred = _floats(y_true, y_pred)
    axis = positive_axes(axis, y_pred.ndim)
    means = [values.mean(axis=axis, keepdims=True) for values in (y_true, y_pred)]
    total = y_true.var(axis=axis, keepdims=True) + y_pred.var(axis=axis, keepdims=True)
    total = total + (means[0] - means[1]) ** 2 + y_pred.dtype.type(config.epsilon())
    return (2 * (y_true - means[1]) * (y_pred - means[1]) / total).mean(axis=axis)


def _floats(y_true, y_pred):
    y_true, y_pred = same_shapes(y_true, y_pred)
    return y_true.astype(y_pred.dtype, copy=False), y_pred
