"""Convolutions of ResNet-50, MobileNetV2, U-Net, first layers; shapes of DeepBench and KernelBench."""

import math

import numpy as np

from gpulayers import ops
from gpulayers.ops.convolution.problem import ConvolutionProblem, DepthwiseProblem
from gpulayers.ops.spatial import join_shape

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, to_float64, uniform

BACKWARD_INPUT, BACKWARD_WEIGHT = "backward_input", "backward_weight"
_SAMPLES = 48

# name: spatial sizes, channels, filters, window, strides, padding, groups, source
_LAYERS = {
    "resnet 7x7/2 3>64 224": ((224, 224), 3, 64, 7, 2, 3, 1, "ResNet-50, DeepBench"),
    "resnet 1x1 64>256 56": ((56, 56), 64, 256, 1, 1, 0, 1, "ResNet-50, DeepBench"),
    "resnet 1x1 256>64 56": ((56, 56), 256, 64, 1, 1, 0, 1, "ResNet-50"),
    "resnet 3x3 64>64 56": ((56, 56), 64, 64, 3, 1, 1, 1, "ResNet-50, DeepBench"),
    "resnet 3x3 128>128 28": ((28, 28), 128, 128, 3, 1, 1, 1, "ResNet-50, DeepBench"),
    "resnet 3x3/2 128>128 56": ((56, 56), 128, 128, 3, 2, 1, 1, "ResNet-50"),
    "resnet 1x1 512>128 28": ((28, 28), 512, 128, 1, 1, 0, 1, "ResNet-50, DeepBench"),
    "resnet 1x1/2 256>512 56": ((56, 56), 256, 512, 1, 2, 0, 1, "ResNet-50"),
    "resnet 3x3 256>256 14": ((14, 14), 256, 256, 3, 1, 1, 1, "ResNet-50, DeepBench"),
    "resnet 1x1 256>1024 14": ((14, 14), 256, 1024, 1, 1, 0, 1, "ResNet-50, DeepBench"),
    "resnet 3x3 512>512 7": ((7, 7), 512, 512, 3, 1, 1, 1, "ResNet-50, DeepBench"),
    "resnet 1x1 2048>512 7": ((7, 7), 2048, 512, 1, 1, 0, 1, "ResNet-50, DeepBench"),
    "mobilenet 3x3/2 3>32 224": ((224, 224), 3, 32, 3, 2, 1, 1, "MobileNetV2"),
    "mobilenet dw3x3 32 112": ((112, 112), 32, 32, 3, 1, 1, 32, "MobileNetV2"),
    "mobilenet dw3x3/2 96 112": ((112, 112), 96, 96, 3, 2, 1, 96, "MobileNetV2"),
    "mobilenet dw3x3 144 56": ((56, 56), 144, 144, 3, 1, 1, 144, "MobileNetV2"),
    "mobilenet dw3x3 384 14": ((14, 14), 384, 384, 3, 1, 1, 384, "MobileNetV2"),
    "mobilenet dw3x3 960 7": ((7, 7), 960, 960, 3, 1, 1, 960, "MobileNetV2"),
    "mobilenet 1x1 16>96 112": ((112, 112), 16, 96, 1, 1, 0, 1, "MobileNetV2"),
    "mobilenet 1x1 144>24 56": ((56, 56), 144, 24, 1, 1, 0, 1, "MobileNetV2"),
    "mobilenet 1x1 320>1280 7": ((7, 7), 320, 1280, 1, 1, 0, 1, "MobileNetV2"),
    "unet 3x3 64>64 256": ((256, 256), 64, 64, 3, 1, 1, 1, "U-Net"),
    "unet 3x3 256>128 128": ((128, 128), 256, 128, 3, 1, 1, 1, "U-Net"),
    "unet 3x3 1024>1024 16": ((16, 16), 1024, 1024, 3, 1, 1, 1, "U-Net"),
    "resnext 3x3 128>128 g32 56": ((56, 56), 128, 128, 3, 1, 1, 32, "ResNeXt-50"),
    "digits 3x3 1>16 8": ((8, 8), 1, 16, 3, 1, 1, 1, "digits CNN"),
    "digits 3x3 16>32 8": ((8, 8), 16, 32, 3, 1, 1, 1, "digits CNN"),
    "alexnet 11x11/4 3>96 224": ((224, 224), 3, 96, 11, 4, 2, 1, "KernelBench 50"),
    "3x3 64>128 512x1024": ((512, 1024), 64, 128, 3, 1, 0, 1, "KernelBench 55"),
    "5x7 64>128 512x256": ((512, 256), 64, 128, (5, 7), 1, 0, 1, "KernelBench 56"),
    "3x3 16>128 1024": ((1024, 1024), 16, 128, 3, 1, 0, 1, "KernelBench 63"),
    "dw3x3 64 512": ((512, 512), 64, 64, 3, 1, 0, 64, "KernelBench 82"),
    "dw3x3 128 256x512": ((256, 512), 128, 128, 3, 1, 0, 128, "KernelBench 84"),
    "1x1 64>128 1024": ((1024, 1024), 64, 128, 1, 1, 0, 1, "KernelBench 87"),
    "1d 3 64>128 16384": ((16384,), 64, 128, 3, 1, 1, 1, "audio"),
    "3d 3x3x3 3>64 64": ((64, 64, 64), 3, 64, 3, 1, 0, 1, "video"),
    "3d 3x3x3 32>32 32": ((32, 32, 32), 32, 32, 3, 1, 1, 1, "volumes"),
}

