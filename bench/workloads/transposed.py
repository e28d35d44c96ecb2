"""Transposed convolutions of U-Net, DCGAN and networks for volumes."""

import math

from gpulayers import ops
from gpulayers.ops.convolution.transposed import transposed_problem

from . import BOTH, FORWARD, Workload, convolution, dtype_of, uniform

# spatial sizes, channels, filters, window, strides, padding, source
_LAYERS = {
    "unet 2x2/2 512>256 32": ((32, 32), 512, 256, 2, 2, 0, "U-Net"),
    "unet 2x2/2 128>64 128": ((128, 128), 128, 64, 2, 2, 0, "U-Net"),
    "dcgan 4x4/2 512>256 8": ((8, 8), 512, 256, 4, 2, 1, "DCGAN"),
    "dcgan 4x4/2 128>64 32": ((32, 32), 128, 64, 4, 2, 1, "DCGAN"),
    "dcgan 4x4/2 64>3 32": ((32, 32), 64, 3, 4, 2, 1, "DCGAN"),
    "3x3 64>64 56": ((56, 56), 64, 64, 3, 1, 1, "decoders"),
    "1d 4/2 128>64 8192": ((8192,), 128, 64, 4, 2, 1, "WaveGAN"),
    "3d 2x2x2/2 64>32 32": ((32, 32, 32), 64, 32, 2, 2, 0, "V-Net"),
}
_BATCH = {"cpu": 2, "gpu": 16}


def row_of(name, batch, direction, precision="float32", importance=1):
    """The row of a named layer at a batch size."""
    *_, source = _LAYERS[name]
    problem = transposed_problem(*_shapes(name, batch), dtype_of(precision), **_arguments(name))
    return Workload("transposed", f"{name} n{batch}", source, problem, name, direction, precision, importance)


def _shapes(name, batch):
    spatial, channels, filters, size, *_ = _LAYERS[name]
    return (batch, *spatial, channels), (*(size,) * len(spatial), filters, channels)


def _arguments(name):
    *_, strides, padding, _ = _LAYERS[name]
    return {"strides": strides, "padding": padding}


def rows(device_name):
    """Forward and forward with both gradients."""
    precisions = ("float32",) if device_name == "cpu" else ("float32", "bfloat16", "tf32", "float16")
    return [
        row_of(name, _BATCH[device_name], direction, precision, 1 if precision in precisions[:2] else 2)
        for precision in precisions
        for name in _LAYERS
        for direction in (FORWARD, BOTH)
    ]


def operands(workload, device, seed):
    """x, weight and the gradient of the output. The problem is the convolution's whose backward this is."""
    problem, generator = workload.problem, device.random_generator(seed)
    taps = math.ceil(problem.window.taps / math.prod(problem.window.strides))
    scale = 1 / math.sqrt(taps * problem.group_out_channels)
    shapes = {"x": (problem.output_shape, 1.0), "weight": (problem.weight_shape, scale)}
    if workload.direction == BOTH:
        shapes["grad_output"] = (problem.input_shape, 1.0)
    return {
        name: uniform(device, generator, shape, problem.dtype, size) for name, (shape, size) in shapes.items()
    }


def ours(workload, operands):
    x, weight, grad_output = operands["x"], operands["weight"], operands.get("grad_output")
    keywords = _arguments(workload.variant)

    def forward():
        return {"output": ops.conv_transpose(x, weight, **keywords)}

    def both():
        return {
            **forward(),
            "grad_input": ops.conv_transpose_backward_input(grad_output, weight, x.shape, **keywords),
            "grad_weight": ops.conv_transpose_backward_weight(x, grad_output, weight.shape, **keywords),
        }

    return forward if workload.direction == FORWARD else both


def operations(workload):
    """The names of the operations that the row runs: those of the convolution, in other roles."""
    names = ("backward_input", "forward", "backward_weight")
    return tuple(f"convolution.{name}" for name in (names[:1] if workload.direction == FORWARD else names))


def work(workload):
    """As a convolution's."""
    return convolution.work(workload)


def check(workload, operands, outputs, device):
    """Sampled elements of every result; its sums are those of the convolution in other roles."""
    x, weight, grad_output = operands["x"], operands["weight"], operands.get("grad_output")
    roles = {
        "output": (convolution.check_grad_input, {"grad_output": x, "weight": weight}),
        "grad_input": (convolution.check_output, {"x": grad_output, "weight": weight, "bias": None}),
        "grad_weight": (convolution.check_grad_weight, {"x": grad_output, "grad_output": x}),
    }
    for name, array in outputs.items():
        checked, arrays = roles[name]
        checked(workload, arrays, array, device)
