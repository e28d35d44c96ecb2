"""What a measurement was made with: device, driver, versions, commit."""

import datetime
import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("numpy", "ml_dtypes", "torch", "keras", "jax", "cupy-cuda12x", "cupy-cuda13x")


def threads():
    """CPU cores that this process may use; every candidate gets as many threads."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def versions():
    """{package: version} of what is installed, without importing it."""
    import gpulayers

    found = {"python": platform.python_version(), "gpulayers": gpulayers.__version__}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def commit():
    """The commit of the checkout, with "+changes" where files differ from it; "unknown" without git."""

    def git(*arguments):
        return subprocess.run(
            ("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "gpulayers", "cuda", "bench")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cpu_name():
    """The processor's own name for itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _gpu(device):
    from gpulayers.jit.installation import installation

    properties = device.array_module.cuda.runtime.getDeviceProperties(device.index)
    found = installation()
    return {
        "device": properties["name"].decode(),
        "architecture": device.architecture,
        "multiprocessors": device.multiprocessors,
        "memory_gib": round(properties["totalGlobalMem"] / 2**30, 1),
        "driver_cuda": ".".join(map(str, found.driver or ())),
        "driver": _driver(),
        "nvrtc": ".".join(map(str, found.nvrtc or ())),
    }


def _driver():
    """The driver's own version, which only NVIDIA's tool tells."""
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    try:
        return (
            subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.split("\n")[0].strip()
            or None
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


@functools.cache
def environment(device):
    """The fields that every line of a results file carries."""
    fields = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
    }
    if device.name == "cpu":
        fields |= {"device": cpu_name(), "threads": threads()}
    else:
        fields |= _gpu(device)
    return fields | {"platform": platform.platform(), "versions": versions()}
