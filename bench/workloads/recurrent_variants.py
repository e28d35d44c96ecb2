"""LSTMs and GRUs with layer normalisation, zoneout, peepholes, a projection, dropout of the state."""

import math

import numpy as np

from gpulayers import ops
from gpulayers.ops.recurrent.problem import GRUProblem, LSTMProblem
from gpulayers.ops.recurrent.variant_problem import GRUVariantProblem, LSTMVariantProblem

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, recurrent_formulas, to_float64, uniform
from .recurrent import work as work  # of a workload, by the same rule

KEPT = 0.8  # of the numbers that zoneout and dropout draw for

# the problem's type and its fields; what the fields leave open the operands say
_LSTM = {
    "layer normalisation": (LSTMVariantProblem, {"normalized": True}),
    "zoneout": (LSTMVariantProblem, {"drawn_h": True, "drawn_c": True}),
    "peepholes": (LSTMVariantProblem, {"peepholes": True}),
    "projection": (LSTMVariantProblem, {"projection_size": None}),  # half the units
    "recurrent dropout": (LSTMProblem, {"recurrent_scaled": True}),
}
_GRU = {
    "layer normalisation": (GRUVariantProblem, {"normalized": True}),
    "zoneout": (GRUVariantProblem, {"drawn_h": True}),
    "recurrent dropout": (GRUProblem, {"recurrent_scaled": True}),
    "recurrent dropout, reset before": (GRUProblem, {"recurrent_scaled": True, "reset_after": False}),
}
_VARIANTS = {"lstm": _LSTM, "gru": _GRU}

# cell, units, batch, steps, inputs, source, importance in (float32, tf32, bfloat16, float16)
_GPU = [
    ("lstm", 512, 32, 100, 512, "grid", (1, 2, 2, 1)),
    ("lstm", 1024, 64, 25, 1024, "DeepBench", (2, 2, 2, 2)),
    ("gru", 512, 32, 100, 512, "grid", (1, 2, 2, 1)),
]
_CPU = [  # a short run takes the small ones' training
    ("lstm", 64, 16, 20, 32, "small", 0),
    ("gru", 64, 16, 20, 32, "small", 0),
    ("lstm", 256, 32, 50, 64, "character LSTM, scaled", 1),
    ("gru", 256, 32, 50, 64, "character GRU, scaled", 1),
]


