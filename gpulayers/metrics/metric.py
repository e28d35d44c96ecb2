"""The base class of metrics, and means."""

import numpy as np

from .. import registry
from ..losses.loss import Loss
from ..losses.weights import as_array, masked_weight, same_rank, weights_like
from ..ops import arrays


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


class Sum(Metric):
    """The (weighted) sum of the values given."""

    def reset_state(self):
        self.total = 0.0

    def update_state(self, values, sample_weight=None):
        values = as_array(values).astype(np.float64, copy=False)
        if sample_weight is not None:
            weights = as_array(sample_weight, arrays.device_of(values)).astype(np.float64, copy=False)
            values = same_rank(values, weights)[0] * weights_like(values, weights)
        self.total = self.total + values.sum()

    def result(self):
        return float(self.total)
