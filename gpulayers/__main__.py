"""The command: gpulayers info | demo NAME | kernels."""

import argparse
import importlib
import importlib.metadata
import os
import platform
import sys

# Before NumPy: the demos' matrices are small, so that more threads of BLAS would mostly wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from . import __version__, jit
from .demos import DEMOS
from .tables import error_console, print_table

_OPTIONAL = {"h5py": 'only for Keras\'s files: pip install "gpulayers[keras]"'}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return f"not installed ({_OPTIONAL[package]})" if package in _OPTIONAL else "not installed"


def _dotted(version, absent):
    return ".".join(map(str, version)) if version else absent


def _size(count):
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _default_device():
    """(the device, None), or (None, why there is none)."""
    from .ops import arrays

    try:
        return arrays.default_device(), None
    except (RuntimeError, ValueError) as error:
        return None, str(error)


def info(arguments):
    """Versions, devices, the kernel cache, and what is missing for the GPU."""
    from .jit.installation import installation

    found = installation()
    cupy = ", ".join(f"{version} ({name})" for name, version in found.cupy_packages)
    rows = [("gpulayers", __version__), ("Python", f"{platform.python_version()}, {platform.platform()}")]
    rows += [(name, _version(name)) for name in ("numpy", "ml_dtypes", "rich", "h5py")]
    rows += [
        ("CuPy", cupy or "not installed"),
        ("CUDA of CuPy", _dotted(found.runtime, "none")),
        ("CUDA of the driver", _dotted(found.driver, "no driver")),
        ("NVRTC", _dotted(found.nvrtc, "not found")),
    ]
    print_table("Versions", (), rows)
    print_table("Devices", (), [(text,) for text in ("cpu", *found.devices)])
    device, problem = _default_device()
    print_table("In use", (), [("default device", device or problem), ("kernels", jit.kernels_folder())])
    folder = jit.cache_folder()
    entries = list(folder.glob("*.bin"))
    size = sum(entry.stat().st_size for entry in entries)
    print_table("Kernel cache", (), [("folder", folder), ("entries", len(entries)), ("size", _size(size))])
    missing = found.missing()
    if missing:
        print_table("Missing for the GPU (the CPU works without)", ("what", "what to do"), missing)
    else:
        print("Nothing is missing for the GPU.")
    return 1 if problem else 0


def kernels(arguments):
    """Every kernel, compiled without a GPU: registers, spills, shared memory, occupancy."""
    import numpy as np
    from rich.progress import track

    from . import kernel_table

    architecture = arguments.architecture
    if architecture is None:
        device, _ = _default_device()
        architecture = getattr(device, "architecture", "sm_90")

    def progress(files):
        return track(files, "Compiling", console=error_console(), transient=True)

    try:
        table = list(kernel_table.rows(architecture, (np.dtype(arguments.dtype),), progress))
    except (ValueError, jit.CompilationError) as error:
        print(error, file=sys.stderr)
        return 1
    rows = [
        (
            row.short_name,
            row.threads,
            row.resources.registers,
            row.resources.spills,
            row.shared_memory,
            f"{row.occupancy:.0%}",
        )
        for row in table
    ]
    headings = ("kernel", "threads", "registers", "spilled bytes", "shared bytes", "occupancy")
    print_table(f"Kernels of {jit.kernels_folder()} for {architecture}, {arguments.dtype}", headings, rows)
    return 0


def demo(arguments):
    """Runs a demo; lists them when no name is given."""
    if arguments.name is None:
        print_table("Demos: python -m gpulayers demo NAME", (), list(DEMOS.items()))
        return 0
    if arguments.name not in DEMOS:
        print(f"There is no demo {arguments.name!r}. The demos are: {', '.join(DEMOS)}.", file=sys.stderr)
        return 2
    _, problem = _default_device()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    return importlib.import_module(f".demos.{arguments.name}", __package__).main(arguments.options) or 0


def _parser():
    parser = argparse.ArgumentParser(prog="gpulayers", description="Neural-network layers for CuPy arrays.")
    parser.add_argument("--version", action="version", version=f"gpulayers {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="info | demo | kernels")
    for function in (info, demo, kernels):
        command = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
        command.set_defaults(function=function)
        if function is kernels:
            command.add_argument(
                "--architecture", help="sm_80, sm_90, ...; default: that of the GPU, else sm_90"
            )
            command.add_argument(
                "--dtype", default="float32", choices=["float32", "float16", "bfloat16", "float64"]
            )
        if function is demo:
            command.add_argument("name", nargs="?", help=", ".join(DEMOS))
            command.add_argument("options", nargs=argparse.REMAINDER, help="see demo NAME --help")
    return parser


def main(arguments=None):
    """Runs the command; returns its exit code."""
    arguments = _parser().parse_args(arguments)
    return arguments.function(arguments)


if __name__ == "__main__":
    sys.exit(main())
