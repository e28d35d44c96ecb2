"""What the machine can do at best, measured in the same run: a copy and matrix products."""

import dataclasses
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .environment import threads
from .workloads import PRECISIONS, dtype_of, uniform


@dataclasses.dataclass(frozen=True)
class Ceilings:
    """Bytes a second of a copy (read and written); operations a second of a product, by precision."""

    copy: float
    products: dict

    def bound(self, flops, moved, precision):
        """The least seconds for so many operations and bytes; None where the product was not measured."""
        product = self.products.get(precision)
        return (
            None if flops and product is None else max(moved / self.copy, flops / product if flops else 0.0)
        )


def _best(run, seconds, least=3):
    """The fastest of several calls: a ceiling is what the machine can do undisturbed."""
    samples, start = [], time.perf_counter()
    while len(samples) < least or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        samples.append(time.perf_counter() - before)
    return min(samples)


def on_cpu(seconds=2.0, copied=128 << 20, side=2048):
    """Copies with every core, and a float32 product with BLAS."""
    source, target = np.ones(copied, np.uint8), np.ones(copied, np.uint8)
    parts = [slice(i * copied // threads(), (i + 1) * copied // threads()) for i in range(threads())]
    with ThreadPoolExecutor(threads()) as pool:
        copy = _best(
            lambda: list(pool.map(lambda part: np.copyto(target[part], source[part]), parts)), seconds
        )
    random = np.random.default_rng(0)
    a, b, c = random.random((3, side, side), np.float32)
    product = _best(lambda: np.matmul(a, b, out=c), seconds)
    return Ceilings(2 * copied / copy, {"float32": 2 * side**3 / product})


def on_gpu(timer, seconds=0.5, copied=2 << 30, side=8192):
    """A copy larger than L2 and cuBLAS products; the median of a few."""
    cupy, device = timer.cupy, timer.device

    def median(run):
        run()
        samples, start = [], time.perf_counter()
        while len(samples) < 3 or time.perf_counter() - start < seconds:
            samples.append(timer.once(run, 20e-6))
        return statistics.median(samples)

    def copy():
        source, target = cupy.ones(copied, np.uint8), cupy.ones(copied, np.uint8)
        return 2 * copied / median(lambda: cupy.copyto(target, source))

    def product(precision):
        generator = device.random_generator(0)
        a, b = (uniform(device, generator, (side, side), dtype_of(precision)) for _ in range(2))
        with cublas_precision(precision):
            return 2 * side**3 / median(lambda: cupy.matmul(a, b))

    return Ceilings(copy(), {precision: product(precision) for precision in PRECISIONS})


class cublas_precision:
    """A context in which CuPy's float32 products run in TF32, or in IEEE arithmetic."""

    def __init__(self, precision):
        self.tf32 = precision == "tf32"

    def __enter__(self):
        import cupy
        from cupy._core import _routines_linalg

        self.before = cupy._core.get_compute_type(np.dtype(np.float32))
        wanted = _routines_linalg.COMPUTE_TYPE_TF32 if self.tf32 else _routines_linalg.COMPUTE_TYPE_FP32
        cupy._core.set_compute_type(np.dtype(np.float32), wanted)

    def __exit__(self, *exception):
        import cupy

        cupy._core.set_compute_type(np.dtype(np.float32), self.before)


def measure(device, timer):
    """The Ceilings of a device."""
    return on_cpu() if device.name == "cpu" else on_gpu(timer)
