"""Recurrent cells over whole sequences."""

from .gru_op import gru, gru_backward
from .gru_variant import gru_variant, gru_variant_backward
from .lstm_op import lstm, lstm_backward
from .lstm_variant import lstm_variant, lstm_variant_backward
from .problem import ACTIVATIONS, GATES, GRU_GATES, GRUProblem, LSTMProblem, SimpleRNNProblem
from .simple_rnn_op import simple_rnn, simple_rnn_backward

__all__ = [
    "ACTIVATIONS",
    "GATES",
    "GRU_GATES",
    "GRUProblem",
    "LSTMProblem",
    "SimpleRNNProblem",
    "gru",
    "gru_backward",
    "gru_variant",
    "gru_variant_backward",
    "lstm",
    "lstm_backward",
    "lstm_variant",
    "lstm_variant_backward",
    "simple_rnn",
    "simple_rnn_backward",
]
