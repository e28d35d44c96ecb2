"""Small measurements that decide designs: barriers, flags, launches, graphs, copies. Each is a Figure."""

import dataclasses
import functools
import statistics
import time

import numpy as np

from .timing import KERNELS

FILE, CLUSTER_FILE = str(KERNELS / "micro.cu"), str(KERNELS / "cluster.cu")
CLUSTERS = (2, 4, 8, 16)  # more than 8 blocks need the function's leave
_NON_PORTABLE_CLUSTER_SIZE_ALLOWED = 14  # a CUfunction_attribute
_ROUNDS, _LAUNCHES = 1000, 500  # a stream takes about a thousand launches before it makes the host wait


@dataclasses.dataclass(frozen=True)
class Figure:
    """A measured number, or None and the reason in `note`."""

    name: str
    value: float
    unit: str
    note: str = ""


def instances(architecture):
    """(file, expression, feature) of every kernel that is measured here on that architecture."""
    names = ("grid_barrier", "flag_round_trip", "broadcast_and_gather", "nothing", "copy<4>", "copy<8>")
    found = {(FILE, name, False) for name in names} | {(str(KERNELS / "spin.cu"), "spin", False)}
    if _has_clusters(architecture):
        found |= {(CLUSTER_FILE, f"cluster_barrier<{size}>", False) for size in CLUSTERS}
    return found


def _has_clusters(architecture):
    return int("".join(filter(str.isdigit, architecture))) >= 90


