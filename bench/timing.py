"""Honest timing: candidates take turns, so that what disturbs one disturbs the others too."""

import dataclasses
import os
import statistics
import time
from pathlib import Path

import numpy as np

KERNELS = Path(__file__).resolve().parent / "kernels"
_LEAST_TURNS, _MOST_TURNS = 3, 100


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one call: median, tenth and ninetieth percentile and the least over `count` turns."""

    median: float
    p10: float
    p90: float
    least: float
    count: int

    @classmethod
    def of(cls, samples):
        p10, median, p90 = np.percentile(samples, (10, 50, 90))
        return cls(float(median), float(p10), float(p90), float(min(samples)), len(samples))


def ratio(samples, other):
    """The median over the turns of other / samples: above 1 where `samples` is the faster one."""
    return statistics.median(b / a for a, b in zip(samples, other, strict=True))


def ratio_of_least(samples, other):
    """The same of the fastest turns: for machines that others use, where the medians tell of them."""
    return min(other) / min(samples)


class OtherLoad:
    """Tells how many cores other processes used: what they took from a measurement.

    Used as a context; `cores` is None where the system does not tell (/proc/stat).
    """

    cores = None

    def __enter__(self):
        self.start = self._read()
        return self

    def __exit__(self, *exception):
        end = self._read()
        if self.start and end:
            wall, busy, own = (b - a for a, b in zip(self.start, end))
            self.cores = max(0.0, (busy - own) / wall)

    @staticmethod
    def _read():
        """(wall seconds, seconds that all cores were busy, seconds of this process)."""
        try:
            fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
        except (OSError, ValueError):
            return None
        busy = sum(fields) - fields[3] - fields[4]  # but idle and waiting for disks
        return time.perf_counter(), busy / os.sysconf("SC_CLK_TCK"), time.process_time()


class CpuTimer:
    """Wall time on the CPU, in turns A B A B.

    Each turn starts with a pause: the threads of the candidate before it may still spin in wait for work and
    would take a core away. Then one call that is not timed wakes the candidate's own threads, then come the
    timed ones.

    Args:
        pause: seconds, longer than OpenBLAS and OpenMP spin.
        turn: seconds of timed calls in a turn, at least one call.
        reduce: makes one sample of the calls of a turn.
    """

    def __init__(self, pause=0.03, turn=0.02, reduce=statistics.median):
        self.pause, self.turn, self.reduce = pause, turn, reduce

    def _once(self, run):
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    def _turn(self, run, expected):
        time.sleep(self.pause)
        if expected < 10 * self.pause:
            run()
        calls = max(1, min(1000, int(self.turn / expected)))
        return self.reduce([self._once(run) for _ in range(calls)])

    def measure(self, runs, seconds, waiting=()):
        """Times the callables of {name: callable} in turns for about so many seconds.

        Args:
            waiting: names of those that wait for their own work; on the CPU all do.

        Returns:
            {name: samples}, lists of equal length: entry i of each was measured in turn i.
        """
        start = time.perf_counter()
        expected = {name: max(1e-7, self._once(run)) for name, run in runs.items()}
        expected = {name: max(1e-7, min(expected[name], self._once(run))) for name, run in runs.items()}
        samples = {name: [] for name in runs}
        for turn in range(_MOST_TURNS):
            if turn >= _LEAST_TURNS and time.perf_counter() - start > seconds:
                break
            for name, run in runs.items():
                samples[name].append(self._turn(run, expected[name]))
        return samples

    def host(self, run):
        """None: on the CPU there is no host beside the device."""
        return None


class GpuTimer:
    """Time on the GPU by CUDA events, with cold L2, in turns A B A B.

    Before each call L2 is overwritten, and a kernel spins for as long as the host takes to launch the call,
    so that the events do not measure Python. What a call costs on the host is measured apart (`host`).

    Args:
        device: a CudaDevice.
    """

    def __init__(self, device):
        self.device, self.cupy = device, device.array_module
        runtime = self.cupy.cuda.runtime
        self.l2_bytes = runtime.deviceGetAttribute(runtime.cudaDevAttrL2CacheSize, device.index)
        self.flushed = self.cupy.empty(max(4 * self.l2_bytes, 64 << 20) // 4, np.int32)
        self.spin = device.kernel(str(KERNELS / "spin.cu"), "spin")

    def synchronize(self):
        self.cupy.cuda.runtime.deviceSynchronize()

    def once(self, run, host, flush=True):
        """Seconds between two events around a call; `host`: the seconds that the host needs to launch it."""
        begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        if flush:
            self.flushed.fill(1)
        self.spin((1,), (1,), (np.int64(1e9 * min(1.5 * host + 20e-6, 0.05)),))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return max(1e-9, self.cupy.cuda.get_elapsed_time(begin, end) * 1e-3)

    def waited(self, run):
        """Seconds of a call that waits for its work, on a stream that this one's events do not see: by the
        host's clock, launches included."""
        self.flushed.fill(1)
        self.synchronize()
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    def host(self, run, calls=7):
        """Seconds that a call keeps the host, with an empty queue before it; the median."""
        samples = []
        for _ in range(calls):
            self.synchronize()
            start = time.perf_counter()
            run()
            samples.append(time.perf_counter() - start)
        self.synchronize()
        return statistics.median(samples)

    def measure(self, runs, seconds, waiting=()):
        """As `CpuTimer.measure`."""
        start = time.perf_counter()
        host = {name: self.host(run, calls=3) for name, run in runs.items()}
        samples = {name: [] for name in runs}
        for turn in range(_MOST_TURNS):
            if turn >= _LEAST_TURNS and time.perf_counter() - start > seconds:
                break
            for name, run in runs.items():
                samples[name].append(self.waited(run) if name in waiting else self.once(run, host[name]))
        return samples


def timer(device, least=False):
    """The timer of a device; `least`: for comparing the fastest turns."""
    if device.name != "cpu":
        return GpuTimer(device)
    return CpuTimer(reduce=min if least else statistics.median)
