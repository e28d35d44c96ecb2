"""Activations within the step loops of the references, on arrays of any kind."""

import numpy as np

from ..activations import ACTIVATIONS


def _sigmoid(x, out):
    np.multiply(x, -1, out=out)  # np.negative is wrong in place on some strides
    np.exp(out, out=out)  # where it overflows the sigmoid is 0
    np.add(out, 1, out=out)
    np.divide(1, out, out=out)


def _hard_sigmoid(x, out):
    np.divide(x, 6, out=out)
    np.add(out, 0.5, out=out)
    np.clip(out, 0, 1, out=out)


def _tanh_derivative(y, out):
    np.multiply(y, y, out=out)
    np.subtract(1, out, out=out)


def _sigmoid_derivative(y, out):
    np.subtract(1, y, out=out)
    np.multiply(out, y, out=out)


def _hard_sigmoid_derivative(y, out):
    np.multiply((y > 0) & (y < 1), y.dtype.type(1 / 6), out=out)


# Into `out`, which may be the argument; and the derivative as a function of the activated value: the
# activations that kernels know.
_ACTIVATE = {
    "tanh": lambda x, out: np.tanh(x, out=out),
    "sigmoid": _sigmoid,
    "relu": lambda x, out: np.maximum(x, 0, out=out),
    "linear": lambda x, out: np.positive(x, out=out),
    "hard_sigmoid": _hard_sigmoid,
}
_DERIVATIVE = {
    "tanh": _tanh_derivative,
    "sigmoid": _sigmoid_derivative,
    "relu": lambda y, out: np.greater(y, 0, out=out),
    "linear": lambda y, out: out.fill(1),
    "hard_sigmoid": _hard_sigmoid_derivative,
}


def overflowing():
    """The context in which sigmoids are computed: NumPy warns of no overflow."""
    return np.errstate(over="ignore")


class StepActivation:
    """An activation within a step: what is kept of its argument is the value, or the argument itself for
    those whose gradient needs it.

    Args:
        identifier: a name or an `Activation`.

    Attributes:
        elementwise: whether `derivative` is known, a function of each value.
    """

    def __init__(self, identifier):
        self._activate, self._derivative = _ACTIVATE.get(identifier), _DERIVATIVE.get(identifier)
        self.elementwise = self._activate is not None
        self._general = None if self.elementwise else ACTIVATIONS.get(identifier, identifier)

    def activate(self, x, out):
        """The value of x; `out`, which may be x, becomes what is to be kept. Within `overflowing()`."""
        if self.elementwise:
            self._activate(x, out)
            return out
        if out is not x:
            out[...] = x
        return self._general(out, out=out if self._general.from_output else None)

    def apply(self, x):
        """The value; x becomes what is to be kept."""
        with overflowing():
            return self.activate(x, x)

    def value(self, kept):
        if self.elementwise or self._general.from_output:
            return kept
        return self._general(kept)

    def derivative(self, value, out):
        """The derivative at each value, into `out`."""
        self._derivative(value, out)

    def gradient(self, grad, kept):
        """The gradient to the argument."""
        if not self.elementwise:
            return self._general.backward(grad, kept)
        slope = np.empty_like(kept)
        self._derivative(kept, slope)
        slope *= grad
        return slope
