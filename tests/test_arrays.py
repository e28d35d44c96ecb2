"""Arrays, their devices and their types."""

import re
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import gpulayers
from gpulayers import config, ops
from gpulayers.ops import arrays
from gpulayers.ops.recording import RecordingDevice


def test_device_of():
    assert arrays.device_of(np.zeros(3)) is arrays.CPU
    for value in ([1, 2], 3.0, None):
        with pytest.raises(TypeError, match="NumPy or CuPy array. Received:"):
            arrays.device_of(value)


def test_a_subclass_of_a_known_array_is_known():
    class Mine(np.ndarray):
        pass

    assert arrays.device_of(np.zeros(3).view(Mine)) is arrays.CPU


def test_mixed_devices_are_named():
    other = RecordingDevice("sm_90")
    with pytest.raises(TypeError, match=r"same device. Received: x on cpu, weight on recording \(sm_90\)"):
        arrays.common_device(x=np.zeros(2), weight=other.zeros(2, np.float32), bias=None)


def test_mixed_dtypes_are_named():
    with pytest.raises(TypeError, match="one dtype. Received: x float32, weight float16"):
        arrays.same_dtype(x=np.zeros(2, np.float32), weight=np.zeros(2, np.float16), bias=None)
    with pytest.raises(TypeError, match="x must be one of .*Received: int32"):
        arrays.same_dtype(x=np.zeros(2, np.int32))


def test_accumulation_types():
    found = [arrays.accumulation_dtype(dtype).name for dtype in arrays.FLOAT_DTYPES]
    assert found == ["float32", "float32", "float32", "float64"]


class Exporter:
    """Something that is no array but speaks DLPack, as a tensor of another library does."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack_is_taken_without_a_copy():
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    taken = arrays.take(Exporter(table), "table")
    assert np.shares_memory(taken, table)
    assert ops.embedding(np.array([2, 0]), Exporter(table)).tolist() == [[4, 5], [0, 1]]


def test_matmul_accumulates_16_bit_types_in_float32():
    """4096 ones added in float16 would stop at 2048, in bfloat16 at 256."""
    for dtype in (np.float16, ml_dtypes.bfloat16):
        product = arrays.CPU.matmul(np.ones((1, 4096), dtype), np.ones((4096, 1), dtype))
        assert product.dtype == dtype and product[0, 0] == 4096


def test_default_device_follows_the_environment(monkeypatch):
    monkeypatch.setitem(config._settings, "device", None)
    monkeypatch.setenv("GPULAYERS_DEVICE", "CPU")
    assert arrays.default_device() is arrays.CPU
    monkeypatch.setitem(config._settings, "device", None)
    monkeypatch.setenv("GPULAYERS_DEVICE", "tpu")
    with pytest.raises(ValueError, match="device must be one of 'cpu', 'gpu'. Received: 'tpu'"):
        arrays.default_device()


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    if not arrays.gpu_problem():
        pytest.skip("this machine has a GPU")
    monkeypatch.setitem(config._settings, "device", "gpu")
    with pytest.raises(RuntimeError, match="'gpu' was asked for, but"):
        arrays.default_device()


@pytest.mark.parametrize(
    "setter, getter, value",
    [
        (gpulayers.set_floatx, gpulayers.floatx, "float16"),
        (gpulayers.set_image_data_format, gpulayers.image_data_format, "channels_first"),
        (gpulayers.set_float32_precision, gpulayers.float32_precision, "tf32"),
    ],
)
def test_settings(monkeypatch, setter, getter, value):
    monkeypatch.setattr(config, "_settings", dict(config._settings))
    setter(value)
    assert getter() == value
    with pytest.raises(ValueError, match="Received: 'other'"):
        setter("other")
    assert getter() == value


def test_importing_the_package_does_not_import_cupy():
    code = "import sys, gpulayers, gpulayers.ops; print([n for n in sys.modules if n.split('.')[0] == 'cupy'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "count, missing, words",
    [
        (0, None, "CUDA reports no device"),
        (1, "cupy_backends.cuda.libs.cublas", "a library of CUDA does not load .*gpulayers info"),
        (1, None, None),
    ],
)
def test_what_stands_in_the_way_of_the_gpu(monkeypatch, count, missing, words):
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", lambda: count)

    def import_module(name):
        if name == missing:
            raise ImportError(f"no {name}")

    monkeypatch.setattr(arrays.importlib, "import_module", import_module)
    problem = arrays.gpu_problem.__wrapped__()
    assert (problem is None) if words is None else re.search(words, problem)
