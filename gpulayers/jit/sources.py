"""Where the kernels' sources lie, and a digest of everything that one of them includes."""

import functools
import hashlib
import re
from pathlib import Path

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


@functools.cache
def kernels_folder():
    """The folder of the kernel sources: inside an installed package, or beside it in a checkout.

    A neighbour named `cuda` counts only next to the project's own pyproject.toml: in site-packages it is NVIDIA's.
    """
    package = Path(__file__).resolve().parent.parent
    if (package / "cuda").is_dir():
        return package / "cuda"
    if (package.parent / "pyproject.toml").is_file() and (package.parent / "cuda").is_dir():
        return package.parent / "cuda"
    raise FileNotFoundError(
        f"The kernel sources are missing: expected {package / 'cuda'} (installed) or {package.parent / 'cuda'} "
        "(checkout). Reinstall gpulayers."
    )


def included_files(path, folder):
    """The files that `path` includes with quotes, directly or not, in order of first appearance.

    As for the compiler, a name is looked for beside the including file and then in the kernels' folder.
    """
    found = []

    def visit(file):
        for name in _INCLUDE.findall(file.read_text()):
            candidates = [(file.parent / name).resolve(), (folder / name).resolve()]
            included = next((candidate for candidate in candidates if candidate.is_file()), None)
            if included is None:
                raise FileNotFoundError(f'{file} includes "{name}", which is neither beside it nor in {folder}')
            if included not in found:
                found.append(included)
                visit(included)

    visit(Path(path))
    return found


@functools.cache
def resolved_source(file):
    """The text of a kernel file, headed by a digest of all it includes.

    A cache that keys on this text notices a change in any header.

    Args:
        file: path relative to the kernels' folder ("pooling/max_pool.cu"), or absolute.
    """
    folder = kernels_folder()
    path = folder / file
    if not path.is_file():
        raise FileNotFoundError(f"No kernel file of that name in {folder}. Received: {file!r}")
    digest = hashlib.sha256()
    for included in included_files(path, folder):
        digest.update(included.read_bytes() + b"\0")
    return f"// includes {digest.hexdigest()[:32]}\n#line 1 \"{file}\"\n{path.read_text()}"
