"""Reductions over the time steps that a mask keeps."""

from . import arrays


def masked_average(x, mask, keepdims=False):
    """The average over the steps that the mask keeps; NaN where it keeps none, as in Keras.

    Args:
        x: (batch, steps, channels).
        mask: (batch, steps), bool.

    Returns:
        (average, weights): average (batch, channels), or (batch, 1, channels); weights (batch, steps, 1) of
        each step, for `masked_average_backward`.

    Raises:
        ValueError: shapes that do not fit.
    """
    xp = arrays.array_module(x)
    if x.ndim != 3 or tuple(mask.shape) != tuple(x.shape[:2]):
        raise ValueError(
            f"A mask of {tuple(x.shape[:2])} is expected for an input of {x.shape}. Received: {mask.shape}"
        )
    dtype = arrays.accumulation_dtype(x.dtype)
    kept = mask.astype(dtype)[:, :, None]
    counts = kept.sum(axis=1, keepdims=True)
    weights = xp.divide(kept, xp.where(counts == 0, dtype.type("nan"), counts))
    average = (x * weights).sum(axis=1, keepdims=keepdims, dtype=dtype)
    return average.astype(x.dtype, copy=False), weights


def masked_average_backward(grad_output, weights, keepdims=False):
    """The gradient to x of `masked_average`."""
    grad = grad_output if keepdims else grad_output[:, None, :]
    return (grad * weights).astype(grad_output.dtype, copy=False)
