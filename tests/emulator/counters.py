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

    def parts(self):
        """What was loaded, stored and updated, in words."""
        loads, stores, atomics = self.bytes
        if loads:
            factors = f"{self.load_efficiency:.2f}x sectors, read {self.reread_factor:.2f} times"
            yield f"loads {loads} B ({self.distinct[0]} distinct, {factors})"
        if stores:
            yield f"stores {stores} B ({self.distinct[1]} distinct, {self.store_efficiency:.2f}x sectors)"
        if atomics:
            yield f"atomics {atomics} B"


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

    def summary(self):
        """One line of text."""
        passes = f"{sum(self.wavefronts)} wavefronts, {self.extra_wavefronts} extra"
        return f"shared: {sum(self.bytes)} B, {passes}, degree {self.worst_degree}"


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

    def coalescing(self):
        """What kind of access stands where, and how many bytes it moves for each that it asks for."""
        return f"{self.kind} at {self.place}, {self.efficiency:.2f}x"

    def conflicts(self):
        """What kind of access stands where, and how it meets the banks of shared memory."""
        extra = f"{self.worst_degree}-way, {self.extra_wavefronts} extra wavefronts"
        return f"{self.kind} at {self.place}, {extra}"


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
            parts = list(traffic.parts()) if traffic else []
            if parts:
                lines.append(f"{name}: {', '.join(parts)}")
        lines.append(self.shared.summary())
        events = [f"{event} {count}" for event, count in self.events.items() if count]
        if events:
            lines.append(f"executed: {', '.join(events)}")
        access, conflict = self.worst_coalesced(), self.worst_bank_conflict()
        if access:
            lines.append(f"worst coalesced: {access.coalescing()}")
        if conflict:
            lines.append(f"worst bank conflict: {conflict.conflicts()}")
        return "\n".join(lines)
