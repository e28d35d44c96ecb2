"""What is measured: rows of real shapes, each as the same Problem type that the operations use.

A module of this package is a family. It has
    rows(device_name): its Workloads, most important first;
    operands(workload, device, seed): random arrays on the device, {name: array};
    ours(workload, operands): a callable that runs the public operations and returns {name: array};
    operations(workload): the names of the operations that the row runs;
    work(workload): (floating-point operations, least bytes moved);
    check(workload, operands, outputs, device): raises AssertionError where an output is wrong; the outputs
        are compared with float64 sums taken straight from the formula, at some positions or all, never with a
        reference implementation of this library.
"""

import contextlib
import dataclasses
import functools
import importlib

import numpy as np

FAMILIES = ("convolution", "pooling", "embedding", "recurrent", "recurrent_variants")
FAMILIES += ("transposed", "dense", "models")
FORWARD, BOTH = "forward", "forward+backward"
PRECISIONS = {  # name: dtype of the arrays
    "float32": "float32",
    "tf32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
}


@dataclasses.dataclass(frozen=True)
class Workload:
    """One row.

    Attributes:
        family: the module.
        name: of the shape, unique in the family.
        source: the network or benchmark that it comes from.
        problem: of the operation, at the batch size measured.
        variant: what the problem does not say ("max", "zipf"); the family knows its meaning.
        direction: "forward", "forward+backward", or a family's own.
        precision: a key of PRECISIONS.
        importance: 0 for what a short run must not miss, then 1, 2.
    """

    family: str
    name: str
    source: str
    problem: object
    variant: str = ""
    direction: str = FORWARD
    precision: str = "float32"
    importance: int = 1

    @property
    def key(self):
        """Names the row in results, for as long as shape and meaning stay the same."""
        return "/".join((self.family, self.name, self.direction, self.precision))

    @property
    def module(self):
        return family(self.family)


@functools.cache
def family(name):
    """The module of a family."""
    return importlib.import_module(f"{__name__}.{name}")


def dtype_of(precision):
    """The NumPy dtype of a precision's arrays."""
    from gpulayers.ops import arrays

    return {str(dtype): dtype for dtype in arrays.FLOAT_DTYPES}[PRECISIONS[precision]]


@contextlib.contextmanager
def float32_precision_of(workload):
    """Sets this library's float32 precision as the row wants it."""
    import gpulayers

    before = gpulayers.float32_precision()
    gpulayers.set_float32_precision("tf32" if workload.precision == "tf32" else "ieee")
    try:
        yield
    finally:
        gpulayers.set_float32_precision(before)


def all_rows(device_name, only=(), quick=False):
    """The Workloads for a device, the important ones first and the families in turn.

    Args:
        device_name: "cpu" or "gpu".
        only: words; a row is kept when each of them is part of its key.
        quick: only rows of importance 0.
    """
    lists = [family(name).rows(device_name) for name in FAMILIES]
    placed = [(row.importance, place, row) for rows in lists for place, row in enumerate(rows)]
    ordered = [row for _, _, row in sorted(placed, key=lambda entry: entry[:2])]
    keys = [row.key for row in ordered]
    assert len(set(keys)) == len(keys), (
        f"two rows have the same key: {sorted(k for k in keys if keys.count(k) > 1)}"
    )
    return [
        row for row in ordered if all(word in row.key for word in only) and not (quick and row.importance)
    ]


def uniform(device, generator, shape, dtype, scale=1.0):
    """Random numbers in [-scale, scale): zeros and constants run faster than data, on GPUs at least."""
    numbers = generator.random(shape, dtype=np.float32)
    numbers -= np.float32(0.5)
    numbers *= np.float32(2 * scale)
    return numbers.astype(dtype, copy=False)


def to_float64(device, array):
    """A part of an output or operand as float64 NumPy."""
    return np.asarray(device.to_numpy(array), np.float64)


def assert_near(actual, expected, precision, terms, magnitude, what, roundings=1):
    """Compares with the tolerance table of the tests; tf32 operands have 10 bits of mantissa.

    Args:
        actual: NumPy, in the arrays' dtype; expected: float64 NumPy.
        terms: how many products each element adds up; magnitude: bound on the sum of their absolute values.
        roundings: to the arrays' dtype, on the way to the result.
    """
    from tests import tolerances

    bound = tolerances.allowed_error(expected, actual.dtype, terms, magnitude, roundings)
    if precision == "tf32":
        bound = bound + 2.0**-9 * np.maximum(np.abs(magnitude), np.abs(expected))
    error = np.abs(np.asarray(actual, np.float64) - expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    wrong = ~(error <= bound)  # NaN is wrong
    if wrong.any():
        at = int(np.argmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1)))
        allowed = np.broadcast_to(bound, error.shape).flat[at]
        raise AssertionError(
            f"{what}: {wrong.sum()} of {wrong.size} values are off, "
            f"at worst {actual.flat[at]} where {expected.flat[at]:.8g} is right within {allowed:.2g}"
        )