# name, batch, importance in (float32, tf32, bfloat16, float16)
_GPU = [
    ("resnet 3x3 256>256 14", 64, (0, 1, 0, 1)),
    ("resnet 3x3 64>64 56", 32, (0, 1, 0, 1)),
    ("mobilenet dw3x3 144 56", 64, (0, 2, 0, 2)),
    ("resnet 7x7/2 3>64 224", 64, (0, 1, 0, 2)),
    ("resnet 1x1 64>256 56", 32, (0, 1, 0, 2)),
    ("3x3 64>128 512x1024", 8, (0, 0, 1, 2)),
    ("dw3x3 64 512", 16, (0, 2, 1, 2)),
    ("1x1 64>128 1024", 16, (1, 1, 1, 2)),
    ("unet 3x3 1024>1024 16", 16, (1, 1, 0, 2)),
    ("resnext 3x3 128>128 g32 56", 32, (1, 1, 0, 2)),
    ("resnet 3x3/2 128>128 56", 32, (1, 1, 1, 2)),
    ("resnet 3x3 128>128 28", 32, (1, 1, 1, 2)),
    ("resnet 3x3 512>512 7", 32, (1, 1, 1, 2)),
    ("resnet 1x1 512>128 28", 32, (1, 1, 1, 2)),
    ("resnet 1x1 256>1024 14", 32, (1, 2, 1, 2)),
    ("resnet 1x1 2048>512 7", 32, (1, 2, 1, 2)),
    ("resnet 1x1/2 256>512 56", 32, (1, 2, 1, 2)),
    ("mobilenet 3x3/2 3>32 224", 64, (1, 2, 1, 2)),
    ("mobilenet dw3x3/2 96 112", 64, (1, 2, 1, 2)),
    ("mobilenet dw3x3 960 7", 64, (1, 2, 1, 2)),
    ("mobilenet 1x1 16>96 112", 64, (1, 2, 1, 2)),
    ("mobilenet 1x1 144>24 56", 64, (1, 2, 1, 2)),
    ("mobilenet 1x1 320>1280 7", 64, (2, 2, 1, 2)),
    ("unet 3x3 64>64 256", 8, (1, 1, 1, 2)),
    ("unet 3x3 256>128 128", 8, (1, 2, 1, 2)),
    ("alexnet 11x11/4 3>96 224", 256, (1, 1, 2, 2)),
    ("5x7 64>128 512x256", 8, (1, 1, 2, 2)),
    ("3x3 16>128 1024", 16, (1, 1, 2, 2)),
    ("dw3x3 128 256x512", 64, (1, 2, 2, 2)),
    ("1d 3 64>128 16384", 32, (1, 2, 1, 2)),
    ("3d 3x3x3 3>64 64", 16, (1, 1, 1, 2)),
    ("3d 3x3x3 32>32 32", 8, (1, 2, 1, 2)),
    *(
        (name, batch, (2, 2, 1, 2))
        for batch in (1, 8, 256)
        for name in ("resnet 3x3 64>64 56", "resnet 3x3 256>256 14")
    ),
]
_CPU = [
    ("resnet 3x3 64>64 56", 8, 0),
    ("resnet 1x1 64>256 56", 8, 0),
    ("mobilenet dw3x3 144 56", 8, 0),
    ("resnet 7x7/2 3>64 224", 8, 0),
    ("digits 3x3 16>32 8", 32, 0),
    ("resnet 3x3 256>256 14", 8, 1),
    ("resnet 3x3 128>128 28", 8, 1),
    ("resnet 3x3 512>512 7", 8, 1),
    ("resnet 3x3/2 128>128 56", 8, 1),
    ("resnet 1x1 256>64 56", 8, 1),
    ("resnet 1x1 512>128 28", 8, 1),
    ("resnet 1x1/2 256>512 56", 8, 1),
    ("resnet 1x1 256>1024 14", 8, 1),
    ("resnet 1x1 2048>512 7", 8, 1),
    ("mobilenet 3x3/2 3>32 224", 8, 1),
    ("mobilenet dw3x3 32 112", 8, 1),
    ("mobilenet dw3x3/2 96 112", 8, 1),
    ("mobilenet dw3x3 384 14", 8, 1),
    ("mobilenet 1x1 16>96 112", 8, 1),
    ("mobilenet 1x1 144>24 56", 8, 1),
    ("unet 3x3 64>64 256", 1, 1),
    ("unet 3x3 1024>1024 16", 1, 1),
    ("resnext 3x3 128>128 g32 56", 4, 1),
    ("digits 3x3 1>16 8", 32, 1),
    ("alexnet 11x11/4 3>96 224", 8, 1),
    ("1d 3 64>128 16384", 1, 1),
    ("3d 3x3x3 32>32 32", 1, 1),
    ("resnet 3x3 64>64 56", 1, 1),
    ("resnet 3x3 64>64 56", 32, 1),
    ("resnet 3x3 256>256 14", 1, 1),
]


