"""Stochastic gradient descent."""

from .optimizer import Optimizer


class SGD(Optimizer):
    """w -= learning_rate * g; with momentum m = momentum * m - learning_rate * g and w += m; with nesterov
    w += momentum * m - learning_rate * g."""

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie in [0, 1]. Received: {momentum!r}")
        self.momentum, self.nesterov = float(momentum), bool(nesterov)
        self.slots = ("momentum",) if momentum else ()

    def update(self, value, grad, state, step):
        change = grad * (-self.learning_rate)
        if not self.momentum:
            value += change
            return
        (moment,) = state
        moment *= self.momentum
        moment += change
        if self.nesterov:
            change += self.momentum * moment
            value += change
        else:
            value += moment

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
