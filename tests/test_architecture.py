"""Who may import whom, and that structures are the same in Python and C++."""

import ast
import dataclasses
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpulayers
from gpulayers import jit, ops

PACKAGE = Path(gpulayers.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# What each part may import of the package; parts not named here may import all but the demos and the command.
ALLOWED = {
    "config": set(),
    "jit": {"jit", "config"},
    "arguments": set(),
    "ops": {"ops", "jit", "config", "arguments"},
}
FORBIDDEN = {"layers": {"models"}}
TOP = {"demos", "__main__"}
CPP_TYPES = {
    "int": np.int32,
    "unsigned": np.uint32,
    "unsigned int": np.uint32,
    "long long": np.int64,
    "unsigned long long": np.uint64,
    "unsigned char": np.uint8,
    "float": np.float32,
    "double": np.float64,
    "bool": np.bool_,
}


def imported(source, module):
    """The dotted names that a module's text imports, absolute, at any depth of nesting.

    Args:
        source: the text.
        module: its dotted name; that of a package ends in ".__init__".
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: -node.level] if node.level else []
            base += node.module.split(".") if node.module else []
            yield from (".".join([*base, alias.name]) for alias in node.names)


def module_name(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def imports_of(path):
    return set(imported(path.read_text(), module_name(path)))


def part(name):
    """ "jit" of "gpulayers.jit.compiler"; "" of the package's own file and names."""
    parts = name.split(".")
    is_part = len(parts) > 2 or (
        len(parts) == 2 and ((PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").is_file())
    )
    return parts[1] if is_part and parts[1] != "__init__" else ""


def test_imports_are_found():
    source = """
import os.path
def f():
    from ..jit import compile
    from . import arrays
from cupy import cuda
"""
    names = {"os.path", "gpulayers.jit.compile", "gpulayers.ops.arrays", "cupy.cuda"}
    assert set(imported(source, "gpulayers.ops.dispatch")) == names
    assert set(imported(source, "gpulayers.ops.__init__")) == names
    assert [part(f"gpulayers.{name}") for name in ("jit.compile", "config", "__version__")] == [
        "jit",
        "config",
        "",
    ]


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_run_one_way(path):
    own = part(module_name(path))
    seen = {part(name) for name in imports_of(path) if name.split(".")[0] == "gpulayers"} - {"", own}
    if own in ALLOWED:
        assert seen <= ALLOWED[own]
    else:
        assert not seen & FORBIDDEN.get(own, set())
    if own not in TOP:
        assert not seen & TOP


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_cupy_is_imported_only_where_devices_are_known(path):
    uses_cupy = any(name.split(".")[0] in ("cupy", "cupy_backends", "cupyx") for name in imports_of(path))
    if uses_cupy:
        assert path == PACKAGE / "ops" / "arrays.py" or path.parent == PACKAGE / "jit"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem in ("reference", "problem")], ids=module_name
)
def test_references_and_problems_need_no_device(path):
    assert not {part(name) for name in imports_of(path)} & {"jit"}


def test_no_module_imports_cupy_when_it_is_imported():
    modules = [name for path in FILES if (name := module_name(path)) and not name.endswith("__main__")]
    modules = [name.removesuffix(".__init__") for name in modules if ".demos." not in name]
    code = f"import sys; [__import__(name) for name in {modules}]"
    code += "; print([name for name in sys.modules if 'cupy' in name])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def structures(source):
    """name -> [(field, C++ type, array length or None)] of the plain structures of a C++ text."""
    source = re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.DOTALL)
    found = {}
    for match in re.finditer(r"(template\s*<[^{;]*>\s*)?\bstruct\s+(\w+)\s*\{", source):
        if match[1]:
            continue
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        fields = []
        body = re.sub(r"\{[^{}]*\}", ";", source[match.end() : end - 1])  # bodies of member functions
        for statement in filter(None, map(str.strip, body.split(";"))):
            if "(" in statement or statement.startswith(("static", "using", "enum")):
                continue
            first, *others = statement.split(",")
            kind, name = re.fullmatch(r"(.+?)\s+(\w+.*)", first.strip(), re.DOTALL).groups()
            while (
                kind and name.split()[0] in ("long", "int", "char") and " " in name
            ):  # types of several words
                word, name = name.split(None, 1)
                kind = f"{kind} {word}"
            for declared in (name, *others):
                declared = declared.partition("=")[0].strip()
                array = re.fullmatch(r"(\w+)\s*\[(\w+)\]", declared)
                fields.append((array[1], kind, int(array[2])) if array else (declared, kind, None))
        found[match[2]] = fields
    return found


def test_structures_are_parsed():
    source = """
    // struct Comment { int a; };
    struct Plain { int rows = 4; long long stride, step[3]; unsigned long long big; bool flag; };
    template <typename T> struct Skipped { T value; };
    struct Method { float a; __device__ int size() const { return 3; } static constexpr int K = 2; };
    """
    assert structures(source) == {
        "Plain": [
            ("rows", "int", None),
            ("stride", "long long", None),
            ("step", "long long", 3),
            ("big", "unsigned long long", None),
            ("flag", "bool", None),
        ],
        "Method": [("a", "float", None)],
    }


def dataclasses_of_ops():
    for module in pkgutil.walk_packages(ops.__path__, ops.__name__ + "."):
        for value in vars(importlib.import_module(module.name)).values():
            if (
                dataclasses.is_dataclass(value)
                and isinstance(value, type)
                and value.__module__ == module.name
            ):
                yield value


def cpp_structures():
    folder = jit.kernels_folder()
    files = [path for path in folder.rglob("*") if path.suffix in (".cu", ".cuh")]
    return [
        (path.relative_to(folder), *item) for path in files for item in structures(path.read_text()).items()
    ]


def travels_by_value(cls):
    """Whether the fields have the exact types that a kernel's argument needs."""
    kinds = [
        field.type[0] if isinstance(field.type, tuple) else field.type for field in dataclasses.fields(cls)
    ]
    return all(isinstance(kind, type) and issubclass(kind, np.generic) for kind in kinds)


MIRRORED = [
    (cls, path, fields)
    for cls in dataclasses_of_ops()
    for path, name, fields in cpp_structures()
    if name == cls.__name__
]


@pytest.mark.parametrize(
    "cls, path, fields", MIRRORED, ids=[f"{cls.__name__}-{path}" for cls, path, _ in MIRRORED]
)
def test_structures_are_the_same_in_python_and_in_cpp(cls, path, fields):
    if travels_by_value(cls):
        layout = jit.field_types(cls)
        ours = [(name, layout[name].base, layout[name].shape) for name in layout.names]
        theirs = [
            (name, np.dtype(CPP_TYPES[kind]), (length,) if length else ()) for name, kind, length in fields
        ]
        assert ours == theirs
    else:  # a template argument: integers are int, enumerations and structures bear the same name
        ours = [(field.name, field.type.__name__) for field in dataclasses.fields(cls)]
        assert ours == [(name, kind) for name, kind, _ in fields]


@pytest.mark.parametrize("cls", [cls for cls in dataclasses_of_ops() if travels_by_value(cls)])
def test_every_structure_that_travels_by_value_has_a_mirror(cls):
    assert cls in [mirrored for mirrored, _, _ in MIRRORED]
