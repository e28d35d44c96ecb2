"""Nadam (Dozat 2015), Adamax (Kingma and Ba 2015), Lion (Chen et al. 2023) and schedule-free AdamW (Defazio
et al. 2024)."""

import numpy as np

from ..ops.optimizers import adamax_step, lion_step, nadam_step, schedule_free_step
from ..variable import Variable
from ..arguments import count, number, share
from .optimizer import Optimizer


class TwoBetas(Optimizer):
    """Common to those with beta_1, beta_2 and epsilon."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.beta_1, self.beta_2 = share(beta_1, "beta_1"), share(beta_2, "beta_2")
        self.epsilon = number(epsilon, "epsilon")

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own


class Nadam(TwoBetas):
    """Adam with Nesterov's momentum: u_t = beta_1 (1 - 0.96^t / 2) and its running product weigh the moving
    average m and the gradient in the numerator."""

    slots = ("momentum", "velocity")

    def build(self, variables):
        if not self.built:
            self._product = Variable(np.ones(()), "u_product")
        super().build(variables)

    @property
    def variables(self):
        return super().variables + ([self._product] if self.built else [])

    def _step(self, variables, grads, scale):
        self._product.value *= self._share_of(self.updates + 1)
        super()._step(variables, grads, scale)

    def _share_of(self, step):
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def update_all(self, values, grads, states, decays, step, clip):
        now, following, product = self._share_of(step), self._share_of(step + 1), float(self._product.value)
        nadam_step(
            values,
            grads,
            states,
            decays,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            old=self.rate * following / (1 - product * following),
            now=self.rate * (1 - now) / (1 - product),
            growth=1 / (1 - self.beta_2**step),
            epsilon=self.epsilon,
            clip=clip,
        )


class Adamax(TwoBetas):
    """m is a moving average of g, u the largest of |g| and beta_2 * u;
    w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)."""

    slots = ("momentum", "norm")

    def update_all(self, values, grads, states, decays, step, clip):
        rate = self.rate / (1 - self.beta_1**step)
        options = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        adamax_step(values, grads, states, decays, rate=rate, clip=clip, **options)


class Lion(Optimizer):
    """w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g); m is a moving average of g with beta_2."""

    slots = ("momentum",)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.beta_1, self.beta_2 = share(beta_1, "beta_1", closed=True), share(beta_2, "beta_2", closed=True)
        if beta_1 == 0:
            raise ValueError("beta_1 must lie in (0, 1]. Received: 0")

    def update_all(self, values, grads, states, decays, step, clip):
        options = {"rate": self.rate, "beta_1": self.beta_1, "beta_2": self.beta_2}
        lion_step(values, grads, states, decays, clip=clip, **options)

    def get_config(self):
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}


class ScheduleFreeAdamW(Optimizer):
    """AdamW on a sequence z, and weights between z and the mean of all z so far, in place of a schedule:
    z -= rate * g / (sqrt(v) + epsilon), x the mean of z, w = (1 - beta_1) * z + beta_1 * x; the rate grows to
    learning_rate within warmup_steps."""

    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        *arguments,
        **kwargs,
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.beta_1, self.beta_2 = share(beta_1, "beta_1"), share(beta_2, "beta_2")
        self.epsilon, self.warmup_steps = number(epsilon, "epsilon"), count(warmup_steps, "warmup_steps", 0)

    def states_of(self, variable):
        states = super().states_of(variable)
        states[0].value[...] = variable.value
        return states

    def update_all(self, values, grads, states, decays, step, clip):
        warm = min(step / self.warmup_steps, 1.0) if self.warmup_steps else 1.0
        options = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon, "step": step}
        rate = self.rate * warm
        schedule_free_step(values, grads, states, decays, rate=rate, clip=clip, **options)

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon", "warmup_steps")
        return super().get_config() | {name: getattr(self, name) for name in names}
