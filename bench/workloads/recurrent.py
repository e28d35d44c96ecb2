"""LSTMs and GRUs: DeepBench, KernelBench, the character model; a grid of sizes."""

import math

import numpy as np

from gpulayers import ops
from gpulayers.ops.recurrent.problem import GRUProblem, LSTMProblem

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, to_float64, uniform
from .recurrent_formulas import sigmoid

_PROBLEMS = {"lstm": LSTMProblem, "gru": GRUProblem}

# cell, units, batch, steps, inputs, source, importance in (float32, tf32, bfloat16, float16)
_GPU = [
    ("lstm", 256, 10, 512, 128, "KernelBench 35, one layer", (0, 1, 0, 1)),
    ("lstm", 768, 16, 1024, 768, "FlashRNN", (1, 2, 0, 0)),
    ("lstm", 512, 16, 25, 512, "DeepBench", (0, 1, 0, 1)),
    ("lstm", 1024, 64, 25, 1024, "DeepBench", (1, 1, 0, 1)),
    ("lstm", 256, 64, 100, 64, "character LSTM", (0, 2, 1, 2)),
    ("lstm", 2048, 128, 25, 2048, "DeepBench", (1, 1, 1, 2)),
    ("lstm", 1536, 8, 50, 1536, "DeepBench", (1, 2, 1, 2)),
    ("lstm", 256, 16, 150, 256, "DeepBench", (1, 2, 1, 2)),
    ("lstm", 256, 64, 150, 256, "DeepBench", (1, 2, 1, 2)),
    ("lstm", 4096, 16, 25, 4096, "DeepBench", (2, 2, 1, 2)),
    ("gru", 256, 10, 512, 128, "KernelBench 39, one layer", (0, 1, 0, 1)),
    ("gru", 2816, 32, 187, 2816, "DeepBench", (1, 2, 1, 2)),
    ("gru", 1536, 32, 375, 1536, "DeepBench", (2, 2, 1, 2)),
    ("gru", 256, 64, 100, 256, "grid", (2, 2, 1, 2)),
    *(("lstm", 512, batch, 100, 512, "grid", (2, 2, 1, 2)) for batch in (1, 8, 32, 128, 256)),
    *(("lstm", units, 32, 100, units, "grid", (2, 2, 1, 2)) for units in (128, 1024)),
]
_CPU = [
    ("lstm", 256, 64, 100, 64, "character LSTM", 0),
    ("lstm", 256, 10, 64, 128, "KernelBench 35, scaled", 0),
    ("lstm", 128, 32, 50, 64, "small", 1),
    ("lstm", 512, 16, 25, 512, "DeepBench", 1),
    ("lstm", 256, 16, 150, 256, "DeepBench", 1),
    ("lstm", 256, 1, 100, 64, "one sequence", 1),
    ("lstm", 1024, 32, 10, 1024, "DeepBench, scaled", 1),
    ("gru", 256, 10, 64, 128, "KernelBench 39, scaled", 0),
    ("gru", 256, 64, 100, 64, "character GRU", 1),
    ("gru", 512, 16, 25, 512, "DeepBench, scaled", 1),
]


def row_of(cell, units, batch, steps, inputs, source, direction, precision, importance):
    problem = _PROBLEMS[cell](batch, steps, inputs, units, dtype_of(precision), training=direction == BOTH)
    name = f"{cell} h{units} b{batch} t{steps} in{inputs}"
    return Workload("recurrent", name, source, problem, cell, direction, precision, importance)


def rows(device_name):
    """Forward, and forward with backward through time."""
    if device_name == "cpu":
        return [row_of(*shape, d, "float32", i) for *shape, i in _CPU for d in (FORWARD, BOTH)]
    found = [
        row_of(*shape, direction, precision, importances[place])
        for place, precision in enumerate(("float32", "tf32", "bfloat16", "float16"))
        for *shape, importances in _GPU
        for direction in (FORWARD, BOTH)
    ]
    return sorted(found, key=lambda row: row.importance)


def operands(workload, device, seed):
    """x, the weights and the gradient of the outputs."""
    problem, generator = workload.problem, device.random_generator(seed)
    scale = 1 / math.sqrt(problem.units)

    def draw(shape, scale):
        return uniform(device, generator, shape, problem.dtype, scale)

    found = {
        "x": draw((problem.batch, problem.steps, problem.input_dim), 1.0),
        "weight": draw((problem.input_dim, problem.columns), scale),
        "recurrent_weight": draw((problem.units, problem.columns), scale),
        "bias": draw((problem.columns,) if workload.variant == "lstm" else (2, problem.columns), scale),
    }
    if workload.direction == BOTH:
        found["grad_output"] = draw(problem.output_shape, 1.0)
    return found


def ours(workload, operands):
    cell = {"lstm": ops.lstm, "gru": ops.gru}[workload.variant]
    arguments = [operands[name] for name in ("x", "weight", "recurrent_weight", "bias")]
    names = "output", "grad_x", "grad_weight", "grad_recurrent_weight", "grad_bias"

    def forward():
        return {"output": cell(*arguments)[0]}

    def both():
        outputs, *_, residuals = cell(*arguments, training=True)
        if workload.variant == "lstm":
            gradients = ops.lstm_backward(operands["grad_output"], None, None, residuals)
        else:
            gradients = ops.gru_backward(operands["grad_output"], None, residuals)
        return dict(zip(names, (outputs, *gradients)))

    return forward if workload.direction == FORWARD else both


def operations(workload):
    """The names of the operations that the row runs."""
    directions = ("forward",) if workload.direction == FORWARD else ("forward", "backward")
    return tuple(f"{workload.variant}.{direction}" for direction in directions)


