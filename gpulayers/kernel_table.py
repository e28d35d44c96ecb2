"""The table of compiled kernels: what each takes of a multiprocessor. Needs NVRTC, but no GPU."""

import dataclasses
import re

import numpy as np

from . import jit, ops, optimizers
from .ops.arrays import FLOAT_DTYPES
from .ops.recording import RecordingDevice
from .variable import Variable


def _convolution(device, dtype):
    for data_format in ("channels_last", "channels_first"):
        for filters in (8, 32, 64, 512):
            last = data_format == "channels_last"
            x = device.zeros((4, 28, 28, 32) if last else (4, 32, 28, 28), dtype)
            weight = device.zeros((3, 3, 32, filters), dtype)
            y = ops.conv(x, weight, device.zeros((filters,), dtype), padding="same", data_format=data_format)
            options = {"padding": "same", "data_format": data_format}
            ops.conv_backward_input(y, weight, x.shape, **options)
            ops.conv_backward_weight(x, y, weight.shape, **options)
            ops.conv_backward_bias(y, data_format=data_format)
        for multiplier in (1, 2):
            depthwise = device.zeros((3, 3, 32, multiplier), dtype)
            y = ops.depthwise_conv(x, depthwise, **options)
            ops.depthwise_conv_backward_input(y, depthwise, x.shape, **options)
            ops.depthwise_conv_backward_weight(x, y, depthwise.shape, **options)


def _pooling(device, dtype):
    for data_format in ("channels_last", "channels_first"):
        for pool_size, strides in ((2, 2), (3, 2)):
            x = device.zeros((4, 64, 64, 64), dtype)
            y, argmax = ops.max_pool_with_argmax(x, pool_size, strides=strides, data_format=data_format)
            ops.max_pool(x, pool_size, strides=strides, data_format=data_format)
            ops.max_pool_backward(y, argmax, x.shape, pool_size, strides=strides, data_format=data_format)
            ops.average_pool(x, pool_size, strides=strides, data_format=data_format)
            ops.average_pool_backward(y, x.shape, pool_size, strides=strides, data_format=data_format)
        y = ops.global_average_pool(x, data_format=data_format)
        ops.global_average_pool_backward(y, x.shape, data_format=data_format)
        y, argmax = ops.global_max_pool_with_argmax(x, data_format=data_format)
        ops.global_max_pool_backward(y, argmax, x.shape, data_format=data_format)
        y, argmax = ops.adaptive_max_pool_with_argmax(x, 7, data_format=data_format)
        ops.adaptive_max_pool_backward(y, argmax, x.shape, data_format=data_format)
        y = ops.adaptive_average_pool(x, 7, data_format=data_format)
        ops.adaptive_average_pool_backward(y, x.shape, data_format=data_format)


def _embedding(device, dtype):
    for columns in (256, 3):
        for index in (np.int32, np.int64):
            ids = device.zeros((1024,), index)
            rows = ops.embedding(ids, device.zeros((1000, columns), dtype))
            ops.embedding_backward(ids, rows, 1000)
            ops.embedding_backward_sparse(ids, rows, 1000)
            table, offsets = device.zeros((1000, columns), dtype), device.zeros((4,), np.int64)
            for options in ({}, {"mode": "mean"}, {"mode": "max"}, {"weights": device.zeros((1024,), dtype)}):
                y, argmax = ops.embedding_bag(ids, offsets, table, **options)
                options["argmax"] = argmax
                ops.embedding_bag_backward(y, ids, offsets, table, **options)
                ops.embedding_bag_backward_sparse(y, ids, offsets, table, **options)


def _recurrent(device, dtype):
    for batch in (4, 2048):
        x, units = device.zeros((batch, 2, 64), dtype), 256
        weights = [
            device.zeros(shape, dtype) for shape in ((64, 4 * units), (units, 4 * units), (4 * units,))
        ]
        ops.lstm(x, *weights)
        outputs, h, c, residuals = ops.lstm(x, *weights, training=True)
        ops.lstm_backward(outputs, h, c, residuals)
        for reset_after in (True, False):
            weights = [device.zeros(shape, dtype) for shape in ((64, 3 * units), (units, 3 * units))]
            weights.append(device.zeros((2, 3 * units) if reset_after else (3 * units,), dtype))
            ops.gru(x, *weights, reset_after=reset_after)
            outputs, h, residuals = ops.gru(x, *weights, reset_after=reset_after, training=True)
            ops.gru_backward(outputs, h, residuals)
        _recurrent_variants(device, dtype, x, units)
        weights = [device.zeros(shape, dtype) for shape in ((64, units), (units, units), (units,))]
        outputs, h, residuals = ops.simple_rnn(x, *weights, training=True)
        ops.simple_rnn_backward(outputs, h, residuals)


