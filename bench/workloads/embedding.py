"""Embedding lookups: recommender tables, token tables; uniform and Zipf ids; steps that train a table."""

import functools
import math

import numpy as np

from gpulayers import Variable, ops, optimizers
from gpulayers.ops.embedding.problem import EmbeddingProblem

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, to_float64, uniform

# name, source, shape of the ids, rows, columns, how the ids are drawn, importance of the forward
_GPU = [
    ("dlrm 4M x 128, 64k ids, uniform", "DLRM-v2", (65536,), 4_000_000, 128, "uniform", 0),
    ("dlrm 4M x 128, 64k ids, zipf", "DLRM-v2", (65536,), 4_000_000, 128, "zipf", 0),
    ("dlrm 4M x 128, 1M ids, uniform", "DLRM-v2", (2048, 512), 4_000_000, 128, "uniform", 0),
    ("dlrm 4M x 128, 1M ids, zipf", "DLRM-v2", (2048, 512), 4_000_000, 128, "zipf", 0),
    ("dlrm 40M x 128, 64k ids, uniform", "DLRM-v2", (65536,), 40_000_000, 128, "uniform", 2),
    ("dlrm 3 x 128, 64k ids, uniform", "DLRM-v2", (65536,), 3, 128, "uniform", 1),
    ("tokens 50257 x 768, 16 x 1024", "GPT-2", (16, 1024), 50257, 768, "zipf", 0),
    ("tokens 50257 x 768, 1 x 1024", "GPT-2", (1, 1024), 50257, 768, "zipf", 1),
    ("narrow 1M x 16, 1M ids, uniform", "factorisation machines", (1 << 20,), 1_000_000, 16, "uniform", 1),
    ("narrow 1M x 16, 4k ids, uniform", "factorisation machines", (4096,), 1_000_000, 16, "uniform", 2),
    ("characters 96 x 64, 64 x 100", "character LSTM", (64, 100), 96, 64, "zipf", 1),
]
_CPU = [
    ("dlrm 400k x 128, 64k ids, uniform", "DLRM-v2, scaled", (65536,), 400_000, 128, "uniform", 0),
    ("dlrm 400k x 128, 64k ids, zipf", "DLRM-v2, scaled", (65536,), 400_000, 128, "zipf", 0),
    ("dlrm 400k x 128, 2k ids, uniform", "DLRM-v2, scaled", (2048,), 400_000, 128, "uniform", 1),
    ("tokens 50257 x 768, 4 x 512", "GPT-2", (4, 512), 50257, 768, "zipf", 1),
    ("narrow 1M x 16, 256k ids, uniform", "factorisation machines", (1 << 18,), 1_000_000, 16, "uniform", 1),
    ("characters 96 x 64, 64 x 100", "character LSTM", (64, 100), 96, 64, "zipf", 0),
]
# Trained with row-sparse gradients: the table's size must not matter, the number of rows used does.
_GPU_TABLES = [
    ("table 1M x 64, 64k ids, uniform", "DLRM, scaled", (65536,), 1_000_000, 64, "uniform", 0),
    ("table 1M x 64, 64k ids, zipf", "DLRM, scaled", (65536,), 1_000_000, 64, "zipf", 0),
    ("table 100k x 64, 64k ids, zipf", "DLRM, scaled", (65536,), 100_000, 64, "zipf", 1),
    ("table 1M x 128, 1M ids, zipf", "DLRM-v2, scaled", (2048, 512), 1_000_000, 128, "zipf", 1),
]
_CPU_TABLES = [
    ("table 1M x 64, 4k ids, uniform", "DLRM, scaled", (4096,), 1_000_000, 64, "uniform", 0),
    ("table 1M x 64, 4k ids, zipf", "DLRM, scaled", (4096,), 1_000_000, 64, "zipf", 0),
    ("table 100k x 64, 4k ids, uniform", "DLRM, scaled", (4096,), 100_000, 64, "uniform", 1),
    ("table 100k x 64, 32k ids, zipf", "DLRM, scaled", (32768,), 100_000, 64, "zipf", 1),
]
SPARSE, SGD, ADAM = "forward+sparse backward", "SGD step", "lazy Adam step"
RATE = 0.5  # of the steps
STEPS = {SGD: functools.partial(optimizers.SGD, RATE), ADAM: functools.partial(optimizers.LazyAdam, RATE)}


