"""Loads, stores and hints to the caches."""

from ..ptx import TYPES
from .synchronisation import CPP_SCOPE
from .table import instruction


def _access(code, space, size, flags):
    """The checker's call before an access through `p`."""
    if space.startswith("param"):
        return ""
    if space == "local":
        array = code.local_array
        return f"CHECK_LOCAL(p, {size}, {array.name}, {array.size}); "
    return f"CHECK_ACCESS(p, {size}, {flags}); "


def _order(op):
    """Takes the memory order and the scope."""
    return op.choice(("volatile", "relaxed", "acquire", "release"), "weak"), op.choice(CPP_SCOPE, "SCOPE_DEVICE")


def _vector(op):
    match = op.matching(r"v([248])")
    return int(match.group(1)) if match else 1


@instruction("ld", "ldu")
def load(code, op):
    space, (order, scope), count, kind = op.space(), _order(op), _vector(op), op.type()
    cpp = TYPES[kind].cpp
    flags = {"weak": "RD", "volatile": "RD | VOLATILE", "relaxed": "RD | VOLATILE", "acquire": "RD | ATOMIC"}[order]
    before = _access(code, space, TYPES[kind].size * count, flags)
    if order == "acquire":
        before = f"emu_spin(p); {before}sync_acquire(p, {scope}); "
    elif order != "weak":
        before = f"emu_spin(p); {before}"
    loads = " ".join(code.put(name, f"LOAD({cpp}, (const {cpp}*)p + {i})") for i, name in enumerate(op.list(0)))
    return f"{{ const void* p = {code.address(op[1], space)}; {before}{loads} }}"


@instruction("st")
def store(code, op):
    space, (order, scope), count, kind = op.space(), _order(op), _vector(op), op.type()
    cpp = TYPES[kind].cpp
    flags = {"weak": "WR", "volatile": "WR | VOLATILE", "relaxed": "WR | VOLATILE", "release": "WR | ATOMIC"}[order]
    before = _access(code, space, TYPES[kind].size * count, flags)
    if order == "release":
        before += f"sync_release(p, {scope}); "
    stores = " ".join(
        f"STORE({cpp}, ({cpp}*)p + {i}, {code.typed(kind, text)});" for i, text in enumerate(op.list(1))
    )
    return f"{{ void* p = {code.address(op[0], space)}; {before}{stores} }}"


@instruction("prefetch", "prefetchu", "discard", "applypriority", "createpolicy")
def cache_hint(code, op):
    op.space()
    op.matching(r"L[12]|.*")
    while op.matching(r".*"):
        pass
    return ""
