"""Penalties on weights and outputs, by Keras's names."""

from ..ops import arrays
from ..registry import Registry, deserializer, serialize_object


class Regularizer:
    """`regularizer(x)` is the penalty, `regularizer.gradient(x)` its gradient."""

    def __call__(self, x):
        raise NotImplementedError

    def gradient(self, x):
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _factor(value, name):
    if not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"{name} must be a number of at least 0. Received: {value!r}")
    return float(value)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2)."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = _factor(0.0 if l1 is None else l1, "l1"), _factor(0.0 if l2 is None else l2, "l2")

    def __call__(self, x):
        x = x.astype(arrays.accumulation_dtype(x.dtype), copy=False)
        return self.l1 * abs(x).sum() + self.l2 * (x * x).sum()

    def gradient(self, x):
        xp = arrays.array_module(x)
        return (self.l1 * xp.sign(x) + 2 * self.l2 * x).astype(x.dtype, copy=False)

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    def __init__(self, l1=0.01):
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self):
        return {"l1": self.l1}


class L2(L1L2):
    def __init__(self, l2=0.01):
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self):
        return {"l2": self.l2}


_REGISTRY = Registry("regularizer", Regularizer, [L1, L2, L1L2], {"l1_l2": L1L2})


def get(identifier):
    """The Regularizer of a name, an object or a config; None stays None."""
    return _REGISTRY.get(identifier)


deserialize = deserializer(get)
serialize = serialize_object
l1, l2, l1_l2 = L1, L2, L1L2
