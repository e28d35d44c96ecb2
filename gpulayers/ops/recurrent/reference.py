"""The LSTM in NumPy: the fallback, and the truth for the kernels.

Everything is computed in the accumulation dtype. For 16-bit types the hidden state is rounded at every step,
because it is the output; the cell state is rounded only where it leaves the sequence.
"""

import numpy as np

from ..arrays import accumulation_dtype
from .problem import GATES

_BLOCK = 1 << 21  # elements of the projected inputs that are alive at once where nothing is kept


def _sigmoid(x):
    np.multiply(x, 0.5, out=x)
    np.tanh(x, out=x)
    np.multiply(x, 0.5, out=x)
    np.add(x, 0.5, out=x)


def _hard_sigmoid(x):
    np.divide(x, 6, out=x)
    np.add(x, 0.5, out=x)
    np.clip(x, 0, 1, out=x)


# In place; and the derivative as a function of the activated value.
_ACTIVATE = {
    "tanh": lambda x: np.tanh(x, out=x),
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0, out=x),
    "linear": lambda x: x,
    "hard_sigmoid": _hard_sigmoid,
}
_DERIVATIVE = {
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
    "relu": lambda y: (y > 0).astype(y.dtype),
    "linear": np.ones_like,
    "hard_sigmoid": lambda y: ((y > 0) & (y < 1)) * y.dtype.type(1 / 6),
}


def _gate_slices(units):
    """{gate: its columns}, and the columns as the fewest pairs (slice, whether the activation is recurrent)."""
    gates = {gate: slice(at * units, (at + 1) * units) for at, gate in enumerate(GATES)}
    runs = []
    for gate, columns in gates.items():
        recurrent = gate != "cell"
        if runs and runs[-1][1] == recurrent:
            runs[-1] = (slice(runs[-1][0].start, columns.stop), recurrent)
        else:
            runs.append((columns, recurrent))
    return gates, runs


def _processing_order(problem, array, dtype):
    """(batch, steps, ...) along x's time -> (steps, batch, ...) in the order of processing, contiguous."""
    array = array[:, ::-1] if problem.go_backwards else array
    return np.ascontiguousarray(np.swapaxes(array, 0, 1), dtype)


