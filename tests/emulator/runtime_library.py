"""The C++ runtime as a shared library: compiled on first use, bound with ctypes."""

import ctypes
import functools
from pathlib import Path

from .host_compiler import compile_library, compiler_version, digest

RUNTIME_FOLDER = Path(__file__).parent / "runtime"
_FLAGS = ("-std=c++17", "-O2", "-g1", "-Wall", "-Wextra", "-Werror")


class LaunchOptions(ctypes.Structure):
    """Mirrors LaunchOptions of runtime/launch.h."""

    _fields_ = [
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_ulong),
        ("check", ctypes.c_int),
        ("cooperative", ctypes.c_int),
        ("order", ctypes.c_int),
        ("strict", ctypes.c_int),
        ("async_late", ctypes.c_int),
        ("seed", ctypes.c_ulong),
        ("stack", ctypes.c_ulong),
        ("layout", ctypes.c_void_p),
        ("static_bytes", ctypes.c_ulong),
        ("count", ctypes.c_int),
        ("cluster", ctypes.c_uint * 3),
    ]


_POINTER, _LONGS = ctypes.c_void_p, ctypes.POINTER(ctypes.c_long)
_ELEMENTS = (_POINTER, _POINTER, ctypes.c_int, _LONGS, _LONGS, ctypes.c_long)
_FUNCTIONS = {  # name: (result, parameters); as in runtime/device_memory.h and runtime/launch.h
    "emu_alloc": (_POINTER, (ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_char_p)),
    "emu_free": (None, (_POINTER,)),
    "emu_use": (None, (_POINTER, _POINTER, _POINTER, ctypes.c_int, ctypes.c_char_p)),
    "emu_unuse": (None, (_POINTER,)),
    "emu_keep": (None, (_POINTER,)),
    "emu_restore": (None, (_POINTER,)),
    "emu_forget": (None, (_POINTER,)),
    "emu_mark_written": (None, _ELEMENTS),
    "emu_count_unwritten": (ctypes.c_long, _ELEMENTS),
    "emu_nerr": (ctypes.c_int, ()),
    "emu_err": (ctypes.c_char_p, (ctypes.c_int,)),
    "emu_counters": (ctypes.c_char_p, ()),
    "emu_add_module": (None, (_POINTER, _POINTER)),
    "emu_launch": (ctypes.c_int, (_POINTER, _POINTER, ctypes.POINTER(LaunchOptions))),
}


def runtime_sources():
    """The files of the runtime, in a fixed order."""
    return sorted(RUNTIME_FOLDER.iterdir())


@functools.cache
def runtime_path():
    """The path of the compiled runtime."""
    key = digest(compiler_version(), repr(_FLAGS), *(file.read_bytes() for file in runtime_sources()))
    return compile_library(f"runtime-{key}", RUNTIME_FOLDER / "runtime.cpp", _FLAGS)


@functools.cache
def runtime():
    """The loaded runtime. Global, because the translated kernels find its functions by name."""
    library = ctypes.CDLL(str(runtime_path()), mode=ctypes.RTLD_GLOBAL)
    for name, (result, parameters) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
    return library