class Micro:
    """The measurements on one device.

    Args:
        device: a CudaDevice.
        timer: a GpuTimer.
    """

    copied = 2 << 30  # bytes, much more than L2 holds

    def __init__(self, device, timer):
        self.device, self.timer, self.cupy = device, timer, timer.cupy

    def figures(self):
        """Yields every Figure; one that cannot be measured has the reason as its note."""
        for method in (
            self.launches,
            self.graphs,
            self.grid_barriers,
            self.flags,
            self.clusters,
            self.copies,
        ):
            try:
                yield from method()
            except Exception as error:  # what one machine cannot do must not cost the other figures
                yield Figure(method.__name__, None, "", f"{type(error).__name__}: {error}")

    def _reported(self, kernel, grid, block, flags=256, cooperative=True, rounds=_ROUNDS):
        """Nanoseconds a round that a kernel reports, the median of five launches; `flags`: zeroed words."""
        samples = []
        for _ in range(5):
            elapsed = self.cupy.zeros(1, np.uint64)
            words = [self.cupy.zeros(flags, np.uint32)] if flags else []
            kernel(grid, block, (*words, elapsed, np.int32(rounds)), cooperative=cooperative)
            samples.append(int(elapsed[0]) / rounds)
        return statistics.median(samples)

    def launches(self):
        nothing = self.device.kernel(FILE, "nothing")
        host = self.timer.host(lambda: [nothing((1,), (32,), (None,)) for _ in range(100)]) / 100
        yield Figure(
            "launch from Python", host * 1e6, "us", "host side, of an empty kernel with one argument"
        )
        word = self.cupy.zeros(1, np.uint32)
        host = self.timer.host(lambda: [nothing((1,), (32,), (word,)) for _ in range(100)]) / 100
        yield Figure("launch from Python, an array", host * 1e6, "us", "host side")
        look_up = self.timer.host(lambda: [self.device.kernel(FILE, "nothing") for _ in range(100)]) / 100
        yield Figure(
            "look-up of a kernel", look_up * 1e6, "us", "device.kernel() for an instance that is loaded"
        )

        def many():
            for _ in range(_LAUNCHES):
                nothing((1,), (32,), (None,))

        gap = statistics.median(self.timer.once(many, 2 * _LAUNCHES * host) for _ in range(5)) / _LAUNCHES
        yield Figure("kernel after kernel", gap * 1e6, "us", "empty kernels in one stream, queued in advance")

    def graphs(self):
        nothing = self.device.kernel(FILE, "nothing")
        stream = self.cupy.cuda.Stream(non_blocking=True)
        with stream:
            nothing((1,), (32,), (None,))
            stream.synchronize()
            stream.begin_capture()
            for _ in range(_LAUNCHES):
                nothing((1,), (32,), (None,))
            graph = stream.end_capture()
            graph.launch(stream)
            stream.synchronize()
            samples, host = [], []
            for _ in range(7):
                begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
                begin.record(stream)
                start = time.perf_counter()
                graph.launch(stream)
                host.append(time.perf_counter() - start)
                end.record(stream)
                end.synchronize()
                samples.append(self.cupy.cuda.get_elapsed_time(begin, end) * 1e-3 / _LAUNCHES)
        yield Figure(
            "kernel after kernel in a graph",
            statistics.median(samples) * 1e6,
            "us",
            f"{_LAUNCHES} empty kernels",
        )
        yield Figure(
            "graph launch from Python", statistics.median(host) * 1e6, "us", f"host side, {_LAUNCHES} kernels"
        )

    def grid_barriers(self):
        kernel = self.device.kernel(FILE, "grid_barrier")
        for blocks in (16, self.device.multiprocessors):
            for threads in (256, 1024):
                value = self._reported(kernel, (blocks,), (threads,))
                yield Figure(
                    f"grid barrier, {blocks} blocks of {threads}",
                    value * 1e-3,
                    "us",
                    "counter with acquire and release",
                )

    def flags(self):
        kernel = self.device.kernel(FILE, "flag_round_trip")
        value = self._reported(kernel, (2,), (32,)) / 2
        yield Figure("flag through L2", value * 1e-3, "us", "one way")
        kernel = self.device.kernel(FILE, "broadcast_and_gather")
        for blocks in (16, self.device.multiprocessors):
            value = self._reported(kernel, (blocks,), (32,))
            yield Figure(f"word to {blocks - 1} blocks and all answers", value * 1e-3, "us")

    def clusters(self):
        if not _has_clusters(self.device.architecture):
            yield Figure("cluster barrier", None, "us", f"{self.device.architecture} has no clusters")
            return
        from cupy_backends.cuda.api import driver

        for size in CLUSTERS:
            try:
                kernel = self.device.kernel(CLUSTER_FILE, "cluster_barrier", (size,))
                if size > 8:
                    driver.funcSetAttribute(kernel._function.ptr, _NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1)
                value = self._reported(kernel, (size,), (256,), flags=0, cooperative=False)
                yield Figure(f"cluster barrier, {size} blocks of 256", value * 1e-3, "us", "barrier.cluster")
            except Exception as error:
                yield Figure(
                    f"cluster barrier, {size} blocks of 256", None, "us", f"{type(error).__name__}: {error}"
                )

    def copies(self):
        size = self.copied
        x, y = self.cupy.zeros(size, np.uint8), self.cupy.zeros(size, np.uint8)
        count = np.int64(size // 16)
        for unroll in (4, 8):
            kernel = self.device.kernel(FILE, "copy", (unroll,))
            for blocks_each in (4, 8):
                grid = (self.device.multiprocessors * blocks_each,)
                run = functools.partial(kernel, grid, (256,), (x, y, count))
                seconds = statistics.median(self.timer.once(run, 10e-6) for _ in range(5))
                name = f"copy kernel, {unroll} x 16 bytes a thread, {blocks_each} blocks a multiprocessor"
                yield Figure(name, 2 * size / seconds * 1e-9, "GB/s", "read and written")
        for name, run in (
            ("copy by the driver", lambda: self.cupy.copyto(y, x)),
            ("fill", lambda: y.fill(1)),
        ):
            seconds = statistics.median(self.timer.once(run, 20e-6) for _ in range(5))
            moved = 2 * size if name.startswith("copy") else size
            yield Figure(
                name, moved / seconds * 1e-9, "GB/s", "read and written" if moved > size else "written"
            )
