"""Scaling of the loss, so that small gradients do not vanish in float16."""

import inspect

import numpy as np

from ..ops.optimizers import all_finite
from ..registry import serialize_object
from ..variable import Variable
from . import gradients
from ..arguments import count, number
from .optimizer import Optimizer


class LossScaleOptimizer(Optimizer):
    """Another optimizer behind a scale of the loss that adapts (Micikevicius et al. 2018): halved whenever a
    gradient is not finite, in which case the step is left out; doubled after dynamic_growth_steps good steps.

    Args:
        inner_optimizer: an Optimizer; its own loss_scale_factor is switched off.
        initial_scale: the first scale.
        dynamic_growth_steps: good steps before it is doubled.
        name: default: the class name, numbered.

    Attributes:
        dynamic_scale, step_counter: Variables: the scale, and good steps since it changed.
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None):
        if isinstance(inner_optimizer, dict):
            from . import get

            inner_optimizer = get(inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"inner_optimizer must be an Optimizer. Received: {inner_optimizer!r}")
        self.inner_optimizer = inner_optimizer
        super().__init__(inner_optimizer._learning_rate or inner_optimizer.rate, name=name)
        self.initial_scale = number(initial_scale, "initial_scale", positive=True)
        self.dynamic_growth_steps = count(dynamic_growth_steps, "dynamic_growth_steps", 1)
        self.dynamic_scale = Variable(np.array(self.initial_scale, np.float32), "dynamic_scale")
        self.step_counter = Variable(np.zeros((), np.int64), "step_counter")
        inner_optimizer.loss_scale_factor = None
        self._states = inner_optimizer._states

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    @property
    def rate(self):
        return self.inner_optimizer.rate

    @property
    def takes_row_sparse(self):
        return self.inner_optimizer.takes_row_sparse

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    @property
    def updates(self):
        return self.inner_optimizer.updates

    @property
    def variables(self):
        own = [self._calls, self._rate, self.step_counter, self.dynamic_scale]
        return own + self.inner_optimizer.variables

    def build(self, variables):
        self.inner_optimizer.build(variables)
        self.built = True

    def scale_loss(self, loss):
        return loss * float(self.dynamic_scale.value)

    def apply_scaled(self, known, scale):
        variables, grads = map(list, zip(*known))
        finite = all(
            all_finite([gradients.elements(grads[number]) for number in group])
            for group in gradients.by_type(variables, grads)
        )
        if finite:
            self.inner_optimizer.apply_scaled(known, scale / float(self.dynamic_scale.value))
        grown = finite and int(self.step_counter.value) + 1 == self.dynamic_growth_steps
        if grown or not finite:
            self.dynamic_scale.value *= np.float32(2.0 if finite else 0.5)
        self.step_counter.value[...] = 0 if grown or not finite else self.step_counter.value + 1

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new one; what older files hold of the base class's arguments is passed over, as in Keras."""
        known = inspect.signature(cls.__init__).parameters
        return super().from_config({k: v for k, v in config.items() if k in known}, custom_objects)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": serialize_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
