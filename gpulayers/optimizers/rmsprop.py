"""RMSprop (Hinton 2012)."""

from ..ops import arrays
from .optimizer import Optimizer, share


class RMSprop(Optimizer):
    """v is a moving average of g^2; w -= learning_rate * g / sqrt(v + epsilon), by way of `momentum` if
    given; with `centered` the square of g's own moving average is taken from v."""

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
        self.epsilon, self.centered = float(epsilon), bool(centered)
        self.slots = (
            ("velocity",) + (("momentum",) if momentum else ()) + (("average_gradient",) if centered else ())
        )

    def update(self, value, grad, state, step):
        xp = arrays.array_module(value)
        named = dict(zip(self.slots, state))
        velocity = named["velocity"]
        velocity *= self.rho
        velocity += (1 - self.rho) * (grad * grad)
        denominator = velocity + self.epsilon
        if self.centered:
            average = named["average_gradient"]
            average *= self.rho
            average += (1 - self.rho) * grad
            denominator -= average * average
        change = self.learning_rate * grad / xp.sqrt(denominator)
        if self.momentum:
            moment = named["momentum"]
            moment *= self.momentum
            moment += change
            change = moment
        value -= change

    def get_config(self):
        names = ("rho", "momentum", "epsilon", "centered")
        return super().get_config() | {name: getattr(self, name) for name in names}
