"""The compiled kernels on disk: one file an entry, put in place whole, so that processes may share the folder."""

import contextlib
import itertools
import json
import os
import tempfile
from pathlib import Path

_HEADER_BYTES = 8  # length of the JSON that precedes the binary
_MOST_BYTES = 1 << 30  # the folder's size; beyond it the entries read longest ago go
_CHECK_EVERY = 64  # writes of a process between two looks at the size
_writes = itertools.count()


def cache_folder():
    """$GPULAYERS_CACHE, else `gpulayers/kernels` in the user's cache folder (created if needed)."""
    named = os.environ.get("GPULAYERS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "gpulayers" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"gpulayers-kernels-{os.getuid() if hasattr(os, 'getuid') else 0}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def read(key):
    """The (description, binary) that was stored under the key, or None; a damaged entry counts as absent."""
    path = cache_folder() / f"{key}.bin"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    with contextlib.suppress(OSError):  # a folder that only others may write serves too
        os.utime(path)
    end = _HEADER_BYTES + int.from_bytes(data[:_HEADER_BYTES], "little")
    try:
        description = json.loads(data[_HEADER_BYTES:end])
    except ValueError:
        return None
    binary = data[end:]
    return (description, binary) if len(binary) == description.get("size") else None


def write(key, description, binary):
    """Stores an entry. The rename is atomic: a reader sees the whole entry or none."""
    header = json.dumps({**description, "size": len(binary)}).encode()
    folder = cache_folder()
    handle, partial = tempfile.mkstemp(suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(len(header).to_bytes(_HEADER_BYTES, "little") + header + binary)
        os.replace(partial, folder / f"{key}.bin")
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    if next(_writes) % _CHECK_EVERY == 0:
        _trim(folder)


def _trim(folder):
    """Removes the entries read longest ago until the folder is a quarter below its limit. Other processes may do so too."""
    entries = []
    for path in folder.glob("*.bin"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        entries.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    if total <= _MOST_BYTES:
        return
    for _, size, path in sorted(entries, key=lambda entry: entry[0]):
        path.unlink(missing_ok=True)
        total -= size
        if total <= _MOST_BYTES * 3 // 4:
            break
