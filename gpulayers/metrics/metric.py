"""The base class of metrics, and means."""

import numpy as np

from .. import config, initializers
from ..layers.names import automatic_name
from ..losses.weights import as_array, masked_weight, same_rank
from ..ops import arrays
from ..ops.spatial import sizes
from ..variable import Variable


class Metric:
    """A number that gathers over batches: `update_state`, `result`, `reset_state`.

    A metric of one's own writes `update_state(y_true, y_pred, sample_weight=None)` and `result()`, and keeps
    what it gathers in variables made by `add_variable`, which `reset_state` sets to zero; or it writes
    `reset_state` too.

    Args:
        dtype: as in Keras; sums are formed in float64 in any case.
        name: shown in logs; default: the class name in snake case, numbered.
    """

    direction = None  # "up" or "down": where the metric is better

    def __init__(self, dtype=None, name=None):
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a string. Received: {name!r}")
        self.name = name or automatic_name(type(self).__name__)
        self.dtype = config.floatx() if dtype is None else _name_of(dtype)
        self.variables = []

    def add_variable(self, shape=(), initializer="zeros", dtype=None, name=None):
        """A Variable in the host's memory, which `reset_state` sets to zero."""
        made = initializers.get(initializer)(
            sizes(shape, "shape"), dtype=arrays.any_dtype("float64" if dtype is None else dtype, "dtype")
        )
        self.variables.append(Variable(np.array(made), name or "variable", trainable=False))
        return self.variables[-1]

    add_weight = add_variable

    def reset_state(self):
        """Starts anew."""
        for variable in self.variables:
            variable.value[...] = 0

    def update_state(self, *arguments, **keywords):
        """Takes a batch in."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def result(self):
        """The number (or the array) of what was taken in."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def __call__(self, *arguments, **keywords):
        self.update_state(*arguments, **keywords)
        return self.result()

    def get_config(self):
        """The arguments by name."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def _name_of(dtype):
    return arrays.any_dtype(dtype, "dtype").name


class _Reduction(Metric):
    """Sums of values, one a sample; what is left of a sample's is reduced first."""

    def __init__(self, name, dtype=None):
        super().__init__(dtype, name)
        self.reset_state()

    def _samplewise(self, values, sample_weight, reduce):
        """(values, weights or None) in float64, both of one axis or none; `reduce(array, axes)`."""
        values = as_array(values, name="values").astype(np.float64, copy=False)
        if sample_weight is not None:
            weights = as_array(sample_weight, arrays.device_of(values), "sample_weight")
            values, weights = same_rank(values, weights.astype(np.float64, copy=False))
            if values.ndim > weights.ndim:
                values = reduce(values, tuple(range(weights.ndim, values.ndim)))
            try:
                weights = arrays.array_module(values).broadcast_to(weights, values.shape)
            except ValueError:
                raise ValueError(
                    f"sample_weight must fit values of shape {tuple(values.shape)}. "
                    f"Received: shape {tuple(weights.shape)}"
                ) from None
            values = values * weights
            sample_weight = reduce(weights, tuple(range(1, weights.ndim))) if weights.ndim > 1 else weights
        if values.ndim > 1:
            values = reduce(values, tuple(range(1, values.ndim)))
        return values, sample_weight


class Mean(_Reduction):
    """The (weighted) mean of the values given."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(name, dtype)

    def reset_state(self):
        # Totals stay on the device: reading them would wait for it at every batch.
        self.total, self.count = 0.0, 0.0

    def update_state(self, values, sample_weight=None):
        if isinstance(sample_weight, (int, float)) and np.ndim(values) == 0:
            self.total = self.total + values * float(sample_weight)
            self.count += sample_weight
            return
        values, weights = self._samplewise(values, sample_weight, lambda array, axes: array.mean(axis=axes))
        self.total = self.total + values.sum()
        self.count = self.count + (
            weights.sum() if weights is not None else len(values) if values.ndim else 1
        )

    def take(self, values, sample_weight, mask):
        """Takes values in, of samples with weights and a mask or None."""
        device = arrays.device_of(as_array(values))
        if mask is not None:
            weight = None if sample_weight is None else as_array(sample_weight, device, "sample_weight")
            mask = as_array(mask, device, "mask")
            kind = np.dtype(np.float64)
            sample_weight = masked_weight(weight, mask, device.array_module, kind, False)
        Mean.update_state(self, values, sample_weight)

    def result(self):
        count = float(self.count)
        return float(self.total) / count if count else 0.0


class Sum(_Reduction):
    """The (weighted) sum of the values given."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name, dtype)

    def reset_state(self):
        self.total = 0.0

    def update_state(self, values, sample_weight=None):
        values, _ = self._samplewise(values, sample_weight, lambda array, axes: array.sum(axis=axes))
        self.total = self.total + values.sum()

    def result(self):
        return float(self.total)


class MeanMetricWrapper(Mean):
    """The mean of `fn(y_true, y_pred, **keywords)`, which gives one value a sample (or element)."""

    def __init__(self, fn, name=None, dtype=None, **keywords):
        if not callable(fn):
            raise TypeError(f"fn must be a function of y_true and y_pred. Received: {fn!r}")
        super().__init__(getattr(fn, "__name__", None) if name is None else name, dtype)
        self.fn, self.keywords = fn, keywords

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_pred = as_array(y_pred)
        y_true = as_array(y_true, arrays.device_of(y_pred))
        self.take(self.fn(y_true, y_pred, **self.keywords), sample_weight, mask)

    def get_config(self):
        if type(self) is MeanMetricWrapper:
            raise ValueError(f"A function as a metric has no configuration. Received: {self.fn!r}")
        return super().get_config() | self.keywords
