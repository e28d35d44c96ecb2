"""The simple recurrent cell as a loop over steps: the fallback, and the truth for the kernels.

Computed in the accumulation dtype; the hidden state is rounded at every step, because it is the output.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop


def forward(problem, x, weight, recurrent_weight, bias, initial_h, mask, input_scale, recurrent_scale):
    """Returns (outputs, h, gates): gates (steps, batch, units) as StepActivation keeps them, in the order of
    processing."""
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in (weight, recurrent_weight))
    keep, activation = loop.keep_masks(problem, mask), loop.StepActivation(problem.activation)
    sums = xp.empty((problem.steps, problem.batch, problem.units), accumulate)
    loop.gate_products(loop.processing_order(problem, x, accumulate), weight, input_scale, sums)
    sums += 0 if bias is None else bias.astype(accumulate, copy=False)
    outputs = xp.empty(problem.output_shape, problem.dtype)
    hidden = loop.state_or_zeros(problem, initial_h, x, accumulate)
    product = xp.empty_like(hidden)
    for step in range(problem.steps):
        sums[step] += loop.gate_products(hidden, recurrent_weight, recurrent_scale, product)
        after = activation.apply(sums[step])
        hidden = after if keep is None else xp.where(keep[step], after, hidden)
        outputs[:, step] = hidden
        if problem.dtype != accumulate:
            hidden = outputs[:, step].astype(accumulate)
    return outputs, hidden.astype(problem.dtype), sums if problem.training else None


def backward(problem, grad_outputs, grad_h, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h)."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    keep, activation = loop.keep_masks(problem, residuals.mask), loop.StepActivation(problem.activation)
    dsums = xp.empty((problem.steps, problem.batch, problem.units), accumulate)
    dh = loop.state_or_zeros(problem, grad_h, residuals.x, accumulate)
    for step in reversed(range(problem.steps)):
        if grad_outputs is not None:
            dh = dh + grad_outputs[:, step]
        dsums[step] = activation.gradient(dh, residuals.gates[step])
        if keep is not None:
            xp.copyto(dsums[step], 0, where=~keep[step])
        before = loop.gate_products_backward_input(dsums[step], recurrent_weight, residuals.recurrent_scale)
        dh = before if keep is None else xp.where(keep[step], before, dh)

    x = loop.processing_order(problem, residuals.x, accumulate)
    previous = loop.states_before(problem, residuals.initial_h, residuals.outputs, accumulate)
    grad_x = loop.time_order(problem, loop.gate_products_backward_input(dsums, weight, residuals.input_scale))
    grad_weight = loop.gate_products_backward_weight(x, dsums, weight, residuals.input_scale)
    scale = residuals.recurrent_scale
    grad_recurrent = loop.gate_products_backward_weight(previous, dsums, recurrent_weight, scale)
    grad_bias = dsums.sum(axis=(0, 1)) if problem.use_bias else None
    return loop.results(problem, (grad_x, grad_weight, grad_recurrent, grad_bias, dh))
