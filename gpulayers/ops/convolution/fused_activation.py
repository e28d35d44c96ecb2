"""Activations that run inside a convolution."""

import enum

import numpy as np

from .. import activations


class Activation(enum.Enum):
    """What can follow the bias in the same pass; the value is the name that callers use."""

    NONE = None
    RELU = "relu"
    TANH = "tanh"
    SIGMOID = "sigmoid"


def fused_activation(name):
    """The Activation of a name, or a ValueError."""
    known = [entry.value for entry in Activation]
    if not (name is None or isinstance(name, str)) or name not in known:
        raise ValueError(f"activation must be one of {known}. Received: {name!r}")
    return Activation(name)


def _sigmoid(y):
    with np.errstate(over="ignore"):  # exp overflows to infinity where the result is 0
        return np.divide(1, 1 + np.exp(-y), out=y)  # np.negative is wrong in place on some strides


IN_PLACE = {  # functions of NumPy arrays
    Activation.NONE: lambda y: y,
    Activation.RELU: lambda y: activations.relu.function(np, y, y),
    Activation.TANH: lambda y: np.tanh(y, out=y),
    Activation.SIGMOID: _sigmoid,
}
