"""Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019)."""

import math

from ..ops import arrays
from .optimizer import Optimizer


class Adam(Optimizer):
    """m and v are moving averages of g and g^2; w -= alpha * m / (sqrt(v) + epsilon), with
    alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)."""

    slots = ("momentum", "velocity")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if isinstance(beta, bool) or not isinstance(beta, (int, float)) or not 0 <= beta < 1:
                raise ValueError(f"{name} must lie in [0, 1). Received: {beta!r}")
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, float(epsilon), bool(amsgrad)
        if amsgrad:
            self.slots = (*self.slots, "velocity_hat")

    def update(self, value, grad, state, step):
        xp = arrays.array_module(value)
        alpha = self.learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        momentum, velocity = state[:2]
        change = grad - momentum
        change *= 1 - self.beta_1
        momentum += change
        xp.multiply(grad, grad, out=change)
        change -= velocity
        change *= 1 - self.beta_2
        velocity += change
        if self.amsgrad:
            xp.maximum(state[2], velocity, out=state[2])
            velocity = state[2]
        xp.sqrt(velocity, out=change)
        change += self.epsilon
        xp.divide(momentum, change, out=change)
        change *= alpha
        value -= change

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
        **kwargs,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **kwargs)
