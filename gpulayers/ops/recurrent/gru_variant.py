"""The GRU with layer normalisation and zoneout, in array functions, step by step."""

import numpy as np

from .. import arrays
from . import steps as loop
from . import variants
from .problem import GRUProblem


def gru_variant(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    mask=None,
    input_gain=None,
    recurrent_gain=None,
    update_h=1.0,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    input_scale=None,
    recurrent_scale=None,
):
    """A GRU, reset gate after the product, with layer normalisation and zoneout; not part of Keras.

    See `gru` for the rest.

    With a = N(x[t] W) + bias[0] and b = N(h R) + bias[1], cut into z, r, g: z = sigmoid(a_z + b_z);
    r = sigmoid(a_r + b_r);  h' = z h + (1 - z) tanh(a_g + r b_g);  then h = h + update_h (h' - h).

    Args:
        x: (batch, steps, input_dim). weight: (input_dim, 3 * units). recurrent_weight: (units, 3 * units).
        bias: (2, 3 * units) or None.
        input_gain, recurrent_gain: (3 * units,): gains of the layer normalisations N (Ba et al. 2016), both
            or none.
        update_h: zoneout (Krueger et al. 2017): how much of the new state is taken: a number, or an array
            (batch, steps, units) in the order of processing. A constant to the backward.

    Returns:
        (outputs, h, residuals): residuals for `gru_variant_backward`.

    Raises:
        ValueError, TypeError: shapes or types that do not fit.
    """
    named = dict(
        x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h, mask=mask
    )
    named |= dict(input_gain=input_gain, recurrent_gain=recurrent_gain)
    named |= dict(input_scale=input_scale, recurrent_scale=recurrent_scale)
    required = (x, "x"), (weight, "weight"), (recurrent_weight, "recurrent_weight")
    x, weight, recurrent_weight = (arrays.take(array, name) for array, name in required)
    if x.ndim != 3 or weight.ndim != 2 or weight.shape[1] % 3:
        raise ValueError(
            "x and weight must have shapes (batch, steps, input_dim) and (input_dim, 3 * units). "
            f"Received: {x.shape}, {weight.shape}"
        )
    (batch, steps, width), units = x.shape, weight.shape[1] // 3
    shapes = dict(weight=(width, 3 * units), recurrent_weight=(units, 3 * units), bias=(2, 3 * units))
    shapes |= dict(
        initial_h=(batch, units), mask=(batch, steps), input_gain=(3 * units,), recurrent_gain=(3 * units,)
    )
    shapes |= dict(input_scale=(batch, 3, width), recurrent_scale=(batch, 3, units))
    named = variants.checked(shapes, named)
    if (input_gain is None) != (recurrent_gain is None):
        raise ValueError("input_gain and recurrent_gain go together. Received: one of them")
    problem = GRUProblem(
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
    )
    xp, accumulate = arrays.array_module(x), arrays.accumulation_dtype(problem.dtype)
    wide = {
        name: None if array is None or name in ("x", "mask") else array.astype(accumulate, copy=False)
        for name, array in named.items()
    }
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    order, keep = (
        loop.processing_order(problem, named["x"], accumulate),
        loop.keep_masks(problem, named["mask"]),
    )
    sums = xp.empty((steps, batch, 3 * units), accumulate)
    loop.gate_products(order, wide["weight"], wide["input_scale"], sums)
    saved = {"order": order, "keep": keep, "wide": wide, "steps": []}
    if input_gain is not None:
        sums, saved["input"] = variants.normalize(sums, wide["input_gain"])
    biases = (0, 0) if bias is None else wide["bias"]
    update = saved["update"] = variants.factors(problem, update_h, "update_h", (batch, steps, units), order)
    h = xp.zeros((batch, units), accumulate) if initial_h is None else wide["initial_h"]
    outputs = xp.empty(problem.output_shape, problem.dtype)
    for step in range(steps):
        kept, b = {"h": h}, xp.empty((batch, 3 * units), accumulate)
        loop.gate_products(h, wide["recurrent_weight"], wide["recurrent_scale"], b)
        if input_gain is not None:
            b, kept["recurrent"] = variants.normalize(b, wide["recurrent_gain"])
        a, b = sums[step] + biases[0], b + biases[1]
        z, r = (xp.ascontiguousarray((a + b)[:, at * units : (at + 1) * units]) for at in (0, 1))
        kept |= {"z": z, "r": r, "inner": b[:, 2 * units :]}
        update_gate, reset = gate_activation.apply(z), gate_activation.apply(r)
        kept["g"] = a[:, 2 * units :] + reset * kept["inner"]
        new_h = update_gate * h + (1 - update_gate) * activation.apply(kept["g"])
        h = variants.updated(h, new_h, variants.at_step(update, step), None if keep is None else keep[step])
        outputs[:, step] = h
        saved["steps"].append(kept)
    return outputs, h.astype(problem.dtype), (problem, named, saved)


