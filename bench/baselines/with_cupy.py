"""CuPy expressions: what a user of CuPy writes without a library of layers. On the GPU only."""

import contextlib

import numpy as np

from ..workloads import BOTH, FORWARD
from . import Candidate


def unavailable(device):
    return None if device.name == "gpu" else "CuPy computes on GPUs only"


@contextlib.contextmanager
def precision(workload):
    """Set by the runner, since this library multiplies with CuPy's cuBLAS too."""
    yield


def free_memory():
    import cupy

    cupy.get_default_memory_pool().free_all_blocks()


def candidates(workload, operands, device):
    build = globals().get(f"_{workload.family}")
    run = build(workload, operands, device.array_module) if build else None
    return {} if run is None else {"cupy": Candidate(run)}


def compiled_candidates(workload, operands, device):
    return {}


def _embedding(workload, operands, cupy):
    ids, table, grad_output = operands["ids"], operands["table"], operands.get("grad_output")
    if workload.direction == FORWARD:
        return lambda: {"output": table[ids]}
    if (
        workload.direction != BOTH or table.dtype != np.float32
    ):  # cupy.add.at has atomics for float32 and float64 only
        return None

    def both():
        grad_table = cupy.zeros_like(table)
        cupy.add.at(grad_table, ids, grad_output)
        return {"output": table[ids], "grad_table": grad_table}

    return both


def _windows(cupy, x, window, fill):
    """A view (n, *outputs, channels, *taps) of a channels_last array, padded if need be."""
    pads = ((0, 0), *zip(window.pad_low, window.pad_high), (0, 0))
    if any(window.pad_low + window.pad_high):
        x = cupy.pad(x, pads, constant_values=fill)
    spatial = x.strides[1:-1]
    shape = (x.shape[0], *window.output_size, x.shape[-1], *window.size)
    steps = [stride * step for stride, step in zip(spatial, window.strides)]
    taps = [stride * step for stride, step in zip(spatial, window.dilation)]
    return cupy.lib.stride_tricks.as_strided(x, shape, (x.strides[0], *steps, x.strides[-1], *taps))


def _convolution(workload, operands, cupy):
    """Columns by as_strided and one product: the textbook's way, where the columns fit into memory."""
    problem, window = workload.problem, workload.problem.window
    columns = problem.output_pixels * problem.window.taps * problem.in_channels
    if problem.groups > 1 or workload.direction != FORWARD or not problem.channels_last:
        return None
    if columns * problem.dtype.itemsize > 8 << 30:
        return None
    x, weight, bias = operands["x"], operands["weight"], operands["bias"]
    rank, relu = window.rank, problem.activation.value == "relu"
    matrix = weight.transpose(rank, *range(rank), rank + 1).reshape(-1, problem.out_channels)

    def run():
        patches = _windows(cupy, x, window, 0).reshape(problem.output_pixels, -1)
        y = cupy.matmul(patches, matrix).reshape(problem.output_shape)
        if bias is not None:
            y += bias
        return {"output": cupy.maximum(y, 0, out=y) if relu else y}

    return run


def _pooling(workload, operands, cupy):
    """A reduction over a strided view."""
    problem, x = workload.problem, operands["x"]
    if workload.direction != FORWARD or not problem.data_format == "channels_last":
        return None
    kind = workload.variant
    if kind.startswith("global"):
        axes = tuple(range(1, x.ndim - 1))
        return lambda: {"output": x.max(axis=axes) if kind == "global max" else x.mean(axis=axes)}
    window = problem.window
    if kind == "average" and any(window.pad_low + window.pad_high):
        return None
    taps = tuple(range(-window.rank, 0))
    reduce = cupy.max if kind == "max" else cupy.mean
    return lambda: {"output": reduce(_windows(cupy, x, window, -np.inf), axis=taps)}


def _recurrent(workload, operands, cupy):
    """A loop over time: one product and some elementwise kernels a step."""
    problem = workload.problem
    if workload.direction == BOTH or workload.variant != "lstm":
        return None
    x, weight, recurrent_weight, bias = (operands[n] for n in ("x", "weight", "recurrent_weight", "bias"))
    units, half = problem.units, x.dtype.type(0.5)

    def run():
        gates = cupy.matmul(x.reshape(-1, problem.input_dim), weight) + bias
        gates = gates.reshape(problem.batch, problem.steps, 4 * units)
        h = cupy.zeros((problem.batch, units), x.dtype)
        c = cupy.zeros_like(h)
        outputs = cupy.empty(problem.output_shape, x.dtype)
        for step in range(problem.steps):
            z = gates[:, step] + cupy.matmul(h, recurrent_weight)
            i, f, g, o = (z[:, at * units : (at + 1) * units] for at in range(4))
            i, f, o = (half * cupy.tanh(half * gate) + half for gate in (i, f, o))
            c = f * c + i * cupy.tanh(g)
            h = o * cupy.tanh(c)
            outputs[:, step] = h
        return {"output": outputs}

    return run


def _dense(workload, operands, cupy):
    if workload.direction == BOTH:
        return None
    x, weight, bias = (operands[name] for name in ("x", "weight", "bias"))
    relu = workload.problem.activation == "relu"

    def run():
        y = cupy.matmul(x, weight) + bias
        return {"output": cupy.maximum(y, 0) if relu else y}

    return run
