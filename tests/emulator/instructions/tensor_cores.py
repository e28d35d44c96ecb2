"""Matrix products and the loads and stores of their fragments."""

from .table import instruction

_ELEMENTS = {name: f"MMA_{name.upper()}" for name in ("f16", "bf16", "tf32", "f64", "s8", "u8", "f32", "s32")}
_SHAPES = {  # type of A and B: their (m, k), n being 8
    "f16": ((16, 8), (16, 16)),
    "bf16": ((16, 8), (16, 16)),
    "tf32": ((16, 4), (16, 8)),
    "f64": ((8, 4), (16, 4), (16, 8), (16, 16)),
    "s8": ((8, 16), (16, 16), (16, 32)),
    "u8": ((8, 16), (16, 16), (16, 32)),
}
_ACCUMULATORS = {
    "f16": ("f16", "f32"),
    "bf16": ("f32",),
    "tf32": ("f32",),
    "f64": ("f64",),
    "s8": ("s32",),
    "u8": ("s32",),
}


def _matrices(op):
    """Takes the shape of ldmatrix and stmatrix; how many matrices, and "true" where they are transposed."""
    if not op.flag("m8n8"):
        raise op.unsupported("only matrices of 8x8")
    count, transposed = int(op.matching(r"x([124])").group(1)), op.flag("trans")
    op.space()
    if op.type() != "b16":
        raise op.unsupported("only elements of 16 bits")
    return count, "true" if transposed else "false"


def _values(code, kind, names):
    return "{" + ", ".join(code.typed(kind, name) for name in names) + "}"


@instruction("ldmatrix.sync")
def ldmatrix(code, op):
    count, transposed = _matrices(op)
    results = " ".join(code.put(name, f"t[{i}]") for i, name in enumerate(op.list(0)))
    address = code.address(op[1], "shared")
    call = f"ldmatrix(t, {address}, {count}, {transposed}, emu_here(), {code.site(op)});"
    return f"{{ u32 t[4]; {call} {results} }}"


@instruction("stmatrix.sync")
def stmatrix(code, op):
    count, transposed = _matrices(op)
    values, address = _values(code, "u32", op.list(1)), code.address(op[0], "shared")
    call = f"stmatrix({address}, t, {count}, {transposed}, emu_here(), {code.site(op)});"
    return f"{{ u32 t[] = {values}; {call} }}"


@instruction("movmatrix.sync.aligned.m8n8.trans.b16")
def movmatrix(code, op):
    return code.put(op[0], f"movmatrix({code.typed('u32', op[1])}, {code.site(op)})")


@instruction("mma.sync")
def mma(code, op):
    m, n, k = map(int, op.matching(r"m(\d+)n(\d+)k(\d+)").groups())
    if not (op.flag("row") and op.flag("col")):
        raise op.unsupported("only row times column")
    saturate = op.flag("satfinite")
    d, a, b, c = op.types(4)
    integers = {a, b} <= {"s8", "u8"}
    if (
        n != 8
        or (m, k) not in _SHAPES.get(a, ())
        or d not in _ACCUMULATORS[a]
        or c != d
        or not (a == b or integers)
    ):
        raise op.unsupported("unknown shape or types")
    operand = "f64" if a == "f64" else "u32"
    result = "u32" if d == "f16" else d  # two halves a register
    name = f'"mma.m{m}n{n}k{k}.{d}.{a}.{b}"'
    kinds = ", ".join(_ELEMENTS[kind] for kind in (a, b, d))
    shape = f"static const MmaShape shape = {{{name}, {m}, {k}, {kinds}, {'true' if saturate else 'false'}}};"
    inputs = (
        f"{operand} a[] = {_values(code, operand, op.list(1))}, b[] = {_values(code, operand, op.list(2))};"
    )
    results = " ".join(code.put(register, f"d[{i}]") for i, register in enumerate(op.list(0)))
    accumulator = f"{result} d[] = {_values(code, result, op.list(3))};"
    return f"{{ {shape} {inputs} {accumulator} mma(d, a, b, &shape, {code.site(op)}); {results} }}"


@instruction("wgmma.fence.sync")
def wgmma_fence(code, op):
    return "wgmma_fence();"


@instruction("wgmma.commit_group.sync")
def wgmma_commit(code, op):
    return "wgmma_commit();"


@instruction("wgmma.wait_group.sync")
def wgmma_wait(code, op):
    return f"wgmma_wait({code.value(op[0])}, {code.site(op)});"


@instruction("wgmma.mma_async.sync")
def wgmma(code, op):
    n, k = map(int, op.matching(r"m64n(\d+)k(\d+)").groups())
    d, a, b = op.types(3)
    if (
        a != b
        or (a, k) not in (("bf16", 16), ("f16", 16), ("tf32", 8))
        or d not in _ACCUMULATORS[a]
        or n % 8
        or n > 256
    ):
        raise op.unsupported("unknown shape or types")
    from_registers = op[1].startswith("{")
    immediates = [int(text) for text in op.operands[4:]]
    negative = [int(scale == -1) for scale in immediates[:2]]
    transposed = ([0] if from_registers else []) + immediates[2:] if a != "tf32" else []
    transposed += [0] * (2 - len(transposed))
    fields = (n, k, _ELEMENTS[a], int(d == "f32"), int(from_registers), *negative, *transposed)
    shape = f"static const WgmmaShape shape = {{{', '.join(map(str, fields))}}};"
    registers = ", ".join(f"&{code.register(name)}" for name in op.list(0))
    if len(op.list(0)) != (n // 2 if d == "f32" else n // 4):
        raise op.unsupported("wrong number of accumulator registers")
    inputs = f"u32 a[] = {_values(code, 'u32', op.list(1))};" if from_registers else ""
    operands = "a, 0" if from_registers else f"nullptr, {code.typed('u64', op[1])}"
    operands += f", {code.typed('u64', op[2])}, (bool){code.value(op[3])}"
    call = f"wgmma_issue(d, {operands}, &shape, emu_here());"
    return f"{{ {shape} {inputs} void* d[] = {{{registers}}}; {call} }}"


@instruction("setmaxnreg")
def setmaxnreg(code, op):
    increase = op.choice({"inc": "true", "dec": "false"})
    op.type()
    return f"set_max_registers({code.value(op[0])}, {increase}, {code.site(op)});"
