"""Keras's path for `to_categorical` and `pad_sequences`."""

from ..preprocessing.categorical import to_categorical
from ..preprocessing.sequence import pad_sequences

__all__ = ["pad_sequences", "to_categorical"]
