"""Operations and their implementations: the only place where device and algorithm are chosen."""

import dataclasses
import functools
import marshal
from typing import Callable

from . import arrays

OPERATIONS = {}  # name -> Operation
_REMEMBERED = 4096  # entries a memory keeps: problems of ever new shapes must not fill it


def problem_type(cls):
    """Makes a class a problem: a frozen dataclass that computes its hash once, since every call looks problems up."""
    cls = dataclasses.dataclass(frozen=True)(cls)
    hash_of = cls.__hash__

    def __hash__(self):
        known = self.__dict__.get("_hash")
        if known is None:
            known = hash_of(self)
            object.__setattr__(self, "_hash", known)
        return known

    cls.__hash__ = __hash__
    return cls


def remembered(resolve):
    """Keeps the results of a `resolve(cls, ...)` of shapes, dtypes and plain values: a repeated call costs a look-up."""
    results = {}

    @functools.wraps(resolve)
    def recall(cls, *arguments, **options):
        try:
            # The marshalled form, unlike equality, tells 1 from True and from 1.0; dtypes go in by number.
            key = cls, marshal.dumps(([getattr(value, "num", value) for value in arguments], options), 2)
        except ValueError:  # something else than numbers, strings and sequences of them
            return resolve(cls, *arguments, **options)
        result = results.get(key)
        if result is None:
            if len(results) >= _REMEMBERED:
                results.clear()
            result = results[key] = resolve(cls, *arguments, **options)
        return result

    return recall


@dataclasses.dataclass(frozen=True, eq=False)
class Implementation:
    """One way to compute an operation.

    Attributes:
        name: as listed by `explain`.
        runs: "numpy" or "cuda": the kind of device it runs on.
        run: called as `run(problem, device, *arrays)`.
        unsupported: `unsupported(problem, device)` returns a reason in words, or None.
        file: the kernel's file in cuda/, for those that have one.
    """

    name: str
    runs: str
    run: Callable
    unsupported: Callable = lambda problem, device: None
    file: str = None


def numpy_implementation(function):
    """Wraps a reference `f(problem, *arrays)`, which runs on the CPU and supports every problem."""

    @functools.wraps(function)
    def run(problem, device, *operands):
        return function(problem, *operands)

    return Implementation(f"reference.{function.__name__}", "numpy", run)


def cuda_implementation(file, unsupported=lambda problem, device: None):
    """Makes a launcher `f(problem, device, *arrays)` of a kernel file an Implementation."""

    def wrap(function):
        return Implementation(function.__name__, "cuda", function, unsupported, file)

    return wrap


class Operation:
    """A function with several implementations, best first and a general one last.

    Args:
        name: "convolution.forward".
        problem_type: the frozen dataclass that describes one call.
        implementations: in order of preference.
    """

    def __init__(self, name, problem_type, implementations):
        self.name, self.problem_type, self.implementations = name, problem_type, tuple(implementations)
        self._chosen = {}
        OPERATIONS[name] = self

    def reasons(self, problem, device):
        """Pairs (implementation, why it does not apply or None), in order."""
        for implementation in self.implementations:
            if implementation.runs != device.runs:
                yield implementation, f"runs on {implementation.runs}, the arrays are on {device!r}"
            else:
                yield implementation, implementation.unsupported(problem, device)

    def choose(self, problem, device):
        """The first implementation that takes the problem; remembered."""
        chosen = self._chosen.get((problem, device))
        if chosen is None:
            refusals = []
            for chosen, reason in self.reasons(problem, device):
                if reason is None:
                    break
                refusals.append(f"{chosen.name}: {reason}")
            else:
                raise ValueError(f"No implementation of {self.name} takes {problem}. " + "; ".join(refusals))
            if len(self._chosen) >= _REMEMBERED:
                self._chosen.clear()
            self._chosen[problem, device] = chosen
        return chosen

    def __call__(self, problem, device, *operands):
        return self.choose(problem, device).run(problem, device, *operands)

    def explain(self, problem, device=None):
        """Which implementation is chosen on the device (default: the default one) and why each earlier one is not."""
        device = arrays.default_device() if device is None else device
        if not isinstance(device, arrays.Device):
            raise TypeError(f"device must be a Device. Received: {device!r}")
        lines = [f"{self.name} on {device!r}:"]
        for implementation, reason in self.reasons(problem, device):
            where = f" ({implementation.file})" if implementation.file else ""
            lines.append(f"  {'-> ' if reason is None else '   '}{implementation.name}{where}: {reason or 'chosen'}")
            if reason is None:
                break
        return "\n".join(lines)


def explain(problem, device=None):
    """For every operation of the problem's kind: which implementation is chosen, and why no earlier one.

    Args:
        problem: a ConvolutionProblem, PoolingProblem, EmbeddingProblem or LSTMProblem.
        device: a Device; default: the default device.
    """
    found = [operation for operation in OPERATIONS.values() if operation.problem_type is type(problem)]
    if not found:
        raise TypeError(f"Expected a problem of one of the operations. Received: {type(problem).__name__}")
    return "\n".join(operation.explain(problem, device) for operation in found)
