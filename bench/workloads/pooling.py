"""Pooling of ResNet-50, VGG, Inception; shapes of KernelBench."""

import numpy as np

from gpulayers import ops
from gpulayers.ops.pooling.problem import GlobalPoolingProblem, PoolingProblem
from gpulayers.ops.spatial import join_shape

from . import BOTH, FORWARD, Workload, assert_near, dtype_of, to_float64, uniform

_SAMPLES = 64

# name: kind, spatial sizes, channels, window, strides, padding, dilation, source
_LAYERS = {
    "max 3/2 64 112": ("max", (112, 112), 64, 3, 2, 1, 1, "ResNet-50"),
    "max 2/2 128 112": ("max", (112, 112), 128, 2, 2, 0, 1, "VGG, U-Net"),
    "max 2/2 32 8": ("max", (8, 8), 32, 2, 2, 0, 1, "digits CNN"),
    "average 2/2 256 56": ("average", (56, 56), 256, 2, 2, 0, 1, "DenseNet"),
    "average 3/1 288 35": ("average", (35, 35), 288, 3, 1, 1, 1, "Inception"),
    "global average 2048 7": ("global average", (7, 7), 2048, None, None, None, None, "ResNet-50"),
    "global max 256 128": ("global max", (128, 128), 256, None, None, None, None, "segmentation"),
    "1d max 8 192 65536": ("max", (65536,), 192, 8, 1, 4, 3, "KernelBench 41"),
    "max 4 64 512": ("max", (512, 512), 64, 4, 1, 1, 1, "KernelBench 42"),
    "3d max 3/2 32 128": ("max", (128, 128, 128), 32, 3, 2, 1, 3, "KernelBench 43"),
    "1d average 8 128 65536": ("average", (65536,), 128, 8, 1, 4, 1, "KernelBench 44"),
    "average 11 64 2048": ("average", (2048, 2048), 64, 11, 11, 0, 1, "KernelBench 45"),
    "3d average 3/2 32 128": ("average", (128, 128, 256), 32, 3, 2, 1, 1, "KernelBench 46"),
    "1d max 8 192 4096": ("max", (4096,), 192, 8, 1, 4, 3, "KernelBench 41, scaled"),
    "max 4 64 128": ("max", (128, 128), 64, 4, 1, 1, 1, "KernelBench 42, scaled"),
    "3d max 3/2 32 32": ("max", (32, 32, 32), 32, 3, 2, 1, 3, "KernelBench 43, scaled"),
    "average 11 64 512": ("average", (512, 512), 64, 11, 11, 0, 1, "KernelBench 45, scaled"),
}
# name, batch, importance in (float32, bfloat16, float16)
_GPU = [
    ("max 3/2 64 112", 64, (0, 0, 0)),
    ("average 3/1 288 35", 64, (0, 1, 2)),
    ("global average 2048 7", 64, (0, 1, 2)),
    ("max 4 64 512", 32, (0, 1, 2)),
    ("max 2/2 128 112", 64, (1, 1, 2)),
    ("average 2/2 256 56", 64, (1, 1, 2)),
    ("global max 256 128", 32, (1, 1, 2)),
    ("1d max 8 192 65536", 64, (1, 2, 2)),
    ("3d max 3/2 32 128", 16, (1, 2, 2)),
    ("1d average 8 128 65536", 64, (1, 2, 2)),
    ("average 11 64 2048", 16, (1, 2, 2)),
    ("3d average 3/2 32 128", 16, (1, 2, 2)),
    *(("max 3/2 64 112", batch, (2, 2, 2)) for batch in (1, 8, 256)),
]
_CPU = [
    ("max 3/2 64 112", 8, 0),
    ("average 3/1 288 35", 8, 0),
    ("global average 2048 7", 8, 0),
    ("max 2/2 32 8", 32, 0),
    ("max 2/2 128 112", 8, 1),
    ("average 2/2 256 56", 8, 1),
    ("global max 256 128", 2, 1),
    ("1d max 8 192 4096", 8, 1),
    ("max 4 64 128", 8, 1),
    ("3d max 3/2 32 32", 8, 1),
    ("average 11 64 512", 2, 1),
    ("max 3/2 64 112", 1, 1),
    ("max 3/2 64 112", 32, 1),
]


