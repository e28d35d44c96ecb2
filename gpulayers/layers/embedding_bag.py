"""EmbeddingBag: rows of a trained table, reduced bag by bag. Beyond Keras."""

from .. import ops
from ..arguments import flag
from ..ops import arrays
from ..ops.embedding.bag_problem import MODES
from ..ops.spatial import integer
from .calling import is_float
from .embedding import as_ids, checked_sparse_gradient
from .layer import Layer


class EmbeddingBag(Layer):
    """The sum, mean or maximum of the rows that each bag's ids choose. Not in Keras.

    Called on ids (batch, length), a bag a row; on [ids, lengths], with lengths (batch,): how many ids of each
    row are of its bag, those behind are padding; or on [ids, offsets], ids (count,) being those of all bags
    one after the other and offsets (bags,) where each bag begins. With mode "sum" a list may end with floats
    of the ids' shape: a factor for each id.

    Args:
        input_dim: rows of the table: ids lie in [0, input_dim).
        output_dim: columns.
        mode: "sum", "mean" or "max"; an empty bag gives 0.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: as for Embedding.
        mask_zero: id 0 is padding and in no bag.
        sparse_gradient: as for Embedding.

    A call's `mask`, bools of the ids' shape, also leaves ids out of their bags. What is left out may be any
    number.

    Shapes: (batch, length) -> (batch, output_dim) or (count,), (bags,) -> (bags, output_dim); embeddings
    (input_dim, output_dim).

    Raises (when called):
        IndexError: an id outside [0, input_dim), named with its position.
        TypeError, ValueError: inputs other than these, offsets that do not ascend, lengths beyond the rows.
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
        *,
        mask_zero=False,
        sparse_gradient=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_dim = integer(input_dim, "input_dim", least=1)
        self.output_dim = integer(output_dim, "output_dim", least=1)
        if not isinstance(mode, str) or mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}. Received: {mode!r}")
        self.mode = mode
        self.set_weight_arguments(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        self.mask_zero = flag(mask_zero, "mask_zero")
        self.sparse_gradient = checked_sparse_gradient(self, sparse_gradient)

    def build(self, input_shape=None):
        self.embeddings = self.weight_of("embeddings", (self.input_dim, self.output_dim))

    def convert_input(self, array):
        """Left to `forward`: the inputs are of several kinds."""
        return array

    def forward(self, inputs, mask=None, training=True):
        several = isinstance(inputs, (list, tuple))
        ids, offsets, lengths, weights = self._sorted_out(inputs if several else [inputs])
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        mask = self._mask(ids, lengths, mask)
        table = self.embeddings.value
        options = dict(mode=self.mode, weights=weights, mask=mask)
        y, argmax = ops.embedding_bag(ids, offsets, table, **options)

        def backward(grad_output):
            nothing = [None] * (len(inputs) if several else 1)
            if weights is None and not self.embeddings.trainable:
                return nothing if several else None
            grad_rows = grad_output.astype(self.variable_dtype, copy=False)
            operands = grad_rows, ids, offsets, table
            if self.sparse_gradient:
                used, grad, grad_weights = ops.embedding_bag_backward_sparse(
                    *operands, argmax=argmax, **options
                )
                grad = ops.RowSparseGradient(used, grad, self.embeddings.shape, checked=True)
            else:
                grad, grad_weights = ops.embedding_bag_backward(*operands, argmax=argmax, **options)
            if self.embeddings.trainable:
                self.embeddings.add_grad(grad)
            if weights is not None:
                nothing[-1] = grad_weights
            return nothing if several else None

        return y.astype(self.compute_dtype, copy=False), backward

    def _sorted_out(self, inputs):
        """(ids, offsets, lengths, weights) of a call's inputs, those that are not there None."""
        ids, *others = inputs
        floats = [part for part in others if is_float(part)]
        integers = [part for part in others if not is_float(part)]
        flat = ids.ndim == 1
        if ids.ndim not in (1, 2) or len(integers) > 1 or len(floats) > 1 or flat and not integers:
            raise ValueError(
                f"{self.name} takes ids (batch, length), [ids, lengths] or, for ids (count,), "
                "[ids, offsets], a list with or without weights at its end. "
                f"Received: {[(tuple(part.shape), str(part.dtype)) for part in inputs]}"
            )
        ids, second = as_ids(ids, self.name), integers[0] if integers else None
        weights = floats[0].astype(self.variable_dtype, copy=False) if floats else None
        return ids, second if flat else None, None if flat else second, weights

    def _mask(self, ids, lengths, mask):
        """Which ids are in bags; None: all."""
        if self.mask_zero:
            mask = ids != 0 if mask is None else mask & (ids != 0)
        if lengths is None:
            return mask
        xp = arrays.array_module(ids)
        if lengths.dtype.kind not in "iu" or tuple(lengths.shape) != ids.shape[:1]:
            raise ValueError(
                f"lengths must be integers of shape {ids.shape[:1]}. "
                f"Received: {lengths.dtype} of shape {tuple(lengths.shape)}"
            )
        if bool(((lengths < 0) | (lengths > ids.shape[1])).any()):
            raise ValueError(f"lengths must lie in [0, {ids.shape[1]}]. Received: {arrays.to_numpy(lengths)}")
        inside = xp.arange(ids.shape[1]) < lengths[:, None]
        return inside if mask is None else mask & inside

    def compute_output_dtype(self, input_dtypes):
        return self.compute_dtype.name

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        shapes = input_shape if input_shape and isinstance(input_shape[0], (tuple, list)) else [input_shape]
        if (
            not 1 <= len(shapes) <= 3
            or len(shapes[0]) not in (1, 2)
            or len(shapes[0]) == 1
            and len(shapes) == 1
        ):
            raise ValueError(
                f"{self.name} takes ids of rank 2, or of rank 1 with offsets. Received: {shapes}"
            )
        return (shapes[0][0] if len(shapes[0]) == 2 else shapes[1][0], self.output_dim)

    def get_config(self):
        config = super().get_config()
        if not self.sparse_gradient:
            config.pop("sparse_gradient")
        return config
