"""NumPy on arrays of an emulated device.

An EmulatedArray behaves as a CuPy array does: functions of NumPy take it and return EmulatedArrays. A mixture
with plain NumPy arrays is a TypeError, and so is a function or an argument that CuPy does not have. Memory
that nobody has written is known as such: reading it, by a kernel or by NumPy, is a finding.
"""

import functools

import numpy as np

from .cupy_functions import check_call
from .memory import Allocation, allocation_of, mark_written, mark_written_where, require_written, unwritten


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
                check_call(function.__name__, args, kwargs)
            _check_operands(f"numpy.{function.__name__}", read)
        result = function(*plain(args), **plain(kwargs))
        if function is np.empty_like:
            return allocate(self.device, result.shape, result.dtype, initialised=False)
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
        self.view(np.ndarray)[plain(index)] = plain(value)
        if unwritten(self):
            mark_written_where(self, plain(index))

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
    np.reshape,
}
_ONLY_SHAPES |= {
    np.transpose,
    np.swapaxes,
    np.moveaxis,
    np.squeeze,
    np.expand_dims,
    np.broadcast_to,
    np.split,
}
_ONLY_SHAPES |= {np.broadcast_arrays, np.array_split, np.result_type, np.shares_memory, np.may_share_memory}
_WRITES_FIRST = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}


def _written_argument(function, args, kwargs):
    return (args[0] if args else kwargs.get("dst")) if function in _WRITES_FIRST else None


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
_RETURNING = "all any argmax argmin argsort astype choose clip compress conj copy cumprod cumsum dot flatten"
_RETURNING += " max mean min nonzero prod ravel repeat round searchsorted std sum take trace var"
for _name in _RETURNING.split():
    setattr(EmulatedArray, _name, _returning_method(_name))
for _name in ("fill", "sort", "partition"):
    setattr(EmulatedArray, _name, _writing_method(_name))


def _reshape(self, *shape, **kwargs):
    return on_device(self.view(np.ndarray).reshape(*shape, **kwargs), self.device)


EmulatedArray.reshape = _reshape
