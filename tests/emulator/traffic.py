"""How many bytes the launches of one call move, argument by argument, against the least that a problem needs.

device = EmulatedDevice("sm_90", count=True)
y = ops.max_pool(device.asarray(x), 2)
print(traffic.table(device.launches, problem.bytes_moved()))
"""

import dataclasses

from .counters import SECTOR, InstructionTraffic


@dataclasses.dataclass(frozen=True)
class ArgumentTraffic:
    """What a launch moved to and from one array.

    Attributes:
        name: of the kernel's parameter; "a and b" for parts of one allocation.
        size: bytes of the allocation.
        loaded, stored: bytes of the 32-byte sectors that were requested; atomic operations count in both.
        distinct_loaded, distinct_stored: bytes of the sectors requested at all: the least that moves.
        sectors_per_load, sectors_per_store: of a warp's request, on average; a float a lane takes 4 at best.
        load_efficiency, store_efficiency: sector bytes per byte asked for; 1 is ideal, less is a broadcast.
        reread_factor: how often the average sector was loaded.
    """

    name: str
    size: int
    loaded: int
    stored: int
    distinct_loaded: int
    distinct_stored: int
    sectors_per_load: float
    sectors_per_store: float
    load_efficiency: float
    store_efficiency: float
    reread_factor: float


@dataclasses.dataclass(frozen=True)
class LaunchTraffic:
    """One launch.

    Attributes:
        file, expression: of the kernel.
        arguments: an ArgumentTraffic for each array.
        extra_wavefronts: passes through the banks of shared memory beyond those without conflicts.
        worst_degree: the most words that one pass asked of one bank; 1 is no conflict.
        worst_conflict, worst_coalesced: the InstructionTraffic of the worst line, or None.
        events: how often the instructions of each kind ran.
    """

    file: str
    expression: str
    arguments: tuple
    extra_wavefronts: int
    worst_degree: int
    worst_conflict: InstructionTraffic
    worst_coalesced: InstructionTraffic
    events: dict

    def __getitem__(self, name):
        """The ArgumentTraffic of that name."""
        return next(argument for argument in self.arguments if argument.name == name)

    @property
    def bytes_moved(self):
        """Bytes that must move at least: each requested sector once in each direction."""
        return sum(argument.distinct_loaded + argument.distinct_stored for argument in self.arguments)

    @property
    def bytes_requested(self):
        """Bytes that move where nothing is found in a cache."""
        return sum(argument.loaded + argument.stored for argument in self.arguments)


def _ratio(a, b):
    return a / b if b else 0.0


def _argument(name, row):
    loads, stores, atomics = row.sectors
    load_requests, store_requests, atomic_requests = row.instructions
    return ArgumentTraffic(
        name=name,
        size=row.size,
        loaded=(loads + atomics) * SECTOR,
        stored=(stores + atomics) * SECTOR,
        distinct_loaded=row.distinct[0],
        distinct_stored=row.distinct[1],
        sectors_per_load=_ratio(loads + atomics, load_requests + atomic_requests),
        sectors_per_store=_ratio(stores + atomics, store_requests + atomic_requests),
        load_efficiency=row.load_efficiency,
        store_efficiency=row.store_efficiency,
        reread_factor=row.reread_factor,
    )


def of_launch(launch):
    """The LaunchTraffic of a launch that was counted.

    Raises:
        ValueError: the device did not count.
    """
    if launch.report is None or launch.report.counters is None:
        raise ValueError(f"Expected a launch of a device with count=True. Received: {launch.expression}")
    counters = launch.report.counters
    rows = {}  # arguments in the same allocation share a row
    for name, row in zip(counters.names, counters.arguments):
        if row:
            rows.setdefault(id(row), (row, []))[1].append(name)
    return LaunchTraffic(
        file=launch.file,
        expression=launch.expression,
        arguments=tuple(_argument(" and ".join(names), row) for row, names in rows.values()),
        extra_wavefronts=counters.shared.extra_wavefronts,
        worst_degree=counters.shared.worst_degree,
        worst_conflict=counters.worst_bank_conflict(),
        worst_coalesced=counters.worst_coalesced(),
        events=counters.events,
    )


def of_launches(launches):
    """A LaunchTraffic for each launch."""
    return [of_launch(launch) for launch in launches]


def against_minimum(launches, minimum):
    """Sector bytes that the launches move together (each array's once a launch) per byte of the minimum."""
    return _ratio(sum(traffic.bytes_moved for traffic in of_launches(launches)), minimum)


def table(launches, minimum=None):
    """The traffic of launches as lines of text; with the minimum in bytes also what they move against it."""
    lines = []
    for traffic in of_launches(launches):
        lines.append(f"{traffic.file}: {traffic.expression}")
        for a in traffic.arguments:
            parts = []
            if a.loaded:
                sectors = f"{a.sectors_per_load:.1f} sectors a request, {a.load_efficiency:.2f}x"
                parts.append(f"loads {a.distinct_loaded} B {a.reread_factor:.2f} times ({sectors})")
            if a.stored:
                sectors = f"{a.sectors_per_store:.1f} sectors a request, {a.store_efficiency:.2f}x"
                parts.append(f"stores {a.distinct_stored} B ({sectors})")
            if parts:
                lines.append(f"  {a.name}: {'; '.join(parts)}")
        if traffic.worst_coalesced:
            lines.append(f"  worst coalesced: {traffic.worst_coalesced.coalescing()}")
        if traffic.worst_conflict:
            lines.append(f"  worst bank conflict: {traffic.worst_conflict.conflicts()}")
    if minimum is not None:
        moved = sum(traffic.bytes_moved for traffic in of_launches(launches))
        lines.append(f"{moved} B moved, {_ratio(moved, minimum):.2f}x of the least ({minimum} B)")
    return "\n".join(lines)
