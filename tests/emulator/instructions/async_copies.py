"""Asynchronous copies into and out of shared memory."""

import re

from .table import SCOPES, instruction

_ELEMENTS = {"b32": "u32", "b64": "u64"}
_ELEMENTS = {
    name: f"ELEMENT_{_ELEMENTS.get(name, name).upper()}"
    for name in ("u32", "s32", "u64", "s64", "f32", "f64", "f16", "bf16", "b32", "b64")
}
_OPERATIONS = {
    name: f"REDUCE_{name.upper()}" for name in ("add", "min", "max", "and", "or", "xor", "inc", "dec")
}
_TRANSACTIONS = "mbarrier::complete_tx::bytes"


def _without_hint(op):
    """The operands without the cache policy, which only hints."""
    return op.operands[:-1] if op.flag("L2::cache_hint") else op.operands


# ---- cp.async


@instruction("cp.async.ca", "cp.async.cg")
def cp_async(code, op):
    if (op.space(), op.space()) not in (("shared", "global"), ("shared::cta", "global")):
        raise op.unsupported("expected .shared.global")
    operands = _without_hint(op)
    size = int(operands[2])
    if size not in (4, 8, 16):
        raise op.unsupported("copies of 4, 8 or 16 bytes")
    # The fourth operand is the number of bytes to read, or a predicate that says to read none.
    source = f"source_size({code.value(operands[3])}, {size})" if len(operands) > 3 else size
    addresses = f"{code.address(operands[0], 'shared')}, {code.address(operands[1], 'global')}"
    return f"cp_async({addresses}, {size}, {source}, emu_here());"


@instruction("cp.async.commit_group")
def cp_async_commit(code, op):
    return "cp_async_commit();"


@instruction("cp.async.wait_group")
def cp_async_wait(code, op):
    return f"cp_async_wait({code.value(op[0])});"


@instruction("cp.async.wait_all")
def cp_async_wait_all(code, op):
    return "cp_async_commit(); cp_async_wait(0);"


@instruction("cp.async.mbarrier.arrive")
def cp_async_arrive(code, op):
    noinc = "true" if op.flag("noinc") else "false"
    space = op.space()
    op.flag("b64")
    return f"cp_async_mbar_arrive({code.address(op[0], space)}, {noinc});"


# ---- bulk copies


def _multicast(code, op, operands):
    """The mask of blocks that a load goes to, "0" for its own alone: the last operand."""
    return code.typed("u32", operands.pop()) if op.flag("multicast::cluster") else "0"


def _bulk(code, op, reduction):
    to, source = op.space(), op.space()
    operands = list(_without_hint(op))
    if to == "global":
        if not op.flag("bulk_group") or source != "shared::cta":
            raise op.unsupported("expected .global.shared::cta.bulk_group")
        addresses = f"{code.address(operands[0], to)}, {code.address(operands[1], source)}"
        return f"bulk_store({addresses}, {code.typed('u32', operands[2])}, {reduction}, emu_here());"
    if not op.flag(_TRANSACTIONS):
        raise op.unsupported(f"expected .{_TRANSACTIONS}")
    ranks = _multicast(code, op, operands)
    addresses = f"{code.address(operands[0], to)}, {code.address(operands[1], source)}"
    start, barrier = f"{addresses}, {code.typed('u32', operands[2])}", code.address(operands[3], to)
    if source == "global":
        if reduction != "-1":
            raise op.unsupported("reductions read shared memory")
        return f"bulk_load({start}, {barrier}, {ranks}, emu_here());"
    return f"bulk_to_cluster({start}, {barrier}, {reduction}, emu_here());"


@instruction("cp.async.bulk")
def bulk(code, op):
    return _bulk(code, op, "-1")


@instruction("cp.reduce.async.bulk")
def bulk_reduce(code, op):
    kind = op.type()
    return _bulk(code, op, f"{_ELEMENTS[kind]} * 16 + {op.choice(_OPERATIONS)}")


@instruction("cp.async.bulk.commit_group")
def bulk_commit(code, op):
    return "bulk_commit();"