def row_of(name, batch, direction, precision="float32", importance=1, data_format="channels_last"):
    kind, spatial, channels, size, strides, padding, dilation, source = _LAYERS[name]
    shape, dtype = join_shape(batch, spatial, channels, data_format), dtype_of(precision)
    if kind.startswith("global"):
        problem = GlobalPoolingProblem.resolve(shape, dtype, data_format, False)
    else:
        problem = PoolingProblem.resolve(shape, dtype, size, strides, padding, dilation, data_format)
    label = f"{name} n{batch}" + ("" if data_format == "channels_last" else " channels_first")
    return Workload("pooling", label, source, problem, kind, direction, precision, importance)


def rows(device_name):
    """Forward and forward with backward; the first also channels first."""
    if device_name == "cpu":
        found = [row_of(name, batch, d, importance=i) for name, batch, i in _CPU for d in (FORWARD, BOTH)]
        return found + [row_of("max 3/2 64 112", 8, d, data_format="channels_first") for d in (FORWARD, BOTH)]
    found = []
    for place, precision in enumerate(("float32", "bfloat16", "float16")):
        for name, batch, importances in _GPU:
            found += [row_of(name, batch, d, precision, importances[place]) for d in (FORWARD, BOTH)]
    found += [row_of("max 3/2 64 112", 64, d, data_format="channels_first") for d in (FORWARD, BOTH)]
    return sorted(found, key=lambda row: row.importance)


def operands(workload, device, seed):
    """x and the gradient of the output."""
    problem, generator = workload.problem, device.random_generator(seed)
    found = {"x": uniform(device, generator, problem.input_shape, problem.dtype)}
    if workload.direction == BOTH:
        found["grad_output"] = uniform(device, generator, problem.output_shape, problem.dtype)
    return found


def _window_arguments(problem):
    window = problem.window
    return window.size, {
        "strides": window.strides,
        "padding": tuple(zip(window.pad_low, window.pad_high)),
        "data_format": problem.data_format,
    }


def ours(workload, operands):
    """Maxima: in training with the argmax, which the backward needs."""
    problem, x, dy = workload.problem, operands["x"], operands.get("grad_output")
    shape, training = problem.input_shape, workload.direction == BOTH
    if workload.variant.startswith("global"):
        size, keywords = (), {"data_format": problem.data_format}
    else:
        size, keywords = _window_arguments(problem)
        size = (size,)
    name = workload.variant.replace(" ", "_")
    if "max" in name:
        if "global" not in name:
            keywords["dilation_rate"] = problem.window.dilation
        forward, with_argmax = getattr(ops, f"{name}_pool"), getattr(ops, f"{name}_pool_with_argmax")
        backward = getattr(ops, f"{name}_pool_backward")

        def both():
            y, argmax = with_argmax(x, *size, **keywords)
            return {"output": y, "grad_input": backward(dy, argmax, shape, *size, **keywords)}

    else:
        forward, backward = getattr(ops, f"{name}_pool"), getattr(ops, f"{name}_pool_backward")

        def both():
            y = forward(x, *size, **keywords)
            return {"output": y, "grad_input": backward(dy, shape, *size, **keywords)}

    return both if training else lambda: {"output": forward(x, *size, **keywords)}


def operations(workload):
    """The names of the operations that the row runs."""
    name = f"pooling.{workload.variant.replace(' ', '_')}"
    forward = name if "global" in name else f"{name}_forward"
    if workload.direction == FORWARD:
        return (forward,)
    return (f"{name}_with_argmax" if "max" in workload.variant else forward), f"{name}_backward"


def work(workload):
    """The backward moves as many bytes as the forward; the argmax is written and read once."""
    problem = workload.problem
    if workload.direction == FORWARD:
        return problem.flops(), problem.bytes_moved()
    argmax = 0
    if "max" in workload.variant:
        argmax = 2 * int(np.prod(problem.output_shape, dtype=np.int64)) * problem.argmax_dtype.itemsize
    return 2 * problem.flops(), 2 * problem.bytes_moved() + argmax


def _channels_last(problem, xp, array):
    return array if problem.data_format == "channels_last" or array.ndim == 2 else xp.moveaxis(array, 1, -1)