def gru_variant_backward(grad_outputs, grad_h, residuals):
    """The gradients of `gru_variant`: {operand: gradient}, for all operands given and the initial state.

    Args:
        grad_outputs: (batch, steps, units), or None; grad_h (batch, units), or None.
    """
    if not isinstance(residuals, tuple) or len(residuals) != 3:
        raise TypeError(f"residuals must be those of gru_variant. Received: {type(residuals).__name__}")
    problem, named, saved = residuals
    order, keep, wide = saved["order"], saved["keep"], saved["wide"]
    xp, dtype, normalized = arrays.array_module(order), order.dtype, wide["input_gain"] is not None
    batch, steps, units = problem.batch, problem.steps, problem.units
    activation, gate_activation = (loop.StepActivation(given) for given in problem.activations)
    dh = xp.zeros((batch, units), dtype) if grad_h is None else grad_h.astype(dtype)
    dsums, dstates, dproducts = (xp.empty((steps, batch, 3 * units), dtype) for _ in range(3))
    grads = {
        name: xp.zeros(named[name].shape, dtype)
        for name in named
        if named[name] is not None and name != "mask"
    }
    for step in reversed(range(steps)):
        kept = saved["steps"][step]
        if grad_outputs is not None:
            dh = dh + grad_outputs[:, step]
        update = variants.at_step(saved["update"], step)
        dh, dnew = variants.updated_backward(dh, update, None if keep is None else keep[step])
        update_gate, reset = gate_activation.value(kept["z"]), gate_activation.value(kept["r"])
        dg = activation.gradient(dnew * (1 - update_gate), kept["g"])
        dz = gate_activation.gradient(dnew * (kept["h"] - activation.value(kept["g"])), kept["z"])
        dr = gate_activation.gradient(dg * kept["inner"], kept["r"])
        dsums[step] = xp.concatenate([dz, dr, dg], axis=1)
        dproduct = dstates[step] = xp.concatenate([dz, dr, dg * reset], axis=1)
        if normalized:
            dproduct, of_gain = variants.normalize_backward(
                dproduct, kept["recurrent"], wide["recurrent_gain"]
            )
            grads["recurrent_gain"] += of_gain
        dproducts[step] = dproduct
        dh = dh + dnew * update_gate
        dh = dh + loop.gate_products_backward_input(
            dproduct, wide["recurrent_weight"], wide["recurrent_scale"]
        )

    if problem.use_bias:
        grads["bias"] = xp.stack([dsums.sum(axis=(0, 1)), dstates.sum(axis=(0, 1))])
    if normalized:
        dsums, grads["input_gain"] = variants.normalize_backward(dsums, saved["input"], wide["input_gain"])
    grad_x = loop.gate_products_backward_input(dsums, wide["weight"], wide["input_scale"])
    grads["x"] = loop.time_order(problem, grad_x)
    grads["weight"] = loop.gate_products_backward_weight(order, dsums, wide["weight"], wide["input_scale"])
    if steps:
        before, scale = xp.stack([kept["h"] for kept in saved["steps"]]), wide["recurrent_scale"]
        grads["recurrent_weight"] = loop.gate_products_backward_weight(
            before, dproducts, wide["recurrent_weight"], scale
        )
    grads["initial_h"] = dh
    for name in ("input_scale", "recurrent_scale"):
        grads.pop(name, None)
    return variants.finished(problem, grads)
