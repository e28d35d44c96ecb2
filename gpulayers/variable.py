"""Variables: named arrays that layers own and optimizers update."""

import math

from .ops import arrays
from .ops.embedding.row_sparse import RowSparseGradient


class Variable:
    """An array with a name and a gradient.

    Attributes:
        value: the array, on the device of its layer.
        grad: an array of the same shape and dtype, a RowSparseGradient, or None; backwards add to it.
        trainable: whether backward functions compute its gradient.
        regularizer, constraint: objects applied by the training loop, or None.
    """

    def __init__(self, value, name, trainable=True, regularizer=None, constraint=None, path=None):
        self.value, self.name, self.trainable = value, name, trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.path = path or name
        self.grad = None

    @property
    def shape(self):
        return tuple(self.value.shape)

    @property
    def dtype(self):
        return self.value.dtype

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    def add_grad(self, grad):
        """Adds to `grad`, in the variable's dtype; takes ownership of the array given.

        Raises:
            TypeError: one of the two is row-sparse and the other is not.
        """
        grad = grad.astype(self.dtype, copy=False)
        if self.grad is None:
            self.grad = grad
            return
        sparse = [isinstance(part, RowSparseGradient) for part in (self.grad, grad)]
        if sparse[0] != sparse[1]:
            kinds = ["row-sparse" if part else "dense" for part in sparse]
            raise TypeError(
                f"The gradients of {self.path} must all be row-sparse or all dense: where a regularizer or a "
                "layer that shares the weight gives dense ones, set sparse_gradient=False on the embedding. "
                f"Received: {kinds[1]} after {kinds[0]}"
            )
        self.grad += grad

    def assign(self, value):
        """Copies values in, converting to the variable's dtype.

        Raises:
            ValueError: another shape.
        """
        device = arrays.device_of(self.value)
        value = value.value if isinstance(value, Variable) else value
        array = device.asarray(value, self.dtype)
        if tuple(array.shape) != self.shape:
            raise ValueError(
                f"Variable {self.path} has shape {self.shape}. Received: an array of shape {array.shape}"
            )
        self.value[...] = array

    def assign_add(self, value):
        """Adds values to it."""
        self.assign(self.value + (value.value if isinstance(value, Variable) else value))

    def assign_sub(self, value):
        """Takes values from it."""
        self.assign(self.value - (value.value if isinstance(value, Variable) else value))

    def numpy(self):
        """A NumPy copy of the value."""
        return arrays.to_numpy(self.value).copy()

    def __array__(self, dtype=None, copy=None):
        value = self.numpy()
        return value if dtype is None else value.astype(dtype)

    def __float__(self):
        return float(self.numpy())

    def __int__(self):
        return int(self.numpy())

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"
