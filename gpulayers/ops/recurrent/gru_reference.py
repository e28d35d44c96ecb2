"""The gated recurrent unit as a loop over steps: the fallback, and the truth for the kernels.

Computed in the accumulation dtype; the hidden state is rounded at every step, because it is the output.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from . import way_back, way_forward
from .problem import GRU_GATES
from .step_activations import overflowing

_UPDATE, _RESET, _CANDIDATE = map(GRU_GATES.index, ("update", "reset", "candidate"))
_ALL = _UPDATE, _RESET, _CANDIDATE


def forward(problem, x, weight, recurrent_weight, bias, initial_h, mask, input_scale, recurrent_scale):
    """Returns (outputs, h, gates, inner).

    gates (steps, 3, batch, units): as StepActivation keeps them, in the order of processing; inner (steps,
    batch, units): with reset_after h R + bias of the candidate, else r times the candidate's h.
    """
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    keep = loop.keep_masks(problem, mask)
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    of_inputs, of_candidate = _biases(problem, bias, accumulate)
    inputs = way_forward.InputProducts(problem, x, weight, of_inputs, input_scale, _ALL)
    multiplied = _ALL if problem.reset_after else (_UPDATE, _RESET)
    product = way_forward.StateProduct(problem, recurrent_weight, recurrent_scale, multiplied, initial_h)
    if not problem.reset_after:
        candidate_weight, candidate_scale = _of_candidate(
            problem, recurrent_weight, recurrent_scale, accumulate
        )

    gates = xp.empty((problem.steps if problem.training else 1, len(_ALL), *problem.state_shape), accumulate)
    inner = xp.empty((len(gates), *problem.state_shape), accumulate)
    outputs = xp.empty(problem.output_shape, problem.dtype)
    hidden, scratch = product.state, xp.empty(problem.state_shape, accumulate)
    with overflowing():
        for step in range(problem.steps):
            of_input, of_state = inputs(step), product()
            gate, kept = gates[step % len(gates)], inner[step % len(inner)]
            both, candidate = gate[:_CANDIDATE], gate[_CANDIDATE]
            xp.add(of_input[:_CANDIDATE], of_state[:_CANDIDATE], out=both)
            update, reset = gate_activation.activate(both, both)
            if problem.reset_after:
                xp.add(of_state[_CANDIDATE], of_candidate, out=kept)
                xp.multiply(reset, kept, out=candidate)
            else:
                xp.multiply(reset, hidden if candidate_scale is None else hidden * candidate_scale, out=kept)
                xp.matmul(kept, candidate_weight, out=candidate)
            candidate += of_input[_CANDIDATE]
            xp.subtract(1, update, out=scratch)
            scratch *= activation.activate(candidate, candidate)
            if keep is None:
                hidden *= update
                hidden += scratch
            else:
                scratch += update * hidden
                xp.copyto(hidden, scratch, where=keep[step])
            outputs[:, step] = hidden
            if problem.dtype != accumulate:
                hidden[...] = outputs[:, step]
    kept = (gates, inner) if problem.training else (None, None)
    return outputs, hidden.astype(problem.dtype), *kept


def _biases(problem, bias, dtype):
    """What is added to all products of x, and to the candidate's product with the state."""
    if bias is None:
        return None, 0
    if not problem.reset_after:
        return bias, 0
    of_inputs, of_state = bias.astype(dtype)
    of_gates = slice(0, _CANDIDATE * problem.units)
    of_inputs[of_gates] += of_state[of_gates]
    return of_inputs, of_state[of_gates.stop :]


def _of_candidate(problem, recurrent_weight, scale, dtype):
    """The weight of the candidate alone, and the factors of its operand, or None."""
    weight = recurrent_weight[:, _CANDIDATE * problem.units :].astype(dtype, copy=False)
    return weight, None if scale is None else scale[:, _CANDIDATE]


