"""What the references share on the way back through time: products gate by gate, sums over the steps."""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from .way_forward import rows

_ROWS = 512  # of the products that are summed at once
_CACHED = 1 << 15  # elements of an array that stays in the cache beside a few others


def window(problem):
    """Steps for which a few arrays (steps, batch, units) are prepared at once."""
    return max(1, min(problem.steps, _CACHED // max(1, problem.batch * problem.units)))


def states_before(residuals, start, stop, ones=False):
    """(stop - start, batch, units): the hidden states before these steps, with a column of ones behind where
    asked."""
    outputs, units = residuals.outputs, residuals.problem.units
    xp, dtype = array_module(outputs), accumulation_dtype(residuals.problem.dtype)
    if start:
        return rows(outputs, start - 1, stop - 1, dtype, ones)
    states = xp.ones((stop, residuals.problem.batch, units + ones), dtype)
    states[0, :, :units] = 0 if residuals.initial_h is None else residuals.initial_h
    states[1:, :, :units] = xp.swapaxes(outputs[:, : stop - 1], 0, 1)
    return states


class StateGradient:
    """The gradient to the state that a step multiplied by the recurrent weight.

    Args:
        weight: (units, gates * units). scale: (batch, gates, units), or None for ones.
    """

    def __init__(self, weight, scale, batch):
        self._weight, self._scale, self._matmul = weight, scale, array_module(weight).matmul
        self._turned = array_module(weight).empty((weight.shape[0], batch), weight.dtype)

    def __call__(self, grad):
        """grad (batch, gates * units) -> (batch, units), valid until the next call."""
        if self._scale is not None:
            return loop.gate_products_backward_input(grad, self._weight, self._scale)
        # As columns: the weight need not be transposed, and BLAS is faster where rows are few.
        return self._matmul(self._weight, grad.T, out=self._turned).T


class _WeightGradient:
    """The gradient to a weight, summed over blocks of steps.

    Args:
        shape: (n, gates * units). like: an array of its dtype and device.
        operand: `operand(start, stop)` gives what was multiplied by the weight, (steps, batch, n).
        first: the first of the columns of a step's gradients that belong to the weight.
        scale: dropout's factors (batch, gates, up to n) of the operand, or None.
    """

    def __init__(self, shape, like, operand, first, scale):
        xp = array_module(like)
        self._operand, self._columns, self._scale = operand, slice(first, first + shape[1]), scale
        self.total, self._part = xp.zeros(shape, like.dtype), xp.empty(shape, like.dtype)
        self._empty = True

    def add(self, start, stop, grads):
        out = self.total if self._empty else self._part
        self._multiply(self._operand(start, stop), grads[..., self._columns], out)
        if not self._empty:
            self.total += self._part
        self._empty = False

    def _multiply(self, operand, grad, out):
        (steps, batch, size), columns = operand.shape, grad.shape[2]
        if self._scale is None:
            flat = operand.reshape(steps * batch, size)
            array_module(grad).matmul(flat.T, grad.reshape(steps * batch, columns), out=out)
            return
        for of_gate, factors in loop.by_gate(columns, self._scale):
            scaled = operand.copy()
            scaled[..., : factors.shape[1]] *= factors  # a column of ones stays
            part = grad[..., of_gate].reshape(steps * batch, columns // self._scale.shape[1])
            out[:, of_gate] = scaled.reshape(steps * batch, size).T @ part


class WayBack:
    """The steps from the last to the first, with memory for the gradients to their sums: iterating gives
    pairs (step, its gradients (batch, columns), to be written). What the gradients to x and to the weights
    need of them is summed up a block of steps at a time.

    Args:
        residuals: of the forward.
        columns: of a step's gradients.
        weight: (inputs, n) of x, in the accumulation dtype; the first n columns belong to it.
        scale: dropout's factors (batch, gates, inputs) of x, or None.

    Attributes, once all steps are done:
        grad_x: in the problem's dtype.
        grad_weight: (inputs, n), grad_bias: (n,) or None.
    """

    def __init__(self, residuals, columns, weight, scale):
        self._problem = problem = residuals.problem
        xp = array_module(weight)
        self._weight, self._scale, self._sums = weight, scale, []
        self._length = max(1, min(problem.steps, -(-_ROWS // max(1, problem.batch))))
        self._memory = xp.empty((self._length, problem.batch, columns), weight.dtype)
        self.grad_x = xp.empty(residuals.x.shape, problem.dtype)
        x, biased = loop.in_order(problem, residuals.x), problem.use_bias
        shape = problem.input_dim + biased, weight.shape[1]
        total = self.sum(shape, lambda *steps: rows(x, *steps, weight.dtype, biased), scale=scale)
        self.grad_weight = total[: problem.input_dim]
        self.grad_bias = total[-1] if biased else None

    def sum(self, shape, operand, first=0, scale=None):
        """Has another weight's gradient summed up (see `_WeightGradient`); the array that will hold it."""
        self._sums.append(_WeightGradient(shape, self._memory, operand, first, scale))
        return self._sums[-1].total

    def __iter__(self):
        for stop in range(self._problem.steps, 0, -self._length):
            start = max(0, stop - self._length)
            block = self._memory[: stop - start]
            for step in reversed(range(start, stop)):
                yield step, block[step - start]
            for gradient in self._sums:
                gradient.add(start, stop, block)
            self._write_x(start, stop, block[..., : self._weight.shape[1]])

    def _write_x(self, start, stop, grads):
        xp, (steps, batch, columns) = array_module(grads), grads.shape
        if self._scale is None:
            grads = grads.reshape(steps * batch, columns)
        part = loop.gate_products_backward_input(grads, self._weight, self._scale)
        part = part.reshape(steps, batch, len(self._weight))
        loop.in_order(self._problem, self.grad_x)[:, start:stop] = xp.swapaxes(part, 0, 1)
