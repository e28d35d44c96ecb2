"""Arrays and the devices that hold them. The only module that knows which kind of array lives where."""

import functools
import importlib

import ml_dtypes
import numpy as np

from .. import config, jit

bfloat16 = np.dtype(ml_dtypes.bfloat16)
FLOAT_DTYPES = tuple(map(np.dtype, (np.float32, np.float16, bfloat16, np.float64)))


class Device:
    """Where arrays live and computation runs. `name` is what `set_device` takes; `runs` says which
    implementations apply: "numpy" or "cuda"."""

    name = None
    runs = None
    block_elements = None  # of an array that element by element work passes through at once; None: all

    @property
    def array_module(self):
        """numpy, or cupy."""
        raise NotImplementedError

    def empty(self, shape, dtype):
        return self.array_module.empty(shape, dtype)

    def zeros(self, shape, dtype):
        return self.array_module.zeros(shape, dtype)

    def asarray(self, array, dtype=None):
        """The array on this device, moved if need be."""
        raise NotImplementedError

    def address_table(self, rows, reached):
        """The rows on this device: numbers through which a kernel reaches the arrays `reached`."""
        return self.asarray(rows)

    def to_numpy(self, array):
        """A NumPy array of the same values."""
        raise NotImplementedError

    def matmul(self, a, b):
        """a @ b of one float dtype, accumulated in float32 (float64 for float64)."""
        raise NotImplementedError

    def random_generator(self, seed):
        """A counter-based generator with `random(size, dtype)` for float32 and float64."""
        raise NotImplementedError


class CpuDevice(Device):
    name, runs = "cpu", "numpy"
    array_module = np
    block_elements = 1 << 16  # a few such arrays stay in the cache

    def asarray(self, array, dtype=None):
        return np.asarray(to_numpy(array), dtype)

    def to_numpy(self, array):
        return np.asarray(array)

    def matmul(self, a, b):
        accumulate = accumulation_dtype(a.dtype)
        # BLAS knows neither float16 nor bfloat16.
        return np.matmul(a.astype(accumulate, copy=False), b.astype(accumulate, copy=False)).astype(
            a.dtype, copy=False
        )

    def random_generator(self, seed):
        return np.random.Generator(np.random.Philox(seed))

    def __repr__(self):
        return "cpu"


class CudaDevice(Device):
    """The current CUDA device, through CuPy."""

    name, runs = "gpu", "cuda"

    def __init__(self, index=0):
        import cupy

        self.index = index
        self.array_module = cupy
        attributes = cupy.cuda.Device(index).attributes
        capability = cupy.cuda.Device(index).compute_capability
        self.architecture = f"sm_{capability}"
        self.multiprocessors = attributes["MultiProcessorCount"]
        self.shared_memory_per_block = attributes["MaxSharedMemoryPerBlockOptin"]

    array_module = None

    def asarray(self, array, dtype=None):
        return self.array_module.asarray(array, dtype)

    def to_numpy(self, array):
        return self.array_module.asnumpy(array)

    def matmul(self, a, b):
        return self.array_module.matmul(a, b)  # cuBLAS accumulates 16-bit types in float32

    def random_generator(self, seed):
        return self.array_module.random.Generator(self.array_module.random.Philox4x3210(seed))

    def kernel(self, file, name, template=(), feature=False):
        """The callable of a kernel instance (see `jit.CudaFunction`).

        Args:
            file: relative to the kernels' folder.
            name: the kernel's name, without template arguments.
            template: dtypes, bools, integers, enumerations and dataclasses.
            feature: compile for the architecture-specific target (sm_90 -> sm_90a).

        Raises:
            RuntimeError: another device is CuPy's current one; a launch would go astray.
        """
        current = self.array_module.cuda.runtime.getDevice()
        if current != self.index:
            raise RuntimeError(
                f"The arrays live on {self!r}, which must be the current device: use `with cupy.cuda.Device({self.index}):`. "
                f"Received: current device {current}"
            )
        architecture = self.architecture + ("a" if feature else "")
        return jit.load(file, jit.name_expression(name, template), architecture, self.index)

    def __repr__(self):
        return f"gpu:{self.index} ({self.architecture})"


CPU = CpuDevice()
_devices = {np.ndarray: lambda array: CPU}  # kind of array -> its device


def register_device(array_type, device_of_array):
    """Makes a further kind of array known; `device_of_array(array)` returns its Device."""
    _devices[array_type] = device_of_array


@functools.cache
def cuda_device(index=0):
    """The CudaDevice of that index."""
    return CudaDevice(index)


@functools.cache
def gpu_problem():
    """Why no GPU can be used, in plain words, or None."""
    try:
        import cupy
    except ImportError as error:
        return f"CuPy is not installed or does not load ({error})"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"the CUDA runtime reports no usable device ({error})"
    if not count:
        return "CUDA reports no device"
    try:
        for library in ("cublas", "curand", "nvrtc"):  # products, random numbers, kernels
            importlib.import_module(f"cupy_backends.cuda.libs.{library}")
    except ImportError as error:
        return f"a library of CUDA does not load ({error}); `python -m gpulayers info` tells what mends it"
    return None


