"""Activation functions and their gradients on NumPy and CuPy arrays; 16-bit types are computed in float32."""

import math

import numpy as np

from . import blocks
from .activation import (
    ACTIVATIONS,
    at_least_zero,
    finite,
    register,
    some_axes,
    true_or_false,
)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805

# erf and erfc as Cephes computes them (S. L. Moshier): rational functions on |x| <= 1 and above; error below
# 1e-15.
_ERF_NUMERATOR = (
    9.60497373987051638749e0,
    9.00260197203842689217e1,
    2.23200534594684319226e3,
    7.00332514112805075473e3,
    5.55923013010394962768e4,
)
_ERF_DENOMINATOR = (
    1.0,
    3.35617141647503099647e1,
    5.21357949780152679795e2,
    4.59432382970980127987e3,
    2.26290000613890934246e4,
    4.92673942608635921086e4,
)
_ERFC_NUMERATOR = (
    2.46196981473530512524e-10,
    5.64189564831068821977e-1,
    7.46321056442269912687e0,
    4.86371970985681366614e1,
    1.96520832956077098242e2,
    5.26445194995477358631e2,
    9.34528527171957607540e2,
    1.02755188689515710272e3,
    5.57535335369399327526e2,
)
_ERFC_DENOMINATOR = (
    1.0,
    1.32281951154744992508e1,
    8.67072140885989742329e1,
    3.54937778887819891062e2,
    9.75708501743205489753e2,
    1.82390916687909736289e3,
    2.24633760818710981792e3,
    1.65666309194161350182e3,
    5.57535340817727675546e2,
)


@register("linear", lambda xp, grad, y: grad, from_output=True)
def linear(xp, x, out):
    if out is None or out is x:
        return x
    out[...] = x
    return out


def _relu_gradient(xp, grad, y, negative_slope=0.0, max_value=None, threshold=0.0):
    if not negative_slope and max_value is None:
        return xp.multiply(grad, y > 0)
    slope = xp.where(y > 0, 1, negative_slope).astype(grad.dtype)
    if threshold:
        slope[y == 0] = 0  # at the threshold itself
    if max_value is not None:
        slope[y >= max_value] = 0
    return grad * slope


@register(
    "relu",
    _relu_gradient,
    from_output=True,
    elementwise=True,
    negative_slope=finite,
    max_value=finite,
    threshold=at_least_zero,
)
def relu(xp, x, out, negative_slope=0.0, max_value=None, threshold=0.0):
    if not (negative_slope or max_value is not None or threshold):
        return blocks.at_least_zero(xp, x, out)
    y = xp.where(x > threshold, x, negative_slope * (x - threshold)).astype(x.dtype, copy=False)
    return _into(out, y if max_value is None else xp.minimum(y, max_value))


def _into(out, y):
    if out is None:
        return y
    out[...] = y
    return out


@register("relu6", lambda xp, grad, y: grad * ((y > 0) & (y < 6)), from_output=True, elementwise=True)
def relu6(xp, x, out):
    return xp.clip(x, 0, 6, out=out)


def _leaky_relu_gradient(xp, grad, y, negative_slope=0.2):
    # From a table: choosing between arrays costs more where signs are random.
    slopes = xp.asarray([negative_slope, 1], grad.dtype)
    return grad * slopes.take((y > 0).astype(np.int8))


@register("leaky_relu", _leaky_relu_gradient, from_output=True, elementwise=True, negative_slope=finite)
def leaky_relu(xp, x, out, negative_slope=0.2):
    larger = xp.maximum if negative_slope <= 1 else xp.minimum
    return larger(x, x * x.dtype.type(negative_slope), out=out)


def _sigmoid_gradient(xp, grad, y):
    slope = 1 - y
    slope *= y
    slope *= grad
    return slope


@register("sigmoid", _sigmoid_gradient, from_output=True, elementwise=True)
def sigmoid(xp, x, out):
    y = xp.multiply(x, -1, out=out)  # np.negative is wrong in place on some strides
    with np.errstate(over="ignore"):  # the quotient of infinity is 0, as it must be
        xp.exp(y, out=y)
    y += 1
    return xp.divide(1, y, out=y)


def _tanh_gradient(xp, grad, y):
    slope = y * y
    xp.subtract(1, slope, out=slope)
    slope *= grad
    return slope


@register("tanh", _tanh_gradient, from_output=True, elementwise=True)
def tanh(xp, x, out):
    return xp.tanh(x, out=out)


def _softmax_gradient(xp, grad, y, axis=-1):
    product = grad * y
    product -= y * product.sum(axis=axis, keepdims=True)
    return product


@register("softmax", _softmax_gradient, from_output=True, axis=some_axes)
def softmax(xp, x, out, axis=-1):
    if not x.size:  # has no largest
        return x.copy()
    y = xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    xp.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


def _log_softmax_gradient(xp, grad, y, axis=-1):
    share = xp.exp(y)
    share *= grad.sum(axis=axis, keepdims=True)
    return xp.subtract(grad, share, out=share)


@register("log_softmax", _log_softmax_gradient, from_output=True, axis=some_axes)
def log_softmax(xp, x, out, axis=-1):
    if not x.size:  # has no largest
        return x.copy()
    y = xp.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    return y


