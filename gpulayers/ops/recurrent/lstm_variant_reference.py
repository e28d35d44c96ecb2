"""The LSTM with extensions as a loop over steps: the fallback, and the truth for the kernels.

Computed in the accumulation dtype; h is rounded at every step, because it is the output.
"""

from ..arrays import accumulation_dtype, array_module
from . import steps as loop
from . import variants
from .problem import GATES

_GAINS = ("input_gain", "recurrent_gain", "state_gain", "state_shift")


def _gates(array):
    """Views of the four gates' columns, by name."""
    units = array.shape[-1] // len(GATES)
    return {gate: array[..., at * units : (at + 1) * units] for at, gate in enumerate(GATES)}


def forward(
    problem,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    initial_c,
    mask,
    peephole,
    projection,
    input_gain,
    recurrent_gain,
    state_gain,
    state_shift,
    input_scale,
    recurrent_scale,
    update_h,
    update_c,
):
    """Returns (outputs, h, c, kept): kept None unless training."""
    xp, accumulate = array_module(x), accumulation_dtype(problem.dtype)
    weight, recurrent_weight = (w.astype(accumulate, copy=False) for w in (weight, recurrent_weight))
    bias, peephole, projection = variants.widened(accumulate, bias, peephole, projection)
    gains = variants.widened(accumulate, input_gain, recurrent_gain, state_gain, state_shift)
    input_gain, recurrent_gain, state_gain, state_shift = gains
    steps, batch, units = problem.steps, problem.batch, problem.units
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    keep = loop.keep_masks(problem, mask)
    taken_h, taken_c = (
        variants.taken(*pair, accumulate)
        for pair in ((problem.taken_h, update_h), (problem.taken_c, update_c))
    )

    sums = xp.empty((steps, batch, problem.columns), accumulate)
    loop.gate_products(loop.processing_order(problem, x, accumulate), weight, input_scale, sums)
    kept = {}
    if problem.normalized:
        sums, kept["input"] = variants.normalize(sums, input_gain)
    sums += 0 if bias is None else bias

    length = steps if problem.training else 1
    gates = xp.empty((length, batch, problem.columns), accumulate)
    cells, arguments, insides = (xp.empty((length, batch, units), accumulate) for _ in range(3))
    outputs = xp.empty(problem.output_shape, problem.dtype)
    h, c = (
        variants.state(state, shape, x, accumulate) for state, shape in _states(problem, initial_h, initial_c)
    )
    product, statistics = xp.empty((batch, problem.columns), accumulate), []
    for step in range(steps):
        at = step % length
        loop.gate_products(h, recurrent_weight, recurrent_scale, product)
        recurrent, of_state = product, None
        if problem.normalized:
            recurrent, of_recurrent = variants.normalize(product, recurrent_gain)
        xp.add(sums[step], recurrent, out=gates[at])
        z = _gates(gates[at])
        if peephole is not None:
            z["input"] += peephole[0] * c
            z["forget"] += peephole[1] * c
        i, f = (gate_activation.apply(z[gate]) for gate in ("input", "forget"))
        new_c = f * c + i * activation.apply(z["cell"])
        if peephole is not None:
            z["output"] += peephole[2] * new_c
        o = gate_activation.apply(z["output"])
        cells[at], argument = new_c, new_c
        if problem.normalized:
            argument, of_state = variants.normalize(new_c, state_gain, state_shift)
            if problem.training:
                statistics.append((of_recurrent, of_state))
        arguments[at] = argument
        xp.multiply(o, activation.apply(arguments[at]), out=insides[at])
        new_h = insides[at] if projection is None else insides[at] @ projection
        through = None if keep is None else keep[step]
        h = variants.updated(h, new_h, variants.at_step(taken_h, step), through)
        c = variants.updated(c, new_c, variants.at_step(taken_c, step), through)
        outputs[:, step] = h
        if problem.dtype != accumulate:
            h = outputs[:, step].astype(accumulate)
    kept |= dict(gates=gates, cells=cells, arguments=arguments, insides=insides, statistics=statistics)
    last = h.astype(problem.dtype), c.astype(problem.dtype)
    return outputs, *last, kept if problem.training else None


def _states(problem, h, c):
    return (h, problem.state_shape), (c, problem.cell_shape)


