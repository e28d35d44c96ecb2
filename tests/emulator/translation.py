"""From PTX to C++ that runs on the emulator's runtime: instructions become statements, places `#line`s.

The registers of a function become its local variables, shared variables offsets in the block's shared memory,
with red zones between them, so that an index that leaves one array is noticed.
"""

import re

from . import instructions, ptx
from .errors import Unsupported

_RED_ZONE = 16  # bytes between static shared arrays
_DYNAMIC_ALIGNMENT = 16

_EXPORT = 'extern "C" __attribute__((visibility("default")))'
_COORDINATES = {"tid": "thread_index", "ntid": "block_dim", "ctaid": "block_index", "nctaid": "grid_dim"}
_SPECIAL_REGISTERS = {
    **{
        f"%{name}.{axis}": f"(u32)emu_self.{field}.{axis}"
        for name, field in _COORDINATES.items()
        for axis in "xyz"
    },
    **{
        f"%clusterid.{axis}": f"(emu_self.block_index.{axis} / emu_self.cluster_dim.{axis})" for axis in "xyz"
    },
    **{f"%nclusterid.{axis}": f"(emu_self.grid_dim.{axis} / emu_self.cluster_dim.{axis})" for axis in "xyz"},
    **{
        f"%cluster_ctaid.{axis}": f"(emu_self.block_index.{axis} % emu_self.cluster_dim.{axis})"
        for axis in "xyz"
    },
    **{f"%cluster_nctaid.{axis}": f"emu_self.cluster_dim.{axis}" for axis in "xyz"},
    "%cluster_ctarank": "emu_self.rank",
    "%cluster_nctarank": "(emu_self.cluster_dim.x * emu_self.cluster_dim.y * emu_self.cluster_dim.z)",
    "%is_explicit_cluster": "(emu_self.cluster_dim.x * emu_self.cluster_dim.y * emu_self.cluster_dim.z > 1)",
    "%laneid": "(u32)emu_self.lane",
    "%warpid": "(u32)emu_self.warp",
    "%nwarpid": "32u",
    "%smid": "0u",
    "%nsmid": "132u",
    "%clock": "0u",
    "%clock64": "(u64)0",
    "%globaltimer": "(u64)0",
    "%gridid": "(u64)0",
    "%WARP_SZ": "32u",
    "WARP_SZ": "32u",
    "%lanemask_eq": "(1u << emu_self.lane)",
    "%lanemask_lt": "((1u << emu_self.lane) - 1)",
    "%lanemask_le": "((2u << emu_self.lane) - 1)",
    "%lanemask_gt": "(~((2u << emu_self.lane) - 1))",
    "%lanemask_ge": "(~((1u << emu_self.lane) - 1))",
}


def cpp_name(name):
    """A PTX name as a C++ identifier."""
    return re.sub(r"\W", "_", name.replace("%", "R"))


def source_name(symbol):
    """A variable's own name at the end of a mangled one: _ZZ4gemmvE2Bs -> Bs."""
    for match in re.finditer(r"(\d+)(?=[A-Za-z_])", symbol):
        rest = symbol[match.end() :]
        if symbol.startswith("_Z") and len(rest) == int(match.group(1)):
            return rest
    return symbol


