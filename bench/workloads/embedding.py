"""Embedding lookups: recommender tables, token tables; uniform and Zipf ids."""

import math

import numpy as np

from gpulayers import ops
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


def rows(device_name):
    """Forward and forward with the table's dense gradient; on the GPU in each precision."""
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
    if workload.direction == BOTH:
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

    def forward():
        return {"output": ops.embedding(ids, table)}

    def both():
        output = ops.embedding(ids, table)
        return {
            "output": output,
            "grad_table": ops.embedding_backward(ids, grad_output, workload.problem.input_dim),
        }

    return forward if workload.direction == FORWARD else both


def operations(workload):
    return (
        ("embedding.forward",)
        if workload.direction == FORWARD
        else ("embedding.forward", "embedding.backward")
    )


def work(workload):
    """The gradient is a whole table, written once; and the rows of grad_output are read once."""
    problem = workload.problem
    if workload.direction == FORWARD:
        return 0, problem.bytes_moved()
    itemsize = problem.dtype.itemsize
    gradient = problem.input_dim * problem.output_dim * itemsize
    read = problem.count * (problem.output_dim * itemsize + problem.index_dtype.itemsize)
    return problem.flops(), problem.bytes_moved() + read + gradient


def check(workload, operands, outputs, device):
    """Some rows of the output bit for bit; some rows of the gradient, the hottest and unused ones too."""
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
        got = device.to_numpy(outputs["grad_table"][int(value)])
        assert_near(
            got, expected, workload.precision, len(positions), magnitude, f"the gradient of row {value}"
        )
