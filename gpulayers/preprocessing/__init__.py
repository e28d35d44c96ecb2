"""From texts and class numbers to arrays, at Keras's paths."""

from . import sequence, text

__all__ = ["sequence", "text"]
