"""The GRU with extensions as a loop over steps: the fallback, and the truth for the kernels.

Computed in the accumulation dtype; h is rounded at every step, because it is the output.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from . import variants
from .problem import GRU_GATES


def _gates(array):
    """Views of the columns of both gates and of the candidate."""
    units = array.shape[-1] // len(GRU_GATES)
    return [array[..., at * units : (at + 1) * units] for at in range(len(GRU_GATES))]


def forward(
    problem,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    mask,
    input_gain,
    recurrent_gain,
    input_scale,
    recurrent_scale,
    update_h,
):
    """Returns (outputs, h, kept): kept None unless training."""
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in (weight, recurrent_weight))
    bias, input_gain, recurrent_gain = variants.widened(accumulate, bias, input_gain, recurrent_gain)
    steps, batch = problem.steps, problem.batch
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    keep = loop.keep_masks(problem, mask)
    taken = variants.taken(problem.taken_h, update_h, accumulate)

    sums = xp.empty((steps, batch, problem.columns), accumulate)
    loop.gate_products(loop.processing_order(problem, x, accumulate), weight, input_scale, sums)
    kept = {}
    if problem.normalized:
        sums, kept["input"] = variants.normalize(sums, input_gain)
    sums += 0 if bias is None else bias[0]

    length = steps if problem.training else 1
    gates = xp.empty((length, batch, problem.columns), accumulate)
    inner = xp.empty((length, batch, problem.units), accumulate)
    outputs = xp.empty(problem.output_shape, problem.dtype)
    h = variants.state(initial_h, problem.state_shape, x, accumulate)
    product, statistics = xp.empty((batch, problem.columns), accumulate), []
    for step in range(steps):
        at = step % length
        loop.gate_products(h, recurrent_weight, recurrent_scale, product)
        recurrent = product
        if problem.normalized:
            recurrent, of_recurrent = variants.normalize(product, recurrent_gain)
            if problem.training:
                statistics.append(of_recurrent)
        recurrent += 0 if bias is None else bias[1]
        gates[at] = sums[step]
        (z, r, g), (of_z, of_r, inner[at]) = _gates(gates[at]), _gates(recurrent)
        z += of_z
        r += of_r
        update_gate, reset = gate_activation.apply(z), gate_activation.apply(r)
        g += reset * inner[at]
        new_h = update_gate * h + (1 - update_gate) * activation.apply(g)
        h = variants.updated(h, new_h, variants.at_step(taken, step), None if keep is None else keep[step])
        outputs[:, step] = h
        if problem.dtype != accumulate:
            h = outputs[:, step].astype(accumulate)
    kept |= dict(gates=gates, inner=inner, statistics=statistics)
    return outputs, h.astype(problem.dtype), kept if problem.training else None


def backward(problem, grad_outputs, grad_h, residuals):
    """Returns the gradients in the order of `GRADIENTS`; None for absent operands."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    weight, recurrent_weight, input_gain, recurrent_gain = variants.widened(
        accumulate,
        residuals.weight,
        residuals.recurrent_weight,
        residuals.input_gain,
        residuals.recurrent_gain,
    )
    steps, batch, kept = problem.steps, problem.batch, residuals.kept
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    keep = loop.keep_masks(problem, residuals.mask)
    taken = variants.taken(problem.taken_h, residuals.update_h, accumulate)
    first = variants.state(residuals.initial_h, problem.state_shape, residuals.x, accumulate)
    before_h = variants.states_before(problem, first, residuals.outputs)

    found = {}
    if problem.normalized:
        found["recurrent_gain"] = xp.zeros(problem.columns, accumulate)
    dsums, dstates, dproducts = (xp.empty((steps, batch, problem.columns), accumulate) for _ in range(3))
    dh = variants.state(grad_h, problem.state_shape, residuals.x, accumulate)
    for step in reversed(range(steps)):
        (z, r, g), inner, h = _gates(kept["gates"][step]), kept["inner"][step], before_h[step]
        if grad_outputs is not None:
            dh = dh + grad_outputs[:, step]
        through = None if keep is None else keep[step]
        dh, dnew_h = variants.updated_backward(dh, variants.at_step(taken, step), through)
        update_gate, reset = gate_activation.value(z), gate_activation.value(r)
        dz, dr, dg = _gates(dsums[step])
        dg[...] = activation.gradient(dnew_h * (1 - update_gate), g)
        dz[...] = gate_activation.gradient(dnew_h * (h - activation.value(g)), z)
        dr[...] = gate_activation.gradient(dg * inner, r)
        dstates[step] = dsums[step]
        _gates(dstates[step])[2][...] = dg * reset
        dproducts[step] = dstates[step]
        if problem.normalized:
            dproducts[step], of_gain = variants.normalize_backward(
                dstates[step], kept["statistics"][step], recurrent_gain
            )
            found["recurrent_gain"] += of_gain
        dh = dh + dnew_h * update_gate
        dh = dh + loop.gate_products_backward_input(
            dproducts[step], recurrent_weight, residuals.recurrent_scale
        )

    if problem.use_bias:
        found["bias"] = xp.stack([dsums.sum(axis=(0, 1)), dstates.sum(axis=(0, 1))])
    if problem.normalized:
        dsums, found["input_gain"] = variants.normalize_backward(dsums, kept["input"], input_gain)
    found |= variants.product_gradients(
        problem, residuals, weight, recurrent_weight, dsums, before_h, dproducts
    )
    return variants.in_order(problem, found | {"initial_h": dh})
