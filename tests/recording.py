"""A device that launches nothing and remembers every kernel instance that a launcher asked for."""

import numpy as np

from gpulayers import jit
from gpulayers.ops import arrays


class RecordedArray(np.ndarray):
    """An array that counts as living on a CUDA device."""

    device = None

    def __array_finalize__(self, source):
        self.device = getattr(source, "device", None)


class RecordingDevice(arrays.Device):
    """Looks like a CUDA device of the given architecture; `instances` holds (file, name expression, feature)."""

    name, runs, array_module = "gpu", "cuda", np

    def __init__(self, architecture, multiprocessors=132, shared_memory_per_block=99 * 1024):
        self.architecture, self.multiprocessors = architecture, multiprocessors
        self.shared_memory_per_block = shared_memory_per_block
        self.instances = set()

    def asarray(self, array, dtype=None):
        result = np.array(array, dtype).view(RecordedArray)
        result.device = self
        return result

    def empty(self, shape, dtype):
        return self.zeros(shape, dtype)

    def zeros(self, shape, dtype):
        return self.asarray(np.zeros(shape, dtype))

    def to_numpy(self, array):
        return np.asarray(array)

    def matmul(self, a, b):
        return self.zeros(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + (a.shape[-2], b.shape[-1]), a.dtype)

    def kernel(self, file, name, template=(), feature=False):
        self.instances.add((file, jit.name_expression(name, template), feature))
        return lambda *arguments, **options: None

    def __repr__(self):
        return f"recording ({self.architecture})"


arrays.register_device(RecordedArray, lambda array: array.device)