def backward(problem, grad_outputs, grad_h, grad_c, residuals):
    """Returns the gradients in the order of `GRADIENTS`; None for absent operands."""
    xp, accumulate = array_module(residuals.x), accumulation_dtype(problem.dtype)
    weights = residuals.weight, residuals.recurrent_weight
    weight, recurrent_weight, peephole, projection = variants.widened(
        accumulate, *weights, residuals.peephole, residuals.projection
    )
    input_gain, recurrent_gain, state_gain, _ = variants.widened(
        accumulate, *(getattr(residuals, name) for name in _GAINS)
    )
    steps, batch, kept = problem.steps, problem.batch, residuals.kept
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    keep = loop.keep_masks(problem, residuals.mask)
    taken_h = variants.taken(problem.taken_h, residuals.update_h, accumulate)
    taken_c = variants.taken(problem.taken_c, residuals.update_c, accumulate)
    pairs = _states(problem, residuals.initial_h, residuals.initial_c)
    first_h, first_c = (variants.state(state, shape, residuals.x, accumulate) for state, shape in pairs)

    # The states before each step: c is what the update made of it.
    before_h = variants.states_before(problem, first_h, residuals.outputs)
    before_c, c = xp.empty((steps, *problem.cell_shape), accumulate), first_c
    for step in range(steps):
        before_c[step] = c
        through = None if keep is None else keep[step]
        c = variants.updated(c, kept["cells"][step], variants.at_step(taken_c, step), through)

    found = {}
    for name in ("peephole", "projection", "recurrent_gain", "state_gain", "state_shift"):
        if getattr(residuals, name) is not None:
            found[name] = xp.zeros(getattr(residuals, name).shape, accumulate)
    dsums, dproducts = (xp.empty((steps, batch, problem.columns), accumulate) for _ in range(2))
    dh, dc = (
        variants.state(grad, shape, residuals.x, accumulate)
        for grad, shape in _states(problem, grad_h, grad_c)
    )
    for step in reversed(range(steps)):
        z, new_c, c = _gates(kept["gates"][step]), kept["cells"][step], before_c[step]
        argument, through = kept["arguments"][step], None if keep is None else keep[step]
        if grad_outputs is not None:
            dh = dh + grad_outputs[:, step]
        dh, dnew_h = variants.updated_backward(dh, variants.at_step(taken_h, step), through)
        dc, dnew_c = variants.updated_backward(dc, variants.at_step(taken_c, step), through)
        if projection is not None:
            found["projection"] += kept["insides"][step].T @ dnew_h
            dnew_h = dnew_h @ projection.T
        i, f, o = (gate_activation.value(z[gate]) for gate in ("input", "forget", "output"))
        dz = _gates(dsums[step])
        dz["output"][...] = gate_activation.gradient(dnew_h * activation.value(argument), z["output"])
        through_state = activation.gradient(dnew_h * o, argument)
        if problem.normalized:
            of_recurrent, of_state = kept["statistics"][step]
            found["state_shift"] += through_state.sum(axis=0)
            through_state, of_gain = variants.normalize_backward(through_state, of_state, state_gain)
            found["state_gain"] += of_gain
        dnew_c = dnew_c + through_state
        if peephole is not None:
            dnew_c = dnew_c + peephole[2] * dz["output"]
            found["peephole"][2] += (dz["output"] * new_c).sum(axis=0)
        dz["input"][...] = gate_activation.gradient(dnew_c * activation.value(z["cell"]), z["input"])
        dz["forget"][...] = gate_activation.gradient(dnew_c * c, z["forget"])
        dz["cell"][...] = activation.gradient(dnew_c * i, z["cell"])
        dc = dc + dnew_c * f
        if peephole is not None:
            dc = dc + peephole[0] * dz["input"] + peephole[1] * dz["forget"]
            found["peephole"][0] += (dz["input"] * c).sum(axis=0)
            found["peephole"][1] += (dz["forget"] * c).sum(axis=0)
        dproducts[step] = dsums[step]
        if problem.normalized:
            dproducts[step], of_gain = variants.normalize_backward(dsums[step], of_recurrent, recurrent_gain)
            found["recurrent_gain"] += of_gain
        dh = dh + loop.gate_products_backward_input(
            dproducts[step], recurrent_weight, residuals.recurrent_scale
        )

    found["bias"] = dsums.sum(axis=(0, 1)) if problem.use_bias else None
    if problem.normalized:
        dsums, found["input_gain"] = variants.normalize_backward(dsums, kept["input"], input_gain)
    found |= variants.product_gradients(
        problem, residuals, weight, recurrent_weight, dsums, before_h, dproducts
    )
    return variants.in_order(problem, found | {"initial_h": dh, "initial_c": dc})
