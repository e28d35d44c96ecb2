"""How the references run: NumPy's settings, parts side by side, other dtypes in between."""

import functools

import numpy as np

from .. import scratch, threads

# Of operands whose contiguous runs are shorter than this NumPy copies so many elements at a time, which pays for runs
# below some hundred elements and costs twice the time for longer ones. NumPy's default is 8192.
_BUFFERED_ELEMENTS = 1024

_FEW_PARTS = 4  # that one thread does sooner: another one starts late and may get the larger share

# Bytes that C's memcpy moves with vectors. Longer runs it gives to the processor's own instruction, which on
# AMD's takes up to 25 times as long where the two addresses lie badly within their pages (glibc's bug 30994).
_LONGEST_RUN = 2048


def numpy_settings(function):
    """Infinities and NaN are values like others, as on the GPU: no warnings; and buffers of a good size."""

    @functools.wraps(function)
    def run(*arguments):
        with np.errstate(over="ignore", invalid="ignore"):
            np.setbufsize(_BUFFERED_ELEMENTS)  # until the context ends, as the error state
            return function(*arguments)

    return run


def in_parts(compute, parts):
    """Calls `compute` for each part, several side by side; what one makes with `scratch.empty` ends with it."""

    def framed(part):
        with scratch.frame():
            compute(part)

    threads.run(framed, parts, threads=1 if len(parts) < _FEW_PARTS else None)


def in_dtype(array, dtype):
    """The array, or a copy of another dtype that ends with the part."""
    if array.dtype == dtype:
        return array
    wide = scratch.empty(array.shape, dtype)
    wide[...] = array
    return wide


def write(target, dtype, compute):
    """Lets `compute` write its results to the target, by way of an array of the dtype if that is another one."""
    if target.dtype == dtype:
        compute(target)
        return
    wide = scratch.empty(target.shape, dtype)
    compute(wide)
    target[...] = wide


def copy(source, target):
    """Copies an array of the same dtype, all neighbouring channels as one element: NumPy is slow on short runs."""
    run = target.shape[-1] * target.itemsize
    if run > _LONGEST_RUN:
        bits = np.dtype(f"i{target.itemsize}")
        np.bitwise_or(source.view(bits), 0, out=target.view(bits))
        return
    if target.shape[-1] > 1:
        source, target = (array.view(np.dtype((np.void, run))) for array in (source, target))
    target[...] = source
