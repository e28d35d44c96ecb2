"""What the variants of LSTM and GRU share: layer normalisation, partial updates, checks of shapes."""

from .. import arrays
from . import steps as loop

EPSILON = 1e-3


def normalize(a, gain, shift=None):
    """Layer normalisation along the last axis (Ba et al. 2016): (result, what `normalize_backward` needs)."""
    centred = a - a.mean(axis=-1, keepdims=True)
    inverse = 1 / arrays.array_module(a).sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPSILON)
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


def checked(shapes, named):
    """The arrays as they are taken, in one dtype on one device.

    Args:
        shapes: {name: shape}. named: {name: array or None}.

    Raises:
        ValueError, TypeError: other shapes, dtypes or devices.
    """
    named = {name: None if array is None else arrays.take(array, name) for name, array in named.items()}
    arrays.common_device(**named)
    arrays.same_dtype(**{name: array for name, array in named.items() if name != "mask"})
    for name, shape in shapes.items():
        if named[name] is not None and tuple(named[name].shape) != shape:
            raise ValueError(f"{name} must have shape {shape}. Received: {tuple(named[name].shape)}")
    return named


def factors(problem, update, name, shape, like):
    """The factors of a partial update, (steps, batch, size) or a number; None for full updates."""
    if isinstance(update, (int, float)):
        if not 0 <= update <= 1:
            raise ValueError(f"{name} must lie in [0, 1]. Received: {update}")
        return None if update == 1 else update
    if tuple(update.shape) != shape:
        raise ValueError(f"{name} must be a number or of shape {shape}. Received: {tuple(update.shape)}")
    return arrays.array_module(like).swapaxes(update, 0, 1).astype(like.dtype)


def updated(before, after, update, keep):
    """before + update (after - before), where the mask keeps the step."""
    if update is not None:
        after = before + update * (after - before)
    return after if keep is None else arrays.array_module(after).where(keep, after, before)


def updated_backward(grad, update, keep):
    """The gradients (to before, to after) of `updated`."""
    held = (
        0 if keep is None else arrays.array_module(grad).where(keep, 0, grad).astype(grad.dtype, copy=False)
    )
    through = grad - held
    if update is None:
        return held, through
    return held + through * (1 - update), through * update


def at_step(update, step):
    """The factor of one step."""
    return update[step] if getattr(update, "ndim", 0) else update


def finished(problem, grads):
    """{name: gradient}, contiguous and in the problem's dtype."""
    return dict(zip(grads, loop.results(problem, grads.values())))
