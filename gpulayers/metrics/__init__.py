"""Metrics, by Keras's names: means over all samples seen since the last reset."""

import numpy as np

from .. import losses, registry
from ..losses.loss import Loss, as_array, kind_by_shapes, masked_weight, same_rank, weights_like
from ..ops import arrays
from ..ops import losses as loss_functions


class Metric:
    """A number that gathers over batches: `update_state`, `result`, `reset_state`."""

    def __init__(self, name=None, dtype=None):
        self.name = name or registry.snake_case(type(self).__name__)
        self.dtype = dtype
        self.reset_state()

    def reset_state(self):
        raise NotImplementedError

    def update_state(self, *arguments, **keywords):
        raise NotImplementedError

    def result(self):
        raise NotImplementedError

    def __call__(self, *arguments, **keywords):
        self.update_state(*arguments, **keywords)
        return self.result()

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Mean(Metric):
    """The (weighted) mean of the values given."""

    def reset_state(self):
        # Totals stay on the device: reading them would wait for it at every batch.
        self.total, self.count = 0.0, 0.0

    def update_state(self, values, sample_weight=None):
        if isinstance(sample_weight, (int, float)) and np.ndim(values) == 0:
            self.total = self.total + values * float(sample_weight)
            self.count += sample_weight
            return
        values = as_array(values)
        values = values.astype(np.float64, copy=False)
        if sample_weight is None:
            self.total = self.total + values.sum() / max(1, values.size) * (len(values) if values.ndim else 1)
            self.count += len(values) if values.ndim else 1
            return
        weights = as_array(sample_weight, arrays.device_of(values)).astype(np.float64, copy=False)
        broadcast = weights_like(values, weights)
        inner = max(1, values[0].size if values.ndim > 1 and len(values) else 1)
        self.total = self.total + (same_rank(values, weights)[0] * broadcast).sum() / inner
        self.count = self.count + broadcast.sum() / inner

    def result(self):
        count = float(self.count)
        return float(self.total) / count if count else 0.0


class MeanMetricWrapper(Mean):
    """The mean of `fn(y_true, y_pred, **keywords)`, which gives one value a sample."""

    def __init__(self, fn, name=None, dtype=None, **keywords):
        super().__init__(name or fn.__name__, dtype)
        self.fn, self.keywords = fn, keywords

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred = Loss.prepared(y_true, y_pred)
        values = self.fn(y_true, y_pred, **self.keywords)
        if mask is not None:
            weight = None if sample_weight is None else as_array(sample_weight, arrays.device_of(y_pred))
            sample_weight = masked_weight(
                weight, mask, arrays.array_module(y_pred), np.dtype(np.float64), False
            )
        super().update_state(values, sample_weight)


def accuracy(y_true, y_pred):
    """Where y_pred equals y_true, averaged over the last axis."""
    return (y_true == y_pred).mean(axis=-1)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Where y_pred > threshold agrees with y_true, averaged over the last axis."""
    return (y_true == (y_pred > threshold)).mean(axis=-1)


def categorical_accuracy(y_true, y_pred):
    """Where the largest of y_pred is the largest of the one-hot y_true."""
    return y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)


def sparse_categorical_accuracy(y_true, y_pred):
    """Where the largest of y_pred is at the class number y_true."""
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    return y_true == y_pred.argmax(axis=-1)


class Accuracy(MeanMetricWrapper):
    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"threshold must lie in (0, 1). Received: {threshold!r}")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


def _of_loss(operation):
    return lambda y_true, y_pred, **options: operation(y_true, y_pred, **options)[0]


class MeanSquaredError(MeanMetricWrapper):
    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(_of_loss(loss_functions.mean_squared_error), name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(_of_loss(loss_functions.mean_absolute_error), name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            _of_loss(loss_functions.binary_crossentropy),
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    def __init__(
        self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1
    ):
        super().__init__(
            _of_loss(loss_functions.categorical_crossentropy),
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, axis=-1):
        super().__init__(
            _of_loss(loss_functions.sparse_categorical_crossentropy),
            name,
            dtype,
            from_logits=from_logits,
            axis=axis,
        )


_REGISTRY = registry.Registry(
    "metric",
    Metric,
    [
        Mean,
        Accuracy,
        BinaryAccuracy,
        CategoricalAccuracy,
        SparseCategoricalAccuracy,
        MeanSquaredError,
        MeanAbsoluteError,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
    ],
    {"mse": MeanSquaredError, "MSE": MeanSquaredError, "mae": MeanAbsoluteError, "MAE": MeanAbsoluteError},
)
_BY_KIND = {  # name -> its binary, categorical and sparse forms
    "accuracy": (BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    "crossentropy": (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy),
}
_BY_KIND["acc"], _BY_KIND["ce"] = _BY_KIND["accuracy"], _BY_KIND["crossentropy"]
FORMED_BY_SHAPES = tuple(_BY_KIND)  # names whose form the shapes decide


def get(identifier):
    """The Metric of a name, an object, a config, a Loss or a function `f(y_true, y_pred)`; None stays
    None."""
    if isinstance(identifier, losses.Loss):
        return MeanMetricWrapper(
            lambda y_true, y_pred: identifier.per_sample(y_true, y_pred)[0], identifier.name
        )
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        return MeanMetricWrapper(identifier)
    return _REGISTRY.get(identifier)


def resolve(identifier, true_shape, predicted_shape):
    """As `get`; "accuracy" and "crossentropy" become their binary, categorical or sparse forms by the
    shapes."""
    forms = _BY_KIND.get(identifier) if isinstance(identifier, str) else None
    if forms is None:
        metric = get(identifier)
        if isinstance(identifier, str):
            metric.name = identifier
        return metric
    return forms[kind_by_shapes(true_shape, predicted_shape)](name=identifier)


deserialize = get
serialize = registry.serialize_object