@instruction("cp.async.bulk.wait_group")
def bulk_wait(code, op):
    return f"bulk_wait({code.value(op[0])}, {'true' if op.flag('read') else 'false'});"


@instruction("cp.async.bulk.prefetch")
def bulk_prefetch(code, op):
    while op.matching(r".*"):
        pass
    return ""


# ---- tensor copies


def _tensor(code, operand, op):
    """The map's address, and the statement that declares the coordinates c."""
    tensor_map, coordinates = re.match(r"\[\s*([^,]+),\s*\{(.*)\}\s*\]", operand).groups()
    values = ", ".join(f"(int){code.typed('s32', text)}" for text in coordinates.split(","))
    return f"pointer({code.value(tensor_map)})", f"int c[5] = {{{values}}};"


def _tensor_store(code, op, operation):
    rank = int(op.matching(r"([1-5])d").group(1))
    op.flag("tile")
    if (op.space(), op.space()) != ("global", "shared::cta") or not op.flag("bulk_group"):
        raise op.unsupported("expected .global.shared::cta.bulk_group")
    operands = _without_hint(op)
    tensor_map, coordinates = _tensor(code, operands[0], op)
    source = code.address(operands[1], "shared")
    return f"{{ {coordinates} tma_store({tensor_map}, c, {rank}, {source}, {operation}, emu_here()); }}"


@instruction("cp.async.bulk.tensor")
def tensor_copy(code, op):
    if not op.flag(_TRANSACTIONS):
        return _tensor_store(code, op, "-1")
    rank = int(op.matching(r"([1-5])d").group(1))
    to = op.space()
    if op.space() != "global":
        raise op.unsupported("expected a copy from .global")
    im2col = op.choice({"tile": False, "im2col": True}, False)
    operands = list(_without_hint(op))
    ranks = _multicast(code, op, operands)
    tensor_map, statements = _tensor(code, operands[1], op)
    start, barrier = (
        f"{code.address(operands[0], to)}, {tensor_map}, c, {rank}",
        code.address(operands[2], to),
    )
    if im2col:
        offsets = [text.strip() for text in operands[3].strip("{} ").split(",")]
        statements += f" u16 f[] = {{{', '.join(code.typed('u16', text) for text in offsets)}}};"
        return f"{{ {statements} tma_im2col({start}, f, {barrier}, {ranks}, emu_here()); }}"
    return f"{{ {statements} tma_load({start}, {barrier}, {ranks}, emu_here()); }}"


@instruction("cp.reduce.async.bulk.tensor")
def tensor_reduce(code, op):
    return _tensor_store(code, op, op.choice(_OPERATIONS))


# ---- stores into a peer's shared memory that an mbarrier counts


@instruction("st.async")
def store_async(code, op):
    op.flag(_TRANSACTIONS, "shared::cluster")
    vector, kind = op.matching(r"v([24])"), op.type()
    count, size = int(vector.group(1)) if vector else 1, int(kind[1:]) // 8
    values = ", ".join(code.typed(f"u{8 * size}", text) for text in op.list(1))
    addresses = [code.address(operand, "shared::cluster") for operand in (op[0], op[2])]
    call = f"store_async({addresses[0]}, v, {size * count}, {addresses[1]}, -1, emu_here());"
    return f"{{ u{8 * size} v[] = {{{values}}}; {call} }}"


@instruction("red.async")
def reduce_async(code, op):
    op.flag(_TRANSACTIONS, "shared::cluster", "relaxed", *SCOPES)
    kind, operation = op.type(), op.choice(_OPERATIONS)
    size = int(kind[1:]) // 8
    addresses = [code.address(operand, "shared::cluster") for operand in (op[0], op[2])]
    reduction = f"{_ELEMENTS[kind]} * 16 + {operation}"
    value = code.typed(f"u{8 * size}", op[1])
    call = f"store_async({addresses[0]}, &v, {size}, {addresses[1]}, {reduction}, emu_here());"
    return f"{{ u{8 * size} v = {value}; {call} }}"
