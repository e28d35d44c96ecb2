"""Parses the PTX that NVRTC emits into a Module: variables, and functions with lists of statements.

Only what NVRTC emits and inline PTX needs is understood; anything else raises Unsupported.
"""

import dataclasses
import os
import re

from .errors import Unsupported


@dataclasses.dataclass(frozen=True)
class Type:
    """A PTX type: its C++ type in computation, in a register, and its size in bytes."""

    cpp: str
    register: str
    size: int


TYPES = {
    **{
        f"{kind}{8 * size}": Type(f"{kind.replace('b', 'u')}{8 * size}", f"u{8 * size}", size)
        for kind in "bus"
        for size in (1, 2, 4, 8)
    },
    "b128": Type("u128", "u128", 16),
    "f16": Type("f16", "u16", 2),
    "bf16": Type("bf16", "u16", 2),
    "f16x2": Type("f16x2", "u32", 4),
    "bf16x2": Type("bf16x2", "u32", 4),
    "tf32": Type("u32", "u32", 4),
    "f32": Type("f32", "f32", 4),
    "f64": Type("f64", "f64", 8),
    "pred": Type("bool", "bool", 1),
}


@dataclasses.dataclass(frozen=True)
class Variable:
    """A declared array (count 0: its size is the launch's choice), a register, or a function's parameter."""

    name: str
    type: str
    count: int = 1
    align: int = 1
    initial: str = None

    @property
    def size(self):
        return TYPES[self.type].size * self.count


@dataclasses.dataclass(frozen=True)
class Instruction:
    """`@!%p ld.global.f32 %f1, [%rd1];`

    Attributes:
        name: the dotted name, "ld.global.f32".
        operands: their texts.
        predicate: "%p", "!%p" or None.
        place: (file, line) in the .cu file; (file, 0) where unknown.
        text: the statement.
    """

    name: str
    operands: tuple
    predicate: str
    place: tuple
    text: str


@dataclasses.dataclass(frozen=True)
class Label:
    name: str
    targets: tuple = ()  # of the branch table that the label names


@dataclasses.dataclass(frozen=True)
class Scope:
    opens: bool


@dataclasses.dataclass(frozen=True)
class Declaration:
    """Registers, local arrays or call parameters declared inside a function."""

    space: str  # "reg", "local", "param"
    variables: tuple


@dataclasses.dataclass
class Function:
    name: str
    entry: bool
    results: list
    parameters: list
    max_threads: str  # "256, 1, 1", or "" where the kernel has no launch bounds
    cluster: str  # "2, 1, 1" by __cluster_dims__, or ""
    body: list


@dataclasses.dataclass
class Module:
    shared: list  # of Variable
    variables: list  # in global and constant memory
    functions: list


