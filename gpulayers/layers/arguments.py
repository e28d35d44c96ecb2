"""Arguments that all layers take, and their form in configurations."""

import numpy as np

from .. import activations
from ..registry import serialize_object


def serialized(value):
    """The value as it stands in a configuration."""
    if isinstance(value, activations.Activation):
        return activations.serialize(value)
    if hasattr(value, "get_config"):
        return serialize_object(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return type(value)(map(serialized, value))
    return value


_UNSUPPORTED = ("lora_rank", "lora_alpha", "quantization_config")  # of Keras, in whose files they are None


def batch_input_shape(kind, shapes):
    """The shape given by the arguments that older Keras code passes to a model's first layer, or None."""
    given, shapes = shapes, dict(shapes)
    batch = shapes.pop("batch_input_shape", None)
    shape = shapes.pop("input_shape", None)
    size = shapes.pop("input_dim", None)
    for name in _UNSUPPORTED:
        if shapes.pop(name, None) is not None:
            raise ValueError(f"{name} is not supported. Received: {name}={given[name]!r}")
    if shapes:
        raise TypeError(f"{kind} has no argument {', '.join(map(repr, shapes))}. Received: {shapes}")
    if batch is not None:
        return tuple(batch)
    if shape is not None:
        return (None, *shape)
    return None if size is None else (None, size)
