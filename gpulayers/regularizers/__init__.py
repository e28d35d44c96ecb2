"""Penalties on weights and outputs, by Keras's names."""

from ..arguments import number
from ..ops import arrays, normalization
from ..registry import Registry, deserializer, serialize_object


class Regularizer:
    """`regularizer(x)` is the penalty, `regularizer.gradient(x)` its gradient."""

    def __call__(self, x):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x)")

    def gradient(self, x):
        raise NotImplementedError(f"{type(self).__name__} must define gradient(x)")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _taken(x):
    """The array, which is one of floats, or a TypeError."""
    x = arrays.take(x, "x")
    arrays.float_dtype(x.dtype, "x")
    return x


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2)."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = number(0.0 if l1 is None else l1, "l1"), number(0.0 if l2 is None else l2, "l2")

    def __call__(self, x):
        x = _taken(x)
        x = x.astype(arrays.accumulation_dtype(x.dtype), copy=False)
        return self.l1 * abs(x).sum() + self.l2 * (x * x).sum()

    def gradient(self, x):
        xp = arrays.array_module(x)
        return (self.l1 * xp.sign(x) + 2 * self.l2 * x).astype(x.dtype, copy=False)

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    def __init__(self, l1=0.01):
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self):
        return {"l1": self.l1}


class L2(L1L2):
    def __init__(self, l2=0.01):
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self):
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean |cosine| between the rows (or columns) of a matrix, 0 for a single one.

    Args:
        factor: at least 0.
        mode: "rows" or "columns".

    Raises (when called):
        ValueError: not a matrix.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor, self.mode = number(factor, "factor"), mode
        if not isinstance(mode, str) or mode not in ("rows", "columns"):
            raise ValueError(f"mode must be 'rows' or 'columns'. Received: {mode!r}")

    def _cosines(self, x):
        """(vectors of length 1, with their backward; their products, without those of each with itself; the
        factor of the sum)."""
        x = _taken(x)
        if x.ndim != 2:
            raise ValueError(f"An OrthogonalRegularizer takes matrices. Received: shape {tuple(x.shape)}")
        rows = x if self.mode == "rows" else x.T
        result = normalization.normalize_length(rows, (1,), 1e-12)
        count = len(rows)
        products = arrays.device_of(x).matmul(result.values, result.values.T)
        products *= 1 - arrays.array_module(x).eye(count, dtype=products.dtype)
        return result, products, self.factor / max(1, count * (count - 1))

    def __call__(self, x):
        _, products, factor = self._cosines(x)
        return abs(products).sum() * products.dtype.type(factor)

    def gradient(self, x):
        result, products, factor = self._cosines(x)
        signs = arrays.array_module(x).sign(products) * products.dtype.type(2 * factor)
        grad = result.backward(arrays.device_of(x).matmul(signs, result.values))
        return arrays.contiguous(grad if self.mode == "rows" else grad.T).astype(x.dtype, copy=False)

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


_REGISTRY = Registry("regularizer", Regularizer, [L1, L2, L1L2, OrthogonalRegularizer], {"l1_l2": L1L2})


def get(identifier):
    """The Regularizer of a name, an object, a class or a config; None stays None.

    Raises:
        ValueError: anything else: a function's gradient is not known.
    """
    return _REGISTRY.get(identifier)


deserialize = deserializer(get)
serialize = serialize_object
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