_COMMENT = re.compile(r'("[^"\n]*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_SPACE = re.compile(r"\s*")
_LINE_DIRECTIVE = re.compile(r"\.(loc|file|version|target|address_size)\b([^\n]*)")
_SECTION = re.compile(r"\.section\b[^{]*\{[^}]*\}")
_LABEL = re.compile(r"([\w$%]+):(?!:)")
_HEAD = re.compile(r"(?:\.(?:visible|weak|extern)\s+)*\.(?:entry|func)\b[^{;]*")
_STATEMENT = re.compile(r'((?:[^;"]|"[^"]*")*);')
_LINKAGE = r"(?:\.(?:visible|weak|extern|common)\s+)*"
_VARIABLE = re.compile(
    rf"{_LINKAGE}(?:\.(?:shared|global|const|local|param)\s+)?"
    r"(?:\.align\s+(\d+)\s+)?(?:\.attribute\([^)]*\)\s*)?\.(\w+)\s+"
    r"(?:\.ptr\s+(?:\.\w+\s+)*?(?:\.align\s+\d+\s+)?)?([\w$%]+)\s*((?:\[\d*\])*)\s*(?:=\s*(.*))?$",
    re.DOTALL,
)


def split_operands(text):
    """The parts between commas that lie outside brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "{[(") - (character in "}])")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()] if current.strip() else parts


def _variable(text):
    match = _VARIABLE.match(text)
    if not match or match.group(2) not in TYPES:
        raise Unsupported(f"PTX declaration: {text}")
    align, kind, name, dimensions, initial = match.groups()
    count = 1
    for dimension in re.findall(r"\[(\d*)\]", dimensions):
        count *= int(dimension or 0)
    return Variable(name, kind, count, int(align or TYPES[kind].size), initial)


def _registers(text):
    """`.reg .b32 %r<3>, t;` declares %r0, %r1, %r2 and t."""
    match = re.match(r"\.reg\s+(?:\.align\s+\d+\s+)?\.(\w+)\s+(.*)$", text, re.DOTALL)
    variables = []
    for name in split_operands(match.group(2)):
        numbered = re.match(r"([\w$%]+)<(\d+)>$", name)
        names = [f"{numbered.group(1)}{i}" for i in range(int(numbered.group(2)))] if numbered else [name]
        variables += [Variable(name, match.group(1)) for name in names]
    return Declaration("reg", tuple(variables))


class _Places:
    """From `.loc` directives to places that a reader wants: the line of the .cu file, and after "via" the
    line of the header whose function was inlined there."""

    def __init__(self):
        self.files = {}
        self._callers = {}  # (file, line, column): where the function around it was inlined
        self.current = ("ptx", 0)

    def add_file(self, text):
        match = re.match(r'\s*(\d+)\s+"([^"]*)"', text)
        self.files[match.group(1)] = os.path.basename(match.group(2))

    def move(self, text):
        place = tuple(text.split(",")[0].split())
        caller = re.search(r"inlined_at\s+(\d+)\s+(\d+)\s+(\d+)", text)
        if caller:
            self._callers[place] = caller.groups()
        outer = place
        while not self.files.get(outer[0], "").endswith(".cu") and outer in self._callers:
            outer = self._callers[outer]
        file, line = self.files.get(place[0], "?"), int(place[1])
        self.current = (file, line)
        if outer != place:
            self.current = (f"{self.files[outer[0]]}:{outer[1]} via {file}", line)


class _Parser:
    def __init__(self, text):
        self.text = _COMMENT.sub(lambda match: match.group(1) or " ", text)
        self.position = 0
        self.places = _Places()
        for match in re.finditer(r"^\s*\.file\b([^\n]*)", self.text, re.MULTILINE):  # they come last
            self.places.add_file(match.group(1))
        self.module = Module([], [], [])

    def _take(self, pattern):
        match = pattern.match(self.text, self.position)
        if match:
            self.position = match.end()
        return match

    def _skip(self):
        """Passes over spaces and over directives that are no statements."""
        while True:
            self._take(_SPACE)
            directive = self._take(_LINE_DIRECTIVE)
            if directive and directive.group(1) == "loc":
                self.places.move(directive.group(2))
            if not directive and not self._take(_SECTION):
                return

    def parse(self):
        while True:
            self._skip()
            if self.position == len(self.text):
                return self.module
            head = self._take(_HEAD)
            if head:
                self._function(" ".join(head.group().split()))
            else:
                self._declaration(" ".join(self._statement().split()))

    def _statement(self):
        match = self._take(_STATEMENT)
        if not match:
            raise Unsupported(f"PTX: {self.text[self.position : self.position + 80]!r}")
        return match.group(1).strip()

    def _declaration(self, text):
        space = re.match(rf"{_LINKAGE}\.(\w+)", text).group(1)
        if space == "shared":
            self.module.shared.append(_variable(text))
        elif space in ("global", "const"):
            self.module.variables.append(_variable(text))
        elif space not in ("pragma", "alias"):
            raise Unsupported(f"PTX declaration: {text}")

    def _function(self, head):
        match = re.match(r".*?\.(entry|func)\s+(?:\((.*?)\)\s*)?([\w$]+)\s*(?:\((.*?)\))?(.*)$", head)
        kind, results, name, parameters, directives = match.groups()
        bounds, cluster = (
            re.search(rf"\.{directive}\s+([\d,\s]+)", directives)
            for directive in ("maxntid", "reqnctapercluster")
        )
        declared = [
            [_variable(part) for part in split_operands(text or "")] for text in (results, parameters)
        ]
        sizes = [found.group(1).strip() if found else "" for found in (bounds, cluster)]
        function = Function(name, kind == "entry", *declared, *sizes, [])
        if self.text[self.position] == ";":  # a declaration; the definition follows, or it is a built-in
            self.position += 1
            return
        self.position += 1
        self._body(function)
        self.module.functions.append(function)

    def _body(self, function):
        depth = 1
        while depth:
            self._skip()
            character = self.text[self.position]
            if character in "{}":
                self.position += 1
                depth += 1 if character == "{" else -1
                if depth:
                    function.body.append(Scope(character == "{"))
                continue
            label = self._take(_LABEL)
            if label:
                function.body.append(Label(label.group(1), self._branch_targets()))
                continue
            text = " ".join(self._statement().split())
            if text.startswith("."):
                self._local_declaration(function, text)
            else:
                function.body.append(self._instruction(text))

    def _branch_targets(self):
        self._take(_SPACE)
        if not self.text.startswith(".branchtargets", self.position):
            return ()
        return tuple(split_operands(self._statement()[len(".branchtargets") :]))

    def _local_declaration(self, function, text):
        space = re.match(r"\.(\w+)", text).group(1)
        if space == "reg":
            function.body.append(_registers(text))
        elif space in ("local", "param"):
            function.body.append(Declaration(space, (_variable(text),)))
        elif space == "shared":
            self.module.shared.append(_variable(text))
        elif space not in ("pragma", "callprototype"):
            raise Unsupported(f"PTX declaration: {text}")

    def _instruction(self, text):
        match = re.match(r"(?:@(!?[\w%$]+)\s+)?([\w.:]+)\s*(.*)$", text)
        predicate, name, operands = match.groups()
        return Instruction(name, tuple(split_operands(operands)), predicate, self.places.current, text)


def parse(text):
    """The Module of a PTX text."""
    return _Parser(text).parse()