def _recurrent_variants(device, dtype, x, units):
    def zeros(*shape):
        return device.zeros(shape, dtype)

    weights = zeros(64, 4 * units), zeros(units, 4 * units), zeros(4 * units)
    wide, narrow = ("input_gain", "recurrent_gain"), ("state_gain", "state_shift")
    gains = {name: zeros(4 * units) for name in wide} | {name: zeros(units) for name in narrow}
    projected = [zeros(64, 4 * units), zeros(128, 4 * units), zeros(4 * units)]
    peephole, projection = zeros(3, units), zeros(units, 128)
    calls = [(weights, {"peephole": peephole, "update_h": 0.9}), (weights, gains)]
    calls += [(projected, {"projection": projection}), (projected, gains | {"projection": projection})]
    for operands, options in calls:
        ops.lstm_variant(x, *operands, **options, training=False)
        outputs, h, c, residuals = ops.lstm_variant(x, *operands, **options)
        ops.lstm_variant_backward(outputs, h, c, residuals)
    weights = zeros(64, 3 * units), zeros(units, 3 * units), zeros(2, 3 * units)
    for options in ({"update_h": 0.9}, {name: zeros(3 * units) for name in wide}):
        ops.gru_variant(x, *weights, **options, training=False)
        outputs, h, residuals = ops.gru_variant(x, *weights, **options)
        ops.gru_variant_backward(outputs, h, residuals)


_OPTIMIZERS = (
    *(("SGD", options) for options in ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True})),
    *(("Adam", options) for options in ({}, {"amsgrad": True})),
    *(("RMSprop", options) for options in ({}, {"momentum": 0.9}, {"centered": True})),
    *((kind, {}) for kind in ("Nadam", "Adamax", "Lion", "Adagrad", "Adadelta", "Ftrl", "ScheduleFreeAdamW")),
    *(("SGD", options) for options in ({"clipnorm": 1.0}, {"global_clipnorm": 1.0})),
    *(("SGD", {"use_ema": True, "ema_overwrite_frequency": n}) for n in (1, 2)),
)


def _optimizers(device, dtype):
    for kind, options in _OPTIMIZERS:
        optimizer = optimizers.LossScaleOptimizer(getattr(optimizers, kind)(**options))
        optimizer.apply([device.zeros((1000,), dtype)], [Variable(device.zeros((1000,), dtype), "w")])
    for kind, options in (("SGD", {}), ("SGD", {"momentum": 0.9}), ("LazyAdam", {}), ("RowWiseAdagrad", {})):
        table, ids = Variable(device.zeros((1000, 64), dtype), "table"), device.zeros((100,), np.int64)
        grad = ops.RowSparseGradient(ids, device.zeros((100, 64), dtype), table.shape, checked=True)
        getattr(optimizers, kind)(**options).apply([grad], [table])
    optimizers.RowWiseAdagrad().apply([device.zeros((1000, 64), dtype)], [table])


_EXAMPLES = (_convolution, _pooling, _embedding, _recurrent, _optimizers)


@dataclasses.dataclass(frozen=True)
class Row:
    """A kernel instance compiled for one architecture.

    Attributes:
        file, expression: of the kernel.
        threads: of a block.
        resources: of a thread and a block (see `jit.Resources`).
        shared_memory: static and dynamic, bytes a block.
        occupancy: share of a multiprocessor's warps that are resident, 0 to 1.
    """

    file: str
    expression: str
    threads: int
    resources: jit.Resources
    shared_memory: int
    occupancy: float

    @property
    def short_name(self):
        """The expression without the names of a configuration's fields."""
        return re.sub(r"\.\w+ = ", "", self.expression)


def launches(architecture, dtypes=FLOAT_DTYPES):
    """The set of RecordedLaunch that typical calls of every operation ask for."""
    device = RecordingDevice(architecture)
    for example in _EXAMPLES:
        for dtype in dtypes:
            example(device, dtype)
    return device.launches


def rows(architecture, dtypes=FLOAT_DTYPES, progress=iter):
    """A Row for each kernel instance that typical calls launch, sorted; compiles what the cache does not hold.

    Args:
        architecture: one of `jit.MULTIPROCESSORS`.
        dtypes: NumPy float dtypes.
        progress: wraps the list of files to compile, as a progress bar does.

    Raises:
        ValueError: another architecture.
        jit.CompilationError: NVRTC is missing, or a kernel does not compile.
    """
    if architecture not in jit.MULTIPROCESSORS:
        raise ValueError(
            f"architecture must be one of {', '.join(jit.MULTIPROCESSORS)}. Received: {architecture!r}"
        )
    wanted = {}
    for launch in sorted(
        launches(architecture, dtypes), key=lambda launch: (launch.file, launch.expression, launch.threads)
    ):
        wanted.setdefault((launch.file, launch.feature), []).append(launch)
    for (file, feature), group in progress(list(wanted.items())):
        expressions = {launch.expression for launch in group}
        target = architecture + ("a" if feature else "")
        resources = jit.kernel_resources(file, expressions, target)
        for launch in group:
            used = resources[launch.expression]
            share = jit.occupancy(architecture, used, launch.threads, launch.shared_memory)
            shared = used.shared_memory + launch.shared_memory
            yield Row(file, launch.expression, launch.threads, used, shared, share)