def forward(problem, x, weight, recurrent_weight, bias, initial_h, initial_c, mask):
    """Returns (outputs, h, c, gates, cells); the last two are None unless training.

    gates (steps, batch, 4 * units): activated, in the order of processing; cells (steps + 1, batch, units): the
    state before each step and after the last.
    """
    accumulate = accumulation_dtype(problem.dtype)
    steps, batch, units = problem.steps, problem.batch, problem.units
    x = _processing_order(problem, x, accumulate)
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in (weight, recurrent_weight))
    bias = 0 if bias is None else bias.astype(accumulate, copy=False)
    keep = _processing_order(problem, mask, np.bool_)[..., None] if problem.masked else None
    columns, runs = _gate_slices(units)
    activate = {True: _ACTIVATE[problem.recurrent_activation], False: _ACTIVATE[problem.activation]}

    outputs = np.empty(problem.output_shape, problem.dtype)
    block = steps if problem.training else max(1, min(steps, _BLOCK // max(1, batch * problem.columns)))
    gates = np.empty((block, batch, problem.columns), accumulate)
    cells = np.empty((steps + 1 if problem.training else 2, batch, units), accumulate)
    cells[0] = 0 if initial_c is None else initial_c
    hidden = np.zeros((batch, units), accumulate) if initial_h is None else initial_h.astype(accumulate)
    product, scratch = np.empty((batch, problem.columns), accumulate), np.empty((batch, units), accumulate)

    for step in range(steps):
        if step % block == 0:
            part = x[step : step + block]
            np.matmul(part, weight, out=gates[: len(part)])
            gates[: len(part)] += bias
        gate, cell, next_cell = gates[step % block], cells[step % len(cells)], cells[(step + 1) % len(cells)]
        gate += np.matmul(hidden, recurrent_weight, out=product)
        for run, recurrent in runs:
            activate[recurrent](gate[:, run])
        np.multiply(gate[:, columns["forget"]], cell, out=next_cell)
        next_cell += np.multiply(gate[:, columns["input"]], gate[:, columns["cell"]], out=scratch)
        if keep is not None:
            np.copyto(next_cell, cell, where=~keep[step])
        np.copyto(scratch, next_cell)
        activate[False](scratch)
        scratch *= gate[:, columns["output"]]
        np.copyto(hidden, scratch, where=True if keep is None else keep[step])
        outputs[:, step] = hidden
        if problem.dtype != accumulate:
            hidden[...] = outputs[:, step]
    last_c = cells[steps % len(cells)].astype(problem.dtype)
    kept = (gates, cells) if problem.training else (None, None)
    return outputs, hidden.astype(problem.dtype), last_c, *kept


def backward(problem, grad_outputs, grad_h, grad_c, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h, grad_initial_c)."""
    accumulate = accumulation_dtype(problem.dtype)
    steps, batch, units = problem.steps, problem.batch, problem.units
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    keep = _processing_order(problem, residuals.mask, np.bool_)[..., None] if problem.masked else None
    columns, _ = _gate_slices(units)
    activate, derivative = _ACTIVATE[problem.activation], _DERIVATIVE[problem.activation]
    recurrent_derivative = _DERIVATIVE[problem.recurrent_activation]

    dgates = np.empty((steps, batch, problem.columns), accumulate)
    dh = np.zeros((batch, units), accumulate) if grad_h is None else grad_h.astype(accumulate)
    dc = np.zeros((batch, units), accumulate) if grad_c is None else grad_c.astype(accumulate)
    for step in reversed(range(steps)):
        if grad_outputs is not None:
            dh += grad_outputs[:, step]
        gate, dgate = residuals.gates[step], dgates[step]
        i, f, g, o = (gate[:, columns[name]] for name in ("input", "forget", "cell", "output"))
        activated_cell = residuals.cells[step + 1].copy()
        activate(activated_cell)
        dcell = dc + dh * o * derivative(activated_cell)
        dgate[:, columns["input"]] = dcell * g * recurrent_derivative(i)
        dgate[:, columns["forget"]] = dcell * residuals.cells[step] * recurrent_derivative(f)
        dgate[:, columns["cell"]] = dcell * i * derivative(g)
        dgate[:, columns["output"]] = dh * activated_cell * recurrent_derivative(o)
        dcell *= f
        if keep is None:
            dc = dcell
            np.matmul(dgate, recurrent_weight.T, out=dh)
        else:
            np.copyto(dgate, 0, where=~keep[step])
            dc = np.where(keep[step], dcell, dc)
            dh = np.where(keep[step], dgate @ recurrent_weight.T, dh)

    rows = dgates.reshape(steps * batch, problem.columns)
    x = _processing_order(problem, residuals.x, accumulate).reshape(steps * batch, problem.input_dim)
    previous = np.zeros((steps, batch, units), accumulate)
    if steps:
        previous[0] = 0 if residuals.initial_h is None else residuals.initial_h
        previous[1:] = np.swapaxes(residuals.outputs[:, :-1], 0, 1)
    grad_x = np.swapaxes((rows @ weight.T).reshape(steps, batch, problem.input_dim), 0, 1)
    grad_x = grad_x[:, ::-1] if problem.go_backwards else grad_x
    grad_bias = rows.sum(axis=0) if problem.use_bias else None
    grad_recurrent_weight = previous.reshape(steps * batch, units).T @ rows
    results = (grad_x, x.T @ rows, grad_recurrent_weight, grad_bias, dh, dc)
    return tuple(None if r is None else np.ascontiguousarray(r, problem.dtype) for r in results)
