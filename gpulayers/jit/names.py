"""How Python values are written in C++: template arguments and structures that travel by value."""

import dataclasses
import enum
import functools

import ml_dtypes
import numpy as np

CPP_TYPES = {
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.float16): "__half",
    np.dtype(ml_dtypes.bfloat16): "__nv_bfloat16",
    np.dtype(np.int32): "int",
    np.dtype(np.int64): "long long",
    np.dtype(np.uint8): "unsigned char",
    np.dtype(np.uint16): "unsigned short",
    np.dtype(np.uint32): "unsigned int",
    np.dtype(np.bool_): "bool",
}


def _template_argument(value):
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}::{value.name.lower()}"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        inside = ", ".join(f".{f.name} = {_template_argument(getattr(value, f.name))}" for f in fields)
        return f"{type(value).__name__}{{{inside}}}"
    try:
        return CPP_TYPES[np.dtype(value)]
    except (KeyError, TypeError):
        raise TypeError(
            "A template argument is a dtype, bool, int, enumeration or dataclass of these. " f"Received: {value!r}"
        ) from None


def name_expression(name, template=()):
    """The C++ name of an instance: `f`, `(float32, Config(rows=4))` -> `f<float, Config{.rows = 4}>`."""
    return _name_expression(name, template, tuple(map(type, template))) if template else name


@functools.lru_cache(4096)
def _name_expression(name, template, types):
    """`types` keeps templates apart that compare equal, such as (True,) and (1,)."""
    return f"{name}<{', '.join(map(_template_argument, template))}>"


@functools.cache
def field_types(cls):
    """The NumPy structured dtype of a dataclass whose fields are annotated `np.int32`, `np.float32`, ... or
    `(np.int32, 3)` for an array; laid out as a C++ struct of the same fields in the same order."""
    layout = [(f.name, *f.type) if isinstance(f.type, tuple) else (f.name, f.type) for f in dataclasses.fields(cls)]
    return np.dtype(layout, align=True)


def as_structure(instance):
    """A dataclass instance as a 0-d structured array, which a kernel receives by value."""
    layout = field_types(type(instance))
    # Not dataclasses.astuple: it copies every field deeply, which takes longer than a launch.
    return np.array(tuple(getattr(instance, name) for name in layout.names), layout)
