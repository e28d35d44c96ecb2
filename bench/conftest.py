"""Options of `python -m pytest bench`."""

import pytest

from gpulayers.ops import arrays


def pytest_addoption(parser):
    group = parser.getgroup("workloads")
    group.addoption(
        "--device", choices=("cpu", "gpu"), default=None, help="default: the GPU where there is one"
    )
    group.addoption(
        "--only", nargs="*", default=[], metavar="WORD", help="rows whose key contains every word"
    )
    group.addoption("--all-rows", action="store_true", help="not only the most important rows")


def chosen_device(config):
    name = config.getoption("--device") or ("cpu" if arrays.gpu_problem() else "gpu")
    if name == "gpu" and arrays.gpu_problem():
        raise pytest.UsageError(f"--device gpu: {arrays.gpu_problem()}")
    return arrays.CPU if name == "cpu" else arrays.cuda_device()
