"""Nadam (Dozat 2015), Adamax (Kingma and Ba 2015) and Lion (Chen et al. 2023)."""

from ..ops import arrays
from .optimizer import Optimizer, share


class _TwoBetas(Optimizer):
    def _set(self, beta_1, beta_2, epsilon):
        self.beta_1, self.beta_2 = share(beta_1, "beta_1"), share(beta_2, "beta_2")
        self.epsilon = float(epsilon)

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return super().get_config() | own


class Nadam(_TwoBetas):
    """Adam with Nesterov's momentum: u_t = beta_1 (1 - 0.96^t / 2) and its running product weigh the moving
    average m and the gradient in the numerator."""

    slots = ("momentum", "velocity")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self._set(beta_1, beta_2, epsilon)
        self._product = 1.0

    def update_all(self, values, grads, states, decays, step):
        self._product *= self._share_of(step)
        super().update_all(values, grads, states, decays, step)

    def _share_of(self, step):
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def update(self, value, grad, state, step):
        momentum, velocity = state
        now, following = self._share_of(step), self._share_of(step + 1)
        momentum += (grad - momentum) * (1 - self.beta_1)
        velocity += (grad * grad - velocity) * (1 - self.beta_2)
        average = momentum * (following / (1 - self._product * following))
        average += grad * ((1 - now) / (1 - self._product))
        root = arrays.array_module(value).sqrt(velocity / (1 - self.beta_2**step))
        value -= average * self.learning_rate / (root + self.epsilon)


class Adamax(_TwoBetas):
    """m is a moving average of g, u the largest of |g| and beta_2 * u;
    w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)."""

    slots = ("momentum", "norm")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self._set(beta_1, beta_2, epsilon)

    def update(self, value, grad, state, step):
        momentum, norm = state
        momentum += (grad - momentum) * (1 - self.beta_1)
        norm *= self.beta_2
        arrays.array_module(value).maximum(norm, abs(grad), out=norm)
        value -= self.learning_rate * momentum / ((1 - self.beta_1**step) * (norm + self.epsilon))


class Lion(Optimizer):
    """w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g); m is a moving average of g with beta_2."""

    slots = ("momentum",)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.beta_1, self.beta_2 = share(beta_1, "beta_1", closed=True), share(beta_2, "beta_2", closed=True)
        if beta_1 == 0:
            raise ValueError("beta_1 must lie in (0, 1]. Received: 0")

    def update(self, value, grad, state, step):
        (momentum,) = state
        direction = arrays.array_module(value).sign(momentum * self.beta_1 + grad * (1 - self.beta_1))
        value -= self.learning_rate * direction
        momentum *= self.beta_2
        momentum += grad * (1 - self.beta_2)

    def get_config(self):
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2}
