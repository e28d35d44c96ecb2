"""Activation functions of Keras that are met less often."""

from ..arguments import real
from . import arrays
from .activation import at_least_zero, finite, one_axis
from .activation import register as activation
from .activations import sigmoid


def _into(out, y):
    if out is None:
        return y
    out[...] = y
    return out


def _not_zero(value, name, x):
    """A check: a finite number other than 0."""
    if not real(value, name):
        raise ValueError(f"{name} must not be 0. Received: {value!r}")
    return float(value)


@activation(
    "celu",
    lambda xp, grad, y, alpha=1.0: grad * (xp.minimum(y, 0) / alpha + 1),
    from_output=True,
    alpha=_not_zero,
)
def celu(xp, x, out, alpha=1.0):
    negative = alpha * xp.expm1(xp.minimum(x, 0) / alpha)
    return _into(out, xp.where(x > 0, x, negative).astype(x.dtype, copy=False))


def _halves(x, axis):
    """The two halves along the axis, or a ValueError."""
    size = x.shape[axis]
    if size % 2:
        raise ValueError(f"glu needs an even size along axis {axis}. Received: shape {tuple(x.shape)}")
    moved = arrays.array_module(x).moveaxis(x, axis, -1)
    return moved[..., : size // 2], moved[..., size // 2 :]


def _glu_gradient(xp, grad, x, axis=-1):
    first, second = _halves(x, axis)
    gate, grad = sigmoid.function(xp, second, None), xp.moveaxis(grad, axis, -1)
    both = xp.concatenate([grad * gate, grad * first * gate * (1 - gate)], axis=-1)
    return arrays.contiguous(xp.moveaxis(both, -1, axis))


@activation("glu", _glu_gradient, axis=one_axis)
def glu(xp, x, out, axis=-1):
    """One half along the axis, gated by the sigmoid of the other (Y. Dauphin et al., 2017)."""
    first, second = _halves(x, axis)
    y = first * sigmoid.function(xp, second, None)
    return _into(out, arrays.contiguous(xp.moveaxis(y, -1, axis)))


@activation("hard_tanh", lambda xp, grad, y: grad * (abs(y) < 1), from_output=True)
def hard_tanh(xp, x, out):
    return xp.clip(x, -1, 1, out=out)


@activation(
    "hard_shrink",
    lambda xp, grad, x, threshold=0.5: grad * (abs(x) > threshold),
    threshold=at_least_zero,
)
def hard_shrink(xp, x, out, threshold=0.5):
    return _into(out, xp.where(abs(x) <= threshold, 0, x).astype(x.dtype, copy=False))


@activation(
    "soft_shrink",
    lambda xp, grad, x, threshold=0.5: grad * (abs(x) > threshold),
    threshold=at_least_zero,
)
def soft_shrink(xp, x, out, threshold=0.5):
    return _into(out, x - xp.clip(x, -threshold, threshold))


@activation("tanh_shrink", lambda xp, grad, x: grad * xp.tanh(x) ** 2)
def tanh_shrink(xp, x, out):
    return _into(out, x - xp.tanh(x))


def _threshold_gradient(xp, grad, x, threshold, default_value):
    return grad * (x > threshold)


@activation("threshold", _threshold_gradient, threshold=finite, default_value=finite)
def threshold(xp, x, out, threshold, default_value):
    return _into(out, xp.where(x <= threshold, default_value, x).astype(x.dtype, copy=False))


@activation(
    "squareplus",
    lambda xp, grad, x, b=4: grad * (0.5 + 0.5 * x / xp.sqrt(x * x + b)),
    b=at_least_zero,
)
def squareplus(xp, x, out, b=4):
    return _into(out, (x + xp.sqrt(x * x + b)) / 2)


@activation("sparse_plus", lambda xp, grad, x: grad * (xp.clip(x, -1, 1) + 1) / 2)
def sparse_plus(xp, x, out):
    bent = (xp.clip(x, -1, 1) + 1) ** 2 / 4
    return _into(out, bent + xp.maximum(x, 1) - 1)


@activation("sparse_sigmoid", lambda xp, grad, y: grad * ((y > 0) & (y < 1)) / 2, from_output=True)
def sparse_sigmoid(xp, x, out):
    y = xp.clip(x, -1, 1, out=out)
    y += 1
    y /= 2
    return y


def _sparsemax_gradient(xp, grad, y, axis=-1):
    kept = (y > 0).astype(grad.dtype)
    mean = (grad * kept).sum(axis=axis, keepdims=True) / kept.sum(axis=axis, keepdims=True)
    return kept * (grad - mean)


@activation("sparsemax", _sparsemax_gradient, from_output=True, axis=one_axis)
def sparsemax(xp, x, out, axis=-1):
    """The nearest point of the simplex along the axis (A. Martins, R. Astudillo, 2016)."""
    if not x.size:
        return x.copy()
    descending = -xp.sort(-xp.moveaxis(x, axis, -1), axis=-1)
    sums = xp.cumsum(descending, axis=-1)
    ranks = xp.arange(1, x.shape[axis] + 1, dtype=x.dtype)
    inside = ranks * descending > sums - 1
    count = inside.sum(axis=-1, keepdims=True)
    excess = (xp.where(inside, descending, 0).sum(axis=-1, keepdims=True) - 1) / count
    y = xp.maximum(x - xp.moveaxis(excess, -1, axis), 0).astype(x.dtype, copy=False)
    return _into(out, y)
