"""EmbeddingBag: rows of a trained table, reduced bag by bag. Beyond Keras."""

from .. import ops
from ..ops.embedding.bag_problem import MODES
from ..ops.spatial import integer
from .calling import is_float
from .layer import Layer


class EmbeddingBag(Layer):
    """The sum, mean or maximum of the rows that each bag's ids choose. Not in Keras.

    Called on [ids, offsets] or, with mode "sum", [ids, offsets, weights]: the ids of all bags one after the
    other (count,), where each bag begins (bags,), a factor for each id (count,).

    Args:
        input_dim: rows of the table: ids lie in [0, input_dim).
        output_dim: columns.
        mode: "sum", "mean" or "max"; an empty bag gives 0.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: as for Embedding.

    Shapes: (count,), (bags,) -> (bags, output_dim); embeddings (input_dim, output_dim).

    Raises (when called):
        IndexError: an id outside [0, input_dim), named with its position.
    """

    converts_integers = False

    def __init__(
        self,
        input_dim,
        output_dim,
        mode="mean",
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_dim = integer(input_dim, "input_dim", least=1)
        self.output_dim = integer(output_dim, "output_dim", least=1)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}. Received: {mode!r}")
        self.mode = mode
        self.set_weight_arguments(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )

    def build(self, input_shape):
        self.embeddings = self.weight_of("embeddings", (self.input_dim, self.output_dim))

    def convert_input(self, array):
        """Ids pass; weights take the type of the table."""
        return array.astype(self.variable_dtype, copy=False) if is_float(array) else array

    def forward(self, inputs, training=True):
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise ValueError(
                f"{self.name} takes [ids, offsets] or [ids, offsets, weights]. Received: {inputs!r}"
            )
        ids, offsets = inputs[:2]
        weights = inputs[2] if len(inputs) == 3 else None
        table = self.embeddings.value
        y, argmax = ops.embedding_bag(ids, offsets, table, mode=self.mode, weights=weights)

        def backward(grad_output):
            options = dict(mode=self.mode, weights=weights, argmax=argmax)
            grad_rows = grad_output.astype(self.variable_dtype, copy=False)
            grad, grad_weights = ops.embedding_bag_backward(grad_rows, ids, offsets, table, **options)
            if self.embeddings.trainable:
                self.embeddings.add_grad(grad)
            return [None, None, grad_weights][: len(inputs)]

        return y.astype(self.compute_dtype, copy=False), backward

    def compute_output_dtype(self, input_dtypes):
        return self.compute_dtype.name

    def compute_output_shape(self, input_shape):
        if len(input_shape) not in (2, 3) or not all(isinstance(part, (tuple, list)) for part in input_shape):
            raise ValueError(f"{self.name} takes two or three inputs. Received: shapes {input_shape}")
        return (input_shape[1][0], self.output_dim)
