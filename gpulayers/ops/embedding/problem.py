"""What one embedding lookup is: validation, shapes, work."""

import math

import numpy as np

from ..arrays import float_dtype
from ..dispatch import problem_type
from ..spatial import sizes

INDEX_DTYPES = (np.dtype(np.int32), np.dtype(np.int64))


@problem_type
class EmbeddingProblem:
    """`count` rows of a table (input_dim, output_dim) chosen by ids.

    Attributes:
        ids_shape: shape of the ids; `count` is its product.
        input_dim, output_dim: rows and columns of the table.
        dtype: of the table and the output.
        index_dtype: of the ids, int32 or int64.
    """

    ids_shape: tuple
    input_dim: int
    output_dim: int
    dtype: np.dtype
    index_dtype: np.dtype

    @classmethod
    def resolve(cls, ids, table_shape, dtype):
        """The problem of gathering rows of a table of that shape, or a ValueError/TypeError."""
        if len(table_shape) != 2:
            raise ValueError(
                f"An embedding table has shape (input_dim, output_dim). Received: {tuple(table_shape)}"
            )
        if ids.dtype not in INDEX_DTYPES:
            raise TypeError(f"Embedding ids must be int32 or int64. Received: {ids.dtype}")
        input_dim, output_dim = sizes(table_shape, "The shape of the table")
        return cls(tuple(ids.shape), input_dim, output_dim, float_dtype(dtype, "table"), np.dtype(ids.dtype))

    @property
    def count(self):
        return math.prod(self.ids_shape)

    @property
    def output_shape(self):
        return (*self.ids_shape, self.output_dim)

    def flops(self):
        """Additions of the backward; the forward has none."""
        return self.count * self.output_dim

    def bytes_moved(self):
        """The least bytes of the forward: ids and chosen rows in, rows out. Of the sparse backward no less,
        where every id occurs once."""
        rows = self.count * self.output_dim * self.dtype.itemsize
        return self.count * self.index_dtype.itemsize + 2 * rows


def bad_id(value, place, shape, input_dim):
    """The IndexError of an id outside the table, at that place of the flattened ids of a shape."""
    index = tuple(map(int, np.unravel_index(place, shape)))
    where = index[0] if len(index) == 1 else index
    return IndexError(f"Embedding ids must lie in [0, {input_dim}). Received: id {value} at position {where}")
