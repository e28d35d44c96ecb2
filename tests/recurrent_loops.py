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


def over_time(case, step, x, initial_h=None, mask=None):
    """(outputs, h) of `step(x vector, h list) -> h list`."""
    outputs, last = np.zeros((case.batch, case.steps, case.units)), np.zeros((case.batch, case.units))
    for b in range(case.batch):
        h = [0.0] * case.units if initial_h is None else [float(v) for v in initial_h[b]]
        for s in range(case.steps):
            t = case.steps - 1 - s if case.go_backwards else s
            if mask is None or mask[b, t]:
                h = step(x[b, t], h)
            outputs[b, s] = h
        last[b] = h
    return outputs, last


def dot(vector, weight, column):
    return sum(float(vector[i]) * float(weight[i, column]) for i in range(len(vector)))


def gru_loop(case, x, weight, recurrent_weight, bias=None, initial_h=None, mask=None):
    units, act, gate_act = case.units, SCALAR[case.activation], SCALAR[case.recurrent_activation]
    if bias is None:
        bias = np.zeros((2, 3 * units))
    elif not case.reset_after:
        bias = np.stack([bias, np.zeros(3 * units)])

    def step(vector, h):
        z, r = [], []
        for k in range(units):
            for gate, column in ((z, k), (r, units + k)):
                total = dot(vector, weight, column) + bias[0, column] + dot(h, recurrent_weight, column)
                gate.append(gate_act(total + bias[1, column]))
        reset_h = [a * b for a, b in zip(r, h)]
        result = []
        for k in range(units):
            column = 2 * units + k
            total = dot(vector, weight, column) + bias[0, column]
            if case.reset_after:
                total += r[k] * (dot(h, recurrent_weight, column) + bias[1, column])
            else:
                total += dot(reset_h, recurrent_weight, column)
            result.append(z[k] * h[k] + (1 - z[k]) * act(total))
        return result

    return over_time(case, step, x, initial_h, mask)


def simple_rnn_loop(case, x, weight, recurrent_weight, bias=None, initial_h=None, mask=None):
    act = SCALAR[case.activation]
    bias = np.zeros(case.units) if bias is None else bias

    def step(vector, h):
        return [
            act(dot(vector, weight, k) + dot(h, recurrent_weight, k) + bias[k]) for k in range(case.units)
        ]

    return over_time(case, step, x, initial_h, mask)