def rows(device_name):
    """Forward and forward with the table's dense gradient, on the GPU in each precision; row-sparse
    gradients, and whole steps with them."""
    gpu = device_name == "gpu"
    found = []
    for precision in ("float32", "bfloat16", "float16") if gpu else ("float32",):
        for name, source, shape, input_dim, output_dim, ids, importance in _GPU if gpu else _CPU:
            problem = EmbeddingProblem(shape, input_dim, output_dim, dtype_of(precision), np.dtype(np.int64))
            later = {"float32": 0, "bfloat16": 0, "float16": 2}[precision]
            for direction in (FORWARD, BOTH):
                row = Workload(
                    "embedding", name, source, problem, ids, direction, precision, min(2, importance + later)
                )
                found.append(row)
    for name, source, shape, input_dim, output_dim, ids, importance in _GPU_TABLES if gpu else _CPU_TABLES:
        single, index = dtype_of("float32"), np.dtype(np.int64)
        problem = EmbeddingProblem(shape, input_dim, output_dim, single, index)
        for direction in (SPARSE, SGD, ADAM):
            found.append(Workload("embedding", name, source, problem, ids, direction, importance=importance))
    return found


def operands(workload, device, seed):
    """ids, table and the gradient of the output."""
    problem, xp = workload.problem, device.array_module
    generator = device.random_generator(seed)
    table = uniform(device, generator, (problem.input_dim, problem.output_dim), problem.dtype)
    draw = generator.random(problem.ids_shape, dtype=np.float64)
    if workload.variant == "zipf":
        # The rank is exponential in a uniform number: P(rank) ~ 1 / rank. A product scatters the hot rows.
        ranks = xp.floor(xp.exp(draw * math.log(problem.input_dim + 1)) - 1).astype(np.int64)
        ids = ranks * _coprime(problem.input_dim) % problem.input_dim
    else:
        ids = xp.floor(draw * problem.input_dim).astype(np.int64)
    found = {"ids": xp.minimum(ids, problem.input_dim - 1).astype(problem.index_dtype), "table": table}
    if workload.direction != FORWARD:
        found["grad_output"] = uniform(device, generator, problem.output_shape, problem.dtype)
    return found


def _coprime(count):
    """A factor near count * 0.618 that permutes the numbers below count."""
    factor = max(1, int(count * 0.618))
    while math.gcd(factor, count) != 1:
        factor += 1
    return factor


def ours(workload, operands):
    ids, table, grad_output = operands["ids"], operands["table"], operands.get("grad_output")
    if workload.direction in STEPS:
        return _trained(ids, Variable(table.copy(), "table"), grad_output, STEPS[workload.direction]())

    def sparse():
        output = ops.embedding(ids, table)
        unique_ids, grad_rows = ops.embedding_backward_sparse(ids, grad_output, workload.problem.input_dim)
        return {"output": output, "unique_ids": unique_ids, "grad_rows": grad_rows}

    def forward():
        return {"output": ops.embedding(ids, table)}

    def both():
        output = ops.embedding(ids, table)
        return {
            "output": output,
            "grad_table": ops.embedding_backward(ids, grad_output, workload.problem.input_dim),
        }

    return {FORWARD: forward, BOTH: both, SPARSE: sparse}[workload.direction]


def _trained(ids, table, grad_output, optimizer):
    """A step whose loss has the gradient grad_output; every call is one more."""

    def step():
        output = ops.embedding(ids, table.value)
        used = ops.embedding_backward_sparse(ids, grad_output, table.shape[0])
        optimizer.apply([ops.RowSparseGradient(*used, table.shape, checked=True)], [table])
        return {"output": output, "table": table.value}

    return step


