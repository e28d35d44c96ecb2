"""The GRU and the simple recurrent cell from their formulas, one scalar at a time, in float64."""

import math

import numpy as np

SCALAR = {
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "linear": lambda x: x,
    "hard_sigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
}


def over_time(case, step, x, initial_h=None, mask=None, input_scale=None, recurrent_scale=None):
    """(outputs, h) of `step(x vectors, h list, factors of h) -> h list`, the first and the last one a gate."""
    input_scale = np.ones((case.batch, case.gates, case.input_dim)) if input_scale is None else input_scale
    recurrent_scale = (
        np.ones((case.batch, case.gates, case.units)) if recurrent_scale is None else recurrent_scale
    )
    outputs, last = np.zeros((case.batch, case.steps, case.units)), np.zeros((case.batch, case.units))
    for b in range(case.batch):
        h = [0.0] * case.units if initial_h is None else [float(v) for v in initial_h[b]]
        for s in range(case.steps):
            t = case.steps - 1 - s if case.go_backwards else s
            if mask is None or mask[b, t]:
                h = step(x[b, t] * input_scale[b], h, recurrent_scale[b])
            outputs[b, s] = h
        last[b] = h
    return outputs, last


def dot(vector, weight, column):
    return sum(float(vector[i]) * float(weight[i, column]) for i in range(len(vector)))


def gru_loop(case, x, weight, recurrent_weight, bias=None, **others):
    units, act, gate_act = case.units, SCALAR[case.activation], SCALAR[case.recurrent_activation]
    if bias is None:
        bias = np.zeros((2, 3 * units))
    elif not case.reset_after:
        bias = np.stack([bias, np.zeros(3 * units)])

    def step(vectors, h, factors):
        z, r = [], []
        for k in range(units):
            for gate, values in enumerate((z, r)):
                column = gate * units + k
                total = dot(vectors[gate], weight, column) + bias[0, column] + bias[1, column]
                values.append(gate_act(total + dot(h * factors[gate], recurrent_weight, column)))
        h_of_candidate = h * factors[2]
        reset_h = r * h_of_candidate
        result = []
        for k in range(units):
            column = 2 * units + k
            total = dot(vectors[2], weight, column) + bias[0, column]
            if case.reset_after:
                total += r[k] * (dot(h_of_candidate, recurrent_weight, column) + bias[1, column])
            else:
                total += dot(reset_h, recurrent_weight, column)
            result.append(z[k] * h[k] + (1 - z[k]) * act(total))
        return result

    return over_time(case, step, x, **others)


def simple_rnn_loop(case, x, weight, recurrent_weight, bias=None, **others):
    act = SCALAR[case.activation]
    bias = np.zeros(case.units) if bias is None else bias

    def step(vectors, h, factors):
        return [
            act(dot(vectors[0], weight, k) + dot(h * factors[0], recurrent_weight, k) + bias[k])
            for k in range(case.units)
        ]

    return over_time(case, step, x, **others)
