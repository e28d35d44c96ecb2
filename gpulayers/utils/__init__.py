"""Keras's path for `to_categorical`, `pad_sequences`, `set_random_seed` and `clear_session`."""

from ..layers.names import clear_session
from ..ops.random import set_random_seed
from ..preprocessing.categorical import to_categorical
from ..preprocessing.sequence import pad_sequences

__all__ = ["clear_session", "pad_sequences", "set_random_seed", "to_categorical"]