def operations(workload):
    backward = {FORWARD: (), BOTH: ("embedding.backward",)}
    return ("embedding.forward", *backward.get(workload.direction, ("embedding.backward_sparse",)))


def rows_used(workload):
    """How many different rows the ids are expected to name."""
    problem = workload.problem
    if workload.variant == "uniform":
        return problem.input_dim * -math.expm1(problem.count * math.log1p(-1 / problem.input_dim))
    ranks = np.arange(1, problem.input_dim + 1, dtype=np.float64)
    unlikely = np.log1p(-np.log1p(1 / ranks) / math.log(problem.input_dim + 1))
    return float(-np.expm1(problem.count * unlikely).sum())


def work(workload):
    """The rows of grad_output are read once. The dense gradient is a whole table, written once; a row-sparse
    one has the rows used; of these a step reads the gradient, and the table's and its states' rows go in and
    out."""
    problem = workload.problem
    if workload.direction == FORWARD:
        return 0, problem.bytes_moved()
    row = problem.output_dim * problem.dtype.itemsize
    read = problem.count * (row + problem.index_dtype.itemsize)
    if workload.direction == BOTH:
        return problem.flops(), problem.bytes_moved() + read + problem.input_dim * row
    passes = {SPARSE: 1, SGD: 1 + 3, ADAM: 1 + 7}[workload.direction]
    return problem.flops(), int(problem.bytes_moved() + read + passes * rows_used(workload) * row)


def check(workload, operands, outputs, device):
    """Some rows of the output bit for bit; some rows of the gradient or of the trained table, the hottest and
    unused ones too."""
    problem = workload.problem
    chosen = np.random.default_rng(1)
    ids = device.to_numpy(operands["ids"]).reshape(-1)
    for position in chosen.integers(0, problem.count, 64):
        row = outputs["output"].reshape(problem.count, problem.output_dim)[int(position)]
        same = np.array_equal(
            to_float64(device, row), to_float64(device, operands["table"][int(ids[position])])
        )
        assert same, f"row {position} of the output is not row {ids[position]} of the table"
    if workload.direction == FORWARD:
        return
    values, counts = np.unique(ids, return_counts=True)
    unused = np.setdiff1d(chosen.integers(0, problem.input_dim, 16), values)
    sampled = np.concatenate((values[[counts.argmax()]], chosen.choice(values, 15), unused))
    grad_output = operands["grad_output"].reshape(problem.count, problem.output_dim)
    for value in sampled:
        positions = np.flatnonzero(ids == value)
        places = device.asarray(positions)
        terms = to_float64(device, grad_output[places])
        expected, magnitude = terms.sum(axis=0), np.abs(terms).sum(axis=0)
        name, roundings, count = "gradient", 1, len(positions)
        if workload.direction == BOTH:
            got = device.to_numpy(outputs["grad_table"][int(value)])
        elif workload.direction == SPARSE:
            place = np.searchsorted(values, value)
            if not count:
                continue
            got = device.to_numpy(outputs["grad_rows"][int(place)])
        else:
            name, before = "trained value", to_float64(device, operands["table"][int(value)])
            change = RATE * expected
            if workload.direction == ADAM:  # the first step goes by the rate, however large the gradient
                change = RATE * expected / (np.abs(expected) + 1e-7 / math.sqrt(1e-3))
            expected, magnitude = before - change, np.abs(before) + np.abs(change) + RATE * magnitude
            got, roundings, count = device.to_numpy(outputs["table"][int(value)]), 3, count + 12
        assert_near(
            got, expected, workload.precision, count, magnitude, f"the {name} of row {value}", roundings
        )
    if workload.direction == SPARSE:
        assert np.array_equal(device.to_numpy(outputs["unique_ids"]), values), "not the ids that occur"
        assert outputs["grad_rows"].shape == (len(values), problem.output_dim)
