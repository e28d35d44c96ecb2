"""The LSTM and the GRU with extensions from their formulas, one sequence, step and scalar at a time, in
float64."""

import math

import numpy as np

from tests.recurrent_loops import SCALAR, dot


def normal(values, gain, shift=None):
    """Layer normalisation of a list of numbers."""
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + 1e-3)
    shift = np.zeros(len(values)) if shift is None else shift
    return [(v - mean) / deviation * float(g) + float(s) for v, g, s in zip(values, gain, shift)]


def products(vector, weight, factors, units):
    """The list of a vector's products with all columns; each gate's vector has factors of its own."""
    return [dot(vector * factors[column // units], weight, column) for column in range(weight.shape[1])]


def mixed(before, after, update):
    return [float(u) * a + (1 - float(u)) * b for b, a, u in zip(before, after, update)]


def _over_time(case, step, sizes, operands):
    """(outputs, *states) of `step(b, s, x vector, *states) -> states`; the first state is the output."""
    states = {name: np.zeros((case.batch, size)) for name, size in sizes.items()}
    outputs = np.zeros((case.batch, case.steps, sizes["h"]))
    for b in range(case.batch):
        now = [operands.get(f"initial_{name}", states[name])[b] for name in sizes]
        for s in range(case.steps):
            t = case.steps - 1 - s if case.go_backwards else s
            if "mask" not in operands or operands["mask"][b, t]:
                found = step(b, operands["x"][b, t], *now)
                updates = [_update(case, operands, name, b, s, size) for name, size in sizes.items()]
                now = [mixed(*three) for three in zip(now, found, updates)]
            outputs[b, s] = now[0]
        for name, state in zip(sizes, now):
            states[name][b] = state
    return outputs, *states.values()


def _update(case, operands, name, b, s, size):
    if f"update_{name}" in operands:
        return operands[f"update_{name}"][b, s]
    return np.full(size, case.options.get(f"update_{name}", 1.0))


def _sums(case, operands, b, x, h):
    """The lists of what x and h are multiplied into, normalised."""
    pairs = []
    for vector, weight, name in ((x, "weight", "input"), (h, "recurrent_weight", "recurrent")):
        ones = np.ones((case.batch, case.gates, len(vector)))
        factors = operands.get(f"{name}_scale", ones)[b]
        values = products(np.asarray(vector), operands[weight], factors, case.units)
        pairs.append(normal(values, operands[f"{name}_gain"]) if case.normalized else values)
    return pairs


def lstm_variant_loop(case, **operands):
    """(outputs, h, c)."""
    units, act, gate_act = case.units, SCALAR[case.activation], SCALAR[case.recurrent_activation]
    bias = operands.get("bias", np.zeros(4 * units))
    p = operands.get("peephole", np.zeros((3, units)))

    def step(b, x, h, c):
        z = [sum(three) for three in zip(*_sums(case, operands, b, x, h), map(float, bias))]
        i = [gate_act(z[k] + p[0, k] * c[k]) for k in range(units)]
        f = [gate_act(z[units + k] + p[1, k] * c[k]) for k in range(units)]
        new_c = [f[k] * c[k] + i[k] * act(z[2 * units + k]) for k in range(units)]
        o = [gate_act(z[3 * units + k] + p[2, k] * new_c[k]) for k in range(units)]
        shown = normal(new_c, operands["state_gain"], operands["state_shift"]) if case.normalized else new_c
        new_h = np.array([o[k] * act(shown[k]) for k in range(units)])
        if case.projection:
            new_h = [dot(new_h, operands["projection"], column) for column in range(case.projection)]
        return new_h, new_c

    return _over_time(case, step, {"h": case.size, "c": units}, operands)


def gru_variant_loop(case, **operands):
    """(outputs, h)."""
    units, act, gate_act = case.units, SCALAR[case.activation], SCALAR[case.recurrent_activation]
    bias = operands.get("bias", np.zeros((2, 3 * units)))

    def step(b, x, h):
        of_x, of_h = (
            [value + float(shift) for value, shift in zip(values, row)]
            for values, row in zip(_sums(case, operands, b, x, h), bias)
        )
        new_h = []
        for k in range(units):
            z, r = (gate_act(of_x[at] + of_h[at]) for at in (k, units + k))
            g = act(of_x[2 * units + k] + r * of_h[2 * units + k])
            new_h.append(z * h[k] + (1 - z) * g)
        return (new_h,)

    return _over_time(case, step, {"h": units}, operands)
