"""Several arrays made into one, forward and backward.

Arrays of the same rank broadcast against each other. A mask is a bool array of the same rank as its array,
broadcast to it, or None.
"""

from . import arrays


def aligned(inputs):
    """The inputs with axes of size 1 after the batch, so that all have the same rank."""
    rank = max(x.ndim for x in inputs)
    return [x.reshape(x.shape[:1] + (1,) * (rank - x.ndim) + x.shape[1:]) for x in inputs]


def reduced(grad, shape):
    """The gradient summed over the axes along which an array of `shape` was broadcast."""
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and grad.shape[axis] != 1)
    if not axes:
        return grad
    dtype = grad.dtype
    return grad.sum(axis=axes, keepdims=True, dtype=arrays.accumulation_dtype(dtype)).astype(
        dtype, copy=False
    )


def add(inputs):
    """The sum."""
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    return total


def multiply(inputs, masks):
    """The product; a masked element counts as 1, and one masked in all inputs gives 0.

    Returns:
        (y, factors, kept): the last two are for `multiply_backward`.
    """
    xp = arrays.array_module(inputs[0])
    factors = [x if m is None else xp.where(m, x, x.dtype.type(1)) for x, m in zip(inputs, masks)]
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    if any(mask is None for mask in masks):
        return product, factors, None
    kept = masks[0]
    for mask in masks[1:]:
        kept = kept | mask
    return xp.where(kept, product, product.dtype.type(0)), factors, kept


def multiply_backward(grad_output, factors, kept, masks):
    """The gradients to the inputs of `multiply`, each broadcast to the output."""
    grad = grad_output if kept is None else grad_output * kept
    before = [None]
    for factor in factors[:-1]:
        before.append(factor if before[-1] is None else before[-1] * factor)
    grads, after = [], None
    for factor, left, mask in zip(factors[::-1], before[::-1], masks[::-1]):
        part = grad if left is None else grad * left
        part = part if after is None else part * after
        grads.append(part if mask is None else part * mask)
        after = factor if after is None else after * factor
    return grads[::-1]


def extremum(inputs, masks, larger):
    """The element-wise maximum (`larger`) or minimum; a masked element does not compete.

    Returns:
        (y, steps): the steps are for `extremum_backward`.
    """
    xp = arrays.array_module(inputs[0])
    function = xp.maximum if larger else xp.minimum
    best, best_mask, steps = inputs[0], masks[0], []
    for x, mask in zip(inputs[1:], masks[1:]):
        x = x if mask is None else xp.where(mask, x, best)
        left = best if best_mask is None else xp.where(best_mask, best, x)
        steps.append((left, x, mask, best_mask))
        best_mask = None if mask is None or best_mask is None else best_mask | mask
        best = function(left, x)
    return best, steps


def extremum_backward(grad_output, steps, larger):
    """The gradients to the inputs of `extremum`, each broadcast to the output; equals share."""
    grads, grad = [], grad_output
    for left, x, mask, left_mask in reversed(steps):
        wins = (x > left) if larger else (x < left)
        share = (wins + 0.5 * (x == left)).astype(grad.dtype)
        to_x = grad * share
        to_left = grad - to_x
        if left_mask is not None:
            to_x = to_x + to_left * ~left_mask
            to_left = to_left * left_mask
        if mask is not None:
            to_left = to_left + to_x * ~mask
            to_x = to_x * mask
        grads.append(to_x)
        grad = to_left
    return [grad, *grads[::-1]]


def batch_dot(x, y, axes):
    """Sums of products along an axis of each, image by image.

    Args:
        x: (batch, ...), y: (batch, ...), of rank 2 at least.
        axes: one of x and one of y, counted from the front, of the same size.

    Returns:
        (batch, the rest of x's axes..., the rest of y's...); (batch, 1) where nothing is left.
    """
    a, b = _rows(x, axes[0]), _rows(y, axes[1])
    product = arrays.device_of(x).matmul(a, b.swapaxes(1, 2))
    rest = _rest(x, axes[0]) + _rest(y, axes[1])
    return product.reshape(x.shape[:1] + (rest or (1,)))


def batch_dot_backward(grad_output, x, y, axes):
    """The gradients (grad_x, grad_y) of `batch_dot`."""
    a, b = _rows(x, axes[0]), _rows(y, axes[1])
    device = arrays.device_of(x)
    grad = grad_output.reshape(x.shape[0], a.shape[1], b.shape[1])
    grad_a, grad_b = device.matmul(grad, b), device.matmul(grad.swapaxes(1, 2), a)
    return _unrows(grad_a, x, axes[0]), _unrows(grad_b, y, axes[1])


def _rest(x, axis):
    return tuple(size for other, size in enumerate(x.shape) if other not in (0, axis))


def _rows(x, axis):
    """(batch, the other axes in one, the axis)."""
    count = 1
    for size in _rest(x, axis):
        count *= size
    moved = arrays.array_module(x).moveaxis(x, axis, -1)
    return moved.reshape(x.shape[0], count, x.shape[axis])


def _unrows(rows, x, axis):
    moved = rows.reshape(x.shape[:1] + _rest(x, axis) + (x.shape[axis],))
    return arrays.array_module(x).moveaxis(moved, -1, axis)
