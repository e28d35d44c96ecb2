"""Work element by element on large arrays: in blocks that stay in the cache, on several threads."""

import numpy as np

from . import arrays, threads

_ZEROS = {np.dtype(name): np.zeros(1 << 15, name) for name in (np.float32, np.float64)}
_NUMBER_BELOW = 1 << 12  # elements up to which NumPy compares with a number as fast as with an array


def divides(*operands):
    """Whether `run` gains something: arrays of one shape that are contiguous and larger than a block."""
    block = arrays.device_of(operands[0]).block_elements
    if block is None or operands[0].size <= block:
        return False
    shape = operands[0].shape
    return all(array.shape == shape and array.flags.c_contiguous for array in operands)


def run(function, *operands):
    """Calls `function(*parts)`, which writes into some of them, on parts of operands that `divides` accepts."""
    block, size = arrays.device_of(operands[0]).block_elements, operands[0].size
    flat = [array.reshape(-1) for array in operands]
    parts = [[array[start : start + block] for array in flat] for start in range(0, size, block)]
    threads.run(lambda part: function(*part), parts, threads=1 if size < 4 * block else None)


def at_least_zero(xp, x, out):
    """The larger one of x and 0, into `out` if given: NumPy compares with an array in half the time."""
    zeros = _ZEROS.get(x.dtype)
    by_number = x.size < _NUMBER_BELOW or zeros is None or arrays.device_of(x).block_elements is None
    if by_number or not (x.flags.c_contiguous and (out is None or out.flags.c_contiguous)):
        return xp.maximum(x, 0, out=out)
    out = xp.empty(x.shape, x.dtype) if out is None else out
    flat, target = x.reshape(-1), out.reshape(-1)
    for start in range(0, x.size, len(zeros)):
        part = flat[start : start + len(zeros)]
        xp.maximum(part, zeros[: len(part)], out=target[start : start + len(part)])
    return out
