"""What the library is compared with: PyTorch, Keras, CuPy expressions; each only where it can be imported.

A baseline is a module with
    unavailable(device): why it cannot run here, or None;
    candidates(workload, operands, device): {name: Candidate}, none for what it has no function for;
    precision(workload): a context manager that sets the framework's float32 precision for the row;
    free_memory(): gives the memory that it keeps back.
"""

import contextlib
import dataclasses
import importlib
from typing import Callable

MODULES = ("with_torch", "with_keras", "with_cupy")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One way to compute a row.

    Attributes:
        run: without arguments; what is timed.
        outputs: turns what `run` returned into {name: array on the device}, in this library's layouts.
        waits: whether `run` returns only when its work is done, on streams of the framework's own.
    """

    run: Callable
    outputs: Callable = lambda result: result
    waits: bool = False


def _modules():
    return [importlib.import_module(f"{__name__}.{name}") for name in MODULES]


def unavailable(device):
    """{baseline: reason} of those that cannot run here."""
    found = {module.__name__.rpartition("_")[2]: module.unavailable(device) for module in _modules()}
    return {name: reason for name, reason in found.items() if reason}


def candidates(workload, operands, device, compiled=False):
    """{name: Candidate} of every baseline that runs here and has the row's function.

    Args:
        compiled: also those that a framework compiles first, which takes seconds a row.
    """
    found = {}
    for module in _modules():
        if module.unavailable(device) is None:
            found |= module.candidates(workload, operands, device)
            if compiled:
                found |= module.compiled_candidates(workload, operands, device)
    return found


@contextlib.contextmanager
def precision(workload, device):
    """Sets every framework's float32 precision as the row wants it, for the time of a with block."""
    with contextlib.ExitStack() as stack:
        for module in _modules():
            if module.unavailable(device) is None:
                stack.enter_context(module.precision(workload))
        yield


def free_memory(device):
    """Frees what the frameworks keep for later."""
    for module in _modules():
        if module.unavailable(device) is None:
            module.free_memory()
