"""Constraints put on weights after each update, by Keras's names."""

import numpy as np

from .. import config
from ..arguments import number, real
from ..ops import arrays
from ..ops.axes import positive_axes
from ..ops.spatial import integer
from ..registry import Registry, deserializer, serialize_object


class Constraint:
    """`constraint(weight)` is the weight made to fit."""

    def __call__(self, weight):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(weight)")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _checked_axes(axis):
    """The axis or axes as integers, or a TypeError or ValueError; None, all, stays."""
    if axis is None:
        return None
    several = isinstance(axis, (list, tuple))
    found = [integer(entry, "axis", -(2**31)) for entry in (axis if several else [axis])]
    return found if several else found[0]


def _taken(weight):
    """The weight, which is an array of floats, or a TypeError."""
    weight = arrays.take(weight, "weight")
    arrays.float_dtype(weight.dtype, "weight")
    return weight


def _norms(weight, axis):
    weight = _taken(weight)
    axis = None if axis is None else positive_axes(axis, weight.ndim)
    wide = weight.astype(arrays.accumulation_dtype(weight.dtype), copy=False)
    return wide, np.sqrt((wide * wide).sum(axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Norms along `axis` of at most `max_value`."""

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = number(max_value, "max_value"), _checked_axes(axis)

    def __call__(self, weight):
        wide, norms = _norms(weight, self.axis)
        return (wide * (norms.clip(0, self.max_value) / (config.epsilon() + norms))).astype(
            weight.dtype, copy=False
        )

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No negative elements."""

    def __call__(self, weight):
        weight = _taken(weight)
        return weight * (weight >= 0).astype(weight.dtype)


class UnitNorm(Constraint):
    """Norms along `axis` of 1."""

    def __init__(self, axis=0):
        self.axis = _checked_axes(axis)

    def __call__(self, weight):
        wide, norms = _norms(weight, self.axis)
        return (wide / (config.epsilon() + norms)).astype(weight.dtype, copy=False)

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms along `axis` drawn towards [min_value, max_value], by the share `rate`."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value = number(min_value, "min_value"), number(max_value, "max_value")
        if self.max_value < self.min_value:
            raise ValueError(
                f"max_value must be at least min_value, {min_value!r}. Received: max_value={max_value!r}"
            )
        self.rate, self.axis = real(rate, "rate"), _checked_axes(axis)

    def __call__(self, weight):
        wide, norms = _norms(weight, self.axis)
        desired = self.rate * norms.clip(self.min_value, self.max_value) + (1 - self.rate) * norms
        return (wide * (desired / (config.epsilon() + norms))).astype(weight.dtype, copy=False)

    def get_config(self):
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


_REGISTRY = Registry("constraint", Constraint, [MaxNorm, NonNeg, UnitNorm, MinMaxNorm])


class _Function(Constraint):
    """A function of one's own of the weight."""

    def __init__(self, function):
        self.function = function

    def __call__(self, weight):
        return self.function(weight)

    def get_config(self):
        raise ValueError(f"A constraint that is a function has no configuration. Received: {self.function!r}")


def get(identifier):
    """The Constraint of a name, an object, a class, a config or a function of the weight; None stays None.

    Raises:
        ValueError: anything else.
    """
    if callable(identifier) and not isinstance(identifier, (Constraint, type)):
        return _Function(identifier)
    return _REGISTRY.get(identifier)


deserialize = deserializer(get)
serialize = serialize_object
max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
