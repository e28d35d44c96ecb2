"""From a .cu file to a loaded library: NVRTC's PTX, translated to C++, compiled by the host's compiler."""

import ctypes
import dataclasses
import functools
import math
import re
from pathlib import Path

from gpulayers import jit

from . import signatures
from .host_compiler import compile_library, compiler_version, digest, precompile_header
from .runtime_library import RUNTIME_FOLDER, runtime
from .translation import translate

_FLAGS = (
    "-std=c++17",
    "-O1",
    "-g1",
    "-fPIC",
    "-fno-strict-aliasing",
    "-ffp-contract=off",
    "-fvisibility=hidden",
)
_HERE = Path(__file__).parent
_HEADER = RUNTIME_FOLDER / "ptx_instructions.h"


def _flags(check):
    return (*_FLAGS, "-DEMULATOR_CHECK") if check else _FLAGS


@functools.cache
def _header_digest(check):
    """Changes with the headers that translated code includes, directly or not, and with the compiler."""
    headers = [_HEADER, *jit.sources.included_files(_HEADER, RUNTIME_FOLDER)]
    return digest(compiler_version(), repr(_flags(check)), *(header.read_bytes() for header in headers))


@functools.cache
def _translator_digest():
    """Changes with the translator."""
    files = [_HERE / "translation.py", _HERE / "ptx.py", *sorted((_HERE / "instructions").glob("*.py"))]
    return digest(*(file.read_bytes() for file in files))


@functools.cache
def _precompiled_header(check):
    """The folder of the precompiled ptx_instructions.h. It saves 20 to 50 % of a kernel's compilation."""
    name = f"headers-{_header_digest(check)}/{_HEADER.name}"
    return precompile_header(name, _HEADER, _flags(check)).parent


@dataclasses.dataclass(frozen=True)
class Entry:
    """A kernel in a loaded library.

    Attributes:
        address: of its function.
        parameters: signatures.Parameters.
        max_threads: of a block, by __launch_bounds__; None without them.
        cluster: blocks of a cluster along x, y, z, by __cluster_dims__; None without them.
        machine_shared_bytes: static shared memory on a GPU.
        static_shared_bytes: the same with the emulator's red zones.
        shared_layout: address of the table of its shared arrays.
    """

    address: int
    parameters: list
    max_threads: int
    cluster: tuple
    machine_shared_bytes: int
    static_shared_bytes: int
    shared_layout: int


class KernelLibrary:
    """Instances of the kernels of one .cu file, ready to run on the CPU.

    Args:
        file: relative to the kernels' folder, or absolute.
        expressions: the instances: "copy", "transpose<33>".
        architecture: "sm_80", "sm_90a", ...
        check: with the memory checker; without it there are no findings and no counters, only speed.
    """

    def __init__(self, file, expressions, architecture, check=True):
        self.file, self.architecture, self.check = str(file), architecture, check
        compiled = jit.compile(file, tuple(expressions), architecture, output="ptx")
        ptx = compiled.binary.decode().rstrip("\0")
        self.lowered = {expression: compiled.lowered[expression] for expression in expressions}
        wanted = sorted(self.lowered.values())
        key = digest(_translator_digest(), _header_digest(check), ptx, repr(wanted))
        runtime()  # its functions are found by name when the library is loaded
        # PTX initialises unsigned variables with negative numbers.
        flags = ("-Wno-narrowing", f"-I{_precompiled_header(check)}", *_flags(check))
        stem = re.sub(r"\W", "_", Path(file).stem)
        self.path = compile_library(f"{stem}-{key}", lambda: translate(ptx, set(wanted)), flags)
        self._library = ctypes.CDLL(str(self.path))
        self._register_variables()

    def _register_variables(self):
        """Tells the checker where the __constant__ and __device__ variables lie."""
        with open("/proc/self/maps") as maps:
            for line in maps:
                if str(self.path) in line:
                    low, high = (int(word, 16) for word in line.split()[0].split("-"))
                    runtime().emu_add_module(low, high)

    @functools.cached_property
    def source(self):
        """Text of the .cu file and of what it includes with quotes."""
        path = jit.kernels_folder() / self.file
        files = [path, *jit.sources.included_files(path, jit.kernels_folder())]
        return "\n".join(file.read_text() for file in files)

    def entry(self, expression):
        """The Entry of an instance."""
        symbol = re.sub(r"\W", "_", self.lowered[expression])
        information = getattr(self._library, f"emu_info_{symbol}")
        information.restype = ctypes.c_char_p
        sizes, bounds, cluster, machine_bytes, static_bytes = information().decode().split(";")
        return Entry(
            address=ctypes.cast(getattr(self._library, f"emu_thunk_{symbol}"), ctypes.c_void_p).value,
            parameters=signatures.parameters(
                self.source, expression, [int(size) for size in sizes.split(",") if size]
            ),
            max_threads=math.prod(int(bound) for bound in bounds.split(",")) if bounds else None,
            cluster=tuple(int(size) for size in cluster.split(",")) if cluster else None,
            machine_shared_bytes=int(machine_bytes),
            static_shared_bytes=int(static_bytes),
            shared_layout=ctypes.addressof(
                ctypes.c_char.in_dll(self._library, f"emu_shared_layout_{symbol}")
            ),
        )


_libraries = {}  # (file, expression, architecture, check): KernelLibrary


def load(file, expressions, architecture, check=True):
    """Compiles instances together, which costs less than one by one; they are kept for the process."""
    missing = [
        expression
        for expression in expressions
        if (str(file), expression, architecture, check) not in _libraries
    ]
    if missing:
        library = KernelLibrary(file, missing, architecture, check)
        _libraries.update({(str(file), expression, architecture, check): library for expression in missing})
    return [_libraries[str(file), expression, architecture, check] for expression in expressions]
