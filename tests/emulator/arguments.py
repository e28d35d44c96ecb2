"""The arguments of a launch: checked against the kernel's signature, and in the form that kernels take."""

import ctypes
import itertools

import numpy as np

from .arrays import EmulatedArray
from .errors import EmulatorError
from .memory import allocation_of, mark_written
from .reports import Finding
from .runtime_library import runtime
from .tensor_maps import TensorMap


def describe(value):
    if isinstance(value, TensorMap):
        return "tensor map of " + describe(value.array)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return f"{type(value).__name__} {value!r}"


def check_argument(kernel, index, value, parameter, device):
    """Raises EmulatorError if the kernel's parameter cannot take the value."""

    def wrong(expected):
        return EmulatorError(
            f"argument: {kernel} takes {expected} as argument {index}, '{parameter}'. "
            f"Received: {describe(value)}"
        )

    if (
        isinstance(value, EmulatedArray)
        and value.ndim == 0
        and not parameter.pointer
        and allocation_of(value) is None
    ):
        value = value.view(np.ndarray)
    if isinstance(value, EmulatedArray):
        if parameter.pointer is False or parameter.size != 8:
            raise wrong(f"{parameter.size} bytes by value")
        if allocation_of(value) is None or value.device is not device:
            raise wrong(f"an array of {device!r}")
        if parameter.dtype is not None and value.dtype != parameter.dtype:
            raise wrong(f"an array of {parameter.dtype}")
    elif isinstance(value, TensorMap):
        if parameter.pointer or parameter.size != len(value):
            raise wrong(f"{parameter.size} bytes")
    elif value is None:
        if parameter.pointer is False or parameter.size != 8:
            raise wrong(f"{parameter.size} bytes by value")
    elif parameter.pointer:
        raise wrong("a device array or None")
    elif isinstance(value, np.ndarray) and value.ndim:
        raise wrong("a device array or a scalar")
    else:
        # What CuPy would push: a Python number takes 8 bytes.
        given = np.asarray(value).dtype
        if parameter.dtype is not None and given != parameter.dtype:
            raise wrong(f"a {parameter.dtype}")
        if given.itemsize != parameter.size:
            raise wrong(f"{parameter.size} bytes")


def _overlap(a, b):
    try:
        return np.shares_memory(a.view(np.ndarray), b.view(np.ndarray), max_work=100000)
    except np.exceptions.TooHardError:
        return False


def check_aliases(kernel, parameters, arguments):
    """Raises EmulatorError if arrays overlap of which the kernel may write one and one is __restrict__."""
    arrays = [
        (index, parameter, value)
        for index, (parameter, value) in enumerate(zip(parameters, arguments))
        if isinstance(value, EmulatedArray) and value.size
    ]
    for (i, p, a), (j, q, b) in itertools.combinations(arrays, 2):
        if (p.restrict or q.restrict) and not (p.const and q.const) and _overlap(a, b):
            raise EmulatorError(
                f"alias: {kernel}: arguments {i} and {j}, '{p}' and '{q}', overlap in memory, "
                "which __restrict__ excludes"
            )


class PackedArguments:
    """The arguments of a launch in the form in which kernels receive them: a list of addresses of values."""

    def __init__(self, parameters, values):
        self._alive = []
        self.pointers = []  # of each argument's allocation, or None
        self.arrays = [value.array if isinstance(value, TensorMap) else value for value in values]
        self.written = []  # indices of the arrays that the kernel may write
        self.addresses = (ctypes.c_void_p * max(len(values), 1))()
        for index, (parameter, value, array) in enumerate(zip(parameters, values, self.arrays)):
            allocation = allocation_of(array) if isinstance(array, EmulatedArray) else None
            self.pointers.append(allocation.pointer if allocation else None)
            if allocation:
                name = f"'{parameter.name}' (argument {index}, {describe(array)})"
                first, last = np.lib.array_utils.byte_bounds(array.view(np.ndarray))
                runtime().emu_use(allocation.pointer, first, last, int(parameter.const), name.encode())
                if not parameter.const:
                    self.written.append(index)
            self.addresses[index] = self._address(value)
        self.reached = [part for array in self.arrays for part in getattr(array, "reached", ()) if part.size]
        for index, array in enumerate(self.reached):
            first, last = np.lib.array_utils.byte_bounds(array.view(np.ndarray))
            name = f"array {index} reached through a table ({describe(array)})"
            runtime().emu_use(allocation_of(array).pointer, first, last, 0, name.encode())

    def _address(self, value):
        if value is None:
            raw = bytes(8)
        elif isinstance(value, EmulatedArray):
            raw = value.__array_interface__["data"][0].to_bytes(8, "little")
        elif isinstance(value, TensorMap):
            raw = bytes(value)
        else:
            raw = np.asarray(value).tobytes()
        store = (ctypes.c_char * (len(raw) + 64))()
        address = -(-ctypes.addressof(store) // 64) * 64  # tensor maps lie on 64 bytes
        ctypes.memmove(address, raw, len(raw))
        self._alive.append(store)
        return address

    def mark_written(self):
        """For launches without the checker, which alone knows what was written."""
        for index in self.written:
            mark_written(self.arrays[index])
        for array in self.reached:
            mark_written(array)

    def keep(self):
        """Remembers the memory that the kernel may write, for `restore`."""
        for pointer in self._writable():
            runtime().emu_keep(pointer)

    def restore(self):
        for pointer in self._writable():
            runtime().emu_restore(pointer)

    def contents(self):
        """A copy of each array that the kernel may write."""
        return [self.arrays[index].view(np.ndarray).copy() for index in self.written]

    def differences(self, parameters, first, second, orders):
        """A finding for each array whose bytes differ."""
        findings = []
        for index, before, after in zip(self.written, first, second):
            a, b = (
                np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(x.size, x.itemsize)
                for x in (before, after)
            )
            places = np.nonzero((a != b).any(1))[0]
            if len(places):
                array = describe(self.arrays[index])
                text = f"'{parameters[index].name}' (argument {index}, {array}) "
                text += f"differs in {len(places)} elements"
                text += f" between {orders} order, first at element {places[0]}: "
                text += f"{before.reshape(-1)[places[0]]} and {after.reshape(-1)[places[0]]}"
                findings.append(Finding("order", text))
        return findings

    def release(self):
        """The launch is over."""
        for pointer in [*filter(None, self.pointers), *self._reached()]:
            runtime().emu_unuse(pointer)
            runtime().emu_forget(pointer)

    def _writable(self):
        return {self.pointers[index] for index in self.written} | self._reached()

    def _reached(self):
        """The allocations that are not arguments, and that the kernel finds through a table of addresses."""
        return {allocation_of(array).pointer for array in self.reached}
