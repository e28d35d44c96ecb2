"""Arrays that live in the emulator's guarded memory, and NumPy on them.

An EmulatedArray behaves as a CuPy array does: functions of NumPy take it and return EmulatedArrays. A mixture
with plain NumPy arrays is a TypeError, and so is a function or an argument that CuPy does not have. Memory
that nobody has written is known as such: reading it, by a kernel or by NumPy, is a finding.
"""

import ctypes
import functools
import inspect

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


def allocate(device, shape, dtype, initialised):
    """A new EmulatedArray, every byte 0xff."""
    dtype = np.dtype(dtype)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    memory = np.asarray(Allocation(device, size, dtype.itemsize, initialised))
    array = memory.view(dtype).reshape(shape).view(EmulatedArray)
    array.device = device
    return array


def plain(value):
    """The value with EmulatedArrays replaced by NumPy arrays of the same memory."""
    if isinstance(value, EmulatedArray):
        return value.view(np.ndarray)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def on_device(value, device):
    """A result of NumPy as CuPy would give it: every array and number on the device; views stay views."""
    if isinstance(value, (list, tuple)):
        items = [on_device(item, device) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    if isinstance(value, np.ndarray) and allocation_of(value) is not None:
        result = value.view(EmulatedArray)
        result.device = device
        return result
    result = allocate(device, np.shape(value), value.dtype, initialised=True)
    result.view(np.ndarray)[...] = value
    return result


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


def _arrays_in(value):
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _arrays_in(item)
    elif isinstance(value, dict):
        yield from _arrays_in(list(value.values()))


def _check_operands(name, operands):
    for array in _arrays_in(operands):
        if isinstance(array, EmulatedArray):
            require_written(array, name)
        elif array.ndim:
            raise TypeError(
                f"{name} got arrays of the emulated device and of NumPy; data never moves by itself. "
                f"Received: {array.dtype}{list(array.shape)} from NumPy"
            )


@functools.cache
def _in_cupy(name):
    """(whether CuPy has a function of that name, its signature or None); without CuPy all is well."""
    try:
        import cupy
    except ImportError:
        return True, None
    try:
        return hasattr(cupy, name), inspect.signature(getattr(cupy, name, None))
    except (TypeError, ValueError):  # a ufunc or a type
        return hasattr(cupy, name), None


def _check_in_cupy(name, args, kwargs):
    """Raises TypeError for a call that NumPy takes and CuPy does not."""
    known, signature = _in_cupy(name)
    if not known:
        raise TypeError(f"CuPy has no function {name}")
    if signature:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"cupy.{name}{signature}: {error}") from None


class EmulatedArray(np.ndarray):
    """An array in the memory of an EmulatedDevice. Made by the device's functions, not by its constructor."""

    device = None

    def __array_finalize__(self, source):
        self.device = getattr(source, "device", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        outputs = out or ()
        updated = inputs[0] if method == "at" else None
        _check_operands(f"numpy.{ufunc.__name__}", (inputs, list(kwargs.values())))
        if outputs:
            kwargs["out"] = plain(outputs)
        result = getattr(ufunc, method)(*plain(inputs), **plain(kwargs))
        for array in (*outputs, updated):
            if isinstance(array, EmulatedArray):
                mark_written(array)
        if len(outputs) == 1:
            return outputs[0]
        return outputs if outputs else on_device(result, self.device)

    def __array_function__(self, function, types, args, kwargs):
        written = [
            array
            for array in (kwargs.get("out"), _written_argument(function, args, kwargs))
            if array is not None
        ]
        read = [value for value in (*args, *kwargs.values()) if not any(value is array for array in written)]
        if function not in _ONLY_SHAPES:
            if function.__module__ == "numpy":
                _check_in_cupy(function.__name__, args, kwargs)
            _check_operands(f"numpy.{function.__name__}", read)
        result = function(*plain(args), **plain(kwargs))
        for array in _arrays_in(written):
            if isinstance(array, EmulatedArray):
                mark_written(array)
        out = kwargs.get("out")
        return on_device(result, self.device) if out is None else out

    def __getitem__(self, index):
        _check_operands("indexing", [index])
        return on_device(self.view(np.ndarray)[plain(index)], self.device)

    def __setitem__(self, index, value):
        _check_operands("assignment", [index, value])
        target = self.view(np.ndarray)
        target[plain(index)] = plain(value)
        if unwritten(self):
            written = np.zeros(self.shape, bool)
            written[plain(index)] = True
            _mark_where(self, written)

    def __reduce__(self):
        raise TypeError("An EmulatedArray cannot be pickled")

    def get(self):
        """A NumPy copy, as `cupy.ndarray.get`."""
        require_written(self, "get()")
        return self.view(np.ndarray).copy()


_ONLY_SHAPES = {
    np.shape,
    np.ndim,
    np.size,
    np.empty_like,
    np.zeros_like,
    np.ones_like,
    np.full_like,
    np.result_type,
}
_ONLY_SHAPES |= {
    np.reshape,
    np.transpose,
    np.broadcast_to,
    np.broadcast_arrays,
    np.squeeze,
    np.expand_dims,
    np.moveaxis,
}
_ONLY_SHAPES |= {np.swapaxes, np.shares_memory, np.may_share_memory, np.split, np.array_split}
_WRITES_FIRST = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}


