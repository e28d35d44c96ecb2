"""A Device on which the product's own launchers run without a GPU."""

import dataclasses

import numpy as np

from gpulayers import jit
from gpulayers.ops import arrays

from . import kernel_library
from .array_module import ArrayModule, DeviceGenerator
from .arrays import EmulatedArray, allocate
from .errors import EmulatorError
from .launch import Kernel, LaunchOrder, Report
from .memory import require_written

_MACHINES = {  # architecture: multiprocessors, bytes of shared memory that a block may ask for
    "sm_80": (108, 163 << 10),
    "sm_86": (84, 99 << 10),
    "sm_89": (128, 99 << 10),
    "sm_90": (132, 227 << 10),
    "sm_100": (148, 227 << 10),
    "sm_120": (170, 99 << 10),
}


@dataclasses.dataclass(frozen=True)
class Launch:
    """A line of a device's history.

    Attributes:
        file: of the kernel, as the launcher named it.
        expression: the kernel instance, "max_pool_forward<float, 4>".
        grid, block: sizes along x, y, z.
        shared_memory: dynamic, bytes a block.
        report: the Report.
    """

    file: str
    expression: str
    grid: tuple
    block: tuple
    shared_memory: int
    report: Report


class EmulatedDevice(arrays.Device):
    """A CUDA device whose kernels run on the CPU under the checker.

    Args:
        architecture: one of "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120".
        check: with the memory checker; without it kernels run several times faster and find next to nothing.
        count: every launch's report has counters. May be switched at any time.
        order: "forward", "reverse" or "random": the order in which threads and blocks take turns. Of several,
            every launch runs once in each, from the same memory, and must leave the same bits.
        seed: of the random order.
        multiprocessors: in place of the architecture's own number.

    Attributes:
        launches: a Launch for each kernel that ran, oldest first.
    """

    name, runs = "emulator", "cuda"
    array_module = None

    def __init__(
        self, architecture="sm_90", *, check=True, count=False, order="forward", seed=1, multiprocessors=None
    ):
        if architecture not in _MACHINES:
            raise ValueError(
                f"architecture must be one of {', '.join(_MACHINES)}. Received: {architecture!r}"
            )
        self.architecture, self.check, self.count = architecture, check, count
        self.order = LaunchOrder((order,) if isinstance(order, str) else tuple(order), seed)
        self.multiprocessors, self.shared_memory_per_block = _MACHINES[architecture]
        self.multiprocessors = multiprocessors or self.multiprocessors
        self.array_module = ArrayModule(self)
        self.launches = []

    # ---- arrays

    def empty(self, shape, dtype):
        """An array that nobody may read before it is written."""
        return allocate(self, shape, dtype, initialised=False)

    def zeros(self, shape, dtype):
        array = allocate(self, shape, dtype, initialised=True)
        array.view(np.ndarray)[...] = 0
        return array

    def asarray(self, array, dtype=None):
        """The array on this device: itself if it is there, else a copy."""
        if isinstance(array, EmulatedArray) and array.device is self:
            return array if dtype is None or array.dtype == dtype else array.astype(dtype)
        source = np.asarray(array, dtype)
        copy = allocate(self, source.shape, source.dtype, initialised=True)
        copy.view(np.ndarray)[...] = source
        return copy

    def address_table(self, rows, reached):
        """The rows, whose launches may also use the arrays reached."""
        table = self.asarray(rows)
        table.reached = tuple(reached)
        return table

    def to_numpy(self, array):
        """A NumPy copy.

        Raises:
            EmulatorError: the array has elements that no kernel has written.
        """
        if not isinstance(array, EmulatedArray):
            return np.asarray(array)
        require_written(array, "to_numpy")
        return array.view(np.ndarray).copy()

    def matmul(self, a, b):
        return arrays.CPU.matmul(a, b)

    def random_generator(self, seed):
        return DeviceGenerator(self, arrays.CPU.random_generator(seed))

    # ---- kernels

    def load(self, file, expressions, feature=False):
        """Compiles several instances of a file in one go, which is faster than one by one."""
        kernel_library.load(file, expressions, self._target(feature), self.check)

    def kernel(self, file, name, template=(), feature=False):
        """The callable of a kernel instance, called as `jit.CudaFunction` is.

        Args:
            file: relative to the kernels' folder, or an absolute path.
            name: the kernel's name; with its template arguments in the text where `template` is empty.
            template: dtypes, bools, integers, enumerations and dataclasses.
            feature: compile for the architecture-specific target (sm_90 -> sm_90a).
        """
        expression = jit.name_expression(name, template)
        (library,) = kernel_library.load(file, [expression], self._target(feature), self.check)
        return EmulatedKernel(self, Kernel(library, expression))

    def _target(self, feature):
        return self.architecture + ("a" if feature else "")

    def __repr__(self):
        return f"emulated {self.architecture}"


class EmulatedKernel:
    """A kernel instance on a device."""

    def __init__(self, device, kernel):
        self.device, self.kernel, self.expression = device, kernel, kernel.expression

    def __call__(self, grid, block, arguments, shared_memory=0, cooperative=False, cluster=None):
        """Runs the grid to its end; the parameters are those of `jit.CudaFunction`.

        Raises:
            EmulatorError: every finding, with its place.
        """
        device, report = self.device, None
        try:
            report = self.kernel.run(
                *(device, grid, block, arguments, shared_memory, cooperative, cluster),
                order=device.order,
                count=device.count,
            )
        except EmulatorError as error:
            report = getattr(error, "report", None)
            raise
        finally:
            file = self.kernel.library.file
            device.launches.append(
                Launch(file, self.expression, tuple(grid), tuple(block), shared_memory, report)
            )


arrays.register_device(EmulatedArray, lambda array: array.device)
