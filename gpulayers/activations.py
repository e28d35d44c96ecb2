"""Activation functions by name, at Keras's path."""

import dataclasses

from .ops.activation import ACTIVATIONS, Activation
from .ops.activations import (
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
from .ops.further_activations import (
    celu,
    glu,
    hard_shrink,
    hard_tanh,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from .registry import serialize_object

__all__ = [
    "Activation",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def get(identifier):
    """The Activation of a name, of None (linear), of a layer without weights (`LeakyReLU(0.1)`), of a
    configuration, or of an Activation itself.

    A function of one's own becomes an activation together with its gradient: see `Activation`.

    Raises:
        ValueError: an unknown name, a plain function, whose gradient nobody knows, or a layer with weights.
    """
    return deserialize(identifier)


def deserialize(config, custom_objects=None):
    """As `get`; custom_objects: {name: Activation}."""
    found, known = config, {**ACTIVATIONS, **(custom_objects or {})}
    if found is None:
        return linear
    if isinstance(found, dict) and isinstance(found.get("config"), dict):
        found = _layer(found, custom_objects)
    elif isinstance(found, dict):
        found = found.get("config", found.get("class_name"))
    if isinstance(found, str):
        found = known.get(found)
    if isinstance(found, Activation):
        return found
    if callable(getattr(found, "forward", None)) and hasattr(found, "trainable_weights"):
        return LayerActivation.of(found)
    raise ValueError(
        f"An activation must be one of {', '.join(sorted(known))}, an Activation with its gradient, or a "
        f"layer without weights. Received: {config!r}"
    )


def _layer(config, custom_objects):
    """The layer of a configuration."""
    from . import layers

    return layers.deserialize(config, custom_objects)


@dataclasses.dataclass(frozen=True, eq=False)
class LayerActivation(Activation):
    """A layer in place of a function.

    Attributes:
        layer: it has no weights.
    """

    layer: object

    def __reduce_ex__(self, protocol):
        return type(self).of, (self.layer,)

    @classmethod
    def of(cls, layer):
        from .layers import Layer

        if type(layer).build is not Layer.build:
            raise ValueError(f"A layer as activation must have no weights. Received: {layer!r}")

        def function(xp, x, out):
            y = layer(x).astype(x.dtype, copy=False)
            if out is None:
                return y
            out[...] = y
            return out

        def gradient(xp, grad_output, x):
            return layer.forward(x, training=False)[1](grad_output)

        return cls(f"layer {layer.name}", function, gradient, False, layer)


def serialize(activation):
    """The activation's name; of a layer the configuration."""
    if isinstance(activation, LayerActivation):
        return serialize_object(activation.layer)
    if not isinstance(activation, Activation):
        raise TypeError(f"An Activation is expected. Received: {activation!r}")
    return activation.name