def _written_argument(function, args, kwargs):
    return (args[0] if args else kwargs.get("dst")) if function in _WRITES_FIRST else None


def _mark_where(array, written):
    if written.all():
        mark_written(array)
    else:
        for position in zip(*np.nonzero(written)):
            mark_written(array.view(np.ndarray)[tuple(slice(i, i + 1) for i in position)])


def _returning_method(name):
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        _check_operands(f"ndarray.{name}", (self, args, list(kwargs.values())))
        return on_device(method(self.view(np.ndarray), *plain(args), **plain(kwargs)), self.device)

    return call


def _writing_method(name):
    method = getattr(np.ndarray, name)

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        _check_operands(f"ndarray.{name}", (args, list(kwargs.values())))
        method(self.view(np.ndarray), *plain(args), **plain(kwargs))
        mark_written(self)

    return call


# Methods that NumPy runs in C without asking the subclass; the others end in ufuncs.
for _name in (
    *(
        "astype",
        "copy",
        "flatten",
        "ravel",
        "take",
        "repeat",
        "argsort",
        "argmax",
        "argmin",
        "nonzero",
        "cumsum",
        "cumprod",
    ),
    *(
        "choose",
        "compress",
        "dot",
        "searchsorted",
        "trace",
        "sum",
        "prod",
        "mean",
        "var",
        "std",
        "max",
        "min",
        "any",
        "all",
    ),
    *("clip", "round", "conj"),
):
    setattr(EmulatedArray, _name, _returning_method(_name))
for _name in ("fill", "sort", "partition"):
    setattr(EmulatedArray, _name, _writing_method(_name))


def _reshape(self, *shape, **kwargs):
    return on_device(self.view(np.ndarray).reshape(*shape, **kwargs), self.device)


EmulatedArray.reshape = _reshape


class ArrayModule:
    """NumPy's functions for arrays of one device: what they create lies there. It takes the place of CuPy."""

    def __init__(self, device):
        self._device = device
        self.ndarray = EmulatedArray

    def __getattr__(self, name):
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value
        if not _in_cupy(name)[0]:
            raise AttributeError(f"CuPy has no function {name}")
        device = self._device

        @functools.wraps(value)
        def on_this_device(*args, **kwargs):
            _check_in_cupy(name, args, kwargs)
            return on_device(value(*args, **kwargs), device)

        self.__dict__[name] = on_this_device
        return on_this_device

    def empty(self, shape, dtype=float, order="C"):
        return self._device.empty(shape, dtype)

    def empty_like(self, array, dtype=None):
        return self._device.empty(array.shape, dtype or array.dtype)

    def asarray(self, array, dtype=None):
        return self._device.asarray(array, dtype)

    array = asarray

    def asnumpy(self, array):
        return self._device.to_numpy(array)

    def __repr__(self):
        return f"the array module of {self._device!r}"


class DeviceGenerator:
    """A generator of NumPy whose arrays lie on the device."""

    def __init__(self, device, generator):
        self._device, self._generator = device, generator

    def __getattr__(self, name):
        method = getattr(self._generator, name)
        return lambda *args, **kwargs: on_device(method(*args, **kwargs), self._device)
