"""Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019)."""

import math

from ..arguments import flag, number, share
from ..ops.optimizers import adam_step
from .optimizer import Optimizer


class Adam(Optimizer):
    """m and v are moving averages of g and g^2; w -= alpha * m / (sqrt(v) + epsilon), with
    alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)."""

    slots, apart = ("momentum", "velocity"), ("velocity_hat",)

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *arguments,
        **kwargs,
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.beta_1, self.beta_2 = share(beta_1, "beta_1"), share(beta_2, "beta_2")
        self.epsilon, self.amsgrad = number(epsilon, "epsilon"), flag(amsgrad, "amsgrad")
        if amsgrad:
            self.slots = (*self.slots, "velocity_hat")

    def update_all(self, values, grads, states, decays, step, clip):
        adam_step(values, grads, states, decays, clip=clip, **self.step_options(step))

    def step_options(self, step):
        """What the operations take of the optimizer."""
        alpha = self.rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        options = {"alpha": alpha, "beta_1": self.beta_1, "beta_2": self.beta_2}
        return options | {"epsilon": self.epsilon, "amsgrad": self.amsgrad}

    def get_config(self):
        names = ("beta_1", "beta_2", "epsilon", "amsgrad")
        return super().get_config() | {name: getattr(self, name) for name in names}


class AdamW(Adam):
    """Adam with each step first shrinking the weights by weight_decay * learning_rate."""

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *arguments,
        **kwargs,
    ):
        weight_decay = number(weight_decay, "weight_decay")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *arguments, **kwargs)
