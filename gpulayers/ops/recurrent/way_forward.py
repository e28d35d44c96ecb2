"""Products of the step loops on their way forward, gate by gate: what a step works on is (gates, batch,
units), so that every pass runs over contiguous memory. BLAS multiplies such panels as fast as a whole matrix.
"""

from ..arrays import accumulation_dtype, array_module
from .steps import in_order

_BLOCK = 1 << 18  # elements of the inputs' products that are computed at once: they stay in the cache


def rows(array, start, stop, dtype, ones=False):
    """Steps start to stop of (batch, steps, n) as a contiguous (stop - start, batch, n), with a column of
    ones behind where asked: a bias is the last row of such an operand's weight."""
    xp = array_module(array)
    part = xp.swapaxes(array[:, start:stop], 0, 1)
    if not ones:
        return xp.ascontiguousarray(part.astype(dtype, copy=False))
    wide = xp.empty((*part.shape[:2], part.shape[2] + 1), dtype)
    wide[..., :-1], wide[..., -1] = part, 1
    return wide


def _panels(weight, bias, gates, units, dtype):
    """The columns of these gates, one after another: (gates, n, units), with the bias as a further row."""
    count = weight.shape[0]
    panels = array_module(weight).empty((len(gates), count + (bias is not None), units), dtype)
    for panel, gate in zip(panels, gates):
        columns = slice(gate * units, (gate + 1) * units)
        panel[:count] = weight[:, columns]
        if bias is not None:
            panel[count] = bias[columns]
    return panels


def _factors(scale, gates, dtype, ones=False):
    """Dropout's factors (batch, all gates, n) of an operand as (gates, batch, n), with a column of ones
    behind where asked; None stays."""
    if scale is None:
        return None
    factors = array_module(scale).ones((len(gates), scale.shape[0], scale.shape[2] + ones), dtype)
    for panel, gate in zip(factors, gates):
        panel[:, : scale.shape[2]] = scale[:, gate]
    return factors


class InputProducts:
    """x W + bias of each step, computed for some steps at once.

    Args:
        problem: a SequenceProblem. x, weight, bias, scale: as the problem has them.
        gates: the numbers of the gates, in the order that the products are to have.
    """

    def __init__(self, problem, x, weight, bias, scale, gates):
        dtype, biased = accumulation_dtype(problem.dtype), bias is not None
        self._x, self._dtype, self._biased = in_order(problem, x), dtype, biased
        self._weight = _panels(weight, bias, gates, problem.units, dtype)
        self._factors = _factors(scale, gates, dtype, biased)
        self._length = max(1, min(problem.steps, _BLOCK // max(1, problem.batch * problem.columns)))
        self._memory = array_module(x).empty(len(gates) * self._length * problem.batch * problem.units, dtype)

    def __call__(self, step):
        """Of the step, each in its turn: (gates, batch, units), valid until the next call."""
        place = step % self._length
        if place == 0:
            self._block = self._multiply(step)
        return self._block[place]

    def _multiply(self, start):
        x = rows(self._x, start, start + self._length, self._dtype, self._biased)
        (steps, batch, size), (gates, _, units) = x.shape, self._weight.shape
        xp = array_module(x)
        if self._factors is not None:
            x = x * self._factors[:, None]
        flat = x.reshape(*x.shape[:-3], steps * batch, size)
        out = self._memory[: gates * steps * batch * units].reshape(gates, steps * batch, units)
        return xp.swapaxes(xp.matmul(flat, self._weight, out=out).reshape(gates, steps, batch, units), 0, 1)


class StateProduct:
    """The hidden state and, at each call, its product with the recurrent weight.

    Args:
        problem: a SequenceProblem. weight, scale, initial_h: as the problem has them.
        gates: as of `InputProducts`.

    Attributes:
        state: (batch, units) in the accumulation dtype, for the loop to change in place.
    """

    def __init__(self, problem, weight, scale, gates, initial_h):
        xp, batch, dtype = array_module(weight), problem.batch, accumulation_dtype(problem.dtype)
        self._matmul = xp.matmul
        self._weight = _panels(weight, None, gates, problem.units, dtype)
        self._factors = _factors(scale, gates, dtype)
        # BLAS is slow on a few rows that are no multiple of 4.
        count = -(-batch // 4) * 4 if scale is None and 1 < batch < 32 else batch
        self._rows = xp.zeros((count, problem.units), dtype)
        self._product = xp.empty((len(gates), count, problem.units), dtype)
        self.state, self._result = self._rows[:batch], self._product[:, :batch]
        self._zero = initial_h is None
        if not self._zero:
            self.state[...] = initial_h

    def __call__(self):
        """(gates, batch, units), valid until the next call."""
        if self._zero:
            self._zero = False
            self._result[...] = 0
            return self._result
        operand = self._rows if self._factors is None else self._rows * self._factors
        self._matmul(operand, self._weight, out=self._product)
        return self._result
