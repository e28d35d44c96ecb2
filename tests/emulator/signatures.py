"""What a kernel's parameters are: names and types from its C++ signature, sizes from its PTX."""

import dataclasses
import re

import ml_dtypes
import numpy as np

_QUALIFIERS = re.compile(r"\b(?:const|volatile|__restrict__|__grid_constant__|restrict)\b")

DTYPES = {
    "float": np.float32,
    "double": np.float64,
    "__half": np.float16,
    "half": np.float16,
    "__nv_bfloat16": ml_dtypes.bfloat16,
    "bool": np.bool_,
    "char": np.int8,
    "signed char": np.int8,
    "unsigned char": np.uint8,
    "short": np.int16,
    "unsigned short": np.uint16,
    "int": np.int32,
    "unsigned": np.uint32,
    "unsigned int": np.uint32,
    "long": np.int64,
    "long long": np.int64,
    "unsigned long": np.uint64,
    "unsigned long long": np.uint64,
    "size_t": np.uint64,
    **{f"{u}int{bits}_t": getattr(np, f"{u}int{bits}") for u in ("", "u") for bits in (8, 16, 32, 64)},
}


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel.

    Attributes:
        name: as in the signature, or "argument 3" where that was not found.
        size: bytes, as in the PTX.
        cpp: the type as written, template arguments filled in; None where unknown.
        dtype: of the value or of what a pointer points to; None for structures and unknown types.
        pointer: True, False, or None where unknown.
        const: a pointer whose target the kernel must not write.
        restrict: a pointer whose target, where it is written, nothing else points to.
    """

    name: str
    size: int
    cpp: str = None
    dtype: np.dtype = None
    pointer: bool = None
    const: bool = False
    restrict: bool = False

    def __str__(self):
        return f"{self.cpp or f'{self.size} bytes'} {self.name}"


_CLOSING = {")": "(", "}": "{", "]": "["}


def _depths(text):
    """Pairs (character, how many brackets are open behind it). A "<" that no ">" closes before the bracket
    around it ends is a comparison."""
    open_brackets = []
    for character in text:
        if character in "<({[":
            open_brackets.append(character)
        elif character == ">" and open_brackets[-1:] == ["<"]:
            open_brackets.pop()
        elif character in _CLOSING:
            while open_brackets and open_brackets.pop() != _CLOSING[character]:
                pass
        yield character, len(open_brackets)


def split_top_level(text):
    """The parts between commas that lie outside all brackets, stripped."""
    parts = [""]
    for character, depth in _depths(text):
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def without_comments(source):
    """C++ text without comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)


def _inside(text, start):
    """What lies between the bracket at `start` and the one that closes it, and the position behind that."""
    for length, (_, depth) in enumerate(_depths(text[start:]), 1):
        if depth == 0:
            return text[start + 1 : start + length - 1], start + length
    raise ValueError(f"Brackets are not balanced in {text[start : start + 80]!r}")


def _template_names(source, end):
    """Names of the template parameters of the declaration that begins at `end`."""
    start = source.rfind("template", 0, end)
    if start < 0:
        return []
    inside, behind = _inside(source, source.index("<", start))
    if source[behind:end].strip():  # of an earlier declaration
        return []
    return [
        re.search(r"(\w+)\s*(?:=.*)?$", parameter, re.DOTALL).group(1)
        for parameter in split_top_level(inside)
    ]


def find_signature(source, name):
    """(names of template parameters, texts of parameters) of a kernel, or None."""
    source = without_comments(source)
    for match in re.finditer(rf"\b{re.escape(name)}\s*\(", source):
        start = source.rfind("__global__", 0, match.start())
        if start < 0 or re.search(r"[;}]", source[start : match.start()]):
            continue
        return _template_names(source, start), split_top_level(_inside(source, match.end() - 1)[0])
    return None


def _parameter(text, size, substitutions):
    name = re.search(r"(\w+)\s*$", text).group(1)
    declared = text[: text.rindex(name)]
    for template_name, value in substitutions.items():
        declared = re.sub(rf"\b{template_name}\b", value, declared)
    pointer = "*" in declared
    const = pointer and bool(re.search(r"\bconst\b", declared.partition("*")[0]))
    plain = " ".join(_QUALIFIERS.sub(" ", declared).replace("*", " ").split())
    dtype = DTYPES.get(plain)
    cpp = re.sub(r"\s+", " ", declared).strip()
    dtype = None if dtype is None else np.dtype(dtype)
    return Parameter(name, size, cpp, dtype, pointer, const, pointer and "__restrict__" in declared)


def parameters(source, expression, sizes):
    """The parameters of a kernel instance.

    Args:
        source: text of the .cu file and of what it includes.
        expression: "name" or "name<float, 4>".
        sizes: bytes of each parameter, from the PTX.
    """
    name, _, arguments = expression.partition("<")
    found = find_signature(source, name.strip())
    if found is None or len(found[1]) != len(sizes):
        return [Parameter(f"argument {index}", size) for index, size in enumerate(sizes)]
    values = split_top_level(arguments.rstrip()[:-1]) if arguments else []
    substitutions = dict(zip(found[0], values))
    result = []
    for text, size in zip(found[1], sizes):
        parameter = _parameter(text, size, substitutions)
        expected = 8 if parameter.pointer else parameter.dtype.itemsize if parameter.dtype else size
        if expected != size:
            raise ValueError(f"{expression}: the PTX has {size} bytes for the parameter '{parameter}'")
        result.append(parameter)
    return result
