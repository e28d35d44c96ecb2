"""What the kernels move, counted by the emulator, against what their header comments promise.

A row says how often the bytes of each argument are requested, as 32-byte sectors: 1 is once. What lies above
it has to come from the caches. A number here goes down as a kernel gets better, and is not raised without a
reason.
"""

import dataclasses
import re

import numpy as np
import pytest

from gpulayers import Variable, jit, ops, optimizers
from gpulayers.ops.optimizers import all_finite
from tests.emulator import traffic

RANDOM = np.random.default_rng(0)
LAST, FIRST = "channels_last", "channels_first"


@dataclasses.dataclass(frozen=True)
class Row:
    """A call and what one of its kernels requests.

    Attributes:
        kernel: the last launch of that kernel is looked at; of recurrent ones the last step.
        call: `call(device)` runs the operation.
        requests: for each argument of more than a few bytes how often its sectors are requested, at most.
        degree: the worst bank conflict.
    """

    kernel: str
    label: str
    call: object
    requests: dict
    degree: int = 1

    def __str__(self):
        return f"{self.kernel} {self.label}".strip()


def normal(device, *shape):
    return device.asarray(RANDOM.standard_normal(shape).astype(np.float32))


def images(device, data_format, size=32, channels=32):
    return normal(device, *((2, size, size, channels) if data_format == LAST else (2, channels, size, size)))


def pool(function, *arguments, data_format=LAST, **options):
    return lambda device: function(
        images(device, data_format), *arguments, data_format=data_format, **options
    )


def pool_backward(kind, *arguments, data_format=LAST, **options):
    def call(device):
        x = images(device, data_format)
        if kind == "max":
            y, argmax = ops.max_pool_with_argmax(x, *arguments, data_format=data_format, **options)
            ops.max_pool_backward(y, argmax, x.shape, *arguments, data_format=data_format, **options)
        else:
            y = ops.average_pool(x, *arguments, data_format=data_format, **options)
            ops.average_pool_backward(y, x.shape, *arguments, data_format=data_format, **options)

    return call


def global_pool_backward(data_format):
    def call(device):
        x = images(device, data_format)
        y = ops.global_average_pool(x, data_format=data_format)
        ops.global_average_pool_backward(y, x.shape, data_format=data_format)

    return call


def adaptive_pool_backward(device):
    x = images(device, LAST)
    ops.adaptive_average_pool_backward(ops.adaptive_average_pool(x, 8), x.shape)


