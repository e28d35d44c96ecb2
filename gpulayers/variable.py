"""Variables: named arrays that layers own and optimizers update."""

import math
import operator

from .arguments import flag
from .ops import arrays
from .ops.embedding.row_sparse import RowSparseGradient


def _operand(value):
    """The array of a Variable, or its number where it holds one; anything else as it is."""
    if not isinstance(value, Variable):
        return value
    return value.value if value.ndim else value.value.item()


def _with_operators(cls):
    """Adds Python's operators, applied to the operands of Variables."""
    for name in "add sub mul truediv floordiv mod pow matmul and or xor".split():
        function = getattr(operator, f"{name}_" if name in ("and", "or") else name)
        setattr(cls, f"__{name}__", lambda self, other, f=function: f(_operand(self), _operand(other)))
        setattr(cls, f"__r{name}__", lambda self, other, f=function: f(_operand(other), _operand(self)))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        function = getattr(operator, name)
        setattr(cls, f"__{name}__", lambda self, other, f=function: f(_operand(self), _operand(other)))
    for name in ("neg", "pos", "abs", "invert"):
        setattr(cls, f"__{name}__", lambda self, f=getattr(operator, name): f(_operand(self)))
    return cls


@_with_operators
class Variable:
    """An array with a name and a gradient.

    Calculates and compares as its array does; one of a single number as that Python number.

    Attributes:
        value: the array, on the device of its layer.
        grad: an array of the same shape and dtype, a RowSparseGradient, or None; backwards add to it.
        trainable: whether backward functions compute its gradient.
        regularizer, constraint: objects applied by the training loop, or None.
    """

    def __init__(self, value, name, trainable=True, regularizer=None, constraint=None, path=None):
        if not isinstance(name, str):
            raise TypeError(f"A variable's name must be a string. Received: {name!r}")
        self.value, self.name = arrays.numbers(value, f"The value of {name}"), name
        self.trainable = flag(trainable, "trainable")
        self.regularizer, self.constraint = regularizer, constraint
        self.path = name if path is None else path
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
            TypeError: one of the two is row-sparse and the other is not, or no array.
            ValueError: another shape than the variable's.
        """
        if getattr(grad, "shape", None) != self.value.shape:
            shape = f"shape {tuple(grad.shape)}" if hasattr(grad, "shape") else type(grad).__name__
            raise ValueError(
                f"The gradient of {self.path} must have its shape {self.shape}. Received: {shape}"
            )
        if grad.dtype.kind == "c":
            raise TypeError(f"The gradient of {self.path} must be real. Received: dtype {grad.dtype}")
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
        array = device.asarray(self._operand(value), self.dtype)
        if tuple(array.shape) != self.shape:
            raise ValueError(
                f"Variable {self.path} has shape {self.shape}. Received: an array of shape {array.shape}"
            )
        self.value[...] = array

    def _operand(self, value, fitting=False):
        """The array of a Variable, an array or what else holds numbers; `fitting`: it broadcasts to the
        variable's shape."""
        value = value.value if isinstance(value, Variable) else value
        value = arrays.numbers(value, f"A value for {self.path}")
        sizes = zip(value.shape[::-1], self.shape[::-1])
        if fitting and (value.ndim > self.ndim or any(n not in (1, size) for n, size in sizes)):
            raise ValueError(
                f"A value for {self.path} must fit its shape {self.shape}. "
                f"Received: shape {tuple(value.shape)}"
            )
        return value

    def assign_add(self, value):
        """Adds values to it."""
        self.assign(self.value + self._operand(value, fitting=True))

    def assign_sub(self, value):
        """Takes values from it."""
        self.assign(self.value - self._operand(value, fitting=True))

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

    __hash__ = object.__hash__  # by identity, though == compares values

    def __bool__(self):
        return bool(self.value)

    def __index__(self):
        return self.value.__index__()

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return iter(self.value)

    def __getitem__(self, place):
        return self.value[place]

    def __format__(self, specification):
        return format(_operand(self) if specification else self, specification)

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"
