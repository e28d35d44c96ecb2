"""A device that launches nothing and remembers what a launcher asked for: which kernels exist is read off the launchers."""

import dataclasses

import numpy as np

from .. import jit
from . import arrays


@dataclasses.dataclass(frozen=True)
class RecordedLaunch:
    """What a launcher asked for.

    Attributes:
        file: of the kernel, relative to the kernels' folder.
        expression: the instance, "max_pool_forward<float, 4>".
        feature: compiled for the architecture-specific target.
        threads: of a block.
        shared_memory: dynamic, bytes a block.
    """

    file: str
    expression: str
    feature: bool
    threads: int
    shared_memory: int


class RecordedArray(np.ndarray):
    """An array that counts as living on a CUDA device."""

    device = None

    def __array_finalize__(self, source):
        self.device = getattr(source, "device", None)


class RecordingDevice(arrays.Device):
    """Looks like a CUDA device; `launches` is the set of RecordedLaunch. Results are zeros.

    Args:
        architecture: "sm_80", "sm_90", ...
        multiprocessors, shared_memory_per_block: what launchers may ask of a device.
    """

    name, runs, array_module = "gpu", "cuda", np

    def __init__(self, architecture, multiprocessors=132, shared_memory_per_block=99 * 1024):
        self.architecture, self.multiprocessors = architecture, multiprocessors
        self.shared_memory_per_block = shared_memory_per_block
        self.launches = set()

    @property
    def instances(self):
        """The set of (file, expression, feature)."""
        return {(launch.file, launch.expression, launch.feature) for launch in self.launches}

    def _own(self, array):
        array = array.view(RecordedArray)
        array.device = self
        return array

    def asarray(self, array, dtype=None):
        return self._own(np.asarray(array, dtype))

    def empty(self, shape, dtype):
        return self.zeros(shape, dtype)

    def zeros(self, shape, dtype):
        return self._own(np.zeros(shape, dtype))

    def to_numpy(self, array):
        return np.asarray(array)

    def matmul(self, a, b):
        return self.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)

    def kernel(self, file, name, template=(), feature=False):
        expression = jit.name_expression(name, template)

        def record(grid, block, arguments, shared_memory=0, cooperative=False, cluster=None):
            threads = int(np.prod(block))
            self.launches.add(RecordedLaunch(file, expression, feature, threads, int(shared_memory)))

        return record

    def __repr__(self):
        return f"recording ({self.architecture})"


arrays.register_device(RecordedArray, lambda array: array.device)
