"""The LSTM as a loop over steps: the fallback, and the truth for the kernels.

Everything is computed in the accumulation dtype. For 16-bit types the hidden state is rounded at every step,
because it is the output; the cell state is rounded only where it leaves the sequence.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from .problem import GATES

_BLOCK = 1 << 19  # elements of the projected inputs that are alive at once where nothing is kept
_FEW_ROWS = 16


def _gate_slices(units):
    """The columns of each gate."""
    return {gate: slice(at * units, (at + 1) * units) for at, gate in enumerate(GATES)}


def _sigmoid_columns(problem, xp, dtype):
    """0.5 in the columns of sigmoids, 1 in those of the tanh: sigmoid(x) = tanh(x / 2) / 2 + 1 / 2."""
    factors = xp.full(problem.columns, 0.5, dtype)
    factors[_gate_slices(problem.units)["cell"]] = 1
    return factors


def _activate_gates_at_once(xp, gate, columns, factors, offsets):
    """`_activate_gates` for tanh and sigmoid, over contiguous memory."""
    xp.multiply(gate, factors, out=gate)
    xp.tanh(gate, out=gate)
    xp.multiply(gate, factors, out=gate)
    xp.add(gate, offsets, out=gate)
    return [gate[:, columns[name]] for name in ("input", "forget", "cell", "output")]


def _activate_gates(gate, columns, activation, recurrent_activation):
    """The values of the gates i, f, g, o; `gate` becomes what is to be kept."""
    names = ("input", "forget", "cell", "output")
    if recurrent_activation.joins_gates:
        recurrent_activation.apply(gate[:, columns["input"].start : columns["forget"].stop])
        recurrent_activation.apply(gate[:, columns["output"]])
        values = {name: gate[:, columns[name]] for name in names}
    else:
        values = {
            name: recurrent_activation.apply(gate[:, columns[name]]) for name in names if name != "cell"
        }
    values["cell"] = activation.apply(gate[:, columns["cell"]])
    return [values[name] for name in names]


def forward(
    problem, x, weight, recurrent_weight, bias, initial_h, initial_c, mask, input_scale, recurrent_scale
):
    """Returns (outputs, h, c, gates, cells).

    gates (steps, batch, 4 * units): activated, in the order of processing; cells (steps + 1, batch, units):
    the state before each step and after the last.
    """
    xp = array_module(x)
    accumulate = accumulation_dtype(problem.dtype)
    steps, batch, units = problem.steps, problem.batch, problem.units
    x = loop.processing_order(problem, x, accumulate)
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in (weight, recurrent_weight))
    bias = 0 if bias is None else bias.astype(accumulate, copy=False)
    keep = loop.keep_masks(problem, mask)
    columns = _gate_slices(units)
    activations = [loop.StepActivation(given) for given in problem.activations]
    at_once = tuple(problem.activations) == ("tanh", "sigmoid")
    factors = _sigmoid_columns(problem, xp, accumulate)
    offsets = 1 - factors

    outputs = xp.empty(problem.output_shape, problem.dtype)
    block = steps if problem.training else max(1, min(steps, _BLOCK // max(1, batch * problem.columns)))
    gates = xp.empty((block, batch, problem.columns), accumulate)
    cells = xp.empty((steps + 1 if problem.training else 2, batch, units), accumulate)
    cells[0] = 0 if initial_c is None else initial_c
    hidden = loop.state_or_zeros(problem, initial_h, x, accumulate)
    product, scratch = xp.empty((batch, problem.columns), accumulate), xp.empty((batch, units), accumulate)
    # BLAS multiplies few rows faster as few columns.
    turned = recurrent_scale is None and 1 < batch <= _FEW_ROWS
    if turned:
        weight_turned, product = xp.ascontiguousarray(recurrent_weight.T), product.reshape(-1, batch)

    for step in range(steps):
        if step % block == 0:
            part = x[step : step + block]
            loop.gate_products(part, weight, input_scale, gates[: len(part)])
            gates[: len(part)] += bias
        gate, cell, next_cell = gates[step % block], cells[step % len(cells)], cells[(step + 1) % len(cells)]
        if turned:
            gate += xp.matmul(weight_turned, hidden.T, out=product).T
        else:
            gate += loop.gate_products(hidden, recurrent_weight, recurrent_scale, product)
        if at_once:
            i, f, g, o = _activate_gates_at_once(xp, gate, columns, factors, offsets)
        else:
            i, f, g, o = _activate_gates(gate, columns, *activations)
        xp.multiply(f, cell, out=next_cell)
        next_cell += xp.multiply(i, g, out=scratch)
        if keep is not None:
            xp.copyto(next_cell, cell, where=~keep[step])
        xp.copyto(scratch, next_cell)
        after = xp.multiply(activations[0].apply(scratch), o, out=scratch)
        if keep is None:
            xp.copyto(hidden, after)
        else:
            xp.copyto(hidden, after, where=keep[step])
        outputs[:, step] = hidden
        if problem.dtype != accumulate:
            hidden[...] = outputs[:, step]
    last_c = cells[steps % len(cells)].astype(problem.dtype)
    kept = (gates, cells) if problem.training else (None, None)
    return outputs, hidden.astype(problem.dtype), last_c, *kept


def backward(problem, grad_outputs, grad_h, grad_c, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h, grad_initial_c)."""
    xp = array_module(residuals.x)
    accumulate = accumulation_dtype(problem.dtype)
    steps, batch = problem.steps, problem.batch
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    recurrent_weight = xp.asfortranarray(recurrent_weight)  # its transpose is what every step multiplies by
    scale = residuals.recurrent_scale
    keep = loop.keep_masks(problem, residuals.mask)
    columns = _gate_slices(problem.units)
    activation, recurrent_activation = (loop.StepActivation(given) for given in problem.activations)

    dgates = xp.empty((steps, batch, problem.columns), accumulate)
    dh, dc = (loop.state_or_zeros(problem, grad, residuals.x, accumulate) for grad in (grad_h, grad_c))
    for step in reversed(range(steps)):
        if grad_outputs is not None:
            dh += grad_outputs[:, step]
        gate, dgate = residuals.gates[step], dgates[step]
        kept_i, kept_f, kept_g, kept_o = (
            gate[:, columns[name]] for name in ("input", "forget", "cell", "output")
        )
        i, f, o = (recurrent_activation.value(kept) for kept in (kept_i, kept_f, kept_o))
        kept_cell = residuals.cells[step + 1].copy()
        activated_cell = activation.apply(kept_cell)
        dcell = dc + activation.gradient(dh * o, kept_cell)
        dgate[:, columns["input"]] = recurrent_activation.gradient(dcell * activation.value(kept_g), kept_i)
        dgate[:, columns["forget"]] = recurrent_activation.gradient(dcell * residuals.cells[step], kept_f)
        dgate[:, columns["cell"]] = activation.gradient(dcell * i, kept_g)
        dgate[:, columns["output"]] = recurrent_activation.gradient(dh * activated_cell, kept_o)
        dcell *= f
        through = None if keep is None else keep[step]
        if through is not None:
            xp.copyto(dgate, 0, where=~through)
        before = loop.gate_products_backward_input(dgate, recurrent_weight, scale)
        dc = dcell if through is None else xp.where(through, dcell, dc)
        dh = before if through is None else xp.where(through, before, dh)

    x = loop.processing_order(problem, residuals.x, accumulate)
    previous = loop.states_before(problem, residuals.initial_h, residuals.outputs, accumulate)
    grad_x = loop.time_order(
        problem, loop.gate_products_backward_input(dgates, weight, residuals.input_scale)
    )
    grad_weight = loop.gate_products_backward_weight(x, dgates, weight, residuals.input_scale)
    grad_recurrent_weight = loop.gate_products_backward_weight(previous, dgates, recurrent_weight, scale)
    grad_bias = dgates.sum(axis=(0, 1)) if problem.use_bias else None
    return loop.results(problem, (grad_x, grad_weight, grad_recurrent_weight, grad_bias, dh, dc))