def _window_slices(window, at):
    """The part of the input that the window at an output position sees."""
    slices = []
    for axis, o in enumerate(at):
        start, step = o * window.strides[axis] - window.pad_low[axis], window.dilation[axis]
        positions = [
            p
            for p in range(start, start + window.size[axis] * step, step)
            if 0 <= p < window.input_size[axis]
        ]
        slices.append(slice(positions[0], positions[-1] + 1, step) if positions else slice(0, 0))
    return slices


def check(workload, operands, outputs, device):
    """Sampled outputs; for the gradient sampled inputs: the windows over each are gone through."""
    problem, xp = workload.problem, device.array_module
    x, y = _channels_last(problem, xp, operands["x"]), _channels_last(problem, xp, outputs["output"])
    dx = dy = None
    if workload.direction == BOTH:
        dx = _channels_last(problem, xp, outputs["grad_input"])
        dy = _channels_last(problem, xp, operands["grad_output"])
    random = np.random.default_rng(1)
    if workload.variant.startswith("global"):
        _check_global(workload, device, random, x, y, dx, dy)
        return
    for place in range(_SAMPLES):
        n, *at, c = (int(random.integers(size)) * (place > 0) for size in y.shape)
        values = to_float64(device, x[(n, *_window_slices(problem.window, at), c)])
        got = np.reshape(device.to_numpy(y[(n, *at, c)]), 1)
        expected = values.max() if workload.variant == "max" else values.mean()
        terms, size = (1, None) if workload.variant == "max" else (values.size, np.abs(values).mean())
        assert_near(got, np.reshape(expected, 1), workload.precision, terms, size, f"output {(n, *at, c)}")
    if dx is not None:
        for place in range(_SAMPLES // 2):
            at = [int(random.integers(size)) * (place > 0) for size in dx.shape]
            _check_gradient(workload, device, x, dx, dy, *at)


def _check_gradient(workload, device, x, dx, dy, n, *rest):
    *at, c = rest
    window, terms = workload.problem.window, [0.0]
    outputs = []
    for axis, i in enumerate(at):
        shifted = i + window.pad_low[axis] - np.arange(window.size[axis]) * window.dilation[axis]
        o, left = np.divmod(shifted, window.strides[axis])
        outputs.append([int(v) for v, r in zip(o, left) if r == 0 and 0 <= v < window.output_size[axis]])
    for index in np.ndindex(*map(len, outputs)):
        position = [choices[k] for choices, k in zip(outputs, index)]
        slices = _window_slices(window, position)
        values = to_float64(device, x[(n, *slices, c)])
        gradient = float(to_float64(device, dy[(n, *position, c)]))
        if workload.variant == "average":
            terms.append(gradient / values.size)
        else:
            offset = tuple((i - s.start) // (s.step or 1) for i, s in zip(at, slices))
            first = np.unravel_index(values.argmax(), values.shape)
            terms.append(gradient if offset == tuple(map(int, first)) else 0.0)
    terms = np.array(terms)
    got = np.reshape(device.to_numpy(dx[(n, *at, c)]), 1)
    what = f"grad_input {(n, *at, c)}"
    assert_near(got, np.reshape(terms.sum(), 1), workload.precision, len(terms), np.abs(terms).sum(), what)


def _check_global(workload, device, random, x, y, dx, dy):
    spatial = tuple(range(len(workload.problem.spatial)))
    for _ in range(8):
        n, c = (int(random.integers(size)) for size in y.shape)
        values = to_float64(device, x[n, ..., c])
        maximum = workload.variant == "global max"
        got = np.reshape(device.to_numpy(y[n, c]), 1)
        expected = values.max(axis=spatial) if maximum else values.mean(axis=spatial)
        terms, size = (1, None) if maximum else (values.size, np.abs(values).mean())
        assert_near(got, np.reshape(expected, 1), workload.precision, terms, size, f"output {(n, c)}")
        if dx is not None:
            gradient = float(to_float64(device, dy[n, c]))
            share = np.full(values.shape, gradient / values.size)
            if maximum:
                share[...] = 0
                share.flat[values.argmax()] = gradient
            assert_near(
                device.to_numpy(dx[n, ..., c]), share, workload.precision, 1, None, f"grad_input {(n, c)}"
            )
