"""Matrix products and the loads of their fragments."""

from .table import instruction

_MMA = {("m16n8k16", "bf16"): "MMA_BF16", ("m16n8k16", "f16"): "MMA_F16", ("m16n8k8", "tf32"): "MMA_TF32"}


@instruction("ldmatrix.sync")
def ldmatrix(code, op):
    op.flag("m8n8")
    count = int(op.matching(r"x([124])").group(1))
    transposed = "true" if op.flag("trans") else "false"
    op.space()
    op.type()
    results = " ".join(code.put(name, f"t[{i}]") for i, name in enumerate(op.list(0)))
    address = code.address(op[1], "shared")
    return f"{{ u32 t[4]; ldmatrix(t, {address}, {count}, {transposed}, emu_here(), {code.site(op)}); {results} }}"


@instruction("mma.sync")
def mma(code, op):
    shape = op.matching(r"m\d+n\d+k\d+").group()
    op.flag("row")
    op.flag("col")
    d, a, _, c = op.types(4)
    kind = _MMA.get((shape, a))
    if kind is None or (d, c) != ("f32", "f32"):
        raise op.unsupported("unknown shape or types")
    values = ["{" + ", ".join(code.typed(t, name) for name in op.list(i)) + "}" for i, t in ((1, "u32"), (2, "u32"), (3, "f32"))]
    results = " ".join(code.put(name, f"d[{i}]") for i, name in enumerate(op.list(0)))
    return f"{{ u32 a[4] = {values[0]}, b[2] = {values[1]}; f32 d[4] = {values[2]}; mma_m16n8(d, a, b, {kind}, {code.site(op)}); {results} }}"


@instruction("wgmma.fence.sync")
def wgmma_fence(code, op):
    return ""


@instruction("wgmma.commit_group.sync")
def wgmma_commit(code, op):
    return "wgmma_commit();"


@instruction("wgmma.wait_group.sync")
def wgmma_wait(code, op):
    return f"wgmma_wait({code.value(op[0])}, {code.site(op)});"


@instruction("wgmma.mma_async.sync")
def wgmma(code, op):
    columns = int(op.matching(r"m64n(\d+)k16").group(1))
    if op.types(3) != ["f32", "bf16", "bf16"] or op[1].startswith("{"):
        raise op.unsupported("only bf16 from shared memory")
    registers = ", ".join(f"(f32*)&{code.register(name)}" for name in op.list(0))
    descriptors = f"{code.typed('u64', op[1])}, {code.typed('u64', op[2])}"
    return f"{{ f32* d[{columns // 2}] = {{{registers}}}; wgmma_issue(d, {descriptors}, {columns}, (int){code.value(op[3])}); }}"
