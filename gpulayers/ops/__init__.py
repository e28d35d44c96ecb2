"""Pure functions on NumPy or CuPy arrays, in pairs: forward and backward."""

from .dispatch import explain
from .embedding import embedding, embedding_backward

__all__ = ["embedding", "embedding_backward", "explain"]
