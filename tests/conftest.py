"""Fixtures that every test shares."""

import os
import tempfile

import pytest

# The processes of a parallel run share the cores: threads of BLAS on top slow each other down tenfold. Before NumPy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from gpulayers.ops import arrays

pytest_plugins = ["tests.emulator.plugin"] if os.path.exists(os.path.join(os.path.dirname(__file__), "emulator", "plugin.py")) else []

FLOAT_NAMES = [str(dtype) for dtype in arrays.FLOAT_DTYPES]


@pytest.fixture(params=["emulator", "gpu"])
def kernel_device(request):
    """A device that runs the CUDA kernels: the emulator on every machine, the GPU where there is one."""
    if request.param == "emulator":
        return request.getfixturevalue("emulated")
    if arrays.gpu_problem():
        pytest.skip(f"no GPU here: {arrays.gpu_problem()}")
    return arrays.cuda_device()


@pytest.fixture(params=FLOAT_NAMES)
def dtype(request):
    """Each float type of the library in turn, as a NumPy dtype."""
    return arrays.FLOAT_DTYPES[FLOAT_NAMES.index(request.param)]


@pytest.fixture
def empty_cache(monkeypatch):
    """An empty kernel cache for one test."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("GPULAYERS_CACHE", os.path.join(folder, "kernels"))
        yield folder
