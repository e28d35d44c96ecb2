"""What using the library costs besides the work: import time, wheel size, the way to a launch."""

import io
import statistics
import subprocess
import sys
import time
import zipfile

import numpy as np

from gpulayers import jit, ops
from gpulayers.jit import cuda_driver
from gpulayers.ops import arrays
from gpulayers.tables import print_table

from . import records
from .environment import ROOT, environment
from .micro import Figure

LAUNCH_LIMIT = 15.0  # microseconds from the public operation to the launch, for a repeated shape
_IMPORTS = ("gpulayers", "gpulayers.ops", "gpulayers.layers, gpulayers.models")


def import_seconds(modules, runs=5):
    """Seconds that Python takes longer when it imports the modules; runs with and without take turns."""

    def once(code):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        return time.perf_counter() - start

    once(f"import {modules}")  # writes the byte code
    return statistics.median(once(f"import {modules}") - once("pass") for _ in range(runs))


def wheel_bytes():
    """Size of the package and the kernels, compressed as in a wheel."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in ("gpulayers", "cuda"):
            for path in sorted((ROOT / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.write(path, path.relative_to(ROOT))
    return len(target.getvalue())


class StubArray(np.ndarray):
    """Counts as an array on the StubDevice."""


class _StubRuntime:
    """The one call to CUDA that a launcher causes before the launch."""

    @staticmethod
    def getDevice():
        return 0


class _StubModule:
    """NumPy that passes for CuPy."""

    class cuda:
        runtime = _StubRuntime

    @staticmethod
    def empty(shape, dtype):
        return np.empty(shape, dtype).view(StubArray)

    @staticmethod
    def zeros(shape, dtype):
        return np.zeros(shape, dtype).view(StubArray)

    def __getattr__(self, name):
        return getattr(np, name)


class StubDevice(arrays.CudaDevice):
    """A CudaDevice in everything but the driver: its launches end where CuPy's would begin."""

    def __init__(self):
        self.index, self.array_module = 0, _StubModule()
        self.architecture, self.multiprocessors, self.shared_memory_per_block = "sm_90", 132, 227 << 10
        self.launches = 0

    def asarray(self, array, dtype=None):
        return np.asarray(array, dtype).view(StubArray)

    def to_numpy(self, array):
        return np.asarray(array)

    def matmul(self, a, b):
        return self.empty((*a.shape[:-1], b.shape[-1]), a.dtype)


class _Launched:
    """The function of a CUDA module."""

    def __init__(self, device):
        self.device = device

    def __call__(self, grid, block, arguments, **options):
        self.device.launches += 1


DEVICE = StubDevice()
arrays.register_device(StubArray, lambda array: DEVICE)


class stubbed_launches:
    """A context in which `jit.load` gives functions that launch nothing."""

    def __enter__(self):
        self.load, loaded = jit.load, {}

        def load(file, expression, architecture, device_index):
            key = (file, expression, architecture, device_index)
            function = loaded.get(key)
            if function is None:
                function = loaded[key] = cuda_driver.CudaFunction.__new__(cuda_driver.CudaFunction)
                function._function, function.expression, function._shared_memory = (
                    _Launched(DEVICE),
                    expression,
                    1 << 30,
                )
            return function

        jit.load = load

    def __exit__(self, *exception):
        jit.load = self.load


def calls():
    """{name: a call of a public operation on small arrays}."""
    x, weight = DEVICE.zeros((2, 8, 8, 16), np.float32), DEVICE.zeros((3, 3, 16, 32), np.float32)
    bias, y = DEVICE.zeros((32,), np.float32), DEVICE.zeros((2, 8, 8, 32), np.float32)
    ids, table = DEVICE.zeros((64,), np.int64), DEVICE.zeros((100, 32), np.float32)
    sequence = DEVICE.zeros((4, 1, 16), np.float32)
    weights = (
        DEVICE.zeros((16, 128), np.float32),
        DEVICE.zeros((32, 128), np.float32),
        DEVICE.zeros((128,), np.float32),
    )
    pooled, argmax = DEVICE.zeros((2, 4, 4, 16), np.float32), DEVICE.zeros((2, 4, 4, 16), np.uint8)
    return {
        "conv": lambda: ops.conv(x, weight, bias, padding="same", activation="relu"),
        "conv_backward_input": lambda: ops.conv_backward_input(y, weight, x.shape, padding="same"),
        "conv_backward_weight": lambda: ops.conv_backward_weight(x, y, weight.shape, padding="same"),
        "conv_backward_bias": lambda: ops.conv_backward_bias(y),
        "max_pool": lambda: ops.max_pool(x, 2),
        "max_pool_with_argmax": lambda: ops.max_pool_with_argmax(x, 2),
        "max_pool_backward": lambda: ops.max_pool_backward(pooled, argmax, x.shape, 2),
        "average_pool": lambda: ops.average_pool(x, 2),
        "global_average_pool": lambda: ops.global_average_pool(x),
        "embedding": lambda: ops.embedding(ids, table),
        "lstm, one step": lambda: ops.lstm(sequence, *weights),
    }


def launch_microseconds(call, calls_each=200, rounds=7):
    """Microseconds of one call, for a shape seen before; the best round: others use the cores too."""
    for _ in range(20):
        call()
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls_each):
            call()
        samples.append((time.perf_counter() - start) / calls_each)
    return min(samples) * 1e6


def figures():
    """Yields a Figure for each."""
    for modules in _IMPORTS:
        yield Figure(f"import {modules}", import_seconds(modules) * 1e3, "ms", "beyond a bare interpreter")
    yield Figure("wheel", wheel_bytes() / 1024, "KiB", "package and kernels, compressed")
    with stubbed_launches():
        for name, call in calls().items():
            before = DEVICE.launches
            call()
            launches = DEVICE.launches - before
            value = launch_microseconds(call)
            note = f"on the host up to CuPy's launch ({launches}); at most {LAUNCH_LIMIT:.0f} us wanted"
            yield Figure(f"ops.{name}", value, "us", note)


def main(arguments):
    """Prints the figures, and writes them where asked."""
    fields = environment(arrays.CPU)
    recorder = records.Recorder(None if arguments.output == "-" else arguments.output, fields)
    lines = [recorder.write("overhead", **vars(figure)) for figure in figures()]
    print_table(
        "Overhead",
        ("what", "value", "note"),
        [(l["name"], f"{l['value']:.1f} {l['unit']}", l["note"]) for l in lines],
    )
    return 0