def work(workload):
    """The backward has twice the forward's products, and reads again what the forward read and kept."""
    problem = workload.problem
    if workload.direction == FORWARD:
        return problem.flops(), problem.bytes_moved()
    return 3 * problem.flops(), 3 * problem.bytes_moved()


def check(workload, operands, outputs, device):
    """Every result against the formula in float64, the gradients step by step back through time."""
    problem, xp = workload.problem, device.array_module
    formula = {"lstm": _lstm, "gru": _gru}[workload.variant]
    wide = {name: array.astype(np.float64) for name, array in operands.items()}
    expected, magnitudes = formula(problem, wide, xp)
    for name, array in outputs.items():
        # Errors grow over the steps as sums do; a 16-bit hidden state is rounded at each.
        terms = 16 * (problem.input_dim + problem.units) + problem.batch * problem.steps
        magnitude = device.to_numpy(magnitudes[name]) if name in magnitudes else None
        wanted = to_float64(device, expected[name])
        assert_near(device.to_numpy(array), wanted, workload.precision, terms, magnitude, name, roundings=8)


class _Gradients:
    """Sums over the steps: gradients, and the absolute values of the products that make them up."""

    def __init__(self, xp, wide):
        self.wide = wide
        self.sums, self.sizes = (
            {f"grad_{name}": xp.zeros_like(wide[name]) for name in _WEIGHTS} for _ in range(2)
        )

    def add(self, step, h_before, of_input, of_state):
        """A step's gradients to what x and h are multiplied into."""
        x, weight = self.wide["x"][:, step], self.wide["weight"]
        for store, size in ((self.sums, lambda array: array), (self.sizes, abs)):
            dz, du = size(of_input), size(of_state)
            store["grad_x"][:, step] = dz @ size(weight).T
            store["grad_weight"] += size(x).T @ dz
            store["grad_recurrent_weight"] += size(h_before).T @ du
            if self.wide["bias"].ndim == 1:
                store["grad_bias"] += dz.sum(axis=0)
            else:
                store["grad_bias"][0] += dz.sum(axis=0)
                store["grad_bias"][1] += du.sum(axis=0)


_WEIGHTS = ("x", "weight", "recurrent_weight", "bias")


def _lstm(problem, wide, xp):
    """({name: result}, {name: sums of the products' absolute values}) in float64."""
    x, weight, recurrent_weight, units = wide["x"], wide["weight"], wide["recurrent_weight"], problem.units
    h, c = xp.zeros((problem.batch, units)), xp.zeros((problem.batch, units))
    outputs, kept = [], []
    for step in range(problem.steps):
        z = x[:, step] @ weight + h @ recurrent_weight + wide["bias"]
        i, f, g, o = (z[:, gate * units : (gate + 1) * units] for gate in range(4))
        i, f, g, o = sigmoid(xp, i), sigmoid(xp, f), xp.tanh(g), sigmoid(xp, o)
        before, h_before = c, h
        c = f * c + i * g
        h = o * xp.tanh(c)
        outputs.append(h)
        kept.append((i, f, g, o, before, c, h_before))
    found = {"output": xp.stack(outputs, axis=1)}
    if "grad_output" not in wide:
        return found, {}
    dh, dc, gradients = xp.zeros_like(h), xp.zeros_like(c), _Gradients(xp, wide)
    for step in reversed(range(problem.steps)):
        i, f, g, o, before, after, h_before = kept[step]
        dh = dh + wide["grad_output"][:, step]
        squashed = xp.tanh(after)
        dc = dc + dh * o * (1 - squashed**2)
        gates = (
            dc * g * i * (1 - i),
            dc * before * f * (1 - f),
            dc * i * (1 - g**2),
            dh * squashed * o * (1 - o),
        )
        dz = xp.concatenate(gates, axis=1)
        dc, dh = dc * f, dz @ recurrent_weight.T
        gradients.add(step, h_before, dz, dz)
    return found | gradients.sums, gradients.sizes


def _gru(problem, wide, xp):
    """As `_lstm`; the reset gate is applied after the product."""
    x, weight, recurrent_weight, units = wide["x"], wide["weight"], wide["recurrent_weight"], problem.units
    h, outputs, kept = xp.zeros((problem.batch, units)), [], []
    for step in range(problem.steps):
        of_input = x[:, step] @ weight + wide["bias"][0]
        of_state = h @ recurrent_weight + wide["bias"][1]
        z = sigmoid(xp, of_input[:, :units] + of_state[:, :units])
        r = sigmoid(xp, of_input[:, units : 2 * units] + of_state[:, units : 2 * units])
        inner = of_state[:, 2 * units :]
        g = xp.tanh(of_input[:, 2 * units :] + r * inner)
        h_before = h
        h = z * h + (1 - z) * g
        outputs.append(h)
        kept.append((z, r, g, inner, h_before))
    found = {"output": xp.stack(outputs, axis=1)}
    if "grad_output" not in wide:
        return found, {}
    dh, gradients = xp.zeros_like(h), _Gradients(xp, wide)
    for step in reversed(range(problem.steps)):
        z, r, g, inner, h_before = kept[step]
        dh = dh + wide["grad_output"][:, step]
        dz, dg = dh * (h_before - g) * z * (1 - z), dh * (1 - z) * (1 - g**2)
        dr = dg * inner * r * (1 - r)
        of_state = xp.concatenate((dz, dr, dg * r), axis=1)
        dh = dh * z + of_state @ recurrent_weight.T
        gradients.add(step, h_before, xp.concatenate((dz, dr, dg), axis=1), of_state)
    return found | gradients.sums, gradients.sizes
