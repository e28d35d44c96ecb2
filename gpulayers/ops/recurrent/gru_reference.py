"""The gated recurrent unit as a loop over steps: the fallback, and the truth for the kernels.

Computed in the accumulation dtype; the hidden state is rounded at every step, because it is the output.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from .problem import GRU_GATES

_UPDATE, _RESET, _CANDIDATE = map(GRU_GATES.index, ("update", "reset", "candidate"))


def _columns(units):
    """The columns of the update gate, of the reset gate, of the candidate, and of the first two together."""
    of = [slice(gate * units, (gate + 1) * units) for gate in (_UPDATE, _RESET, _CANDIDATE)]
    return *of, slice(0, 2 * units)


def _of_gates(scale):
    """The factors of the two gates and of the candidate."""
    return (None, None) if scale is None else (scale[:, :_CANDIDATE], scale[:, _CANDIDATE])


def forward(problem, x, weight, recurrent_weight, bias, initial_h, mask, input_scale, recurrent_scale):
    """Returns (outputs, h, gates, inner).

    gates (steps, batch, 3 * units): activated, in the order of processing; inner (steps, batch, units): with
    reset_after h R + bias of the candidate, else r times the candidate's h.
    """
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    steps, batch, units = problem.steps, problem.batch, problem.units
    z, r, candidate, both = _columns(units)
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in (weight, recurrent_weight))
    bias = None if bias is None else bias.astype(accumulate, copy=False).reshape(-1, problem.columns)
    keep = loop.keep_masks(problem, mask)
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    scale, candidate_scale = _of_gates(recurrent_scale)

    gates = xp.empty((steps, batch, problem.columns), accumulate)
    loop.gate_products(loop.processing_order(problem, x, accumulate), weight, input_scale, gates)
    gates += 0 if bias is None else bias[0]
    inner = xp.empty((steps if problem.training else 1, batch, units), accumulate)
    outputs = xp.empty(problem.output_shape, problem.dtype)
    hidden = loop.state_or_zeros(problem, initial_h, x, accumulate)
    product = xp.empty((batch, problem.columns if problem.reset_after else 2 * units), accumulate)
    for step in range(steps):
        gate, kept = gates[step], inner[step % len(inner)]
        if problem.reset_after:
            loop.gate_products(hidden, recurrent_weight, recurrent_scale, product)
            product += 0 if bias is None else bias[1]
            kept[...] = product[:, candidate]
        else:
            loop.gate_products(hidden, recurrent_weight[:, both], scale, product)
        gate[:, both] += product[:, both]
        update, reset = (gate_activation.apply(gate[:, columns]) for columns in (z, r))
        if problem.reset_after:
            gate[:, candidate] += reset * kept
        else:
            kept[...] = reset * (hidden if candidate_scale is None else hidden * candidate_scale)
            gate[:, candidate] += kept @ recurrent_weight[:, candidate]
        after = update * hidden + (1 - update) * activation.apply(gate[:, candidate])
        hidden = after if keep is None else xp.where(keep[step], after, hidden)
        outputs[:, step] = hidden
        if problem.dtype != accumulate:
            hidden = outputs[:, step].astype(accumulate)
    kept = (gates, inner) if problem.training else (None, None)
    return outputs, hidden.astype(problem.dtype), *kept


def backward(problem, grad_outputs, grad_h, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h)."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    steps, batch, units = problem.steps, problem.batch, problem.units
    z, r, candidate, both = _columns(units)
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    keep = loop.keep_masks(problem, residuals.mask)
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    recurrent_scale = residuals.recurrent_scale
    scale, candidate_scale = _of_gates(recurrent_scale)
    previous = loop.states_before(problem, residuals.initial_h, residuals.outputs, accumulate)

    dgates = xp.empty((steps, batch, problem.columns), accumulate)  # to x W
    dstates = xp.empty_like(dgates) if problem.reset_after else dgates  # to h R
    dh = loop.state_or_zeros(problem, grad_h, residuals.x, accumulate)
    for step in reversed(range(steps)):
        if grad_outputs is not None:
            dh = dh + grad_outputs[:, step]
        gate, inner, before, dgate = (
            residuals.gates[step],
            residuals.inner[step],
            previous[step],
            dgates[step],
        )
        update, reset = (gate_activation.value(gate[:, columns]) for columns in (z, r))
        dcandidate = activation.gradient(dh * (1 - update), gate[:, candidate])
        dgate[:, candidate] = dcandidate
        dgate[:, z] = gate_activation.gradient(
            dh * (before - activation.value(gate[:, candidate])), gate[:, z]
        )
        direct = dh * update
        if problem.reset_after:
            dgate[:, r] = gate_activation.gradient(dcandidate * inner, gate[:, r])
            dstates[step][:, both] = dgate[:, both]
            dstates[step][:, candidate] = dcandidate * reset
        else:
            dinner = dcandidate @ recurrent_weight[:, candidate].T
            dinner *= 1 if candidate_scale is None else candidate_scale
            dgate[:, r] = gate_activation.gradient(dinner * before, gate[:, r])
            direct += dinner * reset
        if keep is not None:
            xp.copyto(dgate, 0, where=~keep[step])
            xp.copyto(dstates[step], 0, where=~keep[step])
        if problem.reset_after:
            direct += loop.gate_products_backward_input(dstates[step], recurrent_weight, recurrent_scale)
        else:
            direct += loop.gate_products_backward_input(dgate[:, both], recurrent_weight[:, both], scale)
        dh = direct if keep is None else xp.where(keep[step], direct, dh)

    x = loop.processing_order(problem, residuals.x, accumulate)
    grad_x = loop.time_order(
        problem, loop.gate_products_backward_input(dgates, weight, residuals.input_scale)
    )
    grad_weight = loop.gate_products_backward_weight(x, dgates, weight, residuals.input_scale)
    if problem.reset_after:
        grad_recurrent = loop.gate_products_backward_weight(
            previous, dstates, recurrent_weight, recurrent_scale
        )
    else:
        of_gates = loop.gate_products_backward_weight(
            previous, dgates[..., both], recurrent_weight[:, both], scale
        )
        rows = steps * batch
        inner = residuals.inner if keep is None else xp.where(keep, residuals.inner, 0)
        of_candidate = inner.reshape(rows, units).T @ dgates[..., candidate].reshape(rows, units)
        grad_recurrent = xp.concatenate([of_gates, of_candidate], axis=1)
    grad_bias = dgates.sum(axis=(0, 1)) if problem.use_bias else None
    if problem.use_bias and problem.reset_after:
        grad_bias = xp.stack([grad_bias, dstates.sum(axis=(0, 1))])
    return loop.results(problem, (grad_x, grad_weight, grad_recurrent, grad_bias, dh))
