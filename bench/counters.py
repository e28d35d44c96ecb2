"""What every kernel moves, counted by the emulator on its main workloads, scaled down: bytes against the least,
sectors a request, how often inputs are read again, bank conflicts with their worst line."""

import numpy as np

from gpulayers.ops.convolution.problem import ConvolutionProblem
from gpulayers.ops.embedding.problem import EmbeddingProblem
from gpulayers.ops.pooling.problem import GlobalPoolingProblem, PoolingProblem
from gpulayers.ops.recurrent.problem import LSTMProblem
from gpulayers.ops.spatial import join_shape
from gpulayers.tables import print_table

from .workloads import BOTH, FORWARD, Workload, dtype_of
from .workloads.convolution import BACKWARD_INPUT, BACKWARD_WEIGHT

_MULTIPROCESSORS = 4  # few, so that small problems get the configurations of large ones

# spatial sizes, channels, filters, window, strides, padding, groups
_CONVOLUTIONS = {
    "3x3 64>64 14": ((14, 14), 64, 64, 3, 1, 1, 1),
    "1x1 64>256 14": ((14, 14), 64, 256, 1, 1, 0, 1),
    "7x7/2 3>64 32": ((32, 32), 3, 64, 7, 2, 3, 1),
    "3x3/2 32>64 14": ((14, 14), 32, 64, 3, 2, 1, 1),
    "dw3x3 144 14": ((14, 14), 144, 144, 3, 1, 1, 144),
    "3x3 64>64 g8 14": ((14, 14), 64, 64, 3, 1, 1, 8),
}
# kind, spatial sizes, channels, window, strides, padding
_POOLINGS = {
    "max 3/2 64 28": ("max", (28, 28), 64, 3, 2, 1),
    "max 2/2 64 28": ("max", (28, 28), 64, 2, 2, 0),
    "average 3/1 64 28": ("average", (28, 28), 64, 3, 1, 1),
    "average 2/2 64 28": ("average", (28, 28), 64, 2, 2, 0),
    "global average 256 14": ("global average", (14, 14), 256, None, None, None),
    "global max 256 14": ("global max", (14, 14), 256, None, None, None),
}


def rows(precision="float32"):
    """The scaled Workloads."""
    dtype, found = dtype_of(precision), []
    for name, (spatial, channels, filters, size, strides, padding, groups) in _CONVOLUTIONS.items():
        for data_format in ("channels_last", "channels_first"):
            problem = ConvolutionProblem.resolve(
                join_shape(2, spatial, channels, data_format),
                (size, size, channels // groups, filters),
                dtype,
                strides=strides,
                padding=padding,
                groups=groups,
                data_format=data_format,
            )
            label = f"{name} {data_format}"
            for direction in (FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT):
                found.append(Workload("convolution", label, "", problem, "", direction, precision))
    for name, (kind, spatial, channels, size, strides, padding) in _POOLINGS.items():
        for data_format in ("channels_last", "channels_first"):
            shape = join_shape(2, spatial, channels, data_format)
            if size is None:
                problem = GlobalPoolingProblem.resolve(shape, dtype, data_format, False)
            else:
                problem = PoolingProblem.resolve(shape, dtype, size, strides, padding, 1, data_format)
            for direction in (FORWARD, BOTH):
                found.append(Workload("pooling", f"{name} {data_format}", "", problem, kind, direction, precision))
    for name, count, table_rows, columns, ids in (
        ("1k ids of 8k x 128, uniform", 1024, 8192, 128, "uniform"),
        ("1k ids of 8k x 128, zipf", 1024, 8192, 128, "zipf"),
        ("4k ids of 64k x 16, uniform", 4096, 65536, 16, "uniform"),
    ):
        problem = EmbeddingProblem((count,), table_rows, columns, dtype, np.dtype(np.int64))
        found += [Workload("embedding", name, "", problem, ids, d, precision) for d in (FORWARD, BOTH)]
    for batch, units in ((16, 64), (64, 64)):
        for direction in (FORWARD, BOTH):
            problem = LSTMProblem(batch, 3, 64, units, dtype, training=direction == BOTH)
            found.append(Workload("recurrent", f"lstm h{units} b{batch} t3", "", problem, "lstm", direction, precision))
    return found


def count(workload, device):
    """The launches of a row on a counting device."""
    operands = workload.module.operands(workload, device, seed=1)
    device.launches.clear()
    workload.module.ours(workload, operands)()
    return list(device.launches)


def _bytes(value):
    return f"{value / 1024:.1f} KiB"


def table(workload, launches):
    """Rows of cells: for each kernel its arguments; of a kernel launched repeatedly the first launch."""
    from tests.emulator import traffic

    least = workload.module.work(workload)[1]
    cells = [(workload.key, f"least {_bytes(least)}", "", "", "", f"moved {traffic.against_minimum(launches, least):.2f} x least")]
    repeated = {}
    for launch in traffic.of_launches(launches):
        repeated.setdefault(launch.expression, []).append(launch)
    for expression, same in repeated.items():
        first = same[0]
        notes = []
        if first.worst_coalesced:
            notes.append(f"worst access {first.worst_coalesced.place}, {first.worst_coalesced.efficiency:.1f} x")
        if first.worst_conflict:
            notes.append(f"{first.worst_degree}-way conflict {first.worst_conflict.place}, {first.extra_wavefronts} extra passes")
        times = f" x{len(same)}" if len(same) > 1 else ""
        cells.append((f"  {expression}{times}", "", "", "", "", "; ".join(notes)))
        for argument in first.arguments:
            moved = argument.distinct_loaded + argument.distinct_stored
            if not moved:
                continue
            sectors = "/".join(f"{s:.1f}" if s else "-" for s in (argument.sectors_per_load, argument.sectors_per_store))
            pair = (argument.load_efficiency, argument.store_efficiency)
            efficiency = "/".join(f"{e:.2f}" if e else "-" for e in pair)
            reread = f"{argument.reread_factor:.2f}" if argument.loaded else "-"
            cells.append((f"    {argument.name}", _bytes(moved), sectors, efficiency, reread, ""))
    return cells


def main(arguments):
    """Prints the table."""
    from tests.emulator.plugin import emulator_problem

    if emulator_problem():
        raise SystemExit(f"The kernels cannot be counted here: {emulator_problem()}")
    from tests.emulator.device import EmulatedDevice

    device = EmulatedDevice(arguments.architecture, count=True, multiprocessors=_MULTIPROCESSORS)
    columns = ("kernel", "moved", "sectors load/store", "per byte load/store", "read times", "worst")
    for workload in rows(arguments.precision):
        if all(word in workload.key for word in arguments.only):
            print_table("", columns, table(workload, count(workload, device)))
    return 0
