"""What one optimizer step on many arrays is."""

import dataclasses

import numpy as np

from ..arrays import accumulation_dtype, float_dtype


@dataclasses.dataclass(frozen=True)
class StepProblem:
    """One step of a rule on variables of one type.

    Attributes:
        rule: "sgd" or "adam".
        sizes: elements of each variable.
        dtype: of the variables; their gradients and states have its accumulation type.
        momentum, nesterov: of sgd; amsgrad: of adam.
        contiguous: whether all arrays are.
    """

    rule: str
    sizes: tuple
    dtype: np.dtype
    momentum: bool = False
    nesterov: bool = False
    amsgrad: bool = False
    contiguous: bool = True

    @classmethod
    def resolve(cls, rule, values, grads, states, **options):
        """The problem of these lists of arrays, or a ValueError/TypeError."""
        dtype = float_dtype(values[0].dtype, "values")
        wide = accumulation_dtype(dtype)
        for value, grad, state in zip(values, grads, states, strict=True):
            if value.dtype != dtype or any(array.dtype != wide for array in (grad, *state)):
                raise TypeError(
                    f"Values of {dtype} with gradients and states of {wide} are expected. "
                    f"Received: {value.dtype}, {[str(array.dtype) for array in (grad, *state)]}"
                )
            if any(array.shape != value.shape for array in (grad, *state)):
                raise ValueError(
                    f"Gradients and states must have the value's shape {value.shape}. "
                    f"Received: {[array.shape for array in (grad, *state)]}"
                )
        everything = [*values, *grads, *(array for state in states for array in state)]
        contiguous = all(array.flags.c_contiguous for array in everything)
        return cls(rule, tuple(value.size for value in values), dtype, contiguous=contiguous, **options)

    @property
    def slots(self):
        """State arrays of a variable."""
        return int(self.momentum) if self.rule == "sgd" else 2 + self.amsgrad

    def flops(self):
        return sum(self.sizes) * (6 if self.rule == "sgd" else 14)

    def bytes_moved(self):
        """Values and states in and out, gradients in."""
        wide = accumulation_dtype(self.dtype).itemsize
        return sum(self.sizes) * (2 * self.dtype.itemsize + wide * (1 + 2 * self.slots))
