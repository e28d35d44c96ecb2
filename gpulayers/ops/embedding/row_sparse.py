"""The gradient of a table of which few rows were used. Not in Keras."""

import numpy as np

from ...arguments import flag
from .. import arrays
from ..spatial import sizes
from .problem import INDEX_DTYPES


class RowSparseGradient:
    """The gradient of a table (rows, columns) that is zero in all rows but some.

    `Embedding` and `EmbeddingBag` with sparse_gradient=True add it to their variable's `grad`. Only `dense()`
    makes an array of the table's shape of it.

    `a + b` of the same table adds the rows of equal ids; `gradient * number` scales.

    Args:
        ids: (count,), int32 or int64: the rows, ascending, each once.
        values: (count, columns), a float dtype: the gradient of each.
        shape: of the table.
        checked: whether the ids are known to be in order and within the table; else this is looked up, for
            which the host waits for a GPU.

    Attributes:
        ids, values, shape; dtype: of the values.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit, or ids out of order or range.
    """

    __array_ufunc__ = None  # NumPy's scalars and arrays leave products to this class

    def __init__(self, ids, values, shape, checked=False):
        ids, values = arrays.take(ids, "ids"), arrays.take(values, "values")
        device = arrays.common_device(ids=ids, values=values)
        if ids.dtype not in INDEX_DTYPES:
            raise TypeError(f"ids must be int32 or int64. Received: {ids.dtype}")
        arrays.float_dtype(values.dtype, "values")
        shape = sizes(shape, "shape")
        if len(shape) != 2 or ids.ndim != 1 or tuple(values.shape) != (len(ids), shape[1]):
            raise ValueError(
                "ids (count,), values (count, columns) and a table's shape (rows, columns) are expected. "
                f"Received: {tuple(ids.shape)}, {tuple(values.shape)} and {shape}"
            )
        if not flag(checked, "checked") and len(ids):
            first, last = (int(device.to_numpy(ids[at : at + 1])[0]) for at in (0, len(ids) - 1))
            if first < 0 or last >= shape[0] or bool((ids[1:] <= ids[:-1]).any()):
                raise ValueError(
                    f"ids must ascend within [0, {shape[0]}), each once. Received: {device.to_numpy(ids)}"
                )
        self.ids, self.values, self.shape = ids, values, shape

    @property
    def dtype(self):
        return self.values.dtype

    def astype(self, dtype, copy=True):
        """The same in another float dtype."""
        if self.dtype == dtype and not copy:
            return self
        return self._with(self.values.astype(dtype))

    def dense(self):
        """The whole gradient, an array of the table's shape."""
        table = arrays.device_of(self.values).zeros(self.shape, self.dtype)
        table[self.ids] = self.values
        return table

    def squared_norm(self):
        """The sum of all squares, an array of rank 0 in float64 on the gradient's device."""
        values = self.values.astype(arrays.accumulation_dtype(self.dtype), copy=False)
        return (values * values).sum(dtype=np.float64)

    def _with(self, values):
        return RowSparseGradient(self.ids, values, self.shape, checked=True)

    def __add__(self, other):
        """Of the same table and dtype; equal rows are summed in float32 (float64 for float64)."""
        from . import embedding_backward_sparse

        if not isinstance(other, RowSparseGradient):
            return NotImplemented
        if other.shape != self.shape or other.dtype != self.dtype:
            raise ValueError(
                f"Row-sparse gradients of one table, {self.dtype} of shape {self.shape}, are expected. "
                f"Received: {other.dtype} of shape {other.shape}"
            )
        xp = arrays.array_module(self.values)
        ids = xp.concatenate([self.ids, other.ids])
        values = xp.concatenate([self.values, other.values])
        return RowSparseGradient(
            *embedding_backward_sparse(ids, values, self.shape[0]), self.shape, checked=True
        )

    def __mul__(self, factor):
        """By a number; the dtype stays."""
        if np.ndim(factor):
            return NotImplemented
        return self._with(self.values * self.dtype.type(factor))

    __rmul__ = __mul__

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            f"A row-sparse gradient becomes an array by its method dense() alone. Received: {self!r}"
        )

    def __repr__(self):
        return f"<RowSparseGradient of {len(self.ids)} rows, shape={self.shape}, dtype={self.dtype}>"
