"""RMSprop (Hinton 2012)."""

from ..arguments import flag, number, share
from ..ops.optimizers import rmsprop_step
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """v is a moving average of g^2; w -= learning_rate * g / sqrt(v + epsilon), by way of `momentum` if
    given; with `centered` the square of g's own moving average is taken from v."""

    apart = ("momentum", "average_gradient")

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        *arguments,
        **kwargs,
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.rho, self.momentum = share(rho, "rho", closed=True), share(momentum, "momentum", closed=True)
        self.epsilon, self.centered = number(epsilon, "epsilon"), flag(centered, "centered")
        self.slots = (
            ("velocity",) + (("momentum",) if momentum else ()) + (("average_gradient",) if centered else ())
        )

    def update_all(self, values, grads, states, decays, step, clip):
        options = {"rho": self.rho, "epsilon": self.epsilon, "momentum": self.momentum}
        options |= {"rate": self.rate, "centered": self.centered}
        rmsprop_step(values, grads, states, decays, clip=clip, **options)

    def get_config(self):
        names = ("rho", "momentum", "epsilon", "centered")
        return super().get_config() | {name: getattr(self, name) for name in names}
