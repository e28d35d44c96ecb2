"""What stands in CuPy's place on an emulated device: its functions, and a generator of random numbers."""

import functools

import numpy as np

from .arrays import EmulatedArray, on_device
from .cupy_functions import check_call, in_cupy


class ArrayModule:
    """NumPy's functions for arrays of one device: what they create lies there. It takes the place of CuPy."""

    def __init__(self, device):
        self._device = device
        self.ndarray = EmulatedArray

    def __getattr__(self, name):
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value
        if not in_cupy(name)[0]:
            raise AttributeError(f"CuPy has no function {name}")
        device = self._device

        @functools.wraps(value)
        def on_this_device(*args, **kwargs):
            check_call(name, args, kwargs)
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
