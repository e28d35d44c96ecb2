"""Compilation with NVRTC, through CuPy's binding. It needs neither a GPU nor a driver."""

import dataclasses
import functools
import hashlib
import os
import re
from pathlib import Path

from . import cache
from .sources import kernels_folder, resolved_source

# Denormals are kept (no -ftz): the kernels give what IEEE arithmetic and the CPU give.
OPTIONS = ("-std=c++20", "-default-device")
LINE_INFORMATION = "-lineinfo"  # for profilers and findings; a third of the time of compilation


class CompilationError(RuntimeError):
    """A kernel does not compile. The text names the kernel and its file and holds the compiler's log."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled file: the binary (cubin, or PTX text), the mangled name of each expression, the log."""

    binary: bytes
    lowered: dict
    log: str


@functools.cache
def nvrtc_problem():
    """Why nothing can be compiled here, in plain words, or None."""
    try:
        from cupy_backends.cuda.libs import nvrtc

        nvrtc.getVersion()
    except ImportError as error:
        return f"CuPy is not installed or does not load ({error}): pip install 'gpulayers[cuda13]'"
    except RuntimeError as error:
        return f"NVRTC does not load ({error}): pip install nvidia-cuda-nvrtc"
    return None


def nvrtc_version():
    """(major, minor) of NVRTC."""
    from cupy_backends.cuda.libs import nvrtc

    return nvrtc.getVersion()


@functools.cache
def cuda_include_folders():
    """CUDA's own headers: from the nvidia-* wheels where installed, and from $CUDA_PATH."""
    folders = []
    try:
        import nvidia
    except ImportError:
        pass
    else:
        for base in map(Path, nvidia.__path__):
            folders += [base / name / "include" for name in ("cu13", "cu12", "cuda_runtime", "cuda_nvcc", "cuda_cccl")]
            folders += [base / name / "include" / "cccl" for name in ("cu13", "cu12")]
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        if os.environ.get(variable):
            folders.append(Path(os.environ[variable]) / "include")
    folders.append(Path("/usr/local/cuda/include"))
    return tuple(str(folder) for folder in folders if folder.is_dir())


@functools.cache
def supported_architectures():
    """The numbers of the architectures that this NVRTC knows, ascending: (75, 80, ...)."""
    from cupy_backends.cuda.libs import nvrtc

    return tuple(sorted(nvrtc.getSupportedArchs()))


def _target(architecture, output):
    """The --gpu-architecture option; a chip newer than the compiler gets PTX of the newest known one, which the
    driver translates."""
    number = int(re.sub(r"\D", "", architecture.split("_")[1]))
    known = supported_architectures()
    if number not in known:
        older = [candidate for candidate in known if candidate < number]
        if not older:
            raise CompilationError(f"NVRTC supports the architectures {known}. Received: {architecture!r}")
        return f"compute_{older[-1]}", "ptx"
    return ("sm_" if output == "cubin" else "compute_") + architecture.split("_")[1], output


def compile(file, expressions, architecture, output="cubin", options=(LINE_INFORMATION,)):
    """Compiles instances of a kernel file.

    Args:
        file: relative to the kernels' folder ("pooling/max_pool.cu"), or absolute.
        expressions: C++ name expressions of the instances ("f<float, 4>").
        architecture: "sm_80", "sm_90", "sm_90a", ...
        output: "cubin" (machine code) or "ptx".
        options: further options of NVRTC, in place of LINE_INFORMATION.

    Returns:
        A `Compiled`; from the disk cache when the same source, headers, options and compiler were seen before.

    Raises:
        CompilationError: with the kernel's file and the compiler's log.
    """
    if nvrtc_problem():
        raise CompilationError(f"{file} cannot be compiled: {nvrtc_problem()}")
    expressions = tuple(sorted(expressions))
    source = resolved_source(file)
    target, output = _target(architecture, output)
    options = (*OPTIONS, *options, f"--gpu-architecture={target}")
    key_parts = (source, repr(expressions), repr(options), output, repr(nvrtc_version()), repr(cuda_include_folders()))
    key = hashlib.sha256("\0".join(key_parts).encode()).hexdigest()[:40]
    entry = cache.read(key)
    if entry is None:
        compiled = _compile(file, source, expressions, options, output)
        description = {"file": str(file), "target": target, "lowered": compiled.lowered, "log": compiled.log}
        cache.write(key, description, compiled.binary)
        return compiled
    return Compiled(entry[1], entry[0]["lowered"], entry[0]["log"])


def _compile(file, source, expressions, options, output):
    from cupy_backends.cuda.libs import nvrtc

    folder = (kernels_folder() / file).parent
    includes = [f"-I{name}" for name in (folder, kernels_folder(), *cuda_include_folders())]
    program = nvrtc.createProgram(source, str(file), (), ())
    try:
        for expression in expressions:
            nvrtc.addNameExpression(program, expression)
        try:
            nvrtc.compileProgram(program, [*options, *includes])
        except nvrtc.NVRTCError as error:
            raise CompilationError(
                f"{file} does not compile ({error}).\nInstances: {', '.join(expressions)}\n"
                f"Options: {' '.join(options)}\n{nvrtc.getProgramLog(program)}"
            ) from None
        lowered = {expression: nvrtc.getLoweredName(program, expression) for expression in expressions}
        binary = nvrtc.getCUBIN(program) if output == "cubin" else nvrtc.getPTX(program)
        return Compiled(binary, lowered, nvrtc.getProgramLog(program))
    finally:
        nvrtc.destroyProgram(program)
