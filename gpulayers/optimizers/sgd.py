"""Stochastic gradient descent."""

from ..ops.optimizers import sgd_step
from ..arguments import share
from .optimizer import Optimizer


class SGD(Optimizer):
    """w -= learning_rate * g; with momentum m = momentum * m - learning_rate * g and w += m; with nesterov
    w += momentum * m - learning_rate * g."""

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.momentum, self.nesterov = share(momentum, "momentum", closed=True), bool(nesterov)
        self.slots = ("momentum",) if momentum else ()

    def update_all(self, values, grads, states, decays, step, clip):
        options = {"rate": self.learning_rate, "momentum": self.momentum, "nesterov": self.nesterov}
        sgd_step(values, grads, states, decays, clip=clip, **options)

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
