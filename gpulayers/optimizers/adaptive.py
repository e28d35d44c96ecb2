"""Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012)."""

from ..ops import arrays
from .optimizer import Optimizer, number, share


class Adagrad(Optimizer):
    """a += g^2; w -= learning_rate * g / sqrt(a + epsilon)."""

    slots = ("accumulator",)

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, *arguments, **kwargs
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.initial_accumulator_value = number(initial_accumulator_value, "initial_accumulator_value")
        self.epsilon = float(epsilon)

    def initial_state(self, slot):
        return self.initial_accumulator_value

    def update(self, value, grad, state, step):
        (accumulator,) = state
        accumulator += grad * grad
        value -= self.learning_rate * grad / arrays.array_module(value).sqrt(accumulator + self.epsilon)

    def get_config(self):
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return super().get_config() | own


class Adadelta(Optimizer):
    """a is a moving average of g^2 and d one of the changes' squares; the change is
    -g * sqrt(d + epsilon) / sqrt(a + epsilon), and w += learning_rate * change."""

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.rho, self.epsilon = share(rho, "rho", closed=True), float(epsilon)

    def update(self, value, grad, state, step):
        xp = arrays.array_module(value)
        squares, changes = state
        squares *= self.rho
        squares += (1 - self.rho) * (grad * grad)
        change = -xp.sqrt(changes + self.epsilon) * grad / xp.sqrt(squares + self.epsilon)
        changes *= self.rho
        changes += (1 - self.rho) * (change * change)
        value += self.learning_rate * change

    def get_config(self):
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}
