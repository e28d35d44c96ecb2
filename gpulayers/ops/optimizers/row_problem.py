"""What one optimizer step on rows of a table is."""

import dataclasses

import numpy as np

from ..arrays import accumulation_dtype, float_dtype
from ..dispatch import problem_type
from .problem import RULES, Rule

ROW_RULES = {name: RULES[name] for name in ("sgd", "adam")} | {"row_wise_adagrad": Rule((), 1, flops=7)}


@problem_type
class RowStepProblem:
    """One step of a rule on the rows of a table that have a gradient.

    Attributes:
        rule: a name in ROW_RULES.
        rows, columns: of the table; count: rows that have a gradient.
        dtype: of the table; its states have its accumulation type.
        grad_dtype: of the gradient: dtype or its accumulation type.
        index_dtype: of the ids, int32 or int64; None where every row has a gradient, in order.
        switches: a bool for each of the rule's switches.
        contiguous: whether all arrays are.
    """

    rule: str
    rows: int
    columns: int
    count: int
    dtype: np.dtype
    grad_dtype: np.dtype
    index_dtype: np.dtype
    switches: tuple = ()
    contiguous: bool = True

    @classmethod
    def resolve(cls, rule, value, ids, grad, states, **switches):
        """The problem of these arrays, or a ValueError/TypeError."""
        dtype, rows = float_dtype(value.dtype, "values"), value.shape[0] if value.ndim else 1
        wide, columns = accumulation_dtype(dtype), value.size // max(1, rows)
        if ids is not None and (ids.ndim != 1 or ids.dtype not in (np.int32, np.int64)):
            raise TypeError(f"ids must be int32 or int64 of rank 1. Received: {ids.dtype} of rank {ids.ndim}")
        if grad.dtype not in (dtype, wide):
            raise TypeError(f"Gradients must be of {dtype} or {wide}. Received: {grad.dtype}")
        count = rows if ids is None else ids.size
        made = cls(
            *(rule, rows, columns, count, dtype, np.dtype(grad.dtype), ids if ids is None else ids.dtype),
            tuple(switches[name] for name in ROW_RULES[rule].switches),
            all(array.flags.c_contiguous for array in (value, grad, *states)),
        )
        expected = value.shape if ids is None else (count, *value.shape[1:])
        if tuple(grad.shape) != tuple(expected):
            raise ValueError(f"A gradient of shape {expected} is expected. Received: {grad.shape}")
        of_states = value.shape[:1] if rule == "row_wise_adagrad" else value.shape
        if len(states) != made.slots or any(
            array.shape != of_states or array.dtype != wide for array in states
        ):
            raise ValueError(
                f"{made.slots} states of shape {of_states} and {wide} are expected. "
                f"Received: {[(array.shape, str(array.dtype)) for array in states]}"
            )
        return made

    @property
    def slots(self):
        """State arrays of the table."""
        rule = ROW_RULES[self.rule]
        on = dict(zip(rule.switches, self.switches))
        return rule.slots + sum(on[name] for name in rule.adding)

    def flops(self):
        return self.count * self.columns * ROW_RULES[self.rule].flops

    def bytes_moved(self):
        """Of the rows that have a gradient: values and states in and out, gradients and ids in."""
        wide = accumulation_dtype(self.dtype).itemsize
        row = self.columns * (2 * self.dtype.itemsize + self.grad_dtype.itemsize)
        row += 2 * wide * self.slots * (1 if self.rule == "row_wise_adagrad" else self.columns)
        return self.count * (row + (self.index_dtype.itemsize if self.index_dtype else 0))
