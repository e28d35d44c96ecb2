"""What the references of the LSTM and the GRU with extensions share: layer normalisation, partial updates,
products."""

from ..arrays import array_module
from . import steps as loop
from .variant_problem import EPSILON, GRADIENTS


def widened(dtype, *operands):
    """The arrays in that dtype; None stays."""
    return [None if array is None else array.astype(dtype, copy=False) for array in operands]


def state(array, shape, like, dtype):
    """The state in that dtype; zeros on the device of `like` for None."""
    return array_module(like).zeros(shape, dtype) if array is None else array.astype(dtype)


def states_before(problem, first, outputs):
    """(steps, batch, size): h before each step."""
    before = array_module(first).empty((problem.steps, *problem.state_shape), first.dtype)
    if problem.steps:
        before[0] = first
        before[1:] = outputs[:, :-1].swapaxes(0, 1)
    return before


def normalize(a, gain, shift=None):
    """Layer normalisation along the last axis (Ba et al. 2016): (result, what `normalize_backward` needs)."""
    centred = a - a.mean(axis=-1, keepdims=True)
    inverse = 1 / array_module(a).sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
    normal = centred * inverse
    result = normal * gain
    return (result if shift is None else result + shift), (normal, inverse)


def normalize_backward(grad, saved, gain):
    """(gradient to a, gradient to the gain)."""
    normal, inverse = saved
    grad_normal = grad * gain
    grad_a = grad_normal - grad_normal.mean(axis=-1, keepdims=True)
    grad_a -= normal * (grad_normal * normal).mean(axis=-1, keepdims=True)
    return grad_a * inverse, (grad * normal).sum(axis=tuple(range(grad.ndim - 1)))


def taken(number, drawn, dtype):
    """How much of the new states is taken: a number, or (steps, batch, size); None for all of it."""
    if drawn is not None:
        return drawn.swapaxes(0, 1).astype(dtype)
    return None if number == 1 else number


def at_step(update, step):
    """The part of one step."""
    return update[step] if getattr(update, "ndim", 0) else update


def updated(before, after, update, keep):
    """update after + (1 - update) before, where the mask keeps the step."""
    if update is not None:
        after = update * after + (1 - update) * before
    return after if keep is None else array_module(after).where(keep, after, before)


def updated_backward(grad, update, keep):
    """The gradients (to before, to after) of `updated`."""
    held = 0 if keep is None else array_module(grad).where(keep, 0, grad).astype(grad.dtype, copy=False)
    through = grad - held
    if update is None:
        return held, through
    return held + through * (1 - update), through * update


def product_gradients(problem, residuals, weight, recurrent_weight, dsums, before_h, dproducts):
    """The gradients {operand: array} of x W and h R, from those to the products, (steps, batch, columns)."""
    scale, recurrent_scale = residuals.input_scale, residuals.recurrent_scale
    x = loop.processing_order(problem, residuals.x, dsums.dtype)
    return {
        "x": loop.time_order(problem, loop.gate_products_backward_input(dsums, weight, scale)),
        "weight": loop.gate_products_backward_weight(x, dsums, weight, scale),
        "recurrent_weight": loop.gate_products_backward_weight(
            before_h, dproducts, recurrent_weight, recurrent_scale
        ),
    }


def in_order(problem, grads):
    """The gradients {operand: array} in the order of `GRADIENTS`, contiguous and in the problem's dtype."""
    return loop.results(problem, [grads.get(name) for name in GRADIENTS])
