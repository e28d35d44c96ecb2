"""Optimizer steps that drive every test of the operation."""

import dataclasses

import numpy as np

from gpulayers.ops import arrays
from gpulayers.ops import optimizers as ops


@dataclasses.dataclass(frozen=True)
class Case:
    """Variables of some shapes and the rule's options."""

    name: str
    rule: str
    shapes: tuple
    options: dict = dataclasses.field(default_factory=dict)

    @property
    def slots(self):
        if self.rule == "sgd":
            return 1 if self.options.get("momentum") else 0
        return 3 if self.options.get("amsgrad") else 2

    def step(self, values, grads, states, decays):
        if self.rule == "sgd":
            ops.sgd_step(values, grads, states, decays, **{"rate": 0.5} | self.options)
        else:
            defaults = {"alpha": 0.5, "beta_1": 0.75, "beta_2": 0.5, "epsilon": 1.0}
            ops.adam_step(values, grads, states, decays, **defaults | self.options)


SHAPES = ((3, 5), (), (4097,), (1,), (0, 7), (2048,))
CASES = [
    Case("descent", "sgd", SHAPES),
    Case("momentum", "sgd", SHAPES, {"momentum": 0.5}),
    Case("nesterov", "sgd", SHAPES, {"momentum": 0.5, "nesterov": True}),
    Case("adam", "adam", SHAPES),
    Case("largest average", "adam", SHAPES, {"amsgrad": True}),
    Case("one variable", "adam", ((300,),)),
    Case("no elements", "sgd", ((0,),)),
]


def run(case, device, dtype):
    """Calls the operation once, on zeros."""
    wide = arrays.accumulation_dtype(np.dtype(dtype))
    values = [device.zeros(shape, dtype) for shape in case.shapes]
    grads = [device.zeros(shape, wide) for shape in case.shapes]
    states = [[device.zeros(shape, wide) for _ in range(case.slots)] for shape in case.shapes]
    case.step(values, grads, states, [0.0] * len(values))
