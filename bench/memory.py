"""Peak memory of a row on the CPU: each candidate in a process of its own, beyond what its operands take."""

import json
import subprocess
import sys
from pathlib import Path

from gpulayers.ops import arrays
from gpulayers.tables import print_table

from . import records, workloads
from .environment import ROOT, environment

OURS = "gpulayers"
CANDIDATES = (OURS, "torch", "torch channels_last")


def _status(field):
    """A field of /proc/self/status in bytes: VmRSS, VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {field}")


def peak_of(run):
    """Bytes that the process grows by at most while `run` runs; its results count too.

    Raises:
        OSError: the system does not tell (Linux's /proc is needed).
    """
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = _status("VmRSS")
    results = run()
    peak = _status("VmHWM") - before
    del results
    return max(0, peak)


def measure_here(key, name):
    """The peak of a candidate for a row, in this process; None where the candidate has no such function."""
    from . import baselines
    from .baselines import Candidate

    (workload,) = [row for row in workloads.all_rows("cpu") if row.key == key]
    operands = workload.module.operands(workload, arrays.CPU, seed=1)
    if name == OURS:
        candidate = Candidate(workload.module.ours(workload, operands))
    else:
        candidate = baselines.candidates(workload, operands, arrays.CPU).get(name)
    return None if candidate is None else peak_of(candidate.run)


def measure(key, name):
    """As `measure_here`, in a fresh process: what one allocator keeps must not serve the next candidate.

    Raises:
        RuntimeError: the process failed.
    """
    code = f"import json, bench.memory as m; print(json.dumps(m.measure_here({key!r}, {name!r})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed on {key}: {done.stderr[-1000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _mib(value):
    return "-" if value is None else f"{value / 2**20:.1f}"


def main(arguments):
    """Prints the peaks, and writes them where asked."""
    from . import baselines

    absent = "torch" in baselines.unavailable(arrays.CPU)
    names = CANDIDATES[:1] if absent else CANDIDATES
    recorder = records.Recorder(
        None if arguments.output == "-" else arguments.output, environment(arrays.CPU)
    )
    cells = []
    for row in workloads.all_rows("cpu", arguments.only, arguments.quick):
        peaks = {name: measure(row.key, name) for name in names}
        recorder.write("memory", key=row.key, peaks=peaks)
        others = [peaks[name] for name in names[1:] if peaks[name]]
        ratio = f"{peaks[OURS] / min(others):.2f}" if others else "-"
        cells.append((row.key, *(_mib(peaks[name]) for name in names), ratio))
        print(*cells[-1], sep="  ", flush=True)
    print_table("Peak memory in MiB, beyond the operands", ("row", *names, "against the least"), cells)
    return 0
