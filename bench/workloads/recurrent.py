"""LSTMs: DeepBench, KernelBench, the character model; a grid of sizes."""

import math

import numpy as np

from gpulayers import ops
from gpulayers.ops.recurrent.problem import LSTMProblem

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, to_float64, uniform

# units, batch, steps, inputs, source, importance in (float32, tf32, bfloat16, float16)
_GPU = [
    (256, 10, 512, 128, "KernelBench 35, one layer", (0, 1, 0, 1)),
    (768, 16, 1024, 768, "FlashRNN", (1, 2, 0, 0)),
    (512, 16, 25, 512, "DeepBench", (0, 1, 0, 1)),
    (1024, 64, 25, 1024, "DeepBench", (1, 1, 0, 1)),
    (256, 64, 100, 64, "character LSTM", (0, 2, 1, 2)),
    (2048, 128, 25, 2048, "DeepBench", (1, 1, 1, 2)),
    (1536, 8, 50, 1536, "DeepBench", (1, 2, 1, 2)),
    (256, 16, 150, 256, "DeepBench", (1, 2, 1, 2)),
    (256, 64, 150, 256, "DeepBench", (1, 2, 1, 2)),
    (4096, 16, 25, 4096, "DeepBench", (2, 2, 1, 2)),
    *((512, batch, 100, 512, "grid", (2, 2, 1, 2)) for batch in (1, 8, 32, 128, 256)),
    *((units, 32, 100, units, "grid", (2, 2, 1, 2)) for units in (128, 1024)),
]
_CPU = [
    (256, 64, 100, 64, "character LSTM", 0),
    (256, 10, 64, 128, "KernelBench 35, scaled", 0),
    (128, 32, 50, 64, "small", 1),
    (512, 16, 25, 512, "DeepBench", 1),
    (256, 16, 150, 256, "DeepBench", 1),
    (256, 1, 100, 64, "one sequence", 1),
    (1024, 32, 10, 1024, "DeepBench, scaled", 1),
]


def _row(units, batch, steps, inputs, source, direction, precision, importance):
    problem = LSTMProblem(batch, steps, inputs, units, dtype_of(precision), training=direction == BOTH)
    name = f"lstm h{units} b{batch} t{steps} in{inputs}"
    return Workload("recurrent", name, source, problem, "lstm", direction, precision, importance)


def rows(device_name):
    """Forward, and forward with backward through time."""
    if device_name == "cpu":
        return [_row(*shape, d, "float32", i) for *shape, i in _CPU for d in (FORWARD, BOTH)]
    found = [
        _row(*shape, direction, precision, importances[place])
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
        "bias": draw((problem.columns,), scale),
    }
    if workload.direction == BOTH:
        found["grad_output"] = draw(problem.output_shape, 1.0)
    return found


def ours(workload, operands):
    x, weight, recurrent_weight, bias = (operands[name] for name in ("x", "weight", "recurrent_weight", "bias"))

    def forward():
        return {"output": ops.lstm(x, weight, recurrent_weight, bias)[0]}

    def both():
        outputs, _, _, residuals = ops.lstm(x, weight, recurrent_weight, bias, training=True)
        gradients = ops.lstm_backward(operands["grad_output"], None, None, residuals)
        return dict(zip(("output", "grad_x", "grad_weight", "grad_recurrent_weight", "grad_bias"), (outputs, *gradients)))

    return forward if workload.direction == FORWARD else both


def operations(workload):
    return ("lstm.forward",) if workload.direction == FORWARD else ("lstm.forward", "lstm.backward")


def work(workload):
    """The backward has twice the forward's products; it reads what the forward kept and weights and x again."""
    problem = workload.problem
    if workload.direction == FORWARD:
        return problem.flops(), problem.bytes_moved()
    return 3 * problem.flops(), 3 * problem.bytes_moved()


def check(workload, operands, outputs, device):
    """Every result against the formula in float64, the gradients step by step back through time."""
    problem, xp = workload.problem, device.array_module
    expected, magnitudes = _by_the_formula(workload, operands, xp)
    for name, array in outputs.items():
        # Errors grow over the steps as sums do; a 16-bit hidden state is rounded at each.
        terms = 16 * (problem.input_dim + problem.units) + problem.batch * problem.steps
        magnitude = device.to_numpy(magnitudes[name]) if name in magnitudes else None
        wanted = to_float64(device, expected[name])
        assert_near(device.to_numpy(array), wanted, workload.precision, terms, magnitude, name, roundings=8)


def _sigmoid(xp, z):
    return 0.5 * xp.tanh(0.5 * z) + 0.5


def _by_the_formula(workload, operands, xp):
    """({name: result}, {name: sums of the products' absolute values}) in float64."""
    problem = workload.problem
    wide = {name: array.astype(np.float64) for name, array in operands.items()}
    x, weight, recurrent_weight = wide["x"], wide["weight"], wide["recurrent_weight"]
    units, steps = problem.units, problem.steps
    h, c = xp.zeros((problem.batch, units)), xp.zeros((problem.batch, units))
    outputs, kept = [], []
    for step in range(steps):
        z = x[:, step] @ weight + h @ recurrent_weight + wide["bias"]
        i, f, g, o = (z[:, gate * units : (gate + 1) * units] for gate in range(4))
        i, f, g, o = _sigmoid(xp, i), _sigmoid(xp, f), xp.tanh(g), _sigmoid(xp, o)
        before, h_before = c, h
        c = f * c + i * g
        h = o * xp.tanh(c)
        outputs.append(h)
        kept.append((i, f, g, o, before, c, h_before))
    found, sizes = {"output": xp.stack(outputs, axis=1)}, {}
    if workload.direction == FORWARD:
        return found, sizes
    dh, dc = xp.zeros_like(h), xp.zeros_like(c)
    grads = {name: xp.zeros_like(wide[name]) for name in ("x", "weight", "recurrent_weight", "bias")}
    sizes = {f"grad_{name}": xp.zeros_like(wide[name]) for name in grads}
    for step in reversed(range(steps)):
        i, f, g, o, before, after, h_before = kept[step]
        dh = dh + wide["grad_output"][:, step]
        squashed = xp.tanh(after)
        dc = dc + dh * o * (1 - squashed**2)
        gates = (dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g**2), dh * squashed * o * (1 - o))
        dz = xp.concatenate(gates, axis=1)
        dc, dh = dc * f, dz @ recurrent_weight.T
        for store, prefix, magnitude in ((grads, "", lambda a: a), (sizes, "grad_", abs)):
            store[f"{prefix}x"][:, step] = magnitude(dz) @ magnitude(weight).T
            store[f"{prefix}weight"] += magnitude(x[:, step]).T @ magnitude(dz)
            store[f"{prefix}recurrent_weight"] += magnitude(h_before).T @ magnitude(dz)
            store[f"{prefix}bias"] += magnitude(dz).sum(axis=0)
    return found | {f"grad_{name}": value for name, value in grads.items()}, sizes
