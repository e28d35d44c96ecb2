"""The table of instructions: from a dotted name to the function that writes its C++.

    @instruction("bfind")
    def bfind(code, op):
        function = "bfind_shift" if op.flag("shiftamt") else "bfind"
        return code.put(op[0], f"{function}({code.typed(op.type(), op[1])})")

`op` is the instruction as an Operation, `code` the translation.FunctionTranslation that it stands in. A
modifier that the function does not ask for, and that is not among HINTS, makes the instruction Unsupported:
nothing is skipped silently.
"""

import re

from ..errors import Unsupported
from ..ptx import TYPES

SPACES = (
    "global",
    "shared",
    "local",
    "const",
    "param",
    "shared::cta",
    "shared::cluster",
    "param::entry",
    "param::func",
)
SCOPES = ("cta", "cluster", "gpu", "sys")

# Modifiers that change speed or name the default, never the result.
HINTS = {
    "rn",
    "approx",
    "full",
    "sync",
    "aligned",
    "nc",
    "noftz",
    "uni",
    "L1::evict_normal",
    "L1::evict_unchanged",
}
HINTS |= {
    "L1::evict_first",
    "L1::evict_last",
    "L1::no_allocate",
    "L2::evict_first",
    "L2::evict_last",
    "L2::evict_normal",
}
HINTS |= {
    "L2::64B",
    "L2::128B",
    "L2::256B",
    "L2::cache_hint",
    "ca",
    "cg",
    "cs",
    "lu",
    "cv",
    "wb",
    "wt",
    "weak",
}

_TABLE = {}  # dotted prefix: function
_REQUIRED = object()


def instruction(*prefixes):
    """Registers a function for instructions whose dotted names begin so; the longest prefix wins."""

    def register(function):
        for prefix in prefixes:
            if prefix in _TABLE:
                raise ValueError(f"Two functions for the instruction {prefix}")
            _TABLE[prefix] = function
        return function

    return register


def names_in_table():
    """The registered prefixes, sorted."""
    return sorted(_TABLE)


class Operation:
    """An instruction whose modifiers are taken one by one.

    Attributes:
        name: dotted, with all modifiers.
        operands: their texts; `op[0]` is the first.
        place: (file, line).
    """

    def __init__(self, parsed, modifiers):
        self._parsed, self._left = parsed, list(modifiers)
        self.name, self.operands, self.place = parsed.name, parsed.operands, parsed.place

    def __getitem__(self, index):
        return self.operands[index]

    def __len__(self):
        return len(self.operands)

    def flag(self, *names):
        """Takes these modifiers; whether any was there."""
        found = [name for name in names if name in self._left]
        for name in found:
            self._left.remove(name)
        return bool(found)

    def choice(self, options, default=_REQUIRED):
        """Takes the first modifier that is one of the options; of a dictionary of options, the value."""
        for name in self._left:
            if name in options:
                self._left.remove(name)
                return options[name] if isinstance(options, dict) else name
        if default is _REQUIRED:
            raise self.unsupported(f"expected one of .{', .'.join(options)}")
        return default

    def type(self):
        """Takes the last modifier, which names a type."""
        if not self._left or self._left[-1] not in TYPES:
            raise self.unsupported("expected a type")
        return self._left.pop()

    def types(self, count):
        """Takes the last `count` modifiers, which name types."""
        return [self.type() for _ in range(count)][::-1]

    def space(self, default="generic"):
        """Takes the state space."""
        return self.choice(SPACES, default)

    def matching(self, pattern):
        """Takes the first modifier that the regular expression matches completely; the match, or None."""
        for name in self._left:
            match = re.fullmatch(pattern, name)
            if match:
                self._left.remove(name)
                return match
        return None

    def list(self, index):
        """The parts of a braced operand; of another operand a list of itself."""
        return [part.strip() for part in self.operands[index].strip("{} ").split(",")]

    def unsupported(self, reason):
        """The Unsupported to raise."""
        file, line = self.place
        return Unsupported(f"PTX instruction '{self._parsed.text}' at {file}:{line}: {reason}")

    def finish(self):
        """Raises Unsupported if a modifier was not taken."""
        left = [name for name in self._left if name not in HINTS]
        if left:
            raise self.unsupported(f"unknown modifier .{', .'.join(left)}")


def write(code, parsed):
    """The C++ statement of a parsed instruction, "" where there is nothing to do.

    Raises:
        Unsupported: an instruction, modifier or operand that nobody knows, with its place.
    """
    parts = re.split(r"(?<!:)\.(?!:)", parsed.name)
    for length in range(len(parts), 0, -1):
        function = _TABLE.get(".".join(parts[:length]))
        if function:
            break
    else:
        raise Operation(parsed, ()).unsupported("not in the table of instructions")
    op = Operation(parsed, parts[length:])
    try:
        text = function(code, op)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise op.unsupported(f"not understood ({error!r})") from error
    op.finish()
    return text
