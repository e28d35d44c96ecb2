"""Keras's path for functions that belong to no other part."""

from ..layers.names import clear_session
from ..models.plotting import model_to_dot, plot_model
from ..ops.random import set_random_seed
from ..preprocessing.categorical import to_categorical
from ..preprocessing.sequence import pad_sequences

__all__ = [
    "clear_session",
    "model_to_dot",
    "pad_sequences",
    "plot_model",
    "set_random_seed",
    "to_categorical",
]
