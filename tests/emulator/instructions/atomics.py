"""Atomic operations on memory."""

from ..ptx import TYPES
from .synchronisation import CPP_SCOPE
from .table import instruction

_UPDATES = {  # new value, from the value x in memory and the operand v
    "add": "add<{0}>(x, v)",
    "min": "min_<{0}>(x, v)",
    "max": "max_<{0}>(x, v)",
    "and": "({0})(x & v)",
    "or": "({0})(x | v)",
    "xor": "({0})(x ^ v)",
    "exch": "v",
    "inc": "({0})(x >= v ? 0 : x + 1)",
    "dec": "({0})(x == 0 || x > v ? v : x - 1)",
}


def _atomic(code, op, results, operands):
    space = op.space()
    order = op.choice(("relaxed", "acquire", "release", "acq_rel"), "relaxed")
    scope = op.choice(CPP_SCOPE, "SCOPE_DEVICE")
    update = op.choice((*_UPDATES, "cas"))
    vector = op.matching(r"v[248]")
    kind = op.type()
    if op.flag("L2::cache_hint"):
        operands = operands[:-1]
    cpp = TYPES[kind].cpp
    before = f"sync_release(p, {scope}); " if order in ("release", "acq_rel") else ""
    after = f" sync_acquire(p, {scope});" if order in ("acquire", "acq_rel") else ""
    names = [name.strip() for name in operands[1].strip("{} ").split(",")]
    if update == "cas":
        compare, value = (code.typed(kind, operand) for operand in operands[1:3])
        call = f"{cpp} old[1] = {{cas<{cpp}>(p, {compare}, {value})}};"
    else:
        values = ", ".join(code.typed(kind, name) for name in names)
        function = f"[]({cpp} x, {cpp} v) -> {cpp} {{ return {_UPDATES[update].format(cpp)}; }}"
        call = f"{cpp} v[] = {{{values}}}, old[{len(names)}]; rmw(p, v, old, {function});"
    if bool(vector) != (len(names) > 1):
        raise op.unsupported("vector modifier and operands disagree")
    statements = " ".join(code.put(name, f"old[{i}]") for i, name in enumerate(results) if name != "_")
    return f"{{ void* p = {code.address(operands[0], space)}; {before}{call}{after} {statements} }}"


@instruction("atom")
def atom(code, op):
    return _atomic(code, op, op.list(0), op.operands[1:])


@instruction("red")
def red(code, op):
    return _atomic(code, op, [], op.operands)
