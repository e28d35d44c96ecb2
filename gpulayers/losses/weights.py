"""Sample weights and masks: how they fit values and what they make of a mean, for losses and metrics."""

from ..ops import arrays


def as_array(value, device=None, name="y_true and y_pred"):
    """The value as an array on the device (default: where it is; the host for lists).

    Raises:
        TypeError: it holds something else than numbers.
    """
    value = arrays.numbers(value, name)
    return value if device is None or arrays.device_of(value) is device else device.asarray(value)


def same_rank(first, second):
    """Both arrays, a last axis of size 1 added or dropped where their ranks differ by one, as Keras does."""
    if first.ndim == second.ndim + 1 and first.shape[-1] == 1:
        return (first, second[..., None]) if second.ndim == 1 else (first[..., 0], second)
    if second.ndim == first.ndim + 1 and second.shape[-1] == 1:
        return (first[..., None], second) if first.ndim == 1 else (first, second[..., 0])
    return first, second


def masked_weight(sample_weight, mask, xp, dtype, rescale):
    """The sample weights with those of masked samples set to 0; `rescale` makes a mean one over the kept
    samples."""
    mask = mask.astype(dtype)
    if rescale:
        kept = mask.sum()
        mask = mask * xp.where(
            kept == 0, dtype.type(0), dtype.type(mask.size) / xp.where(kept == 0, dtype.type(1), kept)
        )
    if sample_weight is None:
        return mask
    mask, sample_weight = same_rank(mask, sample_weight.astype(dtype, copy=False))
    try:
        return mask * sample_weight
    except ValueError:
        raise ValueError(
            f"sample_weight must fit the mask, of shape {tuple(mask.shape)}. "
            f"Received: shape {tuple(sample_weight.shape)}"
        ) from None


def weights_like(values, sample_weight):
    """The sample weights broadcast to the values' shape.

    Raises:
        ValueError: they do not fit.
    """
    lifted, weights = same_rank(values, sample_weight)
    while weights.ndim < lifted.ndim:
        weights = weights[..., None]
    try:
        return arrays.array_module(values).broadcast_to(weights, lifted.shape).reshape(values.shape)
    except ValueError:
        raise ValueError(
            f"sample_weight must fit values of shape {tuple(values.shape)}. "
            f"Received: shape {tuple(sample_weight.shape)}"
        ) from None


def final_weights(values, sample_weight, mask, reduction):
    """The factors of per-sample values whose sum is the loss, by Keras's reductions, weights and masks."""
    xp, dtype = arrays.array_module(values), values.dtype
    if mask is not None:
        rescale = reduction in ("mean", "sum_over_batch_size")
        sample_weight = masked_weight(sample_weight, mask, xp, dtype, rescale)
    if sample_weight is None:
        weights = xp.ones(values.shape, dtype)
    elif values.ndim == 0:  # one value, as often as there are weights
        weights = sample_weight.astype(dtype, copy=False)
        if not weights.ndim:
            return weights
    else:
        weights = weights_like(values, sample_weight.astype(dtype, copy=False))
    if reduction in ("sum_over_batch_size", "mean"):
        weights = weights / dtype.type(max(1, weights.size))
    elif reduction == "mean_with_sample_weight":
        # As in Keras the weights given are added up, not those spread over the values.
        total = weights.sum() if sample_weight is None else sample_weight.sum().astype(dtype)
        weights = weights / xp.where(total == 0, dtype.type(1), total)
    return weights