def problem_of(name, batch, precision="float32", activation=None, data_format="channels_last"):
    """The ConvolutionProblem of a named layer."""
    spatial, channels, filters, size, strides, padding, groups, _ = _LAYERS[name]
    size = size if isinstance(size, tuple) else (size,) * len(spatial)
    return ConvolutionProblem.resolve(
        join_shape(batch, spatial, channels, data_format),
        (*size, channels // groups, filters),
        dtype_of(precision),
        strides=strides,
        padding=padding,
        groups=groups,
        data_format=data_format,
        activation=activation,
    )


def row_of(name, batch, direction=FORWARD, precision="float32", importance=1, variant="", **options):
    problem = problem_of(name, batch, precision, **options)
    extra = {"": "", "bias": " +bias"}[variant] + (
        f" +{problem.activation.value}" if problem.activation.value else ""
    )
    extra += "" if problem.channels_last else " channels_first"
    return Workload(
        *("convolution", f"{name} n{batch}{extra}", _LAYERS[name][-1], problem),
        *(variant, direction, precision, importance),
    )


def rows(device_name):
    """Plain forward and backward of every layer; with bias and activation for some."""
    fused = ("resnet 3x3 64>64 56", "resnet 1x1 64>256 56", "mobilenet dw3x3 144 56")
    if device_name == "cpu":
        found = [row_of(name, batch, d, importance=i) for name, batch, i in _CPU for d in (FORWARD, BOTH)]
        found += [row_of(name, 8, variant="bias", activation="relu") for name in fused]
        return found + [row_of(fused[0], 8, d, data_format="channels_first") for d in (FORWARD, BOTH)]
    found = []
    for place, precision in enumerate(("float32", "tf32", "bfloat16", "float16")):
        for name, batch, importances in _GPU:
            importance = importances[place]
            found.append(row_of(name, batch, FORWARD, precision, importance))
            for direction in (BACKWARD_INPUT, BACKWARD_WEIGHT):
                found.append(row_of(name, batch, direction, precision, max(1, importance)))
        for name in fused:
            importance = {"bfloat16": 0, "float32": 1}.get(precision, 2)
            found.append(row_of(name, 32, FORWARD, precision, importance, variant="bias", activation="relu"))
        found.append(row_of(fused[0], 32, FORWARD, precision, 1, data_format="channels_first"))
    return sorted(found, key=lambda row: row.importance)


def operands(workload, device, seed):
    """x, weight, bias or None, and the gradient of the output where the direction needs one."""
    problem, generator = workload.problem, device.random_generator(seed)
    scale = 1 / math.sqrt(problem.window.taps * problem.group_in_channels)

    def draw(shape, scale=1.0):
        return uniform(device, generator, shape, problem.dtype, scale)

    return {
        "x": draw(problem.input_shape),
        "weight": draw(problem.weight_shape, scale),
        "bias": draw((problem.out_channels,)) if workload.variant == "bias" else None,
        "grad_output": None if workload.direction == FORWARD else draw(problem.output_shape),
    }


def arguments(problem):
    """The keywords of `ops.conv` and its gradients."""
    window = problem.window
    return {
        "strides": window.strides,
        "padding": tuple(zip(window.pad_low, window.pad_high)),
        "dilation_rate": window.dilation,
        "groups": problem.groups,
        "data_format": problem.data_format,
    }


def ours(workload, operands):
    problem, keywords = workload.problem, arguments(workload.problem)
    x, weight, bias, grad_output = (operands[name] for name in ("x", "weight", "bias", "grad_output"))

    def forward():
        return {"output": ops.conv(x, weight, bias, activation=problem.activation.value, **keywords)}

    def backward_input():
        return {"grad_input": ops.conv_backward_input(grad_output, weight, problem.input_shape, **keywords)}

    def backward_weight():
        return {"grad_weight": ops.conv_backward_weight(x, grad_output, problem.weight_shape, **keywords)}

    def both():
        return forward() | backward_input() | backward_weight()

    runs = {FORWARD: forward, BOTH: both, BACKWARD_INPUT: backward_input, BACKWARD_WEIGHT: backward_weight}
    return runs[workload.direction]


def operations(workload):
    """The names of the operations that the row runs."""
    names = (
        (FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT) if workload.direction == BOTH else (workload.direction,)
    )
    kind = "convolution.depthwise_" if isinstance(workload.problem, DepthwiseProblem) else "convolution."
    return tuple(kind + name for name in names)


def work(workload):
    """Either gradient costs as much as the forward."""
    times = 3 if workload.direction == BOTH else 1
    return times * workload.problem.flops(), times * workload.problem.bytes_moved()


def check(workload, operands, outputs, device):
    """Sampled elements of every result."""
    checks = {"output": check_output, "grad_input": check_grad_input, "grad_weight": check_grad_weight}
    for name, array in outputs.items():
        checks[name](workload, operands, array, device)


def _channels_last(problem, xp, array):
    return array if problem.channels_last else xp.moveaxis(array, 1, -1)


def _sampled(sizes, seed):
    """Random positions, and the corners, where the padding is."""
    random = np.random.default_rng(seed)
    inside = [tuple(int(random.integers(size)) for size in sizes) for _ in range(_SAMPLES - 2)]
    return [(0,) * len(sizes), tuple(size - 1 for size in sizes), *inside]


def _close(workload, device, actual, terms, count, what):
    expected, magnitude = terms.sum(), np.abs(terms).sum()
    got = np.reshape(device.to_numpy(actual), 1)
    assert_near(got, np.reshape(expected, 1), workload.precision, count, magnitude, what)


def _activated(problem, value):
    kind = problem.activation.value
    return max(value, 0.0) if kind == "relu" else math.tanh(value) if kind == "tanh" else value


def check_output(workload, operands, output, device):
    """Sampled outputs, the corners among them."""
    problem, window, xp = workload.problem, workload.problem.window, device.array_module
    x, y = _channels_last(problem, xp, operands["x"]), _channels_last(problem, xp, output)
    for n, *at, k in _sampled(y.shape, 1):
        group = k // problem.group_out_channels
        channels = slice(group * problem.group_in_channels, (group + 1) * problem.group_in_channels)
        patch, taps = [], []
        for axis, o in enumerate(at):
            positions = (
                o * window.strides[axis]
                - window.pad_low[axis]
                + np.arange(window.size[axis]) * window.dilation[axis]
            )
            valid = np.flatnonzero((positions >= 0) & (positions < window.input_size[axis]))
            step = window.dilation[axis]
            patch.append(
                slice(int(positions[valid[0]]), int(positions[valid[-1]]) + 1, step)
                if len(valid)
                else slice(0, 0)
            )
            taps.append(slice(int(valid[0]), int(valid[-1]) + 1) if len(valid) else slice(0, 0))
        terms = to_float64(device, x[(n, *patch, channels)]) * to_float64(
            device, operands["weight"][(*taps, slice(None), k)]
        )
        terms = terms.ravel()
        if operands["bias"] is not None:
            terms = np.append(terms, to_float64(device, operands["bias"][k]))
        expected, magnitude = _activated(problem, float(terms.sum())), np.abs(terms).sum()
        got = np.reshape(device.to_numpy(y[(n, *at, k)]), 1)
        what = f"output {(n, *at, k)}"
        assert_near(got, np.array([expected]), workload.precision, terms.size, magnitude, what)


def check_grad_input(workload, operands, grad_input, device):
    """Sampled elements of the gradient to x."""
    problem, window, xp = workload.problem, workload.problem.window, device.array_module
    dy, dx = _channels_last(problem, xp, operands["grad_output"]), _channels_last(problem, xp, grad_input)
    for n, *at, c in _sampled(dx.shape, 2):
        group, channel = divmod(c, problem.group_in_channels)
        filters = slice(group * problem.group_out_channels, (group + 1) * problem.group_out_channels)
        meeting = []  # per axis the pairs (output position, tap) that meet the input position
        for axis, i in enumerate(at):
            shifted = i + window.pad_low[axis] - np.arange(window.size[axis]) * window.dilation[axis]
            o, rest = np.divmod(shifted, window.strides[axis])
            taps = np.flatnonzero((rest == 0) & (o >= 0) & (o < window.output_size[axis]))
            meeting.append((o[taps], taps))
        rows = _gathered(device, dy, n, meeting, filters)
        taps = to_float64(device, operands["weight"][..., channel, filters])[np.ix_(*(t for _, t in meeting))]
        _close(
            workload,
            device,
            dx[(n, *at, c)],
            (rows * taps).ravel(),
            max(1, rows.size),
            f"grad_input {(n, *at, c)}",
        )


def _gathered(device, dy, n, meeting, filters):
    """The rows of dy at the outer product of the positions, fetched as one box."""
    if not all(len(o) for o, _ in meeting):
        return np.zeros((*(len(o) for o, _ in meeting), filters.stop - filters.start))
    box = tuple(slice(int(o.min()), int(o.max()) + 1) for o, _ in meeting)
    return to_float64(device, dy[(n, *box, filters)])[np.ix_(*(o - o.min() for o, _ in meeting))]


def check_grad_weight(workload, operands, grad_weight, device):
    """Sampled elements of the gradient to the weights."""
    problem, window, xp = workload.problem, workload.problem.window, device.array_module
    x, dy = _channels_last(problem, xp, operands["x"]), _channels_last(problem, xp, operands["grad_output"])
    for *tap, c, k in _sampled(problem.weight_shape, 3)[: 2 if problem.output_pixels > 1 << 22 else 12]:
        channel = k // problem.group_out_channels * problem.group_in_channels + c
        inputs, outputs = [], []
        for axis, t in enumerate(tap):
            first, stop = window.valid_range(axis, t)
            start = first * window.strides[axis] + t * window.dilation[axis] - window.pad_low[axis]
            inputs.append(
                slice(
                    start, start + max(0, (stop - first - 1) * window.strides[axis] + 1), window.strides[axis]
                )
            )
            outputs.append(slice(first, stop))
        terms = to_float64(device, x[(slice(None), *inputs, channel)]) * to_float64(
            device, dy[(slice(None), *outputs, k)]
        )
        what = f"grad_weight {(*tap, c, k)}"
        _close(workload, device, grad_weight[(*tap, c, k)], terms.ravel(), max(1, terms.size), what)
