"""Logic, shifts and bit fields."""

from ..ptx import TYPES
from .table import instruction


def _logic(pattern, predicate_pattern=None):
    def write(code, op):
        kind = op.type()
        chosen = predicate_pattern if predicate_pattern and kind == "pred" else pattern
        operands = [code.typed(kind, text) for text in op.operands[1:]]
        return code.put(op[0], f"({TYPES[kind].cpp})({chosen.format(*operands)})")

    return write


for _name, _patterns in {
    "and": ("{} & {}",),
    "or": ("{} | {}",),
    "xor": ("{} ^ {}",),
    "not": ("~{}", "!{}"),
    "cnot": ("!{}",),
}.items():
    instruction(_name)(_logic(*_patterns))


def _typed_then_u32(function, typed):
    """Functions of `typed` operands of the instruction's type and then numbers of bits."""

    def write(code, op):
        kind = op.type()
        operands = [code.typed(kind if i < typed else "u32", text) for i, text in enumerate(op.operands[1:])]
        return code.put(op[0], f"{function}<{TYPES[kind].cpp}>({', '.join(operands)})")

    return write


instruction("shl")(_typed_then_u32("shl_", 1))
instruction("shr")(_typed_then_u32("shr_", 1))
instruction("bfe")(_typed_then_u32("bfe", 1))
instruction("bfi")(_typed_then_u32("bfi", 2))


@instruction("shf")
def shf(code, op):
    function = op.choice({"l": "shf_l", "r": "shf_r"})
    clamp = op.choice({"clamp": "true", "wrap": "false"})
    op.type()
    return code.put(
        op[0], f"{function}({', '.join(code.typed('u32', text) for text in op.operands[1:4])}, {clamp})"
    )


@instruction("prmt.b32")
def prmt(code, op):
    return code.put(op[0], f"prmt({', '.join(code.typed('u32', text) for text in op.operands[1:4])})")


@instruction("lop3.b32")
def lop3(code, op):
    return code.put(op[0], f"lop3({', '.join(code.typed('u32', text) for text in op.operands[1:5])})")


@instruction("popc")
def popc(code, op):
    return code.put(op[0], f"(u32)__builtin_popcountll({code.typed(op.type(), op[1])})")


@instruction("clz")
def clz(code, op):
    kind = op.type()
    bits, value = 8 * TYPES[kind].size, code.typed(kind, op[1])
    return code.put(op[0], f"(u32)({value} ? __builtin_clzll((u64){value}) - {64 - bits} : {bits})")


@instruction("brev")
def brev(code, op):
    kind = op.type()
    return code.put(op[0], f"brev<{TYPES[kind].cpp}>({code.typed(kind, op[1])})")


@instruction("bfind")
def bfind(code, op):
    function = "bfind_shift" if op.flag("shiftamt") else "bfind"
    return code.put(op[0], f"{function}({code.typed(op.type(), op[1])})")