def convolution(direction, data_format, channels=32, groups=1):
    def call(device):
        x, y = (images(device, data_format, 28, channels) for _ in range(2))
        weight = normal(device, 3, 3, channels // groups, channels)
        options = {"padding": "same", "data_format": data_format}
        if direction != "bias":
            options["groups"] = groups
        if direction == "forward":
            ops.conv(x, weight, **options)
        elif direction == "input":
            ops.conv_backward_input(y, weight, x.shape, **options)
        elif direction == "weight":
            ops.conv_backward_weight(x, y, weight.shape, **options)
        else:
            ops.conv_backward_bias(y, data_format=data_format)

    return call


def embedding(device):
    ids = RANDOM.permutation(300)[:256].astype(np.int64)
    ops.embedding(device.asarray(ids), normal(device, 300, 64))


def embedding_backward(device):
    """Three runs of some windows and many short ones, beginning anywhere."""
    ids = np.concatenate([RANDOM.integers(0, 60, 192), np.repeat([60, 70, 80], (40, 1, 23))])
    ops.embedding_backward_sparse(device.asarray(ids), normal(device, 256, 64), 300)


def embedding_bag(device):
    ids = device.asarray(RANDOM.permutation(300)[:256].astype(np.int64))
    offsets, table, weights = (
        device.asarray(np.arange(0, 256, 8)),
        normal(device, 300, 64),
        normal(device, 256),
    )
    y, _ = ops.embedding_bag(ids, offsets, table, weights=weights)
    ops.embedding_bag_backward(y, ids, offsets, table, weights=weights)


def step(kind, **options):
    """One step of an optimizer on two variables."""

    def call(device):
        optimizer = getattr(optimizers, kind)(**options)
        variables = [Variable(normal(device, size), "w") for size in (5000, 30)]
        optimizer.apply([normal(device, size) for size in (5000, 30)], variables)

    return call


def row_step(kind, **options):
    """One step of an optimizer on rows of a table, anywhere in it."""

    def call(device):
        ids = np.sort(RANDOM.permutation(300)[:60])
        grad = ops.RowSparseGradient(device.asarray(ids), normal(device, 60, 64), (300, 64))
        getattr(optimizers, kind)(**options).apply([grad], [Variable(normal(device, 300, 64), "w")])

    return call


def recurrent(name, gates, dropout=False, **options):
    """Two tiles of sequences and four of units."""

    def call(device):
        if dropout:
            options["recurrent_scale"] = normal(device, 32, gates, 64)
        forward, backward = getattr(ops, name), getattr(ops, f"{name}_backward")
        operands = normal(device, 32, 3, 48), normal(device, 48, gates * 64), normal(device, 64, gates * 64)
        bias = normal(
            device, *((2, gates * 64) if name == "gru" and "reset_after" not in options else (gates * 64,))
        )
        outputs, *states, residuals = forward(*operands, bias, training=True, **options)
        backward(normal(device, *outputs.shape), *(None for _ in states), residuals)

    return call


def variant(name, gates, size=64, **extensions):
    """As `recurrent`; extensions: their shapes, or a number for an update."""

    def call(device):
        forward, backward = getattr(ops, name), getattr(ops, f"{name}_backward")
        shapes = (32, 3, 48), (48, gates * 64), (size, gates * 64)
        shapes += ((2, gates * 64) if gates == 3 else (gates * 64,),)
        options = {
            key: normal(device, *shape) if isinstance(shape, tuple) else shape
            for key, shape in extensions.items()
        }
        outputs, *states, residuals = forward(*(normal(device, *shape) for shape in shapes), **options)
        backward(normal(device, *outputs.shape), *(None for _ in states), residuals)

    return call


LSTM, RNN = recurrent("lstm", 4), recurrent("simple_rnn", 1)
GRU, GRU_RESET_BEFORE = recurrent("gru", 3), recurrent("gru", 3, reset_after=False)
GRU_DROPOUT = recurrent("gru", 3, dropout=True, reset_after=False)
_GAINS = {"input_gain": (256,), "recurrent_gain": (256,), "state_gain": (64,), "state_shift": (64,)}
EXTENDED = variant("lstm_variant", 4, peephole=(3, 64), update_h=(32, 3, 64), update_c=0.5)
NORMALIZED = variant(
    "lstm_variant", 4, 32, peephole=(3, 64), projection=(64, 32), update_h=(32, 3, 32), **_GAINS
)
GRU_NORMALIZED = variant("gru_variant", 3, input_gain=(192,), recurrent_gain=(192,), update_h=(32, 3, 64))
WINDOWS = {"strides": 2, "padding": "same"}  # 3x3, overlapping
ROWS = [
    Row("embedding_gather_forward", "", embedding, {"ids": 2, "table": 1, "y": 1}),
    Row("embedding_unique_ids", "", embedding_backward, {"sorted_ids": 2.2, "runs": 1}),
    Row(
        "embedding_runs_backward",
        "",
        embedding_backward,
        {"sorted_ids": 5.5, "order": 4, "dy": 1, "target": 1},
    ),
    Row("embedding_carries_backward", "", embedding_backward, {"partials": 1, "target": 1}),
    Row("embedding_bag_forward", "", embedding_bag, {"table": 1, "y": 1}),
    Row("embedding_bag_backward_weights", "", embedding_bag, {"table": 1, "dy": 4, "dweights": 4}),
    # Variables are reached through a table of addresses: no argument has their traffic.
    Row("sgd_multi_tensor_step", "", step("SGD", momentum=0.9), {}),
    Row("adam_multi_tensor_step", "", step("Adam"), {}),
    Row("nadam_multi_tensor_step", "", step("Nadam"), {}),
    Row("adamax_multi_tensor_step", "", step("Adamax"), {}),
    Row("lion_multi_tensor_step", "", step("Lion"), {}),
    Row("rmsprop_multi_tensor_step", "", step("RMSprop", momentum=0.9, centered=True), {}),
    Row("adagrad_multi_tensor_step", "", step("Adagrad"), {}),
    Row("adadelta_multi_tensor_step", "", step("Adadelta"), {}),
    Row("ftrl_multi_tensor_step", "", step("Ftrl"), {}),
    Row("schedule_free_multi_tensor_step", "", step("ScheduleFreeAdamW"), {}),
    Row("gradient_norm_partials", "", step("SGD", clipnorm=1.0), {}),
    Row("gradient_norm_factors", "", step("SGD", clipnorm=1.0), {}),
    Row("gradient_finite_check", "", lambda device: all_finite([normal(device, 5000)]), {}),
    Row("variable_blend", "", step("SGD", use_ema=True), {}),
    Row("sgd_row_sparse_step", "", row_step("SGD", momentum=0.9), {"grads": 1, "values": 1, "moments": 1}),
    Row("adam_row_sparse_step", "", row_step("LazyAdam"), {"grads": 1, "values": 1, "velocities": 1}),
    Row(
        "row_wise_adagrad_step",
        "",
        row_step("RowWiseAdagrad"),
        {"grads": 2, "values": 1, "accumulators": 1.6},  # scattered numbers: sectors by where the array begins
    ),
    Row("max_pool_window_forward", "2x2", pool(ops.max_pool, 2), {"x": 1, "y": 1}),
    Row("max_pool_window_forward", "3x3", pool(ops.max_pool, 3, **WINDOWS), {"x": 2.2, "y": 1}),
    Row("max_pool_row_forward", "", pool(ops.max_pool, 2, data_format=FIRST), {"x": 1, "y": 1}),
    Row("max_pool_cell_backward", "", pool_backward("max", 2), {"dy": 1, "argmax": 1, "dx": 1}),
    Row("max_pool_window_backward", "", pool_backward("max", 3, **WINDOWS), {"dy": 8, "argmax": 8, "dx": 1}),
    Row("average_pool_window_forward", "2x2", pool(ops.average_pool, 2), {"x": 1, "y": 1}),
    Row("average_pool_window_forward", "3x3", pool(ops.average_pool, 3, **WINDOWS), {"x": 2.2, "y": 1}),
    Row("average_pool_row_forward", "", pool(ops.average_pool, 2, data_format=FIRST), {"x": 1, "y": 1}),
    Row("average_pool_cell_backward", "", pool_backward("average", 2), {"dy": 1, "dx": 1}),
    Row("average_pool_window_backward", "", pool_backward("average", 3, **WINDOWS), {"dy": 8, "dx": 1}),
    Row("global_pool_columns_forward", "", pool(ops.global_average_pool), {"x": 1, "partial_values": 4}),
    Row("global_pool_rows_forward", "", pool(ops.global_average_pool, data_format=FIRST), {"x": 1}),
    Row("global_pool_combine_forward", "", pool(ops.global_average_pool), {"partial_values": 1, "y": 1}),
    Row("global_pool_spread_backward", "", global_pool_backward(LAST), {"dx": 1}),
    Row("adaptive_pool_forward", "", pool(ops.adaptive_average_pool, 8), {"x": 1, "y": 1}),
    Row("adaptive_pool_backward", "", adaptive_pool_backward, {"dx": 1}),
    Row("convolution_direct_forward", "", convolution("forward", LAST), {"x": 8.6, "w": 13, "y": 1}, 2),
    Row("convolution_direct_forward", FIRST, convolution("forward", FIRST), {"x": 11.7, "w": 13, "y": 1}, 2),
    Row(
        "convolution_direct_backward_input", "", convolution("input", LAST), {"dy": 8.6, "w": 13, "dx": 1}, 2
    ),
    Row(
        "convolution_direct_backward_weight",
        "",
        convolution("weight", LAST),
        {"x": 8.6, "dy": 3, "partials": 1},
        2,
    ),
    Row("convolution_column_sum", "", convolution("bias", LAST), {"values": 1, "sums": 1}),
    Row("convolution_channel_sum", "", convolution("bias", FIRST), {"values": 1}),
    Row("convolution_depthwise_forward", "", convolution("forward", LAST, 64, 64), {"x": 4.2, "y": 1}),
    Row("convolution_depthwise_backward_input", "", convolution("input", LAST, 64, 64), {"dy": 4.2, "dx": 1}),
    Row(
        "convolution_depthwise_backward_weight", "", convolution("weight", LAST, 64, 64), {"x": 8.6, "dy": 1}
    ),
    Row("lstm_cell_forward", "", LSTM, {"gates": 1, "recurrent_weight": 2, "cells": 1, "last_h": 1}),
    Row(
        "lstm_cell_backward", "", LSTM, {"recurrent_weight": 2, "dgates": 4, "carry_c": 1, "dh0": 1, "dc0": 1}
    ),
    Row(
        "lstm_extended_forward",
        "",
        EXTENDED,
        {"gates": 1, "recurrent_weight": 2, "cells": 1, "last_h": 1, "update_h": 1},
    ),
    Row(
        "lstm_extended_backward",
        "",
        EXTENDED,
        {"recurrent_weight": 2, "dgates": 4, "carry_h": 1, "carry_c": 1, "dh0": 1, "dc0": 1},
    ),
    Row("recurrent_state_product", "", NORMALIZED, {"recurrent_weight": 2, "y": 4, "sums": 1}),
    Row(
        "recurrent_state_backward",
        "",
        NORMALIZED,
        {"dproducts": 2, "recurrent_weight": 2, "carry": 1, "dh0": 1},
    ),
    Row("recurrent_projection_forward", "", NORMALIZED, {"inside": 2, "projection": 2, "y": 1, "update": 1}),
    Row("recurrent_projection_backward", "", NORMALIZED, {"dnew": 4, "projection": 2, "dinside": 1}),
    Row(
        "lstm_rows_forward",
        "",
        NORMALIZED,
        {"inputs": 1, "gates": 1, "sums": 3, "recurrent_normal": 1, "inside": 1, "cells": 1},
    ),
    Row(
        "lstm_rows_backward",
        "",
        NORMALIZED,
        {"gates": 2, "dgates": 1, "dproducts": 1, "recurrent_normal": 2, "dstate": 1, "dpeephole": 1},
    ),
    Row(
        "gru_rows_forward",
        "",
        GRU_NORMALIZED,
        {"inputs": 1, "gates": 1, "sums": 3, "recurrent_normal": 1, "update": 1},
    ),
    Row(
        "gru_rows_backward",
        "",
        GRU_NORMALIZED,
        {"gates": 1, "dgates": 1, "dstates": 1, "dproducts": 1, "recurrent_normal": 2, "carry": 1},
    ),
    Row("recurrent_normalize_forward", "", NORMALIZED, {"sums": 2}),
    Row("recurrent_normalize_backward", "", NORMALIZED, {"dgates": 2, "normal": 2, "dsums": 1}),
    Row("recurrent_gain_backward", "", NORMALIZED, {"dgates": 1, "normal": 1, "dgain": 1}),
    Row("gru_cell_forward", "", GRU, {"gates": 1, "recurrent_weight": 2, "inner": 1, "last_h": 1}),
    Row("gru_cell_backward", "", GRU, {"recurrent_weight": 2, "dstates": 4, "carry": 1, "dh0": 1}),
    Row("gru_gates_forward", "", GRU_RESET_BEFORE, {"gates": 1, "recurrent_weight": 2, "y": 5, "inner": 1}),
    Row(
        "gru_candidate_forward", "", GRU_RESET_BEFORE, {"gates": 1, "recurrent_weight": 2, "inner": 4, "y": 1}
    ),
    Row(
        "gru_candidate_backward",
        "",
        GRU_RESET_BEFORE,
        {"recurrent_weight": 2, "dgates": 4, "carry": 1, "dh0": 1},
    ),
    Row("gru_reset_backward", "", GRU_RESET_BEFORE, {"gates": 1, "recurrent_weight": 2, "carry": 1}),
    Row(  # scale: of two gates for each tile of units, of the candidate once
        "gru_gates_forward",
        "with dropout",
        GRU_DROPOUT,
        {"gates": 1, "recurrent_weight": 2, "y": 5, "inner": 1, "scale": 3},
    ),
    Row(
        "gru_candidate_backward",
        "with dropout",
        GRU_DROPOUT,
        {"recurrent_weight": 2, "dgates": 4, "carry": 1, "dh0": 1, "scale": 1},
    ),
    Row(
        "gru_reset_backward",
        "with dropout",
        GRU_DROPOUT,
        {"gates": 1, "recurrent_weight": 2, "carry": 1, "scale": 1},
    ),
    Row("simple_rnn_cell_forward", "", RNN, {"sums": 1, "recurrent_weight": 2, "last_h": 1}),
    Row("simple_rnn_cell_backward", "", RNN, {"recurrent_weight": 2, "dsums": 4, "dh0": 1}),
    Row("recurrent_bias_backward", "", LSTM, {"dgates": 1, "dbias": 1}),
]


def test_every_kernel_has_a_row():
    bounds = re.compile(r"__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)")
    sources = [bounds.sub("", file.read_text()) for file in sorted(jit.kernels_folder().rglob("*.cu"))]
    kernels = {name for source in sources for name in re.findall(r"__global__\s+void\s+(\w+)\s*\(", source)}
    assert kernels == {row.kernel for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_requests(emulated, row):
    emulated.count, emulated.multiprocessors = True, 4
    row.call(emulated)
    launches = [launch for launch in emulated.launches if launch.expression.partition("<")[0] == row.kernel]
    found = traffic.of_launch(launches[-1])
    for name, most in row.requests.items():
        argument = found[name]
        requested = argument.loaded + argument.stored
        moved = argument.distinct_loaded + argument.distinct_stored
        assert 0 < requested <= most * moved, f"{name} is requested {requested / moved:.2f} times"
        assert most == 1 or requested > 0.8 * most * moved, (
            f"{name}: {requested / moved:.2f} times is the new limit"
        )
    assert found.worst_degree <= row.degree, found.worst_conflict
