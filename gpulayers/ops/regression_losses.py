"""Losses of regression and of distributions a sample, with their gradients (see `losses`)."""

from .. import config
from . import arrays
from .axes import positive_axis
from .losses import _difference, _same_shape, _wide


def _mean_of(elements, slope, y_pred, axis=-1):
    """(means over an axis, backward) of elementwise values; `slope()` gives their derivatives."""
    xp, count = arrays.array_module(y_pred), max(1, y_pred.shape[axis])

    def backward(weights):
        return (slope() * xp.expand_dims(weights / count, axis)).astype(y_pred.dtype, copy=False)

    return elements.mean(axis=axis), backward


def _both(y_true, y_pred):
    _same_shape(y_true, y_pred)
    x = _wide(y_pred)
    return arrays.array_module(y_pred), y_true.astype(x.dtype, copy=False), x


def mean_absolute_percentage_error(y_true, y_pred):
    """100 * mean(|y_pred - y_true| / |y_true|) over the last axis."""
    xp, target, x = _both(y_true, y_pred)
    scale = 100 / xp.maximum(abs(target), x.dtype.type(config.epsilon()))
    return _mean_of(abs(x - target) * scale, lambda: xp.sign(x - target) * scale, y_pred)


def mean_squared_logarithmic_error(y_true, y_pred):
    """mean((log(y_pred + 1) - log(y_true + 1))^2) over the last axis."""
    xp, target, x = _both(y_true, y_pred)
    low = x.dtype.type(config.epsilon())
    difference = xp.log(xp.maximum(x, low) + 1) - xp.log(xp.maximum(target, low) + 1)
    return _mean_of(difference**2, lambda: 2 * difference / (xp.maximum(x, low) + 1) * (x > low), y_pred)


def huber(y_true, y_pred, delta=1.0):
    """mean of e^2 / 2 where the error is at most delta, of delta |e| - delta^2 / 2 elsewhere."""
    _same_shape(y_true, y_pred)
    xp, error = arrays.array_module(y_pred), _difference(y_true, y_pred)
    size = abs(error)
    elements = xp.where(size <= delta, 0.5 * error * error, delta * size - 0.5 * delta * delta)
    return _mean_of(elements, lambda: error.clip(-delta, delta), y_pred)


def log_cosh(y_true, y_pred):
    """mean(log(cosh(y_pred - y_true))) over the last axis."""
    _same_shape(y_true, y_pred)
    xp, error = arrays.array_module(y_pred), _difference(y_true, y_pred)
    size = abs(error)
    elements = size + xp.log1p(xp.exp(-2 * size)) - error.dtype.type(0.6931471805599453)
    return _mean_of(elements, lambda: xp.tanh(error), y_pred)


def poisson(y_true, y_pred):
    """mean(y_pred - y_true log(y_pred)) over the last axis."""
    xp, target, x = _both(y_true, y_pred)
    shifted = x + x.dtype.type(config.epsilon())
    return _mean_of(x - target * xp.log(shifted), lambda: 1 - target / shifted, y_pred)


def kl_divergence(y_true, y_pred):
    """sum(y_true log(y_true / y_pred)) over the last axis."""
    xp, target, x = _both(y_true, y_pred)
    epsilon = config.epsilon()
    target, p = target.clip(epsilon, 1), x.clip(epsilon, 1)

    def backward(weights):
        slope = -target / p * ((x >= epsilon) & (x <= 1))
        return (slope * weights[..., None]).astype(y_pred.dtype, copy=False)

    return (target * xp.log(target / p)).sum(axis=-1), backward


def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between y_true and y_pred along `axis`; 0 where one is 0."""
    xp, target, x = _both(y_true, y_pred)
    axis = positive_axis(axis, x.ndim)

    def inverse_norm(values):
        squares = (values * values).sum(axis=axis, keepdims=True)
        return 1 / xp.maximum(xp.sqrt(squares), values.dtype.type(config.epsilon()))

    scale = inverse_norm(x)
    unit, direction = x * scale, target * inverse_norm(target)
    cosine = (unit * direction).sum(axis=axis, keepdims=True)

    def backward(weights):
        slope = (cosine * unit - direction) * scale
        return (slope * xp.expand_dims(weights, axis)).astype(y_pred.dtype, copy=False)

    return -cosine.squeeze(axis), backward
