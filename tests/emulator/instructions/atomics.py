"""Atomic operations on memory."""

from ..ptx import TYPES
from .table import SCOPES, instruction

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


def _atomic(code, op, result, operands):
    space = op.space()
    order = op.choice(("relaxed", "acquire", "release", "acq_rel"), "relaxed")
    op.flag(*SCOPES)
    update = op.choice((*_UPDATES, "cas"))
    kind = op.type()
    cpp = TYPES[kind].cpp
    before = "sync_release(p); " if order in ("release", "acq_rel") else ""
    after = " sync_acquire(p);" if order in ("acquire", "acq_rel") else ""
    if update == "cas":
        value = f"cas<{cpp}>(p, {code.typed(kind, operands[1])}, {code.typed(kind, operands[2])})"
    else:
        before += f"{cpp} v = {code.typed(kind, operands[1])}; "
        value = f"rmw<{cpp}>(p, [=]({cpp} x) {{ return {_UPDATES[update].format(cpp)}; }})"
    statement = code.put(result, value) if result and result != "_" else f"{value};"
    return f"{{ void* p = {code.address(operands[0], space)}; {before}{statement}{after} }}"


@instruction("atom")
def atom(code, op):
    return _atomic(code, op, op[0], op.operands[1:])


@instruction("red")
def red(code, op):
    return _atomic(code, op, None, op.operands)