def _elu_gradient(xp, grad, y, alpha=1.0, scale=1.0):
    slope = xp.minimum(y, 0)
    slope += alpha * scale
    if alpha != 1:
        xp.copyto(slope, slope.dtype.type(scale), where=y > 0)
    slope *= grad
    return slope


@register("elu", _elu_gradient, from_output=True, elementwise=True, alpha=finite)
def elu(xp, x, out, alpha=1.0):
    y = xp.minimum(x, 0)
    xp.expm1(y, out=y)
    y *= alpha
    return xp.add(y, blocks.at_least_zero(xp, x, None), out=y if out is None else out)


@register(
    "selu",
    lambda xp, grad, y: _elu_gradient(xp, grad, y, SELU_ALPHA, SELU_SCALE),
    from_output=True,
    elementwise=True,
)
def selu(xp, x, out):
    y = elu.function(xp, x, out, SELU_ALPHA)
    y *= SELU_SCALE
    return y


@register("softplus", lambda xp, grad, y: grad * -xp.expm1(-y), from_output=True, elementwise=True)
def softplus(xp, x, out):
    y = xp.log1p(xp.exp(-abs(x)))
    return xp.add(y, blocks.at_least_zero(xp, x, None), out=y if out is None else out)


@register("softsign", lambda xp, grad, y: grad * (1 - abs(y)) ** 2, from_output=True, elementwise=True)
def softsign(xp, x, out):
    return xp.divide(x, 1 + abs(x), out=out)


def _silu_gradient(xp, grad, x):
    s = sigmoid.function(xp, x, None)
    slope = 1 - s
    slope *= x
    slope += 1
    slope *= s
    slope *= grad
    return slope


@register("silu", _silu_gradient, elementwise=True)
def silu(xp, x, out):
    return xp.multiply(x, sigmoid.function(xp, x, None), out=out)


def _polynomial(coefficients, x):
    result = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        result *= x
        result += coefficient
    return result


def _erf(xp, x):
    small = xp.clip(x, -1, 1)
    square = small * small
    near = small * _polynomial(_ERF_NUMERATOR, square) / _polynomial(_ERF_DENOMINATOR, square)
    large = xp.clip(abs(x), 1, 6)  # erf(6) is 1 to the last bit of float64
    far = 1 - xp.exp(-large * large) * _polynomial(_ERFC_NUMERATOR, large) / _polynomial(
        _ERFC_DENOMINATOR, large
    )
    result = xp.where(abs(x) <= 1, near, xp.copysign(far, x))
    return xp.where(xp.isnan(x), x, result)


def _normal_cdf(xp, x):
    # float32 would lose the far polynomials' digits.
    wide = x.astype(np.float64, copy=False)
    return (0.5 + 0.5 * _erf(xp, wide * math.sqrt(0.5))).astype(x.dtype, copy=False)


def _gelu_tanh(xp, x):
    return xp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _gelu_gradient(xp, grad, x, approximate=False):
    if not approximate:
        return grad * (_normal_cdf(xp, x) + x * xp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi)))
    t = _gelu_tanh(xp, x)
    inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


@register("gelu", _gelu_gradient, elementwise=True, approximate=true_or_false)
def gelu(xp, x, out, approximate=False):
    return xp.multiply(x, 0.5 * (1 + _gelu_tanh(xp, x)) if approximate else _normal_cdf(xp, x), out=out)


@register("exponential", lambda xp, grad, y: grad * y, from_output=True, elementwise=True)
def exponential(xp, x, out):
    return xp.exp(x, out=out)


@register(
    "hard_sigmoid", lambda xp, grad, y: grad * ((y > 0) & (y < 1)) / 6, from_output=True, elementwise=True
)
def hard_sigmoid(xp, x, out):
    y = xp.add(x, 3, out=out)
    xp.clip(y, 0, 6, out=y)
    y /= 6
    return y


def _hard_silu_gradient(xp, grad, x):
    inside = ((x > -3) & (x < 3)).astype(grad.dtype)
    return grad * (hard_sigmoid.function(xp, x, None) + x * inside / 6)


@register("hard_silu", _hard_silu_gradient, elementwise=True)
def hard_silu(xp, x, out):
    return xp.multiply(x, hard_sigmoid.function(xp, x, None), out=out)


def _mish_gradient(xp, grad, x):
    t = xp.tanh(softplus.function(xp, x, None))
    return grad * (t + x * (1 - t * t) * sigmoid.function(xp, x, None))


@register("mish", _mish_gradient, elementwise=True)
def mish(xp, x, out):
    return xp.multiply(x, xp.tanh(softplus.function(xp, x, None)), out=out)


@register("log_sigmoid", lambda xp, grad, y: grad * -xp.expm1(y), from_output=True, elementwise=True)
def log_sigmoid(xp, x, out):
    return xp.negative(softplus.function(xp, -x, None), out=out)


swish = ACTIVATIONS["swish"] = silu
hard_swish = ACTIVATIONS["hard_swish"] = hard_silu


def activate(activation, x):
    """(y, backward) of an Activation; the memory of x becomes that of y where the gradient does not need
    x."""
    if activation is linear:
        return x, lambda grad_output: grad_output
    y = activation(x, out=x if activation.from_output else None)
    saved = y if activation.from_output else x
    return y, lambda grad_output: activation.backward(grad_output, saved)
