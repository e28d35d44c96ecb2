"""Losses a sample with their gradients, on NumPy and CuPy arrays, as Keras defines them.

Each function takes (y_true, y_pred) and returns (values, backward): `backward(weights)`, with weights of the
shape of values, is the gradient of sum(values * weights) to y_pred. 16-bit predictions are computed in
float32.
"""

import numpy as np

from .. import config
from . import arrays
from .activations import log_softmax, sigmoid
from .axes import positive_axis


def _wide(y_pred):
    return y_pred.astype(arrays.accumulation_dtype(y_pred.dtype), copy=False)


def _same_shape(y_true, y_pred):
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            "y_true must have the shape of y_pred. "
            f"Received: y_true of {tuple(y_true.shape)}, y_pred of {tuple(y_pred.shape)}"
        )


def _difference(y_true, y_pred):
    wide = _wide(y_pred)
    return wide - y_true.astype(wide.dtype, copy=False)


def mean_squared_error(y_true, y_pred):
    """mean((y_pred - y_true)^2) over the last axis."""
    _same_shape(y_true, y_pred)
    difference = _difference(y_true, y_pred)
    scale = 2 / max(1, y_pred.shape[-1])

    def backward(weights):
        return (difference * (weights * scale)[..., None]).astype(y_pred.dtype, copy=False)

    return (difference * difference).mean(axis=-1), backward


def mean_absolute_error(y_true, y_pred):
    """mean(|y_pred - y_true|) over the last axis."""
    _same_shape(y_true, y_pred)
    difference = _difference(y_true, y_pred)
    xp = arrays.array_module(y_pred)

    def backward(weights):
        return (xp.sign(difference) * (weights / max(1, y_pred.shape[-1]))[..., None]).astype(
            y_pred.dtype, copy=False
        )

    return abs(difference).mean(axis=-1), backward


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-(t log p + (1 - t) log(1 - p)), averaged over `axis`; t is y_true drawn to 1/2 by label_smoothing."""
    _same_shape(y_true, y_pred)
    xp, x = arrays.array_module(y_pred), _wide(y_pred)
    axis = positive_axis(axis, x.ndim)
    target = y_true.astype(x.dtype, copy=False)
    if label_smoothing:
        target = target * (1 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        values = xp.maximum(x, 0) - x * target + xp.log1p(xp.exp(-abs(x)))
    else:
        epsilon = config.epsilon()
        p = x.clip(epsilon, 1 - epsilon)
        values = -(target * xp.log(p) + (1 - target) * xp.log(1 - p))

    def backward(weights):
        if from_logits:
            slope = sigmoid(x) - target
        else:
            slope = (p - target) / (p * (1 - p)) * ((x >= epsilon) & (x <= 1 - epsilon))
        weights = xp.expand_dims(weights / max(1, x.shape[axis]), axis)
        return (slope * weights).astype(y_pred.dtype, copy=False)

    return values.mean(axis=axis), backward


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """-sum(t log p) over `axis`; p is y_pred divided by its sum, or softmax(y_pred) if from_logits."""
    _same_shape(y_true, y_pred)
    xp, x = arrays.array_module(y_pred), _wide(y_pred)
    axis = positive_axis(axis, x.ndim)
    target = y_true.astype(x.dtype, copy=False)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[axis]
    log_p, slope = _log_probabilities(xp, x, from_logits, axis)

    def backward(weights):
        return slope(-target * xp.expand_dims(weights, axis)).astype(y_pred.dtype, copy=False)

    return -(target * log_p).sum(axis=axis), backward


def _log_probabilities(xp, x, from_logits, axis):
    """(log p, the map from a gradient to log p to one to x)."""
    if from_logits:
        log_p = log_softmax(x, axis=axis)
        return log_p, lambda grad: grad - xp.exp(log_p) * grad.sum(axis=axis, keepdims=True)
    total = x.sum(axis=axis, keepdims=True)
    share = x / total
    epsilon = config.epsilon()
    p = share.clip(epsilon, 1 - epsilon)

    def slope(grad):
        grad = grad / p * ((share >= epsilon) & (share <= 1 - epsilon))
        return (grad - (grad * share).sum(axis=axis, keepdims=True)) / total

    return xp.log(p), slope


def whole_numbers(labels, name):
    """The labels as int64.

    Raises:
        ValueError: a float that is no whole number.
    """
    found = labels.astype(np.int64, copy=False) if labels.dtype.kind in "iub" else None
    if found is None:
        broken = labels != arrays.array_module(labels).floor(labels)
        broken |= ~arrays.array_module(labels).isfinite(labels)
        if bool(broken.any()):
            raise ValueError(f"{name} must hold whole numbers. Received: {float(labels[broken][0])}")
        found = labels.astype(np.int64)
    return found


def class_numbers(y_true, shape, axis=-1):
    """The labels of predictions of that shape as int64, without the axis of the classes.

    Raises:
        ValueError: another shape, or fractions.
    """
    axis = positive_axis(axis, len(shape))
    if y_true.ndim == len(shape) and y_true.shape[axis] == 1:
        y_true = y_true.squeeze(axis)
    expected = tuple(size for position, size in enumerate(shape) if position != axis)
    if tuple(y_true.shape) != expected:
        raise ValueError(
            f"y_true must hold one class number a sample: shape {expected}. Received: {tuple(y_true.shape)}"
        )
    return whole_numbers(y_true, "y_true")


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """-log p[y_true]: `categorical_crossentropy` for class numbers; samples of `ignore_class` count as 0.

    Raises:
        ValueError: a class number outside [0, classes), or shapes that do not fit.
    """
    xp, x = arrays.array_module(y_pred), _wide(y_pred)
    axis = positive_axis(axis, x.ndim)
    labels = class_numbers(y_true, x.shape, axis)
    kept = None
    if ignore_class is not None:
        kept = labels != ignore_class
        labels = xp.where(kept, labels, 0)
        x = xp.where(xp.expand_dims(kept, axis), x, x.dtype.type(1))  # whatever they hold, NaN too
    classes = x.shape[axis]
    outside = (labels < 0) | (labels >= classes)
    if bool(outside.any()):
        raise ValueError(f"Class numbers must lie in [0, {classes}). Received: {int(labels[outside][0])}")
    log_p, slope = _log_probabilities(xp, x, from_logits, axis)
    at = xp.expand_dims(labels, axis)
    values = -xp.take_along_axis(log_p, at, axis).squeeze(axis)
    if kept is not None:
        values = values * kept

    def backward(weights):
        weights = weights if kept is None else weights * kept
        weights = xp.expand_dims(weights, axis).astype(x.dtype, copy=False)
        if from_logits:  # p less one at the label
            grad = xp.exp(log_p)
            grad *= weights
            xp.put_along_axis(grad, at, xp.take_along_axis(grad, at, axis) - weights, axis)
        else:
            grad = xp.zeros(x.shape, x.dtype)
            xp.put_along_axis(grad, at, -weights, axis)
            grad = slope(grad)
        return grad.astype(y_pred.dtype, copy=False)

    return values, backward
