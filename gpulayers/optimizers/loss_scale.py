"""Scaling of the loss, so that small gradients do not vanish in float16."""

from ..ops import arrays
from .optimizer import Optimizer, number


class LossScaleOptimizer(Optimizer):
    """Another optimizer behind a scale of the loss that adapts (Micikevicius et al. 2018): halved whenever a
    gradient is not finite, in which case the step is left out; doubled after dynamic_growth_steps good steps.

    Args:
        inner_optimizer: an Optimizer; its own loss_scale_factor is switched off.
        initial_scale: the first scale.
        dynamic_growth_steps: good steps before it is doubled.
        name: default: the class name, numbered.
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None):
        if isinstance(inner_optimizer, dict):
            from . import get

            inner_optimizer = get(inner_optimizer)
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"inner_optimizer must be an Optimizer. Received: {inner_optimizer!r}")
        self.inner_optimizer = inner_optimizer
        super().__init__(inner_optimizer._learning_rate, name=name)
        self.initial_scale = self.dynamic_scale = number(initial_scale, "initial_scale")
        self.dynamic_growth_steps, self.step_counter = int(dynamic_growth_steps), 0
        inner_optimizer.loss_scale_factor = None

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def loss_scale(self):
        return self.dynamic_scale

    def apply(self, variables):
        variables = list(variables)
        grads = [variable.grad for variable in variables if variable.grad is not None]
        finite = [arrays.array_module(grad).isfinite(self._wide(grad)).all() for grad in grads]
        if finite and not bool(sum(finite[1:], finite[0].astype(int)) == len(finite)):
            self.dynamic_scale *= 0.5
            self.step_counter = 0
            for variable in variables:
                variable.grad = None
            return
        for variable in variables:
            if variable.grad is not None:
                wide = self._wide(variable.grad)
                variable.grad = wide / wide.dtype.type(self.dynamic_scale)
        self.inner_optimizer.apply(variables)
        self.step_counter += 1
        if self.step_counter == self.dynamic_growth_steps:
            self.dynamic_scale *= 2.0
            self.step_counter = 0

    def finalize_variable_values(self, variables):
        self.inner_optimizer.finalize_variable_values(variables)

    def get_config(self):
        from ..registry import serialize_object

        return {
            "name": self.name,
            "inner_optimizer": serialize_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