def default_device():
    """The Device of new weights: what was asked for, else the GPU where there is one, else the CPU.

    Raises:
        RuntimeError: the GPU was asked for and cannot be used.
    """
    requested = config.requested_device()
    if requested == "gpu" and gpu_problem():
        raise RuntimeError(f"The device 'gpu' was asked for, but {gpu_problem()}.")
    if requested == "cpu" or gpu_problem():
        return CPU
    import cupy

    return cuda_device(cupy.cuda.Device().id)


def _device_of_cupy(array):
    return cuda_device(array.device.id)


def device_of(array):
    """The Device that holds the array.

    Raises:
        TypeError: not an array of a known kind.
    """
    entry = _devices.get(type(array))
    if entry is None:
        for kind in type(array).__mro__:
            if kind in _devices:
                entry = _devices[kind]
                break
            if kind.__module__.partition(".")[0] == "cupy" and kind.__name__ == "ndarray":
                register_device(kind, _device_of_cupy)
                entry = _device_of_cupy
                break
        else:
            raise TypeError(f"Expected a NumPy or CuPy array. Received: {type(array).__name__}")
    return entry(array)


def is_array(value):
    """Whether `device_of` knows the value."""
    try:
        device_of(value)
    except TypeError:
        return False
    return True


def take(value, name):
    """The value as a NumPy or CuPy array: arrays pass unchanged, a Variable gives its own, what has `__dlpack__`
    is taken without a copy.

    Raises:
        TypeError: neither an array nor something with `__dlpack__`.
    """
    if is_array(value):
        return value
    if is_array(getattr(value, "value", None)):
        return value.value
    if hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
        on_host = int(value.__dlpack_device__()[0]) == 1  # kDLCPU
        return (CPU if on_host else cuda_device(int(value.__dlpack_device__()[1]))).array_module.from_dlpack(
            value
        )
    raise TypeError(f"{name} must be a NumPy or CuPy array. Received: {type(value).__name__}")


def common_device(**named):
    """The one device of the named arrays; None values are passed over.

    Raises:
        TypeError: the arrays live on different devices. Data never moves by itself.
    """
    devices = {name: device_of(array) for name, array in named.items() if array is not None}
    first = next(iter(devices.values()))
    if any(device is not first for device in devices.values()):
        where = ", ".join(f"{name} on {device!r}" for name, device in devices.items())
        raise TypeError(f"All arrays of one call must live on the same device. Received: {where}")
    return first


def array_module(array):
    """numpy or cupy: the module of the array's functions."""
    return device_of(array).array_module


def to_numpy(value):
    """A NumPy array of the value's contents, from any device; anything else goes through numpy.asarray."""
    return device_of(value).to_numpy(value) if is_array(value) else np.asarray(value)


def numbers(value, name):
    """The value as an array of numbers: arrays stay where they are, lists and numbers become NumPy arrays.

    Raises:
        TypeError, ValueError: it holds something else, or rows of different lengths.
    """
    if not is_array(value):
        if hasattr(value, "__dlpack__"):
            value = take(value, name)
        else:
            try:
                value = np.asarray(value)
            except ValueError:
                raise ValueError(f"{name} must be rectangular. Received: rows of different lengths") from None
    if value.dtype not in FLOAT_DTYPES and value.dtype.kind not in "iub":
        raise TypeError(f"{name} must hold numbers. Received: dtype {value.dtype}")
    return value


def any_dtype(dtype, name):
    """The NumPy dtype of a name or of what else stands for a dtype.

    Raises:
        ValueError: nothing that does.
    """
    try:
        return np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        raise ValueError(f"{name} must be a dtype or the name of one. Received: {dtype!r}") from None


def float_dtype(dtype, name):
    """The dtype, if the library computes in it.

    Raises:
        TypeError: any other dtype.
    """
    dtype = any_dtype(dtype, name)
    if dtype not in FLOAT_DTYPES:
        names = ", ".join(str(known) for known in FLOAT_DTYPES)
        raise TypeError(f"{name} must be one of {names}. Received: {dtype}")
    return dtype


def same_dtype(**named):
    """The one float dtype of the named arrays; None values are passed over.

    Raises:
        TypeError: not a float dtype of the library, or mixed ones.
    """
    dtypes = {name: float_dtype(array.dtype, name) for name, array in named.items() if array is not None}
    first = next(iter(dtypes.values()))
    if any(dtype != first for dtype in dtypes.values()):
        raise TypeError(
            f"All arrays must have one dtype. Received: {', '.join(f'{n} {d}' for n, d in dtypes.items())}"
        )
    return first


def accumulation_dtype(dtype):
    """The type in which sums of `dtype` are formed: float32, or float64 for float64."""
    return np.dtype(np.float64) if np.dtype(dtype) == np.float64 else np.dtype(np.float32)


def contiguous(array):
    """The array itself if it is C-contiguous, else a contiguous copy: kernels take nothing else."""
    if array is None or array.flags.c_contiguous:
        return array
    return array_module(array).ascontiguousarray(array)


def address_of(array):
    """The address of an array's first element."""
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr
