"""Arguments that all layers take, and their form in configurations."""

import numpy as np

from .. import activations
from ..ops import arrays
from ..registry import serialize_object


def serialized(value):
    """The value as it stands in a configuration."""
    if isinstance(value, activations.Activation):
        return activations.serialize(value)
    if hasattr(value, "get_config"):
        return serialize_object(value)
    return value


def dtype_of(dtype):
    """The NumPy dtype of a name (bfloat16 too) or of a dtype, or a ValueError."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        return arrays.bfloat16
    try:
        return np.dtype(dtype)
    except TypeError:
        raise ValueError(
            f"dtype must be float32, float16, bfloat16 or float64. Received: {dtype!r}"
        ) from None


def batch_input_shape(kind, shapes):
    """The shape given by the arguments that older Keras code passes to a model's first layer, or None."""
    shapes = dict(shapes)
    batch = shapes.pop("batch_input_shape", None)
    shape = shapes.pop("input_shape", None)
    size = shapes.pop("input_dim", None)
    if shapes:
        raise TypeError(f"{kind} has no argument {', '.join(map(repr, shapes))}. Received: {shapes}")
    if batch is not None:
        return tuple(batch)
    if shape is not None:
        return (None, *shape)
    return None if size is None else (None, size)
