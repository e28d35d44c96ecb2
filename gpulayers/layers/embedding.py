"""Embedding: a trained row of numbers for each integer."""

import numpy as np

from .. import ops
from ..arguments import flag
from ..ops import arrays
from ..ops.embedding.problem import INDEX_DTYPES
from ..ops.spatial import integer
from .calling import is_float
from .layer import Layer


class Embedding(Layer):
    """Rows of a table chosen by integer ids.

    Args:
        input_dim: rows of the table: ids lie in [0, input_dim).
        output_dim: columns.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: as in Keras.
        mask_zero: id 0 is padding: the output's mask is `ids != 0`.
        weights: the table's first values, or a list of that one array.
        input_length: length of the sequences, if fixed (Keras ignores it; here another length is a
            ValueError).
        sparse_gradient: whether the gradient to the table is a RowSparseGradient of the rows that a batch
            uses, so that a step costs no more for a larger table. Train with SGD, LazyAdam or RowWiseAdagrad,
            which change these rows alone; a constraint or a moving average of the weights still passes over
            the table. Not in Keras, and in the configuration only where it is True.

    Shapes: (batch, ...) -> (batch, ..., output_dim); embeddings (input_dim, output_dim).

    Raises (when called):
        IndexError: an id outside [0, input_dim), named with its position.
        ValueError: a sequence of another length than input_length; with sparse_gradient a regularizer, whose
            gradient is dense.
    """

    converts_integers = False
    skips_input_gradient = True
    unsupported = ("lora_rank", "lora_alpha", "quantization_config")

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        *,
        input_length=None,
        sparse_gradient=False,
        **kwargs,
    ):
        self.input_length = None if input_length is None else _lengths(input_length)
        if self.input_length is not None and not {"batch_input_shape", "input_shape"} & set(kwargs):
            kwargs["input_shape"] = self.input_length
        super().__init__(**kwargs)
        self.input_dim = integer(input_dim, "input_dim", least=1)
        self.output_dim = integer(output_dim, "output_dim", least=1)
        self.set_weight_arguments(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        self.mask_zero = self.supports_masking = flag(mask_zero, "mask_zero")
        self.sparse_gradient = checked_sparse_gradient(self, sparse_gradient)
        self.autocast = False
        self.embeddings = None
        if weights is not None:
            self.build(None)
            self.set_weights(weights if isinstance(weights, (list, tuple)) else [weights])

    def build(self, input_shape=None):
        self.embeddings = self.weight_of("embeddings", (self.input_dim, self.output_dim))

    def convert_input(self, array):
        """int32 and int64 pass; other numbers become integers, as in Keras."""
        return as_ids(array, self.name)

    def forward(self, ids, training=True):
        self._check_length(ids.shape)
        rows = ops.embedding(ids, self.embeddings.value)

        def backward(grad_output, input_gradient=True):
            if self.embeddings.trainable:
                grad_rows = grad_output.astype(self.variable_dtype, copy=False)
                if self.sparse_gradient:
                    used, grad = ops.embedding_backward_sparse(ids, grad_rows, self.input_dim)
                    grad = ops.RowSparseGradient(used, grad, self.embeddings.shape, checked=True)
                else:
                    grad = ops.embedding_backward(ids, grad_rows, self.input_dim)
                self.embeddings.add_grad(grad)

        return rows.astype(self.compute_dtype, copy=False), backward

    def compute_output_dtype(self, input_dtypes):
        return self.compute_dtype.name

    def compute_mask(self, inputs, mask=None):
        return arrays.take(inputs, f"The input of {self.name}") != 0 if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        self._check_length(input_shape)
        if self.input_length is not None:
            input_shape = (input_shape[0], *self.input_length)
        return (*input_shape, self.output_dim)

    def _check_length(self, shape):
        wanted = self.input_length
        if wanted is None:
            return
        given = tuple(shape[1:])
        if len(given) != len(wanted) or any(
            None not in pair and pair[0] != pair[1] for pair in zip(given, wanted)
        ):
            raise ValueError(
                f"{self.name} takes sequences of input_length {wanted}. Received: shape {tuple(shape)}"
            )

    def get_config(self):
        config = super().get_config()
        config.pop("weights")
        if not self.sparse_gradient:
            config.pop("sparse_gradient")
        return config


def as_ids(array, name):
    """int32 and int64 as they are, other numbers as integers that hold them.

    Raises:
        TypeError: anything else.
    """
    if array.dtype in INDEX_DTYPES:
        return array
    if array.dtype.kind not in "iub" and not is_float(array):
        raise TypeError(f"The input of {name} must hold integer ids. Received: dtype {array.dtype}")
    # A float may be beyond int32, and NaN becomes a number that is no row in int64 alone.
    wide = is_float(array) or array.dtype.kind == "u" and array.dtype.itemsize > 2
    with np.errstate(invalid="ignore"):
        return array.astype(np.int64 if wide else np.int32)


def checked_sparse_gradient(layer, sparse_gradient):
    """The argument as a bool, or a ValueError where the layer's table has a regularizer."""
    sparse_gradient = flag(sparse_gradient, "sparse_gradient")
    if sparse_gradient and layer.embeddings_regularizer is not None:
        raise ValueError(
            "A regularizer's gradient is dense: leave out embeddings_regularizer (an optimizer's "
            "weight_decay shrinks the rows used) or sparse_gradient. "
            f"Received: {layer.embeddings_regularizer!r}"
        )
    return sparse_gradient


def _lengths(input_length):
    lengths = input_length if isinstance(input_length, (list, tuple)) else (input_length,)
    return tuple(None if length is None else integer(length, "input_length", least=1) for length in lengths)
