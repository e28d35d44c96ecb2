"""Barriers in shared memory that count arrivals and bytes."""

from .table import SCOPES, instruction


def _mbarrier(op):
    """Takes the modifiers that all have; the state space and whether the order is relaxed."""
    op.flag("b64")
    op.flag(*SCOPES)
    op.flag("acquire", "release")
    return op.space(), op.flag("relaxed")


def _truth(value):
    return "true" if value else "false"


@instruction("mbarrier.init")
def mbarrier_init(code, op):
    space, _ = _mbarrier(op)
    return f"mbar_init({code.address(op[0], space)}, {code.typed('u32', op[1])}, emu_here());"


@instruction("mbarrier.inval")
def mbarrier_inval(code, op):
    space, _ = _mbarrier(op)
    return f"mbar_inval({code.address(op[0], space)}, emu_here());"


def _arrival(op):
    """Takes the modifiers of an arrival: (state space, relaxed?, expects bytes?, operands, result)."""
    expects = op.flag("expect_tx")
    space, relaxed = _mbarrier(op)
    operands = list(op.operands)
    result = None if operands[0].startswith("[") else operands.pop(0)
    return space, relaxed, expects, operands, None if result == "_" else result


@instruction("mbarrier.arrive")
def mbarrier_arrive(code, op):
    no_complete = op.flag("noComplete")
    space, relaxed, expects, operands, result = _arrival(op)
    count = code.typed("u32", operands[1]) if len(operands) > 1 else "1"
    if no_complete:
        call = f"mbar_arrive_no_complete({code.address(operands[0], space)}, {count})"
        return code.put(result, call) if result else f"{call};"
    counts = f"{count}, 1" if expects else f"0, {count}"
    call = f"mbar_arrive({code.address(operands[0], space)}, {counts}, {_truth(not relaxed)})"
    return code.put(result, call) if result else f"{call};"


@instruction("mbarrier.arrive_drop")
def mbarrier_arrive_drop(code, op):
    space, _, expects, operands, result = _arrival(op)
    count = code.typed("u32", operands[1]) if len(operands) > 1 else "1"
    call = (
        f"mbar_arrive_drop({code.address(operands[0], space)}, {f'{count}, 1' if expects else f'0, {count}'})"
    )
    return code.put(result, call) if result else f"{call};"


@instruction("mbarrier.expect_tx")
def mbarrier_expect(code, op):
    space, _ = _mbarrier(op)
    return f"mbar_arrive({code.address(op[0], space)}, {code.typed('u32', op[1])}, 0, false);"


@instruction("mbarrier.complete_tx")
def mbarrier_complete(code, op):
    space, _ = _mbarrier(op)
    return f"mbar_complete_tx({code.address(op[0], space)}, {code.typed('u32', op[1])});"


@instruction("mbarrier.try_wait", "mbarrier.test_wait")
def mbarrier_test(code, op):
    parity = op.flag("parity")
    space, relaxed = _mbarrier(op)
    wanted = f"mbar_test({code.address(op[1], space)}, {code.typed('u32', op[2])}"
    if not parity:
        wanted = f"mbar_test_state({code.address(op[1], space)}, {code.typed('u64', op[2])}"
    test = f"{wanted}, {_truth(not relaxed)})"
    return f"{{ bool t = {test}; if (!t) yield({code.site(op)}); {code.put(op[0], 't')} }}"
