"""Comparisons and selections."""

from ..ptx import TYPES
from .arithmetic import operand
from .table import instruction

_COMPARISONS = {
    name: name
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num")
}
_COMPARISONS |= {"nan": "nan_", "lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
_COMBINATIONS = {"and": "&", "or": "|", "xor": "^"}


def _compare(code, op, kind):
    comparison = op.choice(_COMPARISONS)
    flush = op.flag("ftz") and kind == "f32"
    operands = ", ".join(operand(code, op, kind, index, flush) for index in (1, 2))
    return f"{comparison}<{TYPES[kind].cpp}>({operands})"


@instruction("setp")
def setp(code, op):
    kind = op.type()
    value = _compare(code, op, kind)
    opposite = f"!{value}"
    combination = op.choice(_COMBINATIONS, None)
    if combination:
        third = code.value(op[3])
        value, opposite = (f"(bool)((int){x} {combination} (int){third})" for x in (value, opposite))
    results = op[0].split("|")
    if len(results) == 1:
        return code.put(results[0], value)
    return f"{{ bool t = {value}, u = {opposite}; {code.put(results[0], 't')} {code.put(results[1], 'u')} }}"


@instruction("set")
def set_(code, op):
    result, kind = op.types(2)
    return code.put(op[0], f"{_compare(code, op, kind)} ? {'1.f' if result == 'f32' else '~0u'} : 0")


@instruction("selp")
def selp(code, op):
    kind = op.type()
    return code.put(op[0], f"{code.value(op[3])} ? {code.typed(kind, op[1])} : {code.typed(kind, op[2])}")


@instruction("slct")
def slct(code, op):
    kind, condition = op.types(2)
    return code.put(
        op[0], f"{code.typed(condition, op[3])} >= 0 ? {code.typed(kind, op[1])} : {code.typed(kind, op[2])}"
    )


@instruction("testp")
def testp(code, op):
    function = op.choice(
        {
            "infinite": "std::isinf",
            "finite": "std::isfinite",
            "number": "!std::isnan",
            "notanumber": "std::isnan",
            "normal": "std::isnormal",
        }
    )
    return code.put(op[0], f"{function}({code.typed(op.type(), op[1])})")
