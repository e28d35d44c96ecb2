"""Stochastic gradient descent."""

from ..arguments import flag, share
from ..ops.optimizers import sgd_row_step, sgd_step
from .optimizer import Optimizer


class SGD(Optimizer):
    """w -= learning_rate * g; with momentum m = momentum * m - learning_rate * g and w += m; with nesterov
    w += momentum * m - learning_rate * g.

    Of a row-sparse gradient (see `ops.RowSparseGradient`) the rows that it has are changed. Without momentum
    that is the step of the dense gradient; with momentum it is lazy: where a dense step would also move a row
    that the batch does not use, by what its momentum keeps, here both wait until the row is used again.
    """

    takes_row_sparse = True

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, *arguments, **kwargs):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.momentum, self.nesterov = share(momentum, "momentum", closed=True), flag(nesterov, "nesterov")
        self.slots = ("momentum",) if momentum else ()

    def update_all(self, values, grads, states, decays, step, clip):
        options = {"rate": self.rate, "momentum": self.momentum, "nesterov": self.nesterov}
        sgd_step(values, grads, states, decays, clip=clip, **options)

    def update_rows(self, value, grad, state, decay, step, clip):
        options = {"rate": self.rate, "momentum": self.momentum, "nesterov": self.nesterov}
        sgd_row_step(value, grad.ids, grad.values, state, decay, clip=clip, **options)

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
