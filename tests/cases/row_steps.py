"""Optimizer steps on rows of a table that drive every test of the operation."""

import dataclasses

import numpy as np

from gpulayers.ops import arrays
from gpulayers.ops import optimizers as ops
from tests.cases.optimizers import DEFAULTS as RULES

DEFAULTS = RULES | {"row_wise_adagrad": {"rate": 0.5, "epsilon": 1.0}}
FUNCTIONS = {
    "sgd": ops.sgd_row_step,
    "adam": ops.adam_row_step,
    "row_wise_adagrad": ops.row_wise_adagrad_step,
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A table (rows, columns) of which `count` rows have a gradient.

    Attributes:
        index: type of the ids; None: every row has a gradient, in order.
        narrow: whether the gradient has the table's type rather than its accumulation type.
        clip: arguments of Clip; "factors" a list.
    """

    name: str
    rule: str
    rows: int
    columns: int
    count: int
    options: dict = dataclasses.field(default_factory=dict)
    index: str = "int32"
    narrow: bool = False
    clip: dict = dataclasses.field(default_factory=dict)

    @property
    def slots(self):
        rule = ops.ROW_RULES[self.rule]
        return rule.slots + sum(bool(self.options.get(name)) for name in rule.adding)

    @property
    def state_shape(self):
        return (self.rows,) if self.rule == "row_wise_adagrad" else (self.rows, self.columns)

    def draw_ids(self):
        if self.index is None:
            return None
        chosen = np.random.default_rng(0).permutation(self.rows)[: self.count]
        return np.sort(chosen).astype(self.index)

    def grad_dtype(self, dtype):
        return np.dtype(dtype) if self.narrow else arrays.accumulation_dtype(dtype)

    def step(self, device, value, ids, grad, states, decay):
        clip = dict(self.clip)
        if "factors" in clip:
            clip["factors"] = device.asarray(
                np.array(clip["factors"], arrays.accumulation_dtype(value.dtype))
            )
        options = DEFAULTS[self.rule] | self.options | {"clip": ops.Clip(**clip)}
        FUNCTIONS[self.rule](value, ids, grad, states, decay, **options)


CASES = [
    Case("descent", "sgd", 9, 8, 4),
    Case("descent of narrow gradients", "sgd", 20, 16, 11, narrow=True, index="int64"),
    Case("momentum", "sgd", 7, 12, 3, {"momentum": 0.5}),
    Case("nesterov, odd width", "sgd", 7, 5, 6, {"momentum": 0.5, "nesterov": True}, narrow=True),
    Case("factor and limit", "sgd", 9, 4, 5, clip={"scale": 0.5, "factors": [0.25], "limit": 2.0}),
    Case("adam", "adam", 40, 64, 23, narrow=True, index="int64"),
    Case(
        "largest average", "adam", 9, 6, 7, {"amsgrad": True}, clip={"factors": [1.0, 0.5], "numbers": (1,)}
    ),
    Case("more than one block", "adam", 90, 33, 80),
    Case("adagrad a row", "row_wise_adagrad", 11, 8, 6),
    Case("adagrad a row, wide", "row_wise_adagrad", 5, 150, 3, narrow=True, index="int64"),
    Case("adagrad a row, odd width", "row_wise_adagrad", 40, 3, 35, clip={"scale": 0.5, "limit": 1.0}),
    Case("adagrad of all rows", "row_wise_adagrad", 30, 20, 30, index=None),
    Case("no rows", "adam", 4, 4, 0),
]


def run(case, device, dtype):
    """Calls the operation once, on zeros."""
    wide = arrays.accumulation_dtype(np.dtype(dtype))
    ids = case.draw_ids()
    grad = device.zeros((case.count, case.columns), case.grad_dtype(dtype))
    states = [device.zeros(case.state_shape, wide) for _ in range(case.slots)]
    value = device.zeros((case.rows, case.columns), dtype)
    case.step(device, value, None if ids is None else device.asarray(ids), grad, states, 0.0)
