"""Dense layers: the product of a batch with a matrix, bias, activation."""

import dataclasses
import math

import numpy as np

from gpulayers import activations
from gpulayers.ops import dense as dense_ops

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, to_float64, uniform

_SAMPLES = 32


@dataclasses.dataclass(frozen=True)
class DenseProblem:
    """y (batch, units) = activation(x (batch, inputs) @ weight + bias)."""

    batch: int
    inputs: int
    units: int
    dtype: np.dtype
    activation: str = None

    def flops(self):
        return 2 * self.batch * self.inputs * self.units

    def bytes_moved(self):
        elements = self.batch * self.inputs + self.inputs * self.units + self.units + self.batch * self.units
        return elements * self.dtype.itemsize


# name, batch, inputs, units, activation, source, importance
_GPU = [
    ("classifier", 256, 2048, 1000, None, "ResNet-50", 1),
    ("feed-forward", 4096, 1024, 4096, "relu", "transformer", 1),
    ("square", 4096, 4096, 4096, None, "cuBLAS", 2),
    ("mlp", 64, 784, 512, "relu", "MNIST", 2),
]
_CPU = [
    ("mlp", 64, 784, 512, "relu", "MNIST", 0),
    ("classifier", 32, 2048, 1000, None, "ResNet-50", 1),
    ("feed-forward", 512, 512, 2048, "relu", "transformer", 1),
    ("digits", 32, 256, 96, "relu", "digits CNN", 1),
]


def row_of(name, batch, inputs, units, activation, source, importance, direction, precision):
    activation = (
        activation if direction == FORWARD else None
    )  # the activation's gradient is a pass of its own
    problem = DenseProblem(batch, inputs, units, dtype_of(precision), activation)
    label = f"{name} {inputs}>{units} n{batch}" + (f" +{activation}" if activation else "")
    return Workload("dense", label, source, problem, "", direction, precision, importance)


def rows(device_name):
    """Forward with bias and activation; forward and gradients with bias."""
    gpu = device_name == "gpu"
    return [
        row_of(*shape, direction, precision)
        for precision in (("float32", "tf32", "bfloat16", "float16") if gpu else ("float32",))
        for shape in (_GPU if gpu else _CPU)
        for direction in (FORWARD, BOTH)
    ]


def operands(workload, device, seed):
    """x, weight, bias and the gradient of the output."""
    problem, generator = workload.problem, device.random_generator(seed)
    scale = 1 / math.sqrt(problem.inputs)
    shapes = {
        "x": ((problem.batch, problem.inputs), 1.0),
        "weight": ((problem.inputs, problem.units), scale),
        "bias": ((problem.units,), scale),
        "grad_output": ((problem.batch, problem.units), 1.0),
    }
    return {
        name: uniform(device, generator, shape, problem.dtype, size) for name, (shape, size) in shapes.items()
    }


def ours(workload, operands):
    x, weight, bias, grad_output = operands.values()
    activation = activations.get(workload.problem.activation) if workload.problem.activation else None

    def forward():
        return {"output": dense_ops.dense(x, weight, bias, activation)}

    def both():
        return {
            **forward(),
            "grad_input": dense_ops.dense_backward_input(grad_output, weight),
            "grad_weight": dense_ops.dense_backward_weight(x, grad_output),
            "grad_bias": dense_ops.dense_backward_bias(grad_output),
        }

    return forward if workload.direction == FORWARD else both


def operations(workload):
    """None: the product is BLAS's or cuBLAS's."""
    return ()


def work(workload):
    times = 3 if workload.direction == BOTH else 1
    return times * workload.problem.flops(), times * workload.problem.bytes_moved()


def check(workload, operands, outputs, device):
    """Sampled elements of every result."""
    x, weight, bias, dy = (operands[name] for name in ("x", "weight", "bias", "grad_output"))
    random = np.random.default_rng(1)
    lines = {  # the two factors whose products an element at (i, j) adds up
        "output": lambda i, j: (x[i], weight[:, j]),
        "grad_input": lambda i, j: (dy[i], weight[j]),
        "grad_weight": lambda i, j: (x[:, i], dy[:, j]),
    }
    for name, factors in lines.items():
        if name not in outputs:
            continue
        for _ in range(_SAMPLES):
            i, j = (int(random.integers(size)) for size in outputs[name].shape)
            a, b = factors(i, j)
            terms = to_float64(device, a) * to_float64(device, b)
            if name == "output":
                terms = np.append(terms, to_float64(device, bias[j]))
            expected = (
                max(terms.sum(), 0.0) if name == "output" and workload.problem.activation else terms.sum()
            )
            got = np.reshape(device.to_numpy(outputs[name][i, j]), 1)
            # The product is rounded to the arrays' type before the bias comes: twice.
            what, size = f"{name} {(i, j)}", np.abs(terms).sum()
            assert_near(got, np.reshape(expected, 1), workload.precision, terms.size, size, what, roundings=2)
    if "grad_bias" in outputs:
        wide = to_float64(device, dy)
        got, size = device.to_numpy(outputs["grad_bias"]), np.abs(wide).sum(axis=0)
        assert_near(got, wide.sum(axis=0), workload.precision, len(wide), size, "grad_bias")
