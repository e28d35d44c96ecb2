"""Moves and conversions between types and address spaces."""

from ..ptx import TYPES
from .arithmetic import rounded
from .table import instruction

_TO_INTEGER = {"rni": 0, "rzi": 1, "rmi": 2, "rpi": 3}


@instruction("mov")
def mov(code, op):
    kind = op.type()
    if op[0].startswith("{"):
        parts = op.list(0)
        bits = 8 * TYPES[kind].size // len(parts)
        wide = TYPES[kind].register
        pieces = " ".join(code.put(part, f"(u{bits})(t >> {bits * i})") for i, part in enumerate(parts))
        return f"{{ {wide} t = {code.typed(kind, op[1])}; {pieces} }}"
    if op[1].startswith("{"):
        parts = op.list(1)
        bits = 8 * TYPES[kind].size // len(parts)
        wide = TYPES[kind].register
        joined = " | ".join(
            f"({wide}){code.typed(f'u{bits}', part)} << {bits * i}" for i, part in enumerate(parts)
        )
        return code.put(op[0], f"({TYPES[kind].cpp})({joined})")
    return code.put(op[0], code.value(op[1]) if kind == "pred" else code.typed(kind, op[1]))


@instruction("cvt")
def cvt(code, op):
    target, source = op.types(2)
    saturate = "true" if op.flag("sat", "satfinite") else "false"
    flush = op.flag("ftz") and "f32" in (target, source)
    to_integer = op.choice(_TO_INTEGER, None)
    toward_zero, relu = op.flag("rz"), op.flag("relu")
    if target in ("f16x2", "bf16x2"):
        half = target[:-2]
        high, low = (
            f"cvt<{half}>({code.typed('f32', op[i])}, {int(toward_zero)}, {saturate}).x" for i in (1, 2)
        )
        value = f"((u32){high} << 16 | {low})"
        return code.put(op[0], f"max_<{target}>({target}{{{value}}}, {target}{{}}).x" if relu else value)
    if target == "tf32":
        if toward_zero or relu or not op.flag("rna", "rn"):
            raise op.unsupported("only .rna and .rn")
        return code.put(op[0], f"cvt_tf32({code.typed('f32', op[1])})")
    rounding = int(toward_zero)
    if to_integer is not None:
        rounding = to_integer + (4 if target.startswith("f") else 0)
    elif op.flag("rm"):
        rounding = 2
    elif op.flag("rp"):
        rounding = 3
    if rounding in (2, 3) and to_integer is None:
        raise op.unsupported("rounding to -infinity and +infinity is known for integers only")
    if to_integer is not None and target in ("f16", "bf16"):
        raise op.unsupported("rounding to whole numbers is not known for 16-bit types")
    value = (
        f"cvt<{TYPES[target].cpp}, {TYPES[source].cpp}>({code.typed(source, op[1])}, {rounding}, {saturate})"
    )
    if relu:
        value = f"max_<{TYPES[target].cpp}>({value}, {TYPES[target].cpp}{{}})"
    return code.put(op[0], rounded(target, value, flush and target == "f32"))


@instruction("cvta")
def cvta(code, op):
    to_space = op.flag("to")
    space = op.space()
    op.type()
    value = code.value(op[1])
    if not space.startswith("shared"):
        return code.put(op[0], f"as<u64>({value})")
    if to_space:
        return code.put(op[0], f"(u64)smem_u32(pointer({value}))")
    return code.put(
        op[0], f"(u64)(uintptr_t){'cluster' if space == 'shared::cluster' else 'shared'}_pointer({value})"
    )


@instruction("isspacep")
def isspacep(code, op):
    of_block, of_cluster = "is_shared", "is_shared_of_cluster"
    spaces = {
        "shared": of_block,
        "shared::cta": of_block,
        "shared::cluster": of_cluster,
        "global": f"!{of_cluster}",
    }
    return code.put(op[0], f"{op.choice(spaces)}(pointer({code.value(op[1])}))")
