"""Branches, calls and the end of a thread."""

from .table import instruction


@instruction("bra")
def bra(code, op):
    return f"goto {code.label(op[0])};"


@instruction("brx.idx")
def brx(code, op):
    cases = " ".join(
        f"case {i}: goto {code.label(name)};" for i, name in enumerate(code.branch_targets[op[1]])
    )
    return f"switch ({code.value(op[0])}) {{ {cases} }}"


@instruction("ret")
def ret(code, op):
    return "return;"


@instruction("exit")
def exit_(code, op):
    if not code.function.entry:
        raise op.unsupported("a thread can end in a kernel only")
    return "return;"


@instruction("trap", "brkpt")
def trap(code, op):
    return f'fatal("trap", "trap at %s:%d", {code.site(op)});'


@instruction("nanosleep.u32")
def nanosleep(code, op):
    return f"yield({code.site(op)});"


@instruction("griddepcontrol.wait", "griddepcontrol.launch_dependents", "pmevent")
def no_effect(code, op):
    """Grids run one after another, so that what a grid depends on is complete."""
    return ""


@instruction("call")
def call(code, op):
    operands = list(op.operands)
    results = _names(operands.pop(0)) if operands[0].startswith("(") else []
    function = operands.pop(0)
    arguments = _names(operands.pop(0)) if operands else []
    if function == "__assertfail":
        message, file, line = (code.parameters[name] for name in arguments[:3])
        values = f"*(char**){message}, *(char**){file}, *(u32*){line}"
        return f'fatal("assert", "assertion %s failed at %s:%u", {values});'
    if function == "vprintf":
        return "(void)0;"  # what a kernel prints is dropped
    if function not in code.functions:
        raise op.unsupported(f"no function {function}")
    return f"{code.name(function)}({', '.join(code.parameters[name] for name in (*results, *arguments))});"


def _names(text):
    return [name.strip() for name in text.strip("() ").split(",") if name.strip()]
