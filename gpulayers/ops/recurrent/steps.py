"""What the step loops of the references share: activations, the order of processing, products by gate.

On arrays of any kind: the loops are the fallback on the CPU and, where no kernel takes a problem, on the GPU.
"""

import numpy as np

from ..activations import ACTIVATIONS
from ..arrays import array_module


def _sigmoid(x):
    np.multiply(x, 0.5, out=x)
    np.tanh(x, out=x)
    np.multiply(x, 0.5, out=x)
    np.add(x, 0.5, out=x)


def _hard_sigmoid(x):
    np.divide(x, 6, out=x)
    np.add(x, 0.5, out=x)
    np.clip(x, 0, 1, out=x)


# In place; and the derivative as a function of the activated value: the activations that kernels know.
_ACTIVATE = {
    "tanh": lambda x: np.tanh(x, out=x),
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0, out=x),
    "linear": lambda x: x,
    "hard_sigmoid": _hard_sigmoid,
}
_DERIVATIVE = {
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "relu": lambda y: (y > 0).astype(y.dtype),
    "linear": np.ones_like,
    "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) * y.dtype.type(1 / 6),
}


class StepActivation:
    """An activation within a step: what is kept of its argument is the value, or the argument itself for
    those whose gradient needs it.

    Args:
        identifier: a name or an `Activation`.
    """

    def __init__(self, identifier):
        self._activate = _ACTIVATE.get(identifier)
        self._derivative = _DERIVATIVE.get(identifier)
        self._general = None if self._activate else ACTIVATIONS.get(identifier, identifier)
        self.joins_gates = self._general is None  # may run over the columns of several gates at once

    def apply(self, x):
        """The value; x becomes what is to be kept."""
        if self._general is None:
            self._activate(x)
            return x
        return self._general(x, out=x if self._general.from_output else None)

    def value(self, kept):
        if self._general is None or self._general.from_output:
            return kept
        return self._general(kept)

    def gradient(self, grad, kept):
        """The gradient to the argument."""
        if self._general is None:
            return grad * self._derivative(kept)
        return self._general.backward(grad, kept)


def processing_order(problem, array, dtype):
    """(batch, steps, ...) along x's time -> (steps, batch, ...) in the order of processing, contiguous."""
    xp = array_module(array)
    array = array[:, ::-1] if problem.go_backwards else array
    return xp.ascontiguousarray(xp.swapaxes(array, 0, 1).astype(dtype, copy=False))


def time_order(problem, array):
    """The reverse of `processing_order`, not contiguous."""
    array = array_module(array).swapaxes(array, 0, 1)
    return array[:, ::-1] if problem.go_backwards else array


def keep_masks(problem, mask):
    """(steps, batch, 1) bool, in the order of processing; None without a mask."""
    return processing_order(problem, mask, np.bool_)[..., None] if problem.masked else None


def state_or_zeros(problem, state, like, dtype):
    """A copy of the state (batch, units) in that dtype; zeros on the device of `like` for None."""
    xp = array_module(like)
    return xp.zeros(problem.state_shape, dtype) if state is None else xp.array(state, dtype=dtype)


def _by_gate(weight, scale):
    """Pairs (columns of a gate, factors (batch, n) of that gate's operand)."""
    units = weight.shape[1] // scale.shape[1]
    return [(slice(gate * units, (gate + 1) * units), scale[:, gate]) for gate in range(scale.shape[1])]


def gate_products(a, weight, scale, out):
    """out = a @ weight, where each gate's `a` is multiplied by factors of its own.

    Args:
        a: (..., batch, n). weight: (n, gates * units). out: (..., batch, gates * units).
        scale: (batch, gates, n), or None for ones.
    """
    if scale is None:
        return array_module(a).matmul(a, weight, out=out)
    for columns, factors in _by_gate(weight, scale):
        out[..., columns] = (a * factors) @ weight[:, columns]
    return out


def gate_products_backward_input(grad, weight, scale):
    """The gradient to a of `gate_products`."""
    if scale is None:
        return grad @ weight.T
    return sum(
        (grad[..., columns] @ weight[:, columns].T) * factors for columns, factors in _by_gate(weight, scale)
    )


def gate_products_backward_weight(a, grad, weight, scale):
    """The gradient to weight of `gate_products` over a (steps, batch, n), grad (steps, batch, gates *
    units)."""
    rows = a.shape[0] * a.shape[1]
    flat = grad.reshape(rows, grad.shape[2])
    if scale is None:
        return a.reshape(rows, a.shape[2]).T @ flat
    parts = [(a * f).reshape(rows, a.shape[2]).T @ flat[:, columns] for columns, f in _by_gate(weight, scale)]
    return array_module(a).concatenate(parts, axis=1)


def states_before(problem, initial_h, outputs, dtype):
    """(steps, batch, units): the hidden state before each step."""
    xp = array_module(outputs)
    previous = xp.zeros((problem.steps, problem.batch, problem.units), dtype)
    if problem.steps:
        previous[0] = 0 if initial_h is None else initial_h
        previous[1:] = xp.swapaxes(outputs[:, :-1], 0, 1)
    return previous


def results(problem, arrays):
    """The arrays contiguous and in the problem's dtype; None stays."""
    return tuple(
        None
        if array is None
        else array_module(array).ascontiguousarray(array.astype(problem.dtype, copy=False))
        for array in arrays
    )
