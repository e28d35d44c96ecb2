"""The hinge family and the focal crossentropies a sample, with their gradients (see `losses`)."""

from .. import config
from . import arrays
from .activations import sigmoid, softmax
from .axes import positive_axis
from .losses import _wide, class_numbers
from .regression_losses import _both, _mean_of


def _signed(xp, target):
    """Labels of 0 and 1 as -1 and 1; others stay."""
    binary = ((target == 0) | (target == 1)).all()
    return xp.where(binary, 2 * target - 1, target)


def hinge(y_true, y_pred):
    """mean(max(1 - y_true y_pred, 0)) over the last axis, with labels -1 and 1 (or 0 and 1)."""
    xp, target, x = _both(y_true, y_pred)
    target = _signed(xp, target)
    margin = xp.maximum(1 - target * x, 0)
    return _mean_of(margin, lambda: -target * (margin > 0), y_pred)


def squared_hinge(y_true, y_pred):
    """mean(max(1 - y_true y_pred, 0)^2) over the last axis, with labels -1 and 1 (or 0 and 1)."""
    xp, target, x = _both(y_true, y_pred)
    target = _signed(xp, target)
    margin = xp.maximum(1 - target * x, 0)
    return _mean_of(margin * margin, lambda: -2 * target * margin, y_pred)


def categorical_hinge(y_true, y_pred):
    """max(largest of the other classes - that of the label + 1, 0), for one-hot labels."""
    xp, target, x = _both(y_true, y_pred)
    others = (1 - target) * x
    largest = others.argmax(axis=-1)[..., None]
    margin = xp.take_along_axis(others, largest, -1)[..., 0] - (target * x).sum(axis=-1) + 1

    def backward(weights):
        chosen = xp.arange(x.shape[-1]) == largest
        slope = ((1 - target) * chosen - target) * (margin > 0)[..., None]
        return (slope * weights[..., None]).astype(y_pred.dtype, copy=False)

    return xp.maximum(margin, 0), backward


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Binary crossentropy times (1 - p_t)^gamma, p_t the probability given to the label, averaged over
    `axis` (Lin et al. 2017); balanced by alpha for label 1 and 1 - alpha for label 0 if asked."""
    xp, target, x = _both(y_true, y_pred)
    axis = positive_axis(axis, x.ndim)
    if label_smoothing:
        target = target * (1 - label_smoothing) + 0.5 * label_smoothing
    p = sigmoid(x) if from_logits else x
    epsilon = config.epsilon()
    q = p.clip(epsilon, 1 - epsilon)
    entropy = -(target * xp.log(q) + (1 - target) * xp.log(1 - q))
    missing = 1 - (target * p + (1 - target) * (1 - p))
    factor = missing**gamma
    balance = target * alpha + (1 - target) * (1 - alpha) if apply_class_balancing else 1

    def slope():
        grad = factor * (q - target) / (q * (1 - q)) * ((p >= epsilon) & (p <= 1 - epsilon))
        if gamma:
            grad = grad - gamma * missing ** (gamma - 1) * (2 * target - 1) * entropy
        return balance * grad * (p * (1 - p) if from_logits else 1)

    return _mean_of(balance * factor * entropy, slope, y_pred, axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """Categorical crossentropy with each class's term times alpha (1 - p)^gamma (Lin et al. 2017)."""
    xp, target, x = _both(y_true, y_pred)
    axis = positive_axis(axis, x.ndim)
    if isinstance(alpha, list):
        if len(alpha) not in (1, x.shape[-1]):
            raise ValueError(f"alpha must hold {x.shape[-1]} numbers, one a class. Received: {alpha}")
        alpha = xp.asarray(alpha, x.dtype)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[-1]
    p = softmax(x, axis=axis) if from_logits else x
    total = p.sum(axis=axis, keepdims=True)
    share = p / total
    epsilon = config.epsilon()
    q = share.clip(epsilon, 1 - epsilon)
    log_q = xp.log(q)

    def backward(weights):
        grad = -alpha * (1 - q) ** gamma * target / q
        if gamma:
            grad = grad + alpha * gamma * (1 - q) ** (gamma - 1) * target * log_q
        grad = grad * ((share >= epsilon) & (share <= 1 - epsilon)) * xp.expand_dims(weights, axis)
        grad = (grad - (grad * share).sum(axis=axis, keepdims=True)) / total
        if from_logits:
            grad = p * (grad - (grad * p).sum(axis=axis, keepdims=True))
        return grad.astype(y_pred.dtype, copy=False)

    return -(alpha * (1 - q) ** gamma * target * log_q).sum(axis=axis), backward


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """(1 - p^q) / q, p the element of y_pred at the class number y_true (Zhang and Sabuncu 2018).

    Raises:
        ValueError: shapes that do not fit.
    """
    xp, x = arrays.array_module(y_pred), _wide(y_pred)
    labels = class_numbers(y_true, x.shape)[..., None]
    inside = (labels >= 0) & (labels < x.shape[-1])  # no class has the probability 0, as in Keras
    at = xp.where(inside, labels, 0)
    p = xp.where(inside, xp.take_along_axis(x, at, -1), 0)[..., 0]

    def backward(weights):
        grad = xp.zeros(x.shape, x.dtype)
        slope = xp.where(inside[..., 0], -(p ** (q - 1)) * weights, 0)[..., None]
        xp.put_along_axis(grad, at, slope.astype(x.dtype, copy=False), -1)
        return grad.astype(y_pred.dtype, copy=False)

    return (1 - p**q) / q, backward
