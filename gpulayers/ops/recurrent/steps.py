"""What the step loops of the references share: the order of processing, products by gate.

On arrays of any kind: the loops are the fallback on the CPU and, where no kernel takes a problem, on the GPU.
"""

import numpy as np

from ..arrays import array_module
from .step_activations import StepActivation

__all__ = [
    "StepActivation",
    "by_gate",
    "gate_products",
    "gate_products_backward_input",
    "gate_products_backward_weight",
    "in_order",
    "keep_masks",
    "processing_order",
    "results",
    "state_or_zeros",
    "time_order",
]


def in_order(problem, array):
    """(batch, steps, ...) along x's time, turned where the last step comes first: a view."""
    return array[:, ::-1] if problem.go_backwards else array


def processing_order(problem, array, dtype):
    """(batch, steps, ...) along x's time -> (steps, batch, ...) in the order of processing, contiguous."""
    xp = array_module(array)
    return xp.ascontiguousarray(xp.swapaxes(in_order(problem, array), 0, 1).astype(dtype, copy=False))


def time_order(problem, array):
    """The reverse of `processing_order`, not contiguous."""
    return in_order(problem, array_module(array).swapaxes(array, 0, 1))


def keep_masks(problem, mask):
    """(steps, batch, 1) bool, in the order of processing; None without a mask."""
    return processing_order(problem, mask, np.bool_)[..., None] if problem.masked else None


def state_or_zeros(problem, state, like, dtype):
    """A copy of the state (batch, units) in that dtype; zeros on the device of `like` for None."""
    xp = array_module(like)
    return xp.zeros(problem.state_shape, dtype) if state is None else xp.array(state, dtype=dtype)


def by_gate(columns, scale):
    """Pairs (a gate's share of so many columns, factors (batch, n) of that gate's operand)."""
    units = columns // scale.shape[1]
    return [(slice(gate * units, (gate + 1) * units), scale[:, gate]) for gate in range(scale.shape[1])]


def gate_products(a, weight, scale, out):
    """out = a @ weight, where each gate's `a` is multiplied by factors of its own.

    Args:
        a: (..., batch, n). weight: (n, gates * units). out: (..., batch, gates * units).
        scale: (batch, gates, n), or None for ones.
    """
    if scale is None:
        return array_module(a).matmul(a, weight, out=out)
    for columns, factors in by_gate(weight.shape[1], scale):
        out[..., columns] = (a * factors) @ weight[:, columns]
    return out


def gate_products_backward_input(grad, weight, scale):
    """The gradient to a of `gate_products`."""
    if scale is None:
        return grad @ weight.T
    return sum(
        (grad[..., columns] @ weight[:, columns].T) * factors
        for columns, factors in by_gate(weight.shape[1], scale)
    )


def gate_products_backward_weight(a, grad, weight, scale):
    """The gradient to weight of `gate_products` over a (steps, batch, n), grad (steps, batch, gates *
    units)."""
    rows = a.shape[0] * a.shape[1]
    flat = grad.reshape(rows, grad.shape[2])
    if scale is None:
        return a.reshape(rows, a.shape[2]).T @ flat
    parts = [
        (a * factors).reshape(rows, a.shape[2]).T @ flat[:, columns]
        for columns, factors in by_gate(weight.shape[1], scale)
    ]
    return array_module(a).concatenate(parts, axis=1)


def results(problem, arrays):
    """The arrays contiguous and in the problem's dtype; None stays."""
    return tuple(
        None
        if array is None
        else array_module(array).ascontiguousarray(array.astype(problem.dtype, copy=False))
        for array in arrays
    )
