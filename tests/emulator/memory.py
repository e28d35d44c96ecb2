"""Guarded memory: pieces that lie between guard pages, and which of their elements were written."""

import ctypes

import numpy as np

from .errors import EmulatorError
from .runtime_library import runtime


class Allocation:
    """A piece of device memory. It is the base of the arrays in it and is freed after the last of them."""

    def __init__(self, device, size, itemsize, initialised):
        self.device, self.size = device, size
        log2_cell = {1: 0, 2: 1}.get(itemsize, 2)  # the checker's granularity: 1, 2 or 4 bytes
        self.pointer = runtime().emu_alloc(max(size, 1), log2_cell, int(initialised), b"array")
        if not self.pointer:
            raise MemoryError(f"The emulator has no room for {size} bytes")
        self._free = runtime().emu_free
        self.__array_interface__ = {
            "data": (self.pointer, False),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }

    def __del__(self):
        if getattr(self, "pointer", None):
            self._free(self.pointer)


def allocation_of(array):
    """The Allocation that the array lies in, or None for ordinary memory."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, Allocation) else None


def _elements(array):
    """Arguments that describe an array's elements to the runtime."""
    longs = ctypes.c_long * max(array.ndim, 1)
    address = array.__array_interface__["data"][0]
    return (
        allocation_of(array).pointer,
        address,
        array.ndim,
        longs(*array.shape),
        longs(*array.strides),
        array.itemsize,
    )


def mark_written(array):
    """Tells the checker that the array's elements have values."""
    if array.size:
        runtime().emu_mark_written(*_elements(array))


def mark_written_where(array, index):
    """Tells the checker that `array[index]` has values."""
    selected = array.view(np.ndarray)[index]
    if isinstance(selected, np.ndarray) and allocation_of(selected):  # a view
        mark_written(selected)
        return
    chosen = np.zeros(array.shape, bool)
    chosen[index] = True
    for position in zip(*np.nonzero(chosen)):
        mark_written(array.view(np.ndarray)[tuple(slice(i, i + 1) for i in position)])


def unwritten(array):
    """How many elements nobody has written."""
    return runtime().emu_count_unwritten(*_elements(array)) if array.size else 0


def require_written(array, reader):
    """Raises EmulatorError if the array holds elements that nobody has written."""
    left = unwritten(array)
    if left:
        raise EmulatorError(
            f"unwritten: {reader} reads {left} of {array.size} elements "
            f"of a {array.dtype}{list(array.shape)} array that no kernel has written"
        )
