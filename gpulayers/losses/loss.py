"""The base class of losses: from values a sample to one number."""

import numpy as np

from ..layers.names import automatic_name
from ..ops import arrays
from ..ops.spatial import integer
from .weights import as_array, final_weights, same_rank

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def kind_by_shapes(true_shape, predicted_shape):
    """0, 1 or 2: whether labels and predictions of these shapes are binary, categorical, or class numbers."""
    classes = predicted_shape[-1]
    sparse = len(true_shape) < len(predicted_shape) or true_shape[-1] == 1
    return 0 if classes == 1 else 2 if sparse else 1


def checked_axis(axis):
    """The axis as an integer, a list of them or None; else a TypeError or ValueError."""
    axes = axis if isinstance(axis, (list, tuple)) else () if axis is None else (axis,)
    for entry in axes:
        integer(entry, "axis", -(2**31))
    return list(axis) if isinstance(axis, (list, tuple)) else None if axis is None else int(axis)


class Loss:
    """A function of labels and predictions with its gradient.

    There is no tape here, so a loss of one's own says its gradient: it writes `per_sample(y_true, y_pred)`,
    which returns (values, backward). values has one number a sample (or element), and backward(weights) is
    the gradient of sum(values * weights) to y_pred. A function that returns this pair can be given to
    `compile` as it is.

        class Cubed(gpulayers.losses.Loss):
            def per_sample(self, y_true, y_pred):
                error = y_pred - y_true
                return (error**3).mean(axis=-1), lambda weights: (
                    3 * error**2 * weights[..., None] / error.shape[-1]
                )

    Args:
        name: shown in logs; default: the class name, numbered.
        reduction: "sum_over_batch_size" (the mean of all values), "sum", "mean", "mean_with_sample_weight" or
            "none".
        dtype: of the computation; default: that of the predictions, 16-bit ones in float32.
    """

    operation = None  # a function (y_true, y_pred, **options) that `per_sample` calls
    options = ()  # names of the attributes that configure a loss

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if not (reduction is None or isinstance(reduction, str)) or reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {REDUCTIONS}. Received: {reduction!r}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a string. Received: {name!r}")
        self.name, self.reduction = name or automatic_name(type(self).__name__), reduction
        self.dtype = None if dtype is None else arrays.float_dtype(dtype, "dtype")

    def per_sample(self, y_true, y_pred):
        """(values, backward); see the class."""
        if self.operation is None:
            name = type(self).__name__
            raise NotImplementedError(f"{name} must define per_sample(y_true, y_pred), which returns a pair")
        return self.operation(y_true, y_pred, **{name: getattr(self, name) for name in self.options})

    def kept(self, y_true, values):
        """The mask of the values that count, or None for all."""
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
        grad = gradient(scale)
        if getattr(grad, "size", None) != y_pred.size:
            shape = f"shape {tuple(grad.shape)}" if hasattr(grad, "shape") else type(grad).__name__
            raise ValueError(
                f"The backward of {self.name} must return a gradient of y_pred's shape "
                f"{tuple(y_pred.shape)}. Received: {shape}"
            )
        return loss, grad.astype(y_pred.dtype, copy=False).reshape(y_pred.shape)

    def __call__(self, y_true, y_pred, sample_weight=None, mask=None):
        """The loss alone."""
        return self._evaluated(y_true, as_array(y_pred), sample_weight, mask)[0]

    def _evaluated(self, y_true, y_pred, sample_weight, mask):
        """(loss, function that computes the gradient)."""
        if self.dtype is not None:
            y_pred = y_pred.astype(self.dtype, copy=False)
        labels, predictions = self.prepared(y_true, y_pred)
        values, backward = self.per_sample(labels, predictions)
        values = arrays.array_module(predictions).asarray(values)  # NumPy's without axes are no arrays
        kept, device = self.kept(labels, values), arrays.device_of(predictions)
        mask = None if mask is None else as_array(mask, device, "mask").astype(bool)
        mask = kept if mask is None else mask if kept is None else mask & kept
        weight = None if sample_weight is None else as_array(sample_weight, device, "sample_weight")
        weights = final_weights(values, weight, mask, self.reduction)
        weighted = values * weights
        if self.reduction not in (None, "none"):
            loss = weighted.sum()
        else:  # a column of weights makes a column of values, as in Keras
            loss = (
                weighted[:, None]
                if values.ndim == 1 and weight is not None and weight.ndim == 2
                else weighted
            )
        if self.dtype is not None:
            loss = loss.astype(self.dtype, copy=False)
        factors = weights if values.ndim else weights.sum()
        return loss, lambda scale: backward(factors if scale == 1 else factors * factors.dtype.type(scale))

    def get_config(self):
        """The arguments by name, ready for JSON."""
        config = {"name": self.name, "reduction": self.reduction}
        if self.dtype is not None:
            config["dtype"] = self.dtype.name
        return config | {name: getattr(self, name) for name in self.options}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class FunctionLoss(Loss):
    """A function `f(y_true, y_pred)` that returns (values, backward), as a loss.

    Args:
        fn: the function; the rest as of Loss, the name by default the function's.
    """

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None):
        if not callable(fn):
            raise TypeError(f"fn must be a function. Received: {fn!r}")
        super().__init__(name or getattr(fn, "__name__", type(fn).__name__), reduction, dtype)
        self.fn = fn

    def per_sample(self, y_true, y_pred):
        pair = self.fn(y_true, y_pred)
        if not isinstance(pair, tuple) or len(pair) != 2 or not callable(pair[1]):
            raise TypeError(
                f"The loss {self.name} must return (values, backward), backward(weights) being the gradient "
                f"of sum(values * weights) to y_pred. Received: {type(pair).__name__}"
            )
        return pair

    def get_config(self):
        raise ValueError(f"A function as a loss has no configuration. Received: {self.fn!r}")
