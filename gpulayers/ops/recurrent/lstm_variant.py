"""The LSTM with layer normalisation, peepholes, a projection and zoneout, in array functions."""

import dataclasses

import numpy as np

from .. import arrays
from . import steps as loop
from . import variants
from .problem import GATES, LSTMProblem

_COLUMNS = {gate: index for index, gate in enumerate(GATES)}


@dataclasses.dataclass(frozen=True)
class _VariantProblem(LSTMProblem):
    size: int = 0  # of h: units, or those of the projection

    @property
    def output_shape(self):
        return self.batch, self.steps, self.size


def lstm_variant(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    initial_c=None,
    mask=None,
    peephole=None,
    projection=None,
    input_gain=None,
    recurrent_gain=None,
    state_gain=None,
    state_shift=None,
    update_h=1.0,
    update_c=1.0,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    input_scale=None,
    recurrent_scale=None,
):
    """An LSTM with what other libraries call its extensions; not part of Keras. See `lstm` for the rest.

    With z = N(x[t] W) + N(h R) + bias, cut into i, f, g, o:
    i = sigmoid(i + p_i c);  f = sigmoid(f + p_f c);  c' = f c + i tanh(g);  o = sigmoid(o + p_o c');
    h' = (o tanh(N(c'))) P;  then c = c + update_c (c' - c), h = h + update_h (h' - h).

    Args:
        x: (batch, steps, input_dim). weight: (input_dim, 4 * units). bias: (4 * units,) or None.
        recurrent_weight: (size, 4 * units): size is units, or that of the projection.
        peephole: p (3, units), for i, f, o (Gers et al. 2000), or None.
        projection: P (units, size) (Sak et al. 2014), or None.
        input_gain, recurrent_gain: (4 * units,); state_gain, state_shift: (units,): the gains of the layer
            normalisations N (Ba et al. 2016), all four or none.
        update_h, update_c: zoneout (Krueger et al. 2017): how much of the new state is taken: a number, or an
            array (batch, steps, size or units) in the order of processing. Constants to the backward.

    Returns:
        (outputs, h, c, residuals): residuals for `lstm_variant_backward`.

    Raises:
        ValueError, TypeError: shapes or types that do not fit.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h)
    named |= dict(
        initial_c=initial_c, mask=mask, peephole=peephole, projection=projection, input_gain=input_gain
    )
    named |= dict(recurrent_gain=recurrent_gain, state_gain=state_gain, state_shift=state_shift)
    named |= dict(input_scale=input_scale, recurrent_scale=recurrent_scale)
    required = (x, "x"), (weight, "weight"), (recurrent_weight, "recurrent_weight")
    x, weight, recurrent_weight = (arrays.take(array, name) for array, name in required)
    if x.ndim != 3 or weight.ndim != 2 or recurrent_weight.ndim != 2 or weight.shape[1] % 4:
        raise ValueError(
            "x, weight and recurrent_weight must have shapes (batch, steps, input_dim), "
            "(input_dim, 4 * units) and (size, 4 * units). "
            f"Received: {x.shape}, {weight.shape}, {recurrent_weight.shape}"
        )
    (batch, steps, width), units = x.shape, weight.shape[1] // 4
    size = units if projection is None else arrays.take(projection, "projection").shape[-1]
    shapes = dict(
        weight=(width, 4 * units), recurrent_weight=(size, 4 * units), bias=(4 * units,), mask=(batch, steps)
    )
    shapes |= dict(
        initial_h=(batch, size), initial_c=(batch, units), peephole=(3, units), projection=(units, size)
    )
    shapes |= dict(
        input_gain=(4 * units,), recurrent_gain=(4 * units,), state_gain=(units,), state_shift=(units,)
    )
    shapes |= dict(input_scale=(batch, 4, width), recurrent_scale=(batch, 4, size))
    named = variants.checked(shapes, named)
    gains = [
        name
        for name in ("input_gain", "recurrent_gain", "state_gain", "state_shift")
        if named[name] is not None
    ]
    if len(gains) not in (0, 4):
        raise ValueError(f"The four gains of layer normalisation go together. Received: {', '.join(gains)}")
    problem = _VariantProblem(
        batch,
        steps,
        width,
        units,
        np.dtype(x.dtype),
        use_bias=bias is not None,
        masked=mask is not None,
        go_backwards=bool(go_backwards),
        activation=activation,
        recurrent_activation=recurrent_activation,
        size=size,
    )
    return _forward(problem, named, update_h, update_c)


def _forward(problem, named, update_h, update_c):
    x = named["x"]
    xp, accumulate = arrays.array_module(x), arrays.accumulation_dtype(problem.dtype)
    wide = {
        name: None if array is None or name in ("x", "mask") else array.astype(accumulate, copy=False)
        for name, array in named.items()
    }
    batch, steps, units = problem.batch, problem.steps, problem.units
    normalized, peephole, projection = wide["input_gain"] is not None, wide["peephole"], wide["projection"]
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    keep = loop.keep_masks(problem, named["mask"])
    order = loop.processing_order(problem, x, accumulate)
    sums = xp.empty((steps, batch, 4 * units), accumulate)
    loop.gate_products(order, wide["weight"], wide["input_scale"], sums)
    saved = {"order": order, "keep": keep, "wide": wide, "steps": []}
    if normalized:
        sums, saved["input"] = variants.normalize(sums, wide["input_gain"])
    updates = [
        variants.factors(problem, update, name, (batch, steps, width), order)
        for update, name, width in ((update_h, "update_h", problem.size), (update_c, "update_c", units))
    ]
    saved["updates"] = updates
    h = xp.zeros((batch, problem.size), accumulate) if wide["initial_h"] is None else wide["initial_h"]
    c = xp.zeros((batch, units), accumulate) if wide["initial_c"] is None else wide["initial_c"]
    outputs = xp.empty(problem.output_shape, problem.dtype)
    for step in range(steps):
        kept = {"h": h, "c": c}
        recurrent = xp.empty((batch, 4 * units), accumulate)
        loop.gate_products(h, wide["recurrent_weight"], wide["recurrent_scale"], recurrent)
        if normalized:
            recurrent, kept["recurrent"] = variants.normalize(recurrent, wide["recurrent_gain"])
        z = sums[step] + recurrent + (0 if wide["bias"] is None else wide["bias"])
        z = {gate: xp.ascontiguousarray(z[:, at * units : (at + 1) * units]) for gate, at in _COLUMNS.items()}
        if peephole is not None:
            z["input"] += peephole[0] * c
            z["forget"] += peephole[1] * c
        i, f = (gate_activation.apply(z[gate]) for gate in ("input", "forget"))
        new_c = f * c + i * activation.apply(z["cell"])
        if peephole is not None:
            z["output"] += peephole[2] * new_c
        o = gate_activation.apply(z["output"])
        kept["argument"] = new_c
        if normalized:
            kept["argument"], kept["state"] = variants.normalize(
                new_c, wide["state_gain"], wide["state_shift"]
            )
        kept["argument"] = kept["argument"].copy()
        new_h = kept["inside"] = o * activation.apply(kept["argument"])
        new_h = new_h if projection is None else new_h @ projection
        kept |= {"z": z, "new_c": new_c}
        through = None if keep is None else keep[step]
        h = variants.updated(h, new_h, variants.at_step(updates[0], step), through)
        c = variants.updated(c, new_c, variants.at_step(updates[1], step), through)
        outputs[:, step] = h
        saved["steps"].append(kept)
    return outputs, h.astype(problem.dtype), c.astype(problem.dtype), (problem, named, saved)


def lstm_variant_backward(grad_outputs, grad_h, grad_c, residuals):
    """The gradients of `lstm_variant`: {operand: gradient}, for all operands given and both initial states.

    Args:
        grad_outputs: (batch, steps, size), or None; grad_h (batch, size), grad_c (batch, units), or None.
    """
    if not isinstance(residuals, tuple) or len(residuals) != 3:
        raise TypeError(f"residuals must be those of lstm_variant. Received: {type(residuals).__name__}")
    problem, named, saved = residuals
    order, keep, wide = saved["order"], saved["keep"], saved["wide"]
    xp, dtype = arrays.array_module(order), order.dtype
    batch, steps, units = problem.batch, problem.steps, problem.units
    normalized, peephole, projection = wide["input_gain"] is not None, wide["peephole"], wide["projection"]
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    dh = xp.zeros((batch, problem.size), dtype) if grad_h is None else grad_h.astype(dtype)
    dc = xp.zeros((batch, units), dtype) if grad_c is None else grad_c.astype(dtype)
    dsums, dproducts = (xp.empty((steps, batch, 4 * units), dtype) for _ in range(2))
    grads = {
        name: xp.zeros(named[name].shape, dtype)
        for name in named
        if named[name] is not None and name != "mask"
    }
    for step in reversed(range(steps)):
        kept, through = saved["steps"][step], None if keep is None else keep[step]
        z, c = kept["z"], kept["c"]
        if grad_outputs is not None:
            dh = dh + grad_outputs[:, step]
        updates = [variants.at_step(update, step) for update in saved["updates"]]
        dh, dnew_h = variants.updated_backward(dh, updates[0], through)
        dc, dnew_c = variants.updated_backward(dc, updates[1], through)
        if projection is not None:
            grads["projection"] += kept["inside"].T @ dnew_h
            dnew_h = dnew_h @ projection.T
        i, f, o = (gate_activation.value(z[gate]) for gate in ("input", "forget", "output"))
        dz = {"output": gate_activation.gradient(dnew_h * activation.value(kept["argument"]), z["output"])}
        through_state = activation.gradient(dnew_h * o, kept["argument"])
        if normalized:
            grads["state_shift"] += through_state.sum(axis=0)
            through_state, of_gain = variants.normalize_backward(
                through_state, kept["state"], wide["state_gain"]
            )
            grads["state_gain"] += of_gain
        dnew_c = dnew_c + through_state
        if peephole is not None:
            dnew_c = dnew_c + peephole[2] * dz["output"]
            grads["peephole"][2] += (dz["output"] * kept["new_c"]).sum(axis=0)
        dz["input"] = gate_activation.gradient(dnew_c * activation.value(z["cell"]), z["input"])
        dz["forget"] = gate_activation.gradient(dnew_c * c, z["forget"])
        dz["cell"] = activation.gradient(dnew_c * i, z["cell"])
        dc = dc + dnew_c * f
        if peephole is not None:
            dc = dc + peephole[0] * dz["input"] + peephole[1] * dz["forget"]
            grads["peephole"][0] += (dz["input"] * c).sum(axis=0)
            grads["peephole"][1] += (dz["forget"] * c).sum(axis=0)
        dsums[step] = xp.concatenate([dz[gate] for gate in GATES], axis=1)
        dproduct = dsums[step]
        if normalized:
            dproduct, of_gain = variants.normalize_backward(
                dproduct, kept["recurrent"], wide["recurrent_gain"]
            )
            grads["recurrent_gain"] += of_gain
        dproducts[step] = dproduct
        dh = dh + loop.gate_products_backward_input(
            dproduct, wide["recurrent_weight"], wide["recurrent_scale"]
        )

    if problem.use_bias:
        grads["bias"] = dsums.sum(axis=(0, 1))
    if normalized:
        dsums, grads["input_gain"] = variants.normalize_backward(dsums, saved["input"], wide["input_gain"])
    grad_x = loop.gate_products_backward_input(dsums, wide["weight"], wide["input_scale"])
    grads["x"] = loop.time_order(problem, grad_x)
    grads["weight"] = loop.gate_products_backward_weight(order, dsums, wide["weight"], wide["input_scale"])
    if steps:
        before = xp.stack([kept["h"] for kept in saved["steps"]])
        scale = wide["recurrent_scale"]
        grads["recurrent_weight"] = loop.gate_products_backward_weight(
            before, dproducts, wide["recurrent_weight"], scale
        )
    grads |= {"initial_h": dh, "initial_c": dc}
    for name in ("input_scale", "recurrent_scale"):
        grads.pop(name, None)
    return variants.finished(problem, grads)
