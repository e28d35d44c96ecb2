"""The host's C++ compiler, and the folder where its products are kept.

A library is put in place whole, under a name that holds a digest of everything it was made of: test processes
may share the folder, and a folder may be kept for ever.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import EmulatorError

_LOCKS = 64
COMPILER = os.environ.get("CXX", "g++")


@functools.cache
def compiler_problem():
    """Why nothing can be compiled here, in plain words, or None."""
    for tool in (COMPILER, "addr2line"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return None


@functools.cache
def compiler_version():
    """The first line that the compiler says of itself."""
    return subprocess.run(
        [COMPILER, "--version"], capture_output=True, text=True, check=True
    ).stdout.partition("\n")[0]


@functools.cache
def cache_folder():
    """$GPULAYERS_EMULATOR_CACHE, else `gpulayers/emulator` in the user's cache folder (created if needed)."""
    named = os.environ.get("GPULAYERS_EMULATOR_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "gpulayers" / "emulator"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"gpulayers-emulator-{os.getuid()}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(*parts):
    """A name for the strings and bytes, as long as needed to be unique."""
    state = hashlib.sha256()
    for part in parts:
        state.update((part.encode() if isinstance(part, str) else part) + b"\0")
    return state.hexdigest()[:24]


@contextlib.contextmanager
def _lock(name):
    """Keeps other processes from making the same file. Names share a few locks, to keep the folder tidy."""
    number = int(hashlib.sha256(name.encode()).hexdigest(), 16) % _LOCKS
    with open(cache_folder() / f"lock-{number}", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(name, suffix, make):
    """The path of a file in the cache; `make(partial path)` makes it where it is absent."""
    path = cache_folder() / f"{name}{suffix}"
    if path.exists():
        return path
    with _lock(name):
        if path.exists():  # another process has made it meanwhile
            return path
        path.parent.mkdir(exist_ok=True)
        handle, partial = tempfile.mkstemp(suffix=".part", dir=cache_folder())
        os.close(handle)
        try:
            make(partial)
            os.replace(partial, path)  # atomic: another process sees the whole file or none
        finally:
            Path(partial).unlink(missing_ok=True)
    return path


def _run(command):
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode:
        raise EmulatorError(f"{' '.join(command)} failed:\n{process.stderr[:8000]}")


def compile_library(name, source, flags):
    """The path of the shared library made of a C++ file, or of the C++ text that a function returns."""

    def make(partial):
        with tempfile.TemporaryDirectory() as folder:
            file = source
            if not isinstance(source, Path):
                file = Path(folder) / "kernel.cpp"
                file.write_text(source())
            _run([COMPILER, "-shared", "-fPIC", *flags, str(file), "-o", partial])

    return build(name, ".so", make)


def precompile_header(name, header, flags):
    """The path of a C++ header's precompiled form, which g++ prefers where its folder comes first."""
    return build(
        name, ".gch", lambda partial: _run([COMPILER, "-x", "c++-header", *flags, str(header), "-o", partial])
    )
