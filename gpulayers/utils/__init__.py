"""Keras's path for functions that belong to no other part."""

from ..backend import is_keras_tensor, standardize_dtype
from ..layers.names import clear_session
from ..models.functional import get_source_inputs
from ..models.plotting import model_to_dot, plot_model
from ..ops.random import set_random_seed
from ..preprocessing.categorical import to_categorical
from ..preprocessing.normalizing import normalize
from ..preprocessing.sequence import pad_sequences
from ..saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from .dataset import PyDataset, pack_x_y_sample_weight, unpack_x_y_sample_weight

Sequence = PyDataset

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "is_keras_tensor",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
