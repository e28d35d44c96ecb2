"""Which kernels the rows need, without a GPU and without the memory that their arrays would take."""

import math
import mmap

import numpy as np

from gpulayers import jit
from gpulayers.ops.recording import RecordedArray, RecordingDevice

_LARGE = 1 << 20
# Of Linux; the module names it only since Python 3.13. Without it the kernel refuses what exceeds the memory.
_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


class UntouchedArray(RecordedArray):
    """An array whose values do not matter: arithmetic in place and conversions leave its memory alone."""

    def __isub__(self, other):
        return self

    __imul__ = __iadd__ = __isub__

    def astype(self, dtype, copy=True, **options):
        return self.device.empty(self.shape, dtype)


class _Generator:
    def __init__(self, device):
        self.device = device

    def random(self, size, dtype=np.float64):
        return self.device.empty(size, dtype)


class SparseDevice(RecordingDevice):
    """A RecordingDevice whose large arrays are address space only, until something is written to them."""

    def __init__(self, architecture="sm_90", shared_memory_per_block=227 << 10):
        super().__init__(architecture, shared_memory_per_block=shared_memory_per_block)

    def empty(self, shape, dtype):
        shape, dtype = (
            tuple(np.atleast_1d(shape).tolist()) if np.ndim(shape) else (int(shape),),
            np.dtype(dtype),
        )
        size = math.prod(shape) * dtype.itemsize
        if size < _LARGE:
            array = np.zeros(shape, dtype)
        else:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
            array = np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype).reshape(shape)
        array = array.view(UntouchedArray)
        array.device = self
        return array

    zeros = empty

    def random_generator(self, seed):
        return _Generator(self)


def instances(workload, device):
    """The kernel instances {(file, expression, feature)} that a row launches on a SparseDevice."""
    before = device.launches
    device.launches = set()
    try:
        workload.module.ours(workload, workload.module.operands(workload, device, seed=0))()
        return device.instances
    finally:
        device.launches = before | device.launches


def compile_all(found, architecture, pool):
    """Compiles instances in the pool, into the disk cache; yields (file, expression, error or None)."""
    groups = {}
    for file, expression, feature in found:
        # One instance a compilation, as the device loads them: the cache's key holds the expressions.
        groups[file, expression, feature] = pool.submit(
            _compiled, file, expression, architecture + ("a" if feature else "")
        )
    for (file, expression, _), future in groups.items():
        yield file, expression, future.result()


def _compiled(file, expression, architecture):
    try:
        jit.compile(file, (expression,), architecture)
    except jit.CompilationError as error:
        return str(error)
    return None
