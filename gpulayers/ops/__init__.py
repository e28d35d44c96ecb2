"""Pure functions on NumPy or CuPy arrays, in pairs: forward and backward."""

from . import further_activations  # noqa: F401  (known by their names to all operations)
from .convolution import conv, conv_backward_bias, conv_backward_input, conv_backward_weight
from .convolution.depthwise import (
    depthwise_conv,
    depthwise_conv_backward_input,
    depthwise_conv_backward_weight,
)
from .convolution.transposed import (
    conv_transpose,
    conv_transpose_backward_input,
    conv_transpose_backward_weight,
)
from .dispatch import explain
from .embedding import embedding, embedding_backward, embedding_backward_sparse
from .embedding.bag import embedding_bag, embedding_bag_backward, embedding_bag_backward_sparse
from .embedding.row_sparse import RowSparseGradient
from .pooling import (
    adaptive_average_pool,
    adaptive_average_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
    adaptive_max_pool_with_argmax,
    average_pool,
    average_pool_backward,
    global_average_pool,
    global_average_pool_backward,
    global_max_pool,
    global_max_pool_backward,
    global_max_pool_with_argmax,
    max_pool,
    max_pool_backward,
    max_pool_with_argmax,
    max_pool_with_indices,
    max_unpool,
    max_unpool_backward,
)
from .recurrent import (
    gru,
    gru_backward,
    gru_variant,
    gru_variant_backward,
    lstm,
    lstm_backward,
    lstm_variant,
    lstm_variant_backward,
    simple_rnn,
    simple_rnn_backward,
)

__all__ = [
    "RowSparseGradient",
    "adaptive_average_pool",
    "adaptive_average_pool_backward",
    "adaptive_max_pool",
    "adaptive_max_pool_backward",
    "adaptive_max_pool_with_argmax",
    "average_pool",
    "average_pool_backward",
    "conv",
    "conv_backward_bias",
    "conv_backward_input",
    "conv_backward_weight",
    "conv_transpose",
    "conv_transpose_backward_input",
    "conv_transpose_backward_weight",
    "depthwise_conv",
    "depthwise_conv_backward_input",
    "depthwise_conv_backward_weight",
    "embedding",
    "embedding_backward",
    "embedding_backward_sparse",
    "embedding_bag",
    "embedding_bag_backward",
    "embedding_bag_backward_sparse",
    "explain",
    "global_average_pool",
    "global_average_pool_backward",
    "global_max_pool",
    "global_max_pool_backward",
    "global_max_pool_with_argmax",
    "gru",
    "gru_backward",
    "gru_variant",
    "gru_variant_backward",
    "lstm",
    "lstm_backward",
    "lstm_variant",
    "lstm_variant_backward",
    "max_pool",
    "max_pool_backward",
    "max_pool_with_argmax",
    "max_pool_with_indices",
    "max_unpool",
    "max_unpool_backward",
    "simple_rnn",
    "simple_rnn_backward",
]
