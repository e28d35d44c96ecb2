"""Optimizer steps, clipping and blending that drive every test of these operations."""

import dataclasses

import numpy as np

from gpulayers.ops import arrays
from gpulayers.ops import optimizers as ops

DEFAULTS = {
    "sgd": {"rate": 0.5},
    "adam": {"alpha": 0.5, "beta_1": 0.75, "beta_2": 0.5, "epsilon": 1.0},
    "nadam": {"beta_1": 0.75, "beta_2": 0.5, "old": 0.5, "now": 0.25, "growth": 2.0, "epsilon": 1.0},
    "adamax": {"rate": 0.5, "beta_1": 0.75, "beta_2": 0.5, "epsilon": 1.0},
    "lion": {"rate": 0.5, "beta_1": 0.75, "beta_2": 0.5},
    "rmsprop": {"rate": 0.5, "rho": 0.75, "epsilon": 4096.0},
    "adagrad": {"rate": 0.5, "epsilon": 1.0},
    "adadelta": {"rate": 0.5, "rho": 0.75, "epsilon": 1.0},
    "ftrl": {"rate": 0.5, "power": 0.5, "l1": 0.25, "l2": 0.5, "shrinkage": 0.25},
    "schedule_free": {"rate": 0.5, "beta_1": 0.75, "beta_2": 0.5, "epsilon": 1.0, "step": 4},
}


@dataclasses.dataclass(frozen=True)
class Case:
    """Variables of some shapes and the rule's options.

    Attributes:
        narrow: whether gradients have the variables' type rather than its accumulation type.
        clip: arguments of Clip; a "factors" of True stands for 1, 1/2, 1, ...
    """

    name: str
    rule: str
    shapes: tuple
    options: dict = dataclasses.field(default_factory=dict)
    narrow: bool = False
    clip: dict = dataclasses.field(default_factory=dict)

    @property
    def slots(self):
        rule = ops.RULES[self.rule]
        return rule.slots + sum(bool(self.options.get(name)) for name in rule.adding)

    def grad_dtype(self, dtype):
        return np.dtype(dtype) if self.narrow else arrays.accumulation_dtype(dtype)

    def factors(self):
        return [1.0, 0.5] * len(self.shapes) if self.clip.get("factors") else [1.0] * len(self.shapes)

    def step(self, device, values, grads, states, decays):
        clip = dict(self.clip)
        if clip.get("factors"):
            wide = arrays.accumulation_dtype(values[0].dtype)
            clip["factors"] = device.asarray(np.array(self.factors()[: len(values)], wide))
        options = DEFAULTS[self.rule] | self.options | {"clip": ops.Clip(**clip)}
        getattr(ops, f"{self.rule}_step")(values, grads, states, decays, **options)


SHAPES = ((3, 5), (), (4097,), (1,), (0, 7), (2048,))
CASES = [
    Case("descent", "sgd", SHAPES),
    Case("momentum", "sgd", SHAPES, {"momentum": 0.5}),
    Case("nesterov", "sgd", SHAPES, {"momentum": 0.5, "nesterov": True}, narrow=True),
    Case("scaled and clipped", "sgd", SHAPES, {"momentum": 0.5}, True, {"scale": 0.25, "limit": 2.0}),
    Case("factors", "sgd", SHAPES, {}, False, {"factors": True, "scale": 0.5}),
    Case("adam", "adam", SHAPES, narrow=True),
    Case("largest average", "adam", SHAPES, {"amsgrad": True}, False, {"factors": True}),
    Case("nadam", "nadam", SHAPES, narrow=True),
    Case("adamax", "adamax", SHAPES),
    Case("lion", "lion", SHAPES),
    Case("rmsprop", "rmsprop", SHAPES),
    Case("rmsprop with momentum", "rmsprop", SHAPES, {"momentum": 0.5}, True),
    Case("centered", "rmsprop", SHAPES, {"centered": True}),
    Case("centered with momentum", "rmsprop", SHAPES, {"centered": True, "momentum": 0.5}),
    Case("adagrad", "adagrad", SHAPES),
    Case("adadelta", "adadelta", SHAPES),
    Case("ftrl", "ftrl", SHAPES, {"l1": 2.0}),
    Case("schedule-free", "schedule_free", SHAPES, narrow=True),
    Case("one variable", "adam", ((300,),)),
    Case("no elements", "sgd", ((0,),)),
]


def run(case, device, dtype):
    """Calls the operation once, on zeros, and what goes with it on the gradients."""
    wide = arrays.accumulation_dtype(np.dtype(dtype))
    values = [device.zeros(shape, dtype) for shape in case.shapes]
    grads = [device.zeros(shape, case.grad_dtype(dtype)) for shape in case.shapes]
    states = [[device.zeros(shape, wide) for _ in range(case.slots)] for shape in case.shapes]
    case.step(device, values, grads, states, [0.0] * len(values))
    for flag in (False, True):
        ops.clip_factors(grads, 1.0, together=flag)
        ops.blend(
            grads, [device.zeros(shape, wide) for shape in case.shapes], keep=0.5, share=0.5, overwrite=flag
        )
    ops.all_finite(grads)