def backward(problem, grad_outputs, grad_h, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h)."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    batch, units = problem.batch, problem.units
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    keep, scale = loop.keep_masks(problem, residuals.mask), residuals.recurrent_scale
    elementwise = all(loop.StepActivation(given).elementwise for given in problem.activations)
    chain = (_Slopes if elementwise and problem.reset_after else _Gradients)(residuals, recurrent_weight)

    # A step's gradients lie side by side: to the sums of the candidate, the update and the reset gate, which
    # x W is part of; then, with reset_after, to the candidate's part of h R.
    of_state = recurrent_weight if problem.reset_after else recurrent_weight[:, : _CANDIDATE * units]
    state_scale = scale if scale is None or problem.reset_after else scale[:, :_CANDIDATE]
    through = way_back.StateGradient(of_state, state_scale, batch)
    input_scale = None if residuals.input_scale is None else xp.roll(residuals.input_scale, 1, axis=1)
    width = units + of_state.shape[1]
    way = way_back.WayBack(residuals, width, xp.roll(weight, units, axis=1), input_scale)
    biased = problem.use_bias and problem.reset_after

    def states(start, stop):
        return way_back.states_before(residuals, start, stop, biased)

    grad_state = way.sum((units + biased, width - units), states, first=units, scale=state_scale)
    if not problem.reset_after:
        grad_candidate = way.sum((units, units), lambda start, stop: residuals.inner[start:stop])

    dh = loop.state_or_zeros(problem, grad_h, residuals.x, accumulate)
    direct = dh if keep is None else xp.empty_like(dh)
    for step, grads in way:
        if grad_outputs is not None:
            dh += grad_outputs[:, step]
        chain.step(step, dh, direct, xp.swapaxes(grads.reshape(batch, width // units, units), 0, 1))
        if keep is not None:
            xp.copyto(grads, 0, where=~keep[step])
        direct += through(grads[:, units:])
        if keep is not None:
            xp.copyto(dh, direct, where=keep[step])

    grad_weight, grad_bias = xp.roll(way.grad_weight, -units, axis=1), None
    grad_recurrent = (
        grad_state[:units] if problem.reset_after else xp.concatenate([grad_state, grad_candidate], 1)
    )
    if problem.use_bias:
        grad_bias = xp.roll(way.grad_bias, -units)
        grad_bias = xp.stack([grad_bias, grad_state[units]]) if biased else grad_bias
    return loop.results(problem, (way.grad_x, grad_weight, grad_recurrent, grad_bias, dh))


class _Slopes:
    """The gradients of a step with reset_after whose activations have elementwise derivatives: these are
    multiplied up for some steps at once, which leaves little for each."""

    def __init__(self, residuals, recurrent_weight):
        self.xp, self.residuals = array_module(recurrent_weight), residuals
        problem = residuals.problem
        self.activation, self.gate_activation = (loop.StepActivation(a) for a in problem.activations)
        shape = way_back.window(problem), 4, *problem.state_shape
        self.slopes, self.first = self.xp.empty(shape, recurrent_weight.dtype), problem.steps

    def step(self, step, dh, direct, grads):
        """direct, which may be dh: the gradient to the state before but for that through the products; grads
        (gates, batch, units): to the sums, as `backward` has them."""
        if step < self.first:
            self._prepare(step)
        self.xp.multiply(dh, self.slopes[step - self.first], out=grads)
        self.xp.multiply(dh, self.residuals.gates[step, _UPDATE], out=direct)

    def _prepare(self, last):
        """The slopes of the steps up to `last`."""
        self.first = max(0, last + 1 - len(self.slopes))
        steps = slice(self.first, last + 1)
        update, reset, candidate = self.xp.swapaxes(self.residuals.gates[steps], 0, 1)
        slopes = self.xp.swapaxes(self.slopes[: last + 1 - self.first], 0, 1)
        of_candidate, of_update, of_reset, of_product = slopes
        before = way_back.states_before(self.residuals, self.first, last + 1)
        self.gate_activation.derivative(update, of_update)
        of_update *= before - candidate
        self.activation.derivative(candidate, of_candidate)
        of_candidate *= 1 - update
        self.gate_activation.derivative(reset, of_reset)
        of_reset *= of_candidate
        of_reset *= self.residuals.inner[steps]
        self.xp.multiply(of_candidate, reset, out=of_product)


class _Gradients:
    """The gradients of a step with any activations, with or without reset_after."""

    def __init__(self, residuals, recurrent_weight):
        self.residuals, self.problem = residuals, residuals.problem
        self.activation, self.gate_activation = (loop.StepActivation(a) for a in self.problem.activations)
        weight, self.scale = _of_candidate(
            self.problem, recurrent_weight, residuals.recurrent_scale, recurrent_weight.dtype
        )
        self.through = way_back.StateGradient(weight, None, self.problem.batch)

    def step(self, step, dh, direct, grads):
        """As `_Slopes.step`."""
        (kept_update, kept_reset, kept), inner = self.residuals.gates[step], self.residuals.inner[step]
        update, reset = (self.gate_activation.value(gate) for gate in (kept_update, kept_reset))
        (before,) = way_back.states_before(self.residuals, step, step + 1)
        dcandidate = grads[0]
        dcandidate[...] = self.activation.gradient(dh * (1 - update), kept)
        grads[1] = self.gate_activation.gradient(dh * (before - self.activation.value(kept)), kept_update)
        direct[...] = dh * update
        if self.problem.reset_after:
            grads[2] = self.gate_activation.gradient(dcandidate * inner, kept_reset)
            grads[3] = dcandidate * reset
            return
        dinner = self.through(dcandidate)
        if self.scale is not None:
            dinner *= self.scale
        grads[2] = self.gate_activation.gradient(dinner * before, kept_reset)
        direct += dinner * reset
