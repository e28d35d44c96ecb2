"""Optimizers for large tables, which change the rows alone that a batch uses. Not in Keras."""

from ..ops.optimizers import adam_row_step, row_wise_adagrad_step
from .adam import Adam
from ..arguments import number
from .optimizer import Optimizer


class LazyAdam(Adam):
    """Adam that of a row-sparse gradient (see `ops.RowSparseGradient`) changes value, moments and, with
    amsgrad, the largest average in the rows alone that the gradient has.

    The bias correction counts all steps, not those of a row. A dense Adam would also shrink the moments of
    rows that the batch does not use, and move these by what is left. Where every row is used, or for a dense
    gradient, it is Adam. The rule of TensorFlow Addons' LazyAdam and PyTorch's SparseAdam. Not in Keras.
    """

    takes_row_sparse = True

    def update_rows(self, value, grad, state, decay, step, clip):
        options = self.step_options(step)
        adam_row_step(value, grad.ids, grad.values, state, decay, clip=clip, **options)


class RowWiseAdagrad(Optimizer):
    """Adagrad with one number a row of each variable: a += mean over the row of g^2;
    w -= learning_rate * g / (sqrt(a) + epsilon), of a row-sparse gradient in the rows alone that it has.

    A row is what lies at one index of the first axis. The state of a table (rows, columns) takes rows numbers
    where Adagrad's takes rows * columns. As in TorchRec's RowWiseAdagrad and FBGEMM's exact row-wise Adagrad,
    which train DLRM's tables; weight_decay is Keras's. Not in Keras.

    Args:
        learning_rate: see Optimizer.
        initial_accumulator_value: what a starts with.
        epsilon: keeps the quotient finite.
    """

    slots, takes_row_sparse = ("accumulator",), True

    def __init__(
        self, learning_rate=0.01, initial_accumulator_value=0.0, epsilon=1e-10, *arguments, **kwargs
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.initial_accumulator_value = number(initial_accumulator_value, "initial_accumulator_value")
        self.epsilon = number(epsilon, "epsilon")

    def states_of(self, variable):
        start, shape = self.initial_accumulator_value, variable.shape[:1]
        return [self.beside(variable, slot, start, shape) for slot in self.slots]

    def update_all(self, values, grads, states, decays, step, clip):
        for index, operands in enumerate(zip(values, grads, states, decays)):
            self._update(*operands, None, clip.of(index))

    def update_rows(self, value, grad, state, decay, step, clip):
        self._update(value, grad.values, state, decay, grad.ids, clip)

    def _update(self, value, grad, state, decay, ids, clip):
        options = {"rate": self.rate, "epsilon": self.epsilon, "clip": clip}
        row_wise_adagrad_step(value, ids, grad, state, decay, **options)

    def get_config(self):
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return super().get_config() | own
