"""Exchanges and votes inside a warp."""

from ..ptx import TYPES
from .table import instruction

_REDUCTIONS = {"add": "x + y", "min": "x < y ? x : y", "max": "x > y ? x : y", "and": "x & y", "or": "x | y", "xor": "x ^ y"}


@instruction("shfl.sync")
def shfl(code, op):
    mode = op.choice({"up": 0, "down": 1, "bfly": 2, "idx": 3})
    op.type()
    results = op[0].split("|")
    operands = ", ".join(code.typed("u32", text) for text in op.operands[1:5])
    valid = code.put(results[1], "ok") if len(results) > 1 else ""
    return f"{{ bool ok; u32 t = shfl_({mode}, {operands}, ok, {code.site(op)}); {code.put(results[0], 't')} {valid} }}"


@instruction("vote.sync")
def vote(code, op):
    mode = op.choice(("ballot", "any", "all", "uni"))
    op.type()
    if mode == "uni":
        call = f'match_all({code.typed("u32", op[2])}, (u64){code.value(op[1])}, {code.site(op)})'
        return code.put(op[0], f"(bool){call}")
    predicate = f"!{code.value(op[1])}" if mode == "all" else code.value(op[1])
    call = f'vote({code.typed("u32", op[2])}, {predicate}, "vote.{mode}", {code.site(op)})'
    return code.put(op[0], {"ballot": call, "any": f"(bool)({call} != 0)", "all": f"(bool)({call} == 0)"}[mode])


@instruction("match.any.sync")
def match_any(code, op):
    kind = op.type()
    return code.put(op[0], f"match_any({code.typed('u32', op[2])}, {code.typed(kind, op[1])}, {code.site(op)})")


@instruction("match.all.sync")
def match_all(code, op):
    kind = op.type()
    mask, *equal = op[0].split("|")
    call = f"match_all({code.typed('u32', op[2])}, {code.typed(kind, op[1])}, {code.site(op)})"
    return f"{{ u32 t = {call}; {code.put(mask, 't')} {' '.join(code.put(name, '(bool)t') for name in equal)} }}"


@instruction("redux.sync")
def redux(code, op):
    reduction = op.choice(_REDUCTIONS)
    kind = op.type()
    cpp = TYPES[kind].cpp
    operands = f"{code.typed('u32', op[2])}, {code.typed(kind, op[1])}"
    function = f"[]({cpp} x, {cpp} y) {{ return {reduction}; }}"
    return code.put(op[0], f"redux<{cpp}>({operands}, {function}, {code.site(op)})")


@instruction("activemask.b32")
def activemask(code, op):
    """Which lanes are together is the machine's choice; the least that it may say is the lane itself."""
    return code.put(op[0], "(1u << emu_self.lane)")


@instruction("elect.sync")
def elect(code, op):
    lane, leads = op[0].split("|")
    ballot = f'vote({code.typed("u32", op[1])}, 1, "elect.sync", {code.site(op)})'
    return f"{{ u32 l = __builtin_ctz({ballot}); {code.put(lane, 'l')} {code.put(leads, '(bool)(emu_self.lane == l)')} }}"
