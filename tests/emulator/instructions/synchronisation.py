"""Barriers, fences and mbarriers."""

from .table import SCOPES, SPACES, instruction


@instruction("bar.warp")
def bar_warp(code, op):
    return f"syncwarp({code.typed('u32', op[0])}, {code.site(op)});"


@instruction("bar", "barrier")
def bar(code, op):
    op.flag("cta")
    if op.flag("red"):
        reduction = op.choice({"popc": 0, "and": 1, "or": 2})
        op.type()
        if len(op) != 3 or op[1] != "0":
            raise op.unsupported("only reductions of the whole block")
        call = f"barrier_red({reduction}, {code.value(op[2])}, {code.site(op)})"
        return code.put(op[0], f"{'(bool)' if reduction else '(u32)'}{call}")
    function = op.choice({"sync": "barrier", "arrive": "barrier_arrive"}, "barrier")
    count = f"(int){code.value(op[1])}" if len(op) > 1 else "0"
    return f"{function}((int){code.value(op[0])}, {count}, {code.site(op)});"


@instruction("membar")
def membar(code, op):
    return "" if op.choice(("cta", "gl", "sys")) == "cta" else "fence();"


@instruction("fence.proxy", "fence.mbarrier_init")
def fence_of_proxies(code, op):
    """The checker has no proxies; initialised mbarriers are visible at once."""
    while op.matching(r"async|alias|tensormap::generic|release|acquire"):
        pass
    op.flag(*SPACES, *SCOPES)
    return ""


@instruction("fence")
def fence(code, op):
    op.choice(("acq_rel", "sc", "acquire", "release"))
    # The scope of a block orders nothing between blocks.
    return "" if op.choice(SCOPES) == "cta" else "fence();"


def _mbarrier(op):
    op.flag("b64")
    op.space()
    op.flag(*SCOPES)
    op.flag("relaxed", "acquire", "release")


@instruction("mbarrier.init")
def mbarrier_init(code, op):
    _mbarrier(op)
    return f"mbar_init({code.address(op[0], 'shared')}, {code.typed('u32', op[1])});"


@instruction("mbarrier.inval")
def mbarrier_inval(code, op):
    _mbarrier(op)
    return ""


@instruction("mbarrier.arrive")
def mbarrier_arrive(code, op):
    expects = op.flag("expect_tx")
    _mbarrier(op)
    operands = list(op.operands)
    if not operands[0].startswith("["):
        if operands[0] != "_" and code.is_read(operands[0]):
            raise op.unsupported("the state that it returns")
        del operands[0]
    count = code.typed("u32", operands[1]) if len(operands) > 1 else "1"
    transactions, arrivals = (count, "1") if expects else ("0", count)
    return f"mbar_arrive({code.address(operands[0], 'shared')}, {transactions}, {arrivals});"


@instruction("mbarrier.expect_tx")
def mbarrier_expect(code, op):
    _mbarrier(op)
    return f"mbar_arrive({code.address(op[0], 'shared')}, {code.typed('u32', op[1])}, 0);"


@instruction("mbarrier.try_wait.parity", "mbarrier.test_wait.parity")
def mbarrier_test(code, op):
    _mbarrier(op)
    test = f"mbar_test({code.address(op[1], 'shared')}, {code.typed('u32', op[2])})"
    return f"{{ bool t = {test}; if (!t) yield({code.site(op)}); {code.put(op[0], 't')} }}"
