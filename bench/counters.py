"""What every kernel moves, counted by the emulator on its main workloads, scaled down: bytes against the
least, sectors a request, how often inputs are read again, bank conflicts with their worst line."""

import numpy as np

from gpulayers.ops.convolution.problem import ConvolutionProblem
from gpulayers.ops.embedding.problem import EmbeddingProblem
from gpulayers.ops.pooling.problem import GlobalPoolingProblem, PoolingProblem
from gpulayers.ops.spatial import join_shape
from gpulayers.tables import print_table

from .workloads import BOTH, FORWARD, Workload, dtype_of, recurrent
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
                found.append(
                    Workload("pooling", f"{name} {data_format}", "", problem, kind, direction, precision)
                )
    for name, count, table_rows, columns, ids in (
        ("1k ids of 8k x 128, uniform", 1024, 8192, 128, "uniform"),
        ("1k ids of 8k x 128, zipf", 1024, 8192, 128, "zipf"),
        ("4k ids of 64k x 16, uniform", 4096, 65536, 16, "uniform"),
    ):
        problem = EmbeddingProblem((count,), table_rows, columns, dtype, np.dtype(np.int64))
        found += [Workload("embedding", name, "", problem, ids, d, precision) for d in (FORWARD, BOTH)]
    for cell, batch in (("lstm", 16), ("lstm", 64), ("gru", 16)):
        for direction in (FORWARD, BOTH):
            found.append(recurrent.row_of(cell, 64, batch, 3, 64, "", direction, precision, 1))
    return found


def count(workload, device):
    """The launches of a row on a counting device."""
    operands = workload.module.operands(workload, device, seed=1)
    device.launches.clear()
    workload.module.ours(workload, operands)()
    return list(device.launches)


def _kib(value):
    return f"{value / 1024:.1f} KiB"


def _pair(values, digits):
    return "/".join(f"{value:.{digits}f}" if value else "-" for value in values)


def details(workload, launches):
    """Lines of text: each kernel with its arguments; of a kernel launched repeatedly the first launch."""
    from tests.emulator import traffic

    least = workload.module.work(workload)[1]
    yield f"{workload.key}: least {_kib(least)}, moved {traffic.against_minimum(launches, least):.2f} x"
    repeated = {}
    for launch in traffic.of_launches(launches):
        repeated.setdefault(launch.expression, []).append(launch)
    for expression, same in repeated.items():
        first = same[0]
        yield f"  {expression}" + (f", {len(same)} launches" if len(same) > 1 else "")
        for a in first.arguments:
            moved = a.distinct_loaded + a.distinct_stored
            if moved:
                sectors = _pair((a.sectors_per_load, a.sectors_per_store), 1)
                efficiency = _pair((a.load_efficiency, a.store_efficiency), 2)
                read = f", read {a.reread_factor:.2f} times" if a.loaded else ""
                asked = f"{sectors} sectors a request, {efficiency} x the bytes asked for"
                yield f"    {a.name:14} {_kib(moved):>12}, {asked}{read}"
        if first.worst_coalesced:
            yield f"    worst access: {first.worst_coalesced.place}, {first.worst_coalesced.efficiency:.2f} x"
        if first.worst_conflict:
            place, extra = first.worst_conflict.place, first.extra_wavefronts
            degree = first.worst_degree
            yield f"    worst bank conflict: {place}, {degree}-way, {extra} extra passes in the launch"


def summary(workload, launches):
    """Cells: what all launches of a row move against the least, and the worst of each kind."""
    from tests.emulator import traffic

    least, found = workload.module.work(workload)[1], traffic.of_launches(launches)
    arguments = [argument for launch in found for argument in launch.arguments]
    efficiencies = [e for a in arguments for e in (a.load_efficiency, a.store_efficiency)]
    return (
        workload.key,
        len(found),
        f"{sum(launch.bytes_moved for launch in found) / least:.2f}",
        f"{sum(launch.bytes_requested for launch in found) / least:.2f}",
        f"{max((a.reread_factor for a in arguments), default=0):.1f}",
        f"{max(efficiencies, default=0):.2f}",
        f"{max((launch.worst_degree for launch in found), default=0)}",
        sum(launch.extra_wavefronts for launch in found),
    )


COLUMNS = (
    *(
        "row",
        "launches",
        "moved / least",
        "requested / least",
        "most read again",
        "worst sector bytes / asked",
    ),
    *("worst bank degree", "extra passes"),
)


def main(arguments):
    """Prints each row's details, then the table."""
    from tests.emulator.plugin import emulator_problem

    if emulator_problem():
        raise SystemExit(f"The kernels cannot be counted here: {emulator_problem()}")
    from tests.emulator.device import EmulatedDevice

    device = EmulatedDevice(arguments.architecture, count=True, multiprocessors=_MULTIPROCESSORS)
    cells = []
    for workload in rows(arguments.precision):
        if all(word in workload.key for word in arguments.only):
            launches = count(workload, device)
            print("\n".join(details(workload, launches)), flush=True)
            cells.append(summary(workload, launches))
    print_table(f"What the kernels move on {arguments.architecture}, {arguments.precision}", COLUMNS, cells)
    return 0
