"""From addresses in the compiled kernels, as the runtime reports them, to places in the .cu files."""

import dataclasses
import re
import subprocess

from .runtime_library import runtime_sources

_PLACE = re.compile(r"@\{(.*?)\+(0x[0-9a-f]+)\}")
_known = {}  # (library, offset): place


def _look_up(library, offsets):
    internal = {file.name for file in runtime_sources()} | {"??"}
    command = ["addr2line", "-a", "-i", "-s", "-e", library, *offsets]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    places, current = {}, []
    for line in lines:
        if line.startswith("0x"):
            current = places.setdefault(hex(int(line, 16)), [])
        elif line and line.split(":")[0] not in internal:
            current.append(re.sub(r" \(discriminator \d+\)", "", line))
    for offset in offsets:
        _known[library, offset] = " < ".join(places.get(offset, ())) or "?"


def with_places(texts):
    """The texts with every address replaced by "@ file:line"; an inlined function's callers follow " < "."""
    missing = {}
    for text in texts:
        for library, offset in _PLACE.findall(text):
            if (library, offset) not in _known:
                missing.setdefault(library, set()).add(offset)
    for library, offsets in missing.items():
        _look_up(library, sorted(offsets))
    return [_PLACE.sub(lambda match: "@ " + _known[match.groups()], text) for text in texts]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A broken rule.

    Attributes:
        kind: "race (shared)", "out of bounds (global)", "uninitialised (global)", ...
        text: what happened, to which argument at which byte, by which thread of which block, and where.
    """

    kind: str
    text: str

    @classmethod
    def read(cls, message):
        kind, _, text = message.partition(": ")
        return cls(kind, text)

    def __str__(self):
        return f"{self.kind}: {self.text}"
