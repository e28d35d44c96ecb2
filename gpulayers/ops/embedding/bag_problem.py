"""What one embedding bag call is: validation, shapes, work."""

import dataclasses
import math

import numpy as np

from ..arrays import float_dtype
from .problem import INDEX_DTYPES

MODES = ("sum", "mean", "max")


@dataclasses.dataclass(frozen=True)
class EmbeddingBagProblem:
    """Rows of a table, chosen by ids and reduced bag by bag.

    Attributes:
        count, bags: ids, and bags of them.
        input_dim, output_dim: of the table.
        mode: "sum", "mean" or "max".
        weighted: whether each id has a weight.
        dtype, index_dtype: of the table, and of the ids.
    """

    count: int
    bags: int
    input_dim: int
    output_dim: int
    mode: str
    weighted: bool
    dtype: np.dtype
    index_dtype: np.dtype

    @classmethod
    def resolve(cls, ids, offsets, table, mode, weights, mask):
        """The problem of these arrays, or a ValueError/TypeError."""
        if not isinstance(mode, str) or mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}. Received: {mode!r}")
        if ids.dtype not in INDEX_DTYPES:
            raise TypeError(f"Embedding ids must be int32 or int64. Received: {ids.dtype}")
        if offsets is not None and offsets.dtype.kind not in "iu":
            raise TypeError(f"offsets must be integers. Received: {offsets.dtype}")
        flat = offsets is not None
        if ids.ndim != (1 if flat else 2) or flat and offsets.ndim != 1 or table.ndim != 2:
            shapes = tuple(ids.shape), tuple(offsets.shape) if flat else None, tuple(table.shape)
            raise ValueError(
                "ids of rank 1 with offsets of rank 1, or ids of rank 2 without, and a table of rank 2 are "
                f"expected. Received: shapes {shapes}"
            )
        if weights is not None:
            if mode != "sum":
                raise ValueError(f"Weights go with mode='sum'. Received: mode={mode!r}")
            if tuple(weights.shape) != tuple(ids.shape) or weights.dtype != table.dtype:
                raise ValueError(
                    f"weights must be {table.dtype} of shape {tuple(ids.shape)}. "
                    f"Received: {weights.dtype} of shape {tuple(weights.shape)}"
                )
        if mask is not None and (tuple(mask.shape) != tuple(ids.shape) or mask.dtype != bool):
            raise ValueError(
                f"mask must be bool of shape {tuple(ids.shape)}. "
                f"Received: {mask.dtype} of shape {tuple(mask.shape)}"
            )
        sizes = math.prod(ids.shape), (offsets if flat else ids).shape[0], *table.shape
        dtypes = float_dtype(table.dtype, "table"), np.dtype(ids.dtype)
        return cls(*map(int, sizes), mode, weights is not None, *dtypes)

    @property
    def output_shape(self):
        return (self.bags, self.output_dim)

    def flops(self):
        """Additions or comparisons."""
        return self.count * self.output_dim

    def bytes_moved(self):
        """The least bytes of the forward: ids, a row each, and the output."""
        elements = (self.count + self.bags) * self.output_dim
        return self.count * self.index_dtype.itemsize + elements * self.dtype.itemsize
