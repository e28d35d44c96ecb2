"""Asynchronous copies into and out of shared memory."""

import re

from .table import instruction


@instruction("cp.async.ca", "cp.async.cg")
def cp_async(code, op):
    op.space()
    op.space()
    size = code.value(op[2])
    source_size = code.value(op[3]) if len(op) > 3 else size
    addresses = f"{code.address(op[0], 'shared')}, {code.address(op[1], 'global')}"
    return f"cp_async({addresses}, {size}, (int){source_size}, emu_here());"


@instruction("cp.async.commit_group")
def cp_async_commit(code, op):
    return "cp_async_commit();"


@instruction("cp.async.wait_group")
def cp_async_wait(code, op):
    return f"cp_async_wait({code.value(op[0])});"


@instruction("cp.async.wait_all")
def cp_async_wait_all(code, op):
    return "cp_async_commit(); cp_async_wait(0);"


@instruction("cp.async.bulk.tensor")
def tensor_load(code, op):
    rank = int(op.matching(r"([1-5])d").group(1))
    op.space()
    op.space()
    if not op.flag("mbarrier::complete_tx::bytes"):
        raise op.unsupported("only loads")
    im2col = op.choice({"tile": False, "im2col": True}, False)
    tensor_map, coordinates = re.match(r"\[\s*([^,]+),\s*\{(.*)\}\s*\]", op[1]).groups()
    values = ", ".join(f"(int){code.typed('s32', text)}" for text in coordinates.split(","))
    start = f"{code.address(op[0], 'shared')}, pointer({code.value(tensor_map)}), c"
    barrier = code.address(op[2], "shared")
    if im2col:
        offsets = ", ".join(f"(int){code.typed('u16', text)}" for text in op.list(3))
        return f"{{ int c[5] = {{{values}}}; tma_im2col({start}, {offsets}, {barrier}, emu_here()); }}"
    return f"{{ int c[5] = {{{values}}}; tma_load({start}, {rank}, {barrier}, emu_here()); }}"
