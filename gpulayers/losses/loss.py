"""The base class of losses: from values a sample to one number."""

import numpy as np

from ..ops import arrays

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def as_array(value, device=None):
    """The value as an array on the device (default: where it is; the host for lists)."""
    if arrays.is_array(value) and (device is None or arrays.device_of(value) is device):
        return value
    return (device or arrays.CPU).asarray(value)


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
    return mask * sample_weight


def kind_by_shapes(true_shape, predicted_shape):
    """0, 1 or 2: whether labels and predictions of these shapes are binary, categorical, or class numbers."""
    classes = predicted_shape[-1]
    sparse = len(true_shape) < len(predicted_shape) or true_shape[-1] == 1
    return 0 if classes == 1 else 2 if sparse else 1


def weights_like(values, sample_weight):
    """The sample weights broadcast to the values' shape.

    Raises:
        ValueError: they do not fit.
    """
    values, weights = same_rank(values, sample_weight)
    while weights.ndim < values.ndim:
        weights = weights[..., None]
    try:
        return arrays.array_module(values).broadcast_to(weights, values.shape)
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
    else:
        weights = weights_like(values, sample_weight.astype(dtype, copy=False))
    if reduction in ("sum_over_batch_size", "mean"):
        weights = weights / dtype.type(max(1, values.size))
    elif reduction == "mean_with_sample_weight":
        # As in Keras the weights given are added up, not those spread over the values.
        total = weights.sum() if sample_weight is None else sample_weight.sum().astype(dtype)
        weights = weights / xp.where(total == 0, dtype.type(1), total)
    return weights


class Loss:
    """A function of labels and predictions with its gradient.

    A loss of one's own writes `per_sample(y_true, y_pred)`, which returns (values, backward): values has one
    number a sample (or element), and backward(weights) is the gradient of sum(values * weights) to y_pred.

    Args:
        name: shown in logs.
        reduction: "sum_over_batch_size" (the mean of all values), "sum", "mean", "mean_with_sample_weight" or
            "none".
        dtype: of the labels and predictions; default: that of the predictions.
    """

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {REDUCTIONS}. Received: {reduction!r}")
        self.name, self.reduction = name or type(self).__name__, reduction
        self.dtype = None if dtype is None else arrays.float_dtype(dtype, "dtype")

    operation = None  # a function (y_true, y_pred, **options) that `per_sample` calls
    options = ("from_logits", "label_smoothing", "ignore_class", "axis")  # attributes that configure a loss

    def per_sample(self, y_true, y_pred):
        if self.operation is None:
            raise NotImplementedError(f"{type(self).__name__} must define per_sample(y_true, y_pred)")
        options = {name: getattr(self, name) for name in self.options if hasattr(self, name)}
        return self.operation(y_true, y_pred, **options)

    def kept(self, y_true):
        """The mask of the samples that count, or None for all."""
        return None

    @staticmethod
    def prepared(y_true, y_pred):
        """Both as arrays of one device and fitting ranks; 16-bit predictions in float32."""
        y_pred = as_array(y_pred)
        is_float = y_pred.dtype in arrays.FLOAT_DTYPES
        y_pred = y_pred.astype(
            arrays.accumulation_dtype(y_pred.dtype) if is_float else np.float32, copy=False
        )
        y_true = as_array(y_true, arrays.device_of(y_pred))
        if y_true.dtype in arrays.FLOAT_DTYPES:
            y_true = y_true.astype(arrays.accumulation_dtype(y_pred.dtype), copy=False)
        return same_rank(y_true, y_pred)

    def forward(self, y_true, y_pred, sample_weight=None, mask=None, scale=1.0):
        """(loss, gradient to y_pred times scale): the loss as an array without axes on y_pred's device."""
        y_pred = as_array(y_pred)
        loss, gradient = self._evaluated(y_true, y_pred, sample_weight, mask)
        return loss, gradient(scale).astype(y_pred.dtype, copy=False).reshape(y_pred.shape)

    def __call__(self, y_true, y_pred, sample_weight=None, mask=None):
        """The loss alone."""
        return self._evaluated(y_true, as_array(y_pred), sample_weight, mask)[0]

    def _evaluated(self, y_true, y_pred, sample_weight, mask):
        """(loss, function that computes the gradient)."""
        if self.dtype is not None:
            y_pred = y_pred.astype(self.dtype, copy=False)
        labels, predictions = self.prepared(y_true, y_pred)
        kept = self.kept(labels)
        mask = kept if mask is None else mask if kept is None else mask & kept
        values, backward = self.per_sample(labels, predictions)
        weight = None if sample_weight is None else as_array(sample_weight, arrays.device_of(predictions))
        weights = final_weights(values, weight, mask, self.reduction)
        weighted = values * weights
        loss = weighted if self.reduction in (None, "none") else weighted.sum()
        return loss, lambda scale: backward(weights if scale == 1 else weights * weights.dtype.type(scale))

    def get_config(self):
        return {name: getattr(self, name) for name in self.options if hasattr(self, name)} | {
            "reduction": self.reduction,
            "name": self.name,
            "dtype": None if self.dtype is None else self.dtype.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
