"""Adagrad (Duchi et al. 2011), Adadelta (Zeiler 2012) and Ftrl (McMahan et al. 2013)."""

from ..arguments import number, real, share
from ..ops.optimizers import adadelta_step, adagrad_step, ftrl_step
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """a += g^2; w -= learning_rate * g / sqrt(a + epsilon)."""

    slots = ("accumulator",)

    def __init__(
        self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, *arguments, **kwargs
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.initial_accumulator_value = number(initial_accumulator_value, "initial_accumulator_value")
        self.epsilon = number(epsilon, "epsilon")

    def initial_state(self, slot):
        return self.initial_accumulator_value

    def update_all(self, values, grads, states, decays, step, clip):
        options = {"rate": self.rate, "epsilon": self.epsilon}
        adagrad_step(values, grads, states, decays, clip=clip, **options)

    def get_config(self):
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return super().get_config() | own


class Adadelta(Optimizer):
    """a is a moving average of g^2 and d one of the changes' squares; the change is
    -g * sqrt(d + epsilon) / sqrt(a + epsilon), and w += learning_rate * change."""

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.rho, self.epsilon = share(rho, "rho", closed=True), number(epsilon, "epsilon")

    def update_all(self, values, grads, states, decays, step, clip):
        options = {"rate": self.rate, "rho": self.rho, "epsilon": self.epsilon}
        adadelta_step(values, grads, states, decays, clip=clip, **options)

    def get_config(self):
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularized leader, proximal: b = a + g^2;
    z += g + 2 * l2_shrinkage * w - (b^p - a^p) / learning_rate * w with p = -learning_rate_power; a = b;
    w = (z clipped to [-l1, l1] - z) / (b^p / learning_rate + 2 * l2), l2 with beta / (2 * learning_rate)
    added."""

    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        *arguments,
        **kwargs,
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.learning_rate_power = real(learning_rate_power, "learning_rate_power", most=0)
        self.initial_accumulator_value = number(initial_accumulator_value, "initial_accumulator_value")
        self.l1_regularization_strength = number(l1_regularization_strength, "l1_regularization_strength")
        self.l2_regularization_strength = number(l2_regularization_strength, "l2_regularization_strength")
        self.l2_shrinkage_regularization_strength = number(
            l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength"
        )
        self.beta = number(beta, "beta")

    def initial_state(self, slot):
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def update_all(self, values, grads, states, decays, step, clip):
        rate = self.rate
        if not rate:
            raise ValueError("Ftrl needs a learning rate above 0, by which it divides. Received: 0")
        ftrl_step(
            values,
            grads,
            states,
            decays,
            rate=rate,
            power=-self.learning_rate_power,
            l1=self.l1_regularization_strength,
            l2=self.l2_regularization_strength + (self.beta / (2 * rate) if self.beta else 0.0),
            shrinkage=self.l2_shrinkage_regularization_strength,
            clip=clip,
        )

    def get_config(self):
        names = ("learning_rate_power", "initial_accumulator_value", "l1_regularization_strength")
        names += ("l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta")
        return super().get_config() | {name: getattr(self, name) for name in names}
