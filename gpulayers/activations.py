"""Activation functions by name, at Keras's path."""

from .ops.activations import (
    ACTIVATIONS,
    Activation,
    elu,
    exponential,
    gelu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
    tanh,
)

__all__ = [
    "Activation",
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
    "deserialize",
    "get",
    "serialize",
]


def get(identifier):
    """The Activation of a name, of None (linear) or of an Activation itself.

    A function of one's own becomes an activation together with its gradient: see `Activation`.

    Raises:
        ValueError: an unknown name, or a plain function, whose gradient nobody knows.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Activation):
        return identifier
    if isinstance(identifier, dict):
        identifier = identifier.get("config", identifier.get("class_name"))
    if isinstance(identifier, str) and identifier in ACTIVATIONS:
        return ACTIVATIONS[identifier]
    known = ", ".join(sorted(ACTIVATIONS))
    raise ValueError(
        f"An activation must be one of {known}, or an Activation with its gradient. Received: {identifier!r}"
    )


deserialize = get


def serialize(activation):
    """The activation's name."""
    return activation.name
