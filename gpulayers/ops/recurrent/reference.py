"""The LSTM as a loop over steps: the fallback, and the truth for the kernels.

Everything is computed in the accumulation dtype. For 16-bit types the hidden state is rounded at every step,
because it is the output; the cell state is rounded only where it leaves the sequence.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from . import way_back, way_forward
from .problem import GATES
from .step_activations import overflowing

_INPUT, _FORGET, _CELL, _OUTPUT = range(len(GATES))
_PANELS = _INPUT, _FORGET, _OUTPUT, _CELL  # the gates of one activation side by side


def forward(
    problem, x, weight, recurrent_weight, bias, initial_h, initial_c, mask, input_scale, recurrent_scale
):
    """Returns (outputs, h, c, gates, cells).

    gates (steps, 5, batch, units): the gates i, f, o, g and tanh(c), as StepActivation keeps them, in the
    order of processing; cells (steps + 1, batch, units): the state before each step and after the last.
    """
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    keep = loop.keep_masks(problem, mask)
    activation, recurrent_activation = (loop.StepActivation(given) for given in problem.activations)
    inputs = way_forward.InputProducts(problem, x, weight, bias, input_scale, _PANELS)
    product = way_forward.StateProduct(problem, recurrent_weight, recurrent_scale, _PANELS, initial_h)

    outputs = xp.empty(problem.output_shape, problem.dtype)
    gates = xp.empty((problem.steps if problem.training else 1, 5, *problem.state_shape), accumulate)
    views = [(gate[:4], gate[:3], *gate) for gate in gates]
    cells = xp.empty((problem.steps + 1 if problem.training else 2, *problem.state_shape), accumulate)
    cells[0] = 0 if initial_c is None else initial_c
    hidden, scratch = product.state, xp.empty(problem.state_shape, accumulate)
    with overflowing():
        for step in range(problem.steps):
            sums, sigmoids, i, f, o, g, squashed = views[step % len(views)]
            cell, next_cell = cells[step % len(cells)], cells[(step + 1) % len(cells)]
            xp.add(inputs(step), product(), out=sums)
            values = recurrent_activation.activate(sigmoids, sigmoids)
            if values is not sigmoids:
                i, f, o = values
            xp.multiply(f, cell, out=next_cell)
            next_cell += xp.multiply(i, activation.activate(g, g), out=scratch)
            if keep is not None:
                xp.copyto(next_cell, cell, where=~keep[step])
            after = xp.multiply(
                activation.activate(next_cell, squashed), o, out=hidden if keep is None else scratch
            )
            if keep is not None:
                xp.copyto(hidden, after, where=keep[step])
            outputs[:, step] = hidden
            if problem.dtype != accumulate:
                hidden[...] = outputs[:, step]
    last_c = cells[problem.steps % len(cells)].astype(problem.dtype)
    kept = (gates, cells) if problem.training else (None, None)
    return outputs, hidden.astype(problem.dtype), last_c, *kept


def backward(problem, grad_outputs, grad_h, grad_c, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h, grad_initial_c)."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    keep, scale = loop.keep_masks(problem, residuals.mask), residuals.recurrent_scale
    elementwise = all(loop.StepActivation(given).elementwise for given in problem.activations)
    chain = (_Slopes if elementwise else _Gradients)(residuals)
    through = way_back.StateGradient(recurrent_weight, scale, problem.batch)
    way = way_back.WayBack(residuals, problem.columns, weight, residuals.input_scale)
    grad_recurrent = way.sum(
        recurrent_weight.shape, lambda *steps: way_back.states_before(residuals, *steps), scale=scale
    )

    dh, dc = (loop.state_or_zeros(problem, grad, residuals.x, accumulate) for grad in (grad_h, grad_c))
    dcell = dc if keep is None else xp.empty_like(dc)
    for step, grads in way:
        if grad_outputs is not None:
            dh += grad_outputs[:, step]
        chain.step(step, dh, dc, dcell, xp.swapaxes(grads.reshape(problem.batch, 4, problem.units), 0, 1))
        if keep is None:
            xp.copyto(dh, through(grads))
        else:
            xp.copyto(grads, 0, where=~keep[step])
            xp.copyto(dc, dcell, where=keep[step])
            xp.copyto(dh, through(grads), where=keep[step])
    return loop.results(problem, (way.grad_x, way.grad_weight, grad_recurrent, way.grad_bias, dh, dc))


class _Slopes:
    """The gradients of a step whose activations have elementwise derivatives: these are multiplied up for
    some steps at once, which leaves little for each."""

    def __init__(self, residuals):
        problem = residuals.problem
        self.xp, self.kept, self.cells = array_module(residuals.x), residuals.gates, residuals.cells
        self.activation, self.recurrent_activation = (loop.StepActivation(a) for a in problem.activations)
        shape = way_back.window(problem), 5, *problem.state_shape  # of the gates in order, of the state
        self.slopes, self.first = self.xp.empty(shape, self.cells.dtype), problem.steps

    def step(self, step, dh, dc, dcell, dgates):
        """dcell, which may be dc: the gradient to the state before; dgates (4, batch, units): to the gates'
        sums."""
        if step < self.first:
            self._prepare(step)
        slopes, xp = self.slopes[step - self.first], self.xp
        xp.multiply(dh, slopes[_OUTPUT], out=dgates[_OUTPUT])
        of_state = slopes[4]
        of_state *= dh
        of_state += dc
        xp.multiply(of_state, slopes[:_OUTPUT], out=dgates[:_OUTPUT])
        xp.multiply(of_state, self.kept[step, 1], out=dcell)

    def _prepare(self, last):
        """The slopes of the steps up to `last`."""
        self.first = max(0, last + 1 - len(self.slopes))
        steps = slice(self.first, last + 1)
        kept, slopes = (
            self.xp.swapaxes(a, 0, 1) for a in (self.kept[steps], self.slopes[: last + 1 - self.first])
        )
        i, f, o, g, squashed = kept
        self.recurrent_activation.derivative(kept[:2], slopes[:2])
        self.recurrent_activation.derivative(o, slopes[_OUTPUT])
        self.activation.derivative(g, slopes[_CELL])
        self.activation.derivative(squashed, slopes[4])
        factors = {_INPUT: g, _FORGET: self.cells[steps], _CELL: i, _OUTPUT: squashed, 4: o}
        for place, factor in factors.items():
            slopes[place] *= factor


class _Gradients:
    """The gradients of a step with any activations."""

    def __init__(self, residuals):
        self.kept, self.cells = residuals.gates, residuals.cells
        self.activation, self.recurrent_activation = (
            loop.StepActivation(a) for a in residuals.problem.activations
        )

    def step(self, step, dh, dc, dcell, dgates):
        """As `_Slopes.step`."""
        activation, recurrent_activation = self.activation, self.recurrent_activation
        kept_i, kept_f, kept_o, kept_g, kept_cell = self.kept[step]
        i, f, o = (recurrent_activation.value(kept) for kept in (kept_i, kept_f, kept_o))
        of_state = dc + activation.gradient(dh * o, kept_cell)
        dgates[_INPUT] = recurrent_activation.gradient(of_state * activation.value(kept_g), kept_i)
        dgates[_FORGET] = recurrent_activation.gradient(of_state * self.cells[step], kept_f)
        dgates[_CELL] = activation.gradient(of_state * i, kept_g)
        dgates[_OUTPUT] = recurrent_activation.gradient(dh * activation.value(kept_cell), kept_o)
        dcell[...] = of_state * f
