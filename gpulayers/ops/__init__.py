"""Pure functions on NumPy or CuPy arrays, in pairs: forward and backward."""

from .convolution import conv, conv_backward_bias, conv_backward_input, conv_backward_weight
from .dispatch import explain
from .embedding import embedding, embedding_backward
from .recurrent import lstm, lstm_backward

__all__ = [
    "conv",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "embedding",
    "embedding_backward",
    "explain",
    "lstm",
    "lstm_backward",
]