def row_of(cell, units, batch, steps, inputs, source, variant, direction, precision, importance):
    kind, fields = _VARIANTS[cell][variant]
    if "projection_size" in fields:
        fields = {"projection_size": units // 2}
    training = direction == BOTH
    problem = kind(batch, steps, inputs, units, dtype_of(precision), training=training, **fields)
    name = f"{cell} {variant} h{units} b{batch} t{steps} in{inputs}"
    return Workload("recurrent_variants", name, source, problem, cell, direction, precision, importance)


def rows(device_name):
    """Forward, and forward with backward through time."""
    shapes = _GPU if device_name == "gpu" else [(*shape, (importance,)) for *shape, importance in _CPU]
    precisions = ("float32", "tf32", "bfloat16", "float16") if device_name == "gpu" else ("float32",)
    found = [
        row_of(*shape, variant, direction, precision, max(importances[place], int(direction == FORWARD)))
        for place, precision in enumerate(precisions)
        for *shape, importances in shapes
        for variant in _VARIANTS[shape[0]]
        for direction in (FORWARD, BOTH)
    ]
    return sorted(found, key=lambda row: row.importance)


def tiny_rows():
    """Every variant in both directions, for tests of the rows."""
    return [
        row_of(cell, 12, 3, 5, 6, "", variant, direction, "float32", 1)
        for cell, variants in _VARIANTS.items()
        for variant in variants
        for direction in (FORWARD, BOTH)
    ]


def operands(workload, device, seed):
    """What the operation takes, by its names, and the gradient of the outputs."""
    problem, generator = workload.problem, device.random_generator(seed)
    batch, units, columns, size = problem.batch, problem.units, problem.columns, problem.size
    scale, dtype = 1 / math.sqrt(units), problem.dtype
    normalized = getattr(problem, "normalized", False)
    of_weights = 1.0 if normalized else scale  # a normalisation of small numbers enlarges their rounding

    def draw(shape, scale, center=0.0):
        return uniform(device, generator, shape, dtype, scale) + dtype.type(center)

    def kept(shape, value):
        return (uniform(device, generator, shape, np.float32) < 2 * KEPT - 1).astype(dtype) * dtype.type(
            value
        )

    of_state = workload.variant == "gru" and problem.reset_after
    found = {
        "x": draw((batch, problem.steps, problem.input_dim), 1.0),
        "weight": draw((problem.input_dim, columns), of_weights),
        "recurrent_weight": draw((size, columns), of_weights),
        "bias": draw((2, columns) if of_state else (columns,), scale),
    }
    if getattr(problem, "peepholes", False):
        found["peephole"] = draw((3, units), scale)
    if getattr(problem, "projection_size", None):
        found["projection"] = draw((units, size), scale)
    if normalized:
        # The state weighs less than the inputs, else rounding grows from step to step, whoever computes.
        found |= {"input_gain": draw((columns,), 0.25, 1.0), "recurrent_gain": draw((columns,), 0.1, 0.2)}
        if workload.variant == "lstm":
            found |= {"state_gain": draw((units,), 0.25, 1.0), "state_shift": draw((units,), scale)}
    for name, width in (("h", size), ("c", units)):
        if getattr(problem, f"drawn_{name}", False):
            found[f"update_{name}"] = kept((batch, problem.steps, width), 1.0)
    if problem.recurrent_scaled:
        found["recurrent_scale"] = kept((batch, len(problem.gates), size), 1 / KEPT)
    if workload.direction == BOTH:
        found["grad_output"] = draw(problem.output_shape, 1.0)
    return found


def is_variant(workload):
    """Whether the operation is `lstm_variant` or `gru_variant`."""
    return isinstance(workload.problem, (LSTMVariantProblem, GRUVariantProblem))


def _operation(workload):
    return workload.variant + ("_variant" if is_variant(workload) else "")


_PLAIN_GRADIENTS = ("x", "weight", "recurrent_weight", "bias")


def ours(workload, operands):
    name = _operation(workload)
    run, run_back = getattr(ops, name), getattr(ops, f"{name}_backward")
    given = {name: array for name, array in operands.items() if name != "grad_output"}
    if not is_variant(workload) and workload.variant == "gru":
        given["reset_after"] = workload.problem.reset_after
    states = [None] * (2 if workload.variant == "lstm" else 1)

    def forward():
        return {"output": run(**given, training=False)[0]}

    def both():
        outputs, *_, residuals = run(**given, training=True)
        grads = run_back(operands["grad_output"], *states, residuals)
        if not is_variant(workload):
            grads = dict(zip(_PLAIN_GRADIENTS, grads))
        of_weights = {f"grad_{n}": grad for n, grad in grads.items() if not n.startswith("initial_")}
        return {"output": outputs} | of_weights

    return forward if workload.direction == FORWARD else both


def operations(workload):
    """The names of the operations that the row runs."""
    directions = ("forward",) if workload.direction == FORWARD else ("forward", "backward")
    return tuple(f"{_operation(workload)}.{direction}" for direction in directions)


def check(workload, operands, outputs, device):
    """Every result against the formula in float64, the gradients step by step back through time."""
    problem = workload.problem
    wide = {name: array.astype(np.float64) for name, array in operands.items()}
    formula = {"lstm": recurrent_formulas.lstm, "gru": recurrent_formulas.gru}[workload.variant]
    expected = formula(wide, device.array_module)
    for name, array in outputs.items():
        # Errors grow over the steps as sums do; a 16-bit hidden state is rounded at each, and with layer
        # normalisation so are the products, their normal forms and the gradients to them.
        terms = 16 * (problem.input_dim + problem.units) + problem.batch * problem.steps
        wanted = to_float64(device, expected[name])
        magnitude = max(1.0, np.abs(wanted).max())
        found = device.to_numpy(array)
        assert_near(found, wanted, workload.precision, terms, magnitude, name, roundings=8)
