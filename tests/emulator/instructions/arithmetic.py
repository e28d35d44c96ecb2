"""Integer and floating-point arithmetic."""

from ..ptx import TYPES
from .table import instruction


def operand(code, op, kind, index, flush):
    """A typed operand; denormals become zero where the instruction says .ftz."""
    text = code.typed(kind, op[index])
    return f"ftz({text})" if flush else text


def rounded(kind, value, flush, saturate=False):
    """The result with .ftz and .sat applied."""
    value = f"ftz({value})" if flush else value
    return f"sat({value})" if saturate else value


_DIRECTED = {"rz": "FE_TOWARDZERO", "rm": "FE_DOWNWARD", "rp": "FE_UPWARD"}
_AS_PRODUCT_SUM = {
    "add": "{0}, 1, {1}",
    "sub": "{0}, 1, -{1}",
    "mul": "{0}, {1}, -0.0",
    "fma_": "{0}, {1}, {2}",
}


def _directed(code, op, function, kind, mode, flush):
    """Sums and products that are rounded otherwise than to nearest."""
    if kind not in ("f32", "f64") or function not in _AS_PRODUCT_SUM:
        raise op.unsupported("its rounding")
    operands = [operand(code, op, kind, i, flush) for i in range(1, len(op))]
    return f"fma_directed<{kind}>({mode}, {_AS_PRODUCT_SUM[function].format(*operands)})"


def _calculate(code, op, function, operands=2, saturates=True):
    kind = op.type()
    flush = op.flag("ftz") and kind == "f32"
    saturate = saturates and kind.startswith(("f", "bf")) and op.flag("sat")
    arguments = ", ".join(operand(code, op, kind, 1 + i, flush) for i in range(operands))
    value = f"{function}<{TYPES[kind].cpp}>({arguments})"
    mode = op.choice(_DIRECTED, None)
    if mode:
        value = _directed(code, op, function, kind, mode, flush)
    if op.flag("relu"):
        value = f"max_<{TYPES[kind].cpp}>({value}, {TYPES[kind].cpp}{{}})"
    return code.put(op[0], rounded(kind, value, flush, saturate))


def _with_carry(code, op, value, kind, carry_out):
    """A sum in a type twice as wide, whose upper half is the carry."""
    wide = "u64" if TYPES[kind].size == 4 else "u128"
    carry = f"CC = (u32)(t >> {8 * TYPES[kind].size}) & 1; " if carry_out else ""
    return f"{{ {wide} t = {value.format(wide=wide)}; {carry}{code.put(op[0], f'(u{kind[1:]})t')} }}"


def _unsigned(code, op, kind, index):
    return f"({{wide}}){code.typed('u' + kind[1:], op[index])}"


def _sum(code, op, sign, carry_in, carry_out):
    kind = op.type()
    value = f"{_unsigned(code, op, kind, 1)} {sign} {_unsigned(code, op, kind, 2)}"
    return _with_carry(code, op, value + (f" {sign} CC" if carry_in else ""), kind, carry_out)


def _product_sum(code, op, carry_in, carry_out):
    high = op.choice(("lo", "hi")) == "hi"
    kind = op.type()
    unsigned = f"u{kind[1:]}"
    product = f"({_unsigned(code, op, kind, 1)} * {_unsigned(code, op, kind, 2)})"
    if high:
        product = f"({{wide}})mulhi<{TYPES[kind].cpp}>({code.typed(kind, op[1])}, {code.typed(kind, op[2])})"
    value = f"({{wide}})({unsigned}){product} + {_unsigned(code, op, kind, 3)}" + (
        " + CC" if carry_in else ""
    )
    return _with_carry(code, op, value, kind, carry_out)


@instruction("add")
def add(code, op):
    return _sum(code, op, "+", False, True) if op.flag("cc") else _calculate(code, op, "add")


@instruction("sub")
def sub(code, op):
    return _sum(code, op, "-", False, True) if op.flag("cc") else _calculate(code, op, "sub")


@instruction("addc")
def addc(code, op):
    return _sum(code, op, "+", True, op.flag("cc"))


@instruction("subc")
def subc(code, op):
    return _sum(code, op, "-", True, op.flag("cc"))


@instruction("madc")
def madc(code, op):
    return _product_sum(code, op, True, op.flag("cc"))


@instruction("min", "max")
def minimum_or_maximum(code, op):
    name = "min" if op.name.startswith("min") else "max"
    return _calculate(code, op, name + ("_nan" if op.flag("NaN") else "_"))


@instruction("div")
def div(code, op):
    return _calculate(code, op, "div_")


@instruction("rem")
def rem(code, op):
    return _calculate(code, op, "rem_")


@instruction("mul")
def mul(code, op):
    return _calculate(
        code, op, {"hi": "mulhi", "wide": "mulwide", "lo": "mul"}[op.choice(("hi", "wide", "lo"), "lo")]
    )


@instruction("mul24.lo")
def mul24(code, op):
    kind = op.type()
    low = [f"({code.typed(kind, op[i])} << 8 >> 8)" for i in (1, 2)]
    return code.put(op[0], f"mul<{TYPES[kind].cpp}>({', '.join(low)})")


@instruction("mad")
def mad(code, op):
    if op.flag("cc"):
        return _product_sum(code, op, False, True)
    width = op.choice(("hi", "wide", "lo"), None)
    if width is None:
        return _calculate(code, op, "fma_", operands=3)
    kind = op.type()
    cpp = TYPES[kind].cpp
    factors = f"{code.typed(kind, op[1])}, {code.typed(kind, op[2])}"
    if width == "wide":
        double = f"{kind[0]}{2 * int(kind[1:])}"
        return code.put(op[0], f"add<{double}>(mulwide<{cpp}>({factors}), {code.typed(double, op[3])})")
    product = f"{'mulhi' if width == 'hi' else 'mul'}<{cpp}>({factors})"
    return code.put(op[0], f"add<{cpp}>({product}, {code.typed(kind, op[3])})")


@instruction("fma")
def fma(code, op):
    return _calculate(code, op, "fma_", operands=3)


def _unary(pattern):
    def write(code, op):
        kind = op.type()
        flush = op.flag("ftz") and kind == "f32"
        return code.put(op[0], rounded(kind, pattern.format(operand(code, op, kind, 1, flush)), flush))

    return write


# Approximations are computed exactly. Types of 16 bits go through float.
for _name, _pattern in {
    "neg": "neg_({})",
    "abs": "abs_({})",
    "rcp": "(1 / {})",
    "sqrt": "std::sqrt({})",
    "rsqrt": "(1 / std::sqrt({}))",
    "sin": "std::sin({})",
    "cos": "std::cos({})",
    "lg2": "std::log2({})",
    "ex2": "through_float({}, [](auto x) {{ return std::exp2(x); }})",
    "tanh": "through_float({}, [](auto x) {{ return std::tanh(x); }})",
}.items():
    instruction(_name)(_unary(_pattern))


@instruction("copysign")
def copysign(code, op):
    kind = op.type()
    return code.put(op[0], f"std::copysign({code.typed(kind, op[2])}, {code.typed(kind, op[1])})")


@instruction("dp4a")
def dp4a(code, op):
    a, b = op.types(2)
    operands = ", ".join(code.typed(kind, text) for kind, text in zip(("u32", "u32", "s32"), op.operands[1:]))
    return code.put(op[0], f"dp4a<{a[0]}8, {b[0]}8>({operands})")
