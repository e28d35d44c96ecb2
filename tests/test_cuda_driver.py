"""Launching through CuPy: what is asked of CuPy, seen through stand-ins, and on a GPU where there is one."""

import numpy as np
import pytest

from gpulayers import jit, ops
from gpulayers.ops import arrays

needs_gpu = pytest.mark.skipif(arrays.gpu_problem() is not None, reason=f"no GPU here: {arrays.gpu_problem()}")
needs_cupy = pytest.mark.skipif(
    (arrays.gpu_problem() or "").startswith("CuPy"), reason=f"no CuPy here: {arrays.gpu_problem()}"
)


class StandInFunction:
    """Takes the place of cupy.cuda.function.Function."""

    ptr = 1234

    def __init__(self):
        self.launches = []

    def __call__(self, grid, block, arguments, shared_mem=0, stream=None, enable_cooperative_groups=False):
        self.launches.append((grid, block, arguments, shared_mem, stream, enable_cooperative_groups))


class StandInModule:
    def __init__(self):
        self.function = StandInFunction()

    def get_function(self, name):
        assert name == "_Z1fv"
        return self.function


@pytest.fixture
def attributes(monkeypatch):
    """The function attributes that were set."""
    driver = pytest.importorskip("cupy_backends.cuda.api.driver", reason="CuPy is not installed")
    seen = []
    monkeypatch.setattr(driver, "funcSetAttribute", lambda *arguments: seen.append(arguments), raising=True)
    return seen


@needs_cupy
def test_launch_arguments(attributes):
    module = StandInModule()
    function = jit.CudaFunction(module, "_Z1fv", "f")
    function((3, 2), (64,), ("x", None), shared_memory=1024, cooperative=True)
    function([5], [32], ())
    assert module.function.launches == [
        ((3, 2), (64,), ("x", None), 1024, None, True),
        ((5,), (32,), (), 0, None, False),
    ]
    assert attributes == []


@needs_cupy
def test_shared_memory_above_48_kb_is_opted_into_once(attributes):
    from cupy_backends.cuda.api import driver

    function = jit.CudaFunction(StandInModule(), "_Z1fv", "f")
    for size in (48 * 1024, 100_000, 60_000, 100_000, 200_000):
        function((1,), (1,), (), shared_memory=size)
    attribute = driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    assert attributes == [(1234, attribute, 100_000), (1234, attribute, 200_000)]


@needs_cupy
def test_clusters_are_refused(attributes):
    with pytest.raises(ValueError, match=r"cluster.*Received: \(2, 1, 1\)"):
        jit.CudaFunction(StandInModule(), "_Z1fv", "f")((1,), (1,), (), cluster=(2, 1, 1))


@needs_gpu
def test_current_stream_is_honoured():
    """Captured work does not run: what a captured launch writes appears only when the graph is launched."""
    import cupy

    device = arrays.cuda_device()
    ids, table = device.asarray(np.zeros(4, np.int32)), cupy.ones((2, 8), np.float32)
    rows = cupy.zeros((4, 8), np.float32)
    first_bad = cupy.full(1, np.iinfo(np.uint64).max, np.uint64)
    kernel = device.kernel("embedding/gather.cu", "embedding_gather_forward", (np.float32, np.int32, 1))
    arguments = (ids, table, rows, first_bad, np.int64(4), np.int64(2), np.int32(8))
    kernel((1,), (256,), arguments)
    rows[...] = 0
    stream = cupy.cuda.Stream(non_blocking=True)
    cupy.cuda.Device().synchronize()
    with stream:
        stream.begin_capture()
        kernel((1,), (256,), arguments)
        graph = stream.end_capture()
    cupy.cuda.Device().synchronize()
    assert rows.sum() == 0
    graph.launch(stream)
    stream.synchronize()
    assert rows.sum() == 32


@needs_gpu
def test_functions_are_loaded_once_a_process():
    device = arrays.cuda_device()
    template = (np.float32, np.int32, 1)
    first = device.kernel("embedding/gather.cu", "embedding_gather_forward", template)
    assert device.kernel("embedding/gather.cu", "embedding_gather_forward", template) is first


@needs_gpu
def test_mixed_devices_are_refused():
    import cupy

    with pytest.raises(TypeError, match="same device. Received: ids on cpu, table on gpu:0"):
        ops.embedding(np.zeros(3, np.int32), cupy.ones((2, 8), np.float32))
