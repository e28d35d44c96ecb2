"""Memory for intermediate values that each thread keeps from call to call.

Freed arrays go back to the system, and each new one is handed out and cleared page by page: that takes longer than the
arithmetic on arrays of some hundred kilobytes. Arrays made here lie in memory of their own thread, one behind the other,
and are given up together.
"""

import math
import threading

import numpy as np

KEPT_BYTES = 8 << 20  # at most, by each thread
_ALIGNMENT = 64
_SMALL = 1 << 15  # bytes: the C library keeps as much itself


class _Memory(threading.local):
    def __init__(self):
        self.bytes, self.used, self.wanted = np.empty(0, np.uint8), 0, 0


_memory = _Memory()


class frame:
    """`with frame():` gives up the arrays that `empty` made in its body, in this thread, when the body ends."""

    def __enter__(self):
        self.outer = _memory.used

    def __exit__(self, *exception):
        _memory.used = self.outer
        if _memory.wanted and self.outer == 0:
            size, _memory.wanted = min(_memory.wanted, KEPT_BYTES), 0
            if size > len(_memory.bytes):
                memory = np.empty(size + _ALIGNMENT, np.uint8)
                _memory.bytes = memory[-memory.ctypes.data % _ALIGNMENT :]


def empty(shape, dtype):
    """An array with unset elements that may be used until the frame ends: no result of a function may lie in it.

    Args:
        shape: a tuple.
        dtype: a numpy.dtype.
    """
    size = math.prod(shape) * dtype.itemsize
    if size < _SMALL:
        return np.empty(shape, dtype)
    start = _memory.used
    _memory.used = stop = start + -(-size // _ALIGNMENT) * _ALIGNMENT
    if stop > len(_memory.bytes):
        _memory.wanted = max(stop, _memory.wanted)
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, _memory.bytes, start)
