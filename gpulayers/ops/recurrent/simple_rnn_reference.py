"""The simple recurrent cell as a loop over steps: the fallback, and the truth for the kernels.

Computed in the accumulation dtype; the hidden state is rounded at every step, because it is the output.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from . import way_back, way_forward
from .step_activations import overflowing

_GATES = (0,)


def forward(problem, x, weight, recurrent_weight, bias, initial_h, mask, input_scale, recurrent_scale):
    """Returns (outputs, h, gates): gates (steps, batch, units) as StepActivation keeps them, in the order of
    processing."""
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    keep, activation = loop.keep_masks(problem, mask), loop.StepActivation(problem.activation)
    inputs = way_forward.InputProducts(problem, x, weight, bias, input_scale, _GATES)
    product = way_forward.StateProduct(problem, recurrent_weight, recurrent_scale, _GATES, initial_h)
    sums = xp.empty((problem.steps if problem.training else 1, *problem.state_shape), accumulate)
    outputs = xp.empty(problem.output_shape, problem.dtype)
    hidden = product.state
    with overflowing():
        for step in range(problem.steps):
            kept = sums[step % len(sums)]
            xp.add(inputs(step)[0], product()[0], out=kept)
            after = activation.activate(kept, kept)
            xp.copyto(hidden, after, where=True if keep is None else keep[step])
            outputs[:, step] = hidden
            if problem.dtype != accumulate:
                hidden[...] = outputs[:, step]
    return outputs, hidden.astype(problem.dtype), sums if problem.training else None


def backward(problem, grad_outputs, grad_h, residuals):
    """Returns (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h)."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in weights)
    keep, activation = loop.keep_masks(problem, residuals.mask), loop.StepActivation(problem.activation)
    scale = residuals.recurrent_scale
    through = way_back.StateGradient(recurrent_weight, scale, problem.batch)
    way = way_back.WayBack(residuals, problem.units, weight, residuals.input_scale)
    grad_recurrent = way.sum(
        recurrent_weight.shape, lambda *steps: way_back.states_before(residuals, *steps), scale=scale
    )
    dh = loop.state_or_zeros(problem, grad_h, residuals.x, accumulate)
    for step, grads in way:
        if grad_outputs is not None:
            dh += grad_outputs[:, step]
        grads[...] = activation.gradient(dh, residuals.gates[step])
        if keep is not None:
            xp.copyto(grads, 0, where=~keep[step])
        xp.copyto(dh, through(grads), where=True if keep is None else keep[step])
    return loop.results(problem, (way.grad_x, way.grad_weight, grad_recurrent, way.grad_bias, dh))
