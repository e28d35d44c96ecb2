"""What a launch moved, and how well, as a profiler would count it."""

import functools
import json
from dataclasses import dataclass

from .reports import with_places
from .runtime_library import runtime

SECTOR = 32  # bytes; global memory moves in these


def _ratio(a, b):
    return a / b if b else 0.0


@dataclass
class GlobalTraffic:
    """What a launch moved to and from one array; the lists are [loads, stores, atomics]."""

    size: int
    bytes: list  # asked for by the threads
    instructions: list  # warp-level
    sectors: list  # 32-byte sectors touched by each warp-level instruction, summed
    distinct: list  # bytes of the sectors that were read / written at all: the minimum traffic

    @property
    def load_efficiency(self):
        """Bytes of sectors per byte asked for: 1 is ideal, 8 is one float per sector, below 1 a broadcast."""
        return _ratio(self.sectors[0] * SECTOR, self.bytes[0])

    @property
    def store_efficiency(self):
        return _ratio(self.sectors[1] * SECTOR, self.bytes[1])

    @property
    def reread_factor(self):
        """How often the average sector was fetched."""
        return _ratio(self.sectors[0] * SECTOR, self.distinct[0])


@dataclass
class SharedTraffic:
    """Shared memory; the lists are [loads, stores, atomics]."""

    bytes: list
    instructions: list  # warp-level
    wavefronts: list  # passes through the banks
    ideal_wavefronts: list  # the same without bank conflicts
    worst_degree: int  # the most distinct words that one pass asked of one bank

    @property
    def extra_wavefronts(self):
        return sum(self.wavefronts) - sum(self.ideal_wavefronts)


@dataclass
class InstructionTraffic:
    """One PTX memory instruction."""

    place: str  # file:line
    kind: str  # load, store, atomic
    shared: bool
    instructions: int  # warp-level
    lanes: int
    bytes: int
    sectors: int
    wavefronts: int
    ideal_wavefronts: int
    worst_degree: int

    @property
    def efficiency(self):
        return _ratio(self.sectors * SECTOR, self.bytes)

    @property
    def wasted_bytes(self):
        return self.sectors * SECTOR - self.bytes

    @property
    def extra_wavefronts(self):
        return self.wavefronts - self.ideal_wavefronts


class Counters:
    """The counters of one launch.

    Attributes:
        arguments: for each argument of the kernel a GlobalTraffic, or None for what is not an array.
        names: the arguments' names.
        shared: SharedTraffic.
        events: how often a warp executed mma, ldmatrix, ...; a block a barrier; a warpgroup a wgmma.
    """

    def __init__(self, names, pointers):
        """Reads the last launch's counters.

        Args:
            names: of the arguments.
            pointers: for each argument the address of its allocation, or None.
        """
        raw = json.loads(runtime().emu_counters().decode())
        buffers = {row.pop("address"): GlobalTraffic(**row) for row in raw["buffers"]}
        self.names = names
        self.arguments = [buffers.get(pointer) for pointer in pointers]
        self.shared = SharedTraffic(**raw["shared"])
        self.events = raw["events"]
        self._rows = raw["instructions"]

    def __getitem__(self, name):
        """The GlobalTraffic of the argument of that name."""
        return self.arguments[self.names.index(name)]

    @functools.cached_property
    def instructions(self):
        """An InstructionTraffic for each memory instruction that was executed."""
        places = with_places([row["place"] for row in self._rows])
        kinds = ("load", "store", "atomic")
        return [
            InstructionTraffic(**{**row, "place": place.strip(" @"), "kind": kinds[row["kind"]]})
            for row, place in zip(self._rows, places)
        ]

    def worst_coalesced(self):
        """The global access that fetches the most bytes which nobody asked for, or None."""
        rows = [row for row in self.instructions if not row.shared and row.wasted_bytes > 0]
        return max(rows, key=lambda row: row.wasted_bytes, default=None)

    def worst_bank_conflict(self):
        """The shared access with the most extra wavefronts, or None."""
        rows = [row for row in self.instructions if row.shared and row.extra_wavefronts > 0]
        return max(rows, key=lambda row: row.extra_wavefronts, default=None)

    def summary(self):
        """The counters as lines of text."""
        lines = []
        for name, traffic in zip(self.names, self.arguments):
            parts = []
            if traffic and traffic.bytes[0]:
                row = (traffic.bytes[0], traffic.distinct[0], traffic.load_efficiency, traffic.reread_factor)
                parts.append("loads %d B (%d distinct, %.2fx sectors, read %.2f times)" % row)
            if traffic and traffic.bytes[1]:
                row = (traffic.bytes[1], traffic.distinct[1], traffic.store_efficiency)
                parts.append("stores %d B (%d distinct, %.2fx sectors)" % row)
            if traffic and traffic.bytes[2]:
                parts.append("atomics %d B" % traffic.bytes[2])
            if parts:
                lines.append(f"{name}: {', '.join(parts)}")
        row = (sum(self.shared.bytes), sum(self.shared.wavefronts), self.shared.extra_wavefronts)
        lines.append("shared: %d B, %d wavefronts, %d extra" % row + ", degree %d" % self.shared.worst_degree)
        events = ["%s %d" % item for item in self.events.items() if item[1]]
        if events:
            lines.append("executed: " + ", ".join(events))
        access, conflict = self.worst_coalesced(), self.worst_bank_conflict()
        if access:
            lines.append("worst coalesced: %s at %s, %.2fx" % (access.kind, access.place, access.efficiency))
        if conflict:
            row = (conflict.kind, conflict.place, conflict.worst_degree, conflict.extra_wavefronts)
            lines.append("worst bank conflict: %s at %s, %d-way, %d extra wavefronts" % row)
        return "\n".join(lines)
