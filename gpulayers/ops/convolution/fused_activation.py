"""Activations that run inside a convolution."""

import enum


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