def round_up(value, multiple):
    return -(-value // multiple) * multiple


class SharedMemory:
    """Where the shared variables of a kernel lie: static ones first, the dynamic array behind them.

    Attributes:
        offsets: of each variable, by name.
        static: the static Variables with their offsets, in order.
        static_bytes: what the static variables take, rounded up to align the dynamic array behind them.
        machine_bytes: what they take on a GPU, without red zones.
    """

    def __init__(self, variables):
        self.offsets, self.static, self.machine_bytes = {}, [], 0
        end, alignment = 0, _DYNAMIC_ALIGNMENT
        for variable in variables:
            alignment = max(alignment, variable.align)
            if variable.count:
                start = round_up(end + (_RED_ZONE if end else 0), variable.align)
                self.static.append((variable, start))
                self.offsets[variable.name] = start
                end = start + variable.size
                self.machine_bytes = round_up(self.machine_bytes, variable.align) + variable.size
        self.static_bytes = round_up(end, alignment)
        self.offsets.update(
            {variable.name: self.static_bytes for variable in variables if not variable.count}
        )

    def table(self, symbol):
        """The C++ table from which reports take the arrays' names."""
        rows = "".join(f'{{{start}, {v.size}, "{source_name(v.name)}"}}, ' for v, start in self.static)
        structure = "const struct { unsigned off, size; const char* name; }"
        return f"{_EXPORT} {structure} emu_shared_layout_{symbol}[] = {{{rows}{{0, 0, nullptr}}}};"


class FunctionTranslation:
    """One function on its way to C++. The functions of the table of instructions see it as `code`.

    Attributes:
        function: the ptx.Function.
        functions: names of the module's device functions.
        parameters: C++ addresses of the function's and of its calls' parameters, by PTX name.
        branch_targets: labels of each branch table.
        local_array: the Variable, with its C++ name, that holds the thread's local memory.
    """

    def __init__(self, function, shared, functions):
        self.function, self.functions = function, functions
        self._shared = shared
        self._scopes = [{}]  # PTX register name: C++ name; innermost last
        self._labels = []
        self._scope_count = 0
        self.parameters, self.branch_targets, self.local_array = {}, {}, None

    # ---- for the table of instructions

    name = staticmethod(cpp_name)

    def register(self, name):
        """The C++ variable of a register."""
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        raise KeyError(f"register {name}")

    def value(self, text):
        """An operand as a C++ expression: a register, a number, a special register, a variable's address."""
        text = text.strip()
        if text.startswith("!") or (text.startswith("-") and not text[1:2].isdigit()):
            return f"({text[0]}{self.value(text[1:])})"
        if re.fullmatch(r"0[fF][0-9a-fA-F]{8}", text):
            return f"bits<f32>(0x{text[2:]}u)"
        if re.fullmatch(r"0[dD][0-9a-fA-F]{16}", text):
            return f"bits<f64>((u64)0x{text[2:]}ull)"
        if re.fullmatch(r"-?\d+", text):
            return f"{text}ll" if -(2**63) < int(text) < 2**63 else f"{text}ull"
        if re.fullmatch(r"-?0x[0-9a-fA-F]+U?", text):
            return f"{text.rstrip('U')}ull"
        if text in _SPECIAL_REGISTERS:
            return _SPECIAL_REGISTERS[text]
        if text == "%dynamic_smem_size":
            return f"(u32)(dyn_smem_size() - {self._shared.static_bytes})"
        if any(text in scope for scope in self._scopes):
            return self.register(text)
        if text in self._shared.offsets:
            return f"(u64)(emu_self.own_window + {self._shared.offsets[text]})"
        if text in self.parameters:
            return f"(u64){self.parameters[text]}"
        sum_ = re.fullmatch(r"([\w$%]+)\+(-?\d+)", text)
        if sum_:
            return f"({self.value(sum_.group(1))} + {sum_.group(2)}ll)"
        if text.startswith("%"):
            raise KeyError(f"register {text}")
        return f"(u64)(uintptr_t){cpp_name(text)}"  # a variable in global or constant memory, or a function

    def typed(self, kind, text):
        """An operand as a value of a PTX type."""
        return f"as<{ptx.TYPES[kind].cpp}>({self.value(text)})"

    def put(self, register, value):
        """The statement that writes a C++ expression to a register; nothing for the sink `_`."""
        return "" if register == "_" else f"assign({self.register(register)}, {value});"

    def address(self, text, space):
        """The C++ pointer of an operand `[base+offset]` in a state space."""
        match = re.fullmatch(r"\[\s*([^\]+]+?)\s*(?:\+\s*(-?\d+))?\s*\]", text)
        base, offset = match.groups()
        total = f"(u64)({self.value(base)}) + {offset or 0}ll"
        function = {
            "shared": "shared_pointer",
            "shared::cta": "shared_pointer",
            "shared::cluster": "cluster_pointer",
        }.get(space, "pointer")
        return f"{function}({total})"

    def label(self, name):
        """The C++ label of a branch's target."""
        for scope in reversed(self._labels):
            if name in scope:
                return scope[name]
        raise KeyError(f"label {name}")

    def site(self, op):
        """File and line as two C++ arguments."""
        file, line = op.place
        return f'"{file}", {line}'

    def is_read(self, register):
        """Whether an instruction has the register elsewhere than as its first operand."""
        name = re.compile(rf"(?<![\w$%]){re.escape(register)}(?![\w$])")
        body = (statement for statement in self.function.body if isinstance(statement, ptx.Instruction))
        return any(
            name.search(" ".join((statement.predicate or "", *statement.operands[1:]))) for statement in body
        )

    # ---- the whole function

    def prototype(self):
        """The C++ head."""
        function = self.function
        if function.entry:
            return f"{_EXPORT} void emu_thunk_{cpp_name(function.name)}(void** prm)"
        names = [f"ret{i}" for i in range(len(function.results))] + [
            f"prm{i}" for i in range(len(function.parameters))
        ]
        arguments = ", ".join(f"char* {name}" for name in names)
        return f"static __attribute__((noinline)) void {cpp_name(function.name)}({arguments})"

    def lines(self):
        """The lines of the C++ definition."""
        function = self.function
        form = "prm[{}]" if function.entry else "prm{}"
        self.parameters = {p.name: form.format(i) for i, p in enumerate(function.parameters)}
        self.parameters.update({result.name: f"ret{i}" for i, result in enumerate(function.results)})
        if function.entry:
            yield from self._description()
        yield self.prototype() + " {"
        yield "u32 CC = 0; (void)CC;"  # the carry flag
        self._enter(0)
        for index, statement in enumerate(function.body):
            if isinstance(statement, ptx.Instruction):
                text = instructions.write(self, statement)
                if text and statement.predicate:
                    text = f"if ({self.value(statement.predicate)}) {{ {text} }}"
                if text:
                    file, line = statement.place
                    text = f'#line {line} "{file}"\n{text}'
            elif isinstance(statement, ptx.Scope):
                text = "{" if statement.opens else "}"
                if statement.opens:
                    self._enter(index + 1)
                else:
                    self._scopes.pop()
                    self._labels.pop()
            elif isinstance(statement, ptx.Label):
                text = f"{self._labels[-1][statement.name]}:;"
                if statement.targets:
                    self.branch_targets[statement.name] = statement.targets
                    text = ""
            else:
                text = self._declaration(statement)
            if text:
                yield text
        yield "}"

    def _description(self):
        """What the host asks of a kernel: sizes of the parameters; launch bounds; cluster; bytes of static
        shared memory on a GPU and here; the table of shared arrays."""
        symbol = cpp_name(self.function.name)
        sizes = ",".join(str(parameter.size) for parameter in self.function.parameters)
        shared = f"{self._shared.machine_bytes};{self._shared.static_bytes}"
        description = f"{sizes};{self.function.max_threads};{self.function.cluster};{shared}"
        yield f'{_EXPORT} const char* emu_info_{symbol}() {{ return "{description}"; }}'
        yield self._shared.table(symbol)

    def _enter(self, start):
        """Opens the scope whose statements begin at `start`. Its labels are known at once."""
        depth, labels = 0, {}
        for statement in self.function.body[start:]:
            if isinstance(statement, ptx.Scope):
                depth += 1 if statement.opens else -1
                if depth < 0:
                    break
            elif isinstance(statement, ptx.Label) and depth == 0:
                labels[statement.name] = f"L{cpp_name(statement.name)}_{self._scope_count}"
        self._labels.append(labels)
        self._scopes.append({})
        self._scope_count += 1

    def _declaration(self, declaration):
        if declaration.space == "reg":
            return self._registers(declaration.variables)
        (variable,) = declaration.variables
        name = cpp_name(variable.name)
        if declaration.space == "param":
            self.parameters[variable.name] = f"cp_{name}"
            return f"alignas(16) char cp_{name}[{variable.size}];"
        self.local_array = ptx.Variable(name, variable.type, variable.count)
        array = f"{ptx.TYPES[variable.type].cpp} {name}[{variable.count}]"
        return f"alignas({variable.align}) {array}; POISON_LOCAL({name});"

    def _registers(self, variables):
        names = {}
        for variable in variables:
            # Inline PTX declares registers of equal names in scopes of its own.
            name = cpp_name(variable.name) + (f"_{self._scope_count}" if len(self._scopes) > 2 else "")
            self._scopes[-1][variable.name] = name
            names.setdefault(ptx.TYPES[variable.type].register, []).append(name)
        return " ".join(f"{kind} {', '.join(group)};" for kind, group in names.items())


def _variable(variable):
    """The definition of a variable in global or constant memory."""
    initial = variable.initial or "{}"
    if not initial.startswith("{"):
        initial = f"{{{initial}}}"
    if variable.type[0] in "bus" and re.search(r"[A-Za-z_$]\w*\+?", re.sub(r"0x\w+", "", initial)):
        raise Unsupported(f"PTX declaration: {variable.name} is initialised with an address")
    initial = re.sub(r"0[fF]([0-9a-fA-F]{8})", r"bits<f32>(0x\1u)", initial)
    initial = re.sub(r"0[dD]([0-9a-fA-F]{16})", r"bits<f64>((u64)0x\1ull)", initial)
    cpp = ptx.TYPES[variable.type].cpp
    array = f"{cpp} {cpp_name(variable.name)}[{max(variable.count, 1)}]"
    return f'extern "C" {{ alignas({variable.align}) {array} = {initial}; }}'


def _shared_memory(module):
    """A function from a ptx.Function to its SharedMemory. Variables that device functions use lie first, and
    so at the same place in every kernel."""
    names = {variable.name for variable in module.shared}

    def used(function):
        instructions_ = (s for s in function.body if isinstance(s, ptx.Instruction))
        return names & {
            word for s in instructions_ for text in s.operands for word in re.findall(r"[\w$]+", text)
        }

    common = set().union(*(used(function) for function in module.functions if not function.entry))
    if any(variable.name in common and not variable.count for variable in module.shared):
        common = names

    def layout(function):
        own = used(function) | common
        ordered = sorted((v for v in module.shared if v.name in own), key=lambda v: v.name not in common)
        return SharedMemory(ordered)

    return layout


def translate(text, kernels=None):
    """The C++ source of a PTX text.

    Args:
        text: as NVRTC emits it.
        kernels: mangled names of those that are wanted; all without it.

    Raises:
        Unsupported: with the instruction and its place.
    """
    module = ptx.parse(text)
    if kernels is not None:
        module.functions = [f for f in module.functions if not f.entry or f.name in kernels]
    shared = _shared_memory(module)
    device_functions = {function.name for function in module.functions if not function.entry}
    translations = [
        FunctionTranslation(function, shared(function), device_functions) for function in module.functions
    ]
    lines = ['#include "ptx_instructions.h"', "using namespace px;"]
    lines += map(_variable, module.variables)
    lines += [f"{t.prototype()};" for t in translations if not t.function.entry]
    for translation in translations:
        lines += translation.lines()
    return "\n".join(lines) + "\n"
