"""All that a machine with a GPU can tell within a few minutes; each result is written as soon as it is known.

In order: environment, the GPU tests, compute-sanitizer on a sample, micro-measurements, ceilings, the rows by
importance, what torch.compile makes of the important ones. It needs CuPy, NumPy, pytest and the checkout;
PyTorch is a baseline where it is installed.
"""

import concurrent.futures
import importlib.util
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time

from . import ceilings, micro, recorded, records, report, workloads
from .environment import ROOT, environment, threads

# The shares of the whole time that a step may take at most.
_TESTS, _SANITIZER, _COMPILATION = 0.3, 0.08, 0.2
_ROW_SECONDS = 0.3
_LATEST = 5.0  # seconds before the end at which no row begins any more


class Budget:
    """Seconds from now on.

    Args:
        seconds: in all.
        clock: stands in for the time in tests.
    """

    def __init__(self, seconds, clock=time.monotonic):
        self.seconds, self.clock, self.start = seconds, clock, clock()

    def left(self):
        return self.seconds - (self.clock() - self.start)

    def share(self, part):
        """So many seconds are part of the whole, or what is left if that is less."""
        return max(1.0, min(self.seconds * part, self.left() - _LATEST))


def run_tests(recorder, seconds, run=subprocess.run):
    """The tests that use a GPU, in a process of their own, which is cut off when it takes too long."""
    command = [sys.executable, "-m", "pytest", "-q", "--maxfail=25", "-k", "gpu", "-p", "no:cacheprovider"]
    command += ["-o", "addopts=", "-o", "filterwarnings=default", "--color=no", "tests"]
    if importlib.util.find_spec("xdist"):
        command += ["-n", str(min(8, threads()))]  # compiling takes most of the time
    output, ended = _output(command, seconds, run)
    counts = {
        name: int(n)
        for n, name in re.findall(r"(\d+) (passed|failed|errors?|skipped|deselected)", output[-400:])
    }
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    recorder.write("tests", finished=ended, counts=counts, failed=failed, tail=output[-4000:])
    return f"GPU tests: {counts or 'no summary'}" + ("" if ended else f", cut off after {seconds:.0f} s")


def run_sanitizer(recorder, seconds, run=subprocess.run, which=shutil.which):
    """compute-sanitizer on a few small tests, where it is installed."""
    tool = which("compute-sanitizer")
    if tool is None:
        recorder.write("sanitizer", status="absent", reason="compute-sanitizer is not installed")
        return "compute-sanitizer: not installed"
    command = [
        tool,
        "--tool",
        "memcheck",
        "--error-exitcode",
        "9",
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
    ]
    command += [
        "-k",
        "gpu and float32",
        "-o",
        "addopts=",
        "-o",
        "filterwarnings=default",
        "tests/test_embedding.py",
    ]
    output, ended = _output(command, seconds, run)
    errors = re.findall(r"ERROR SUMMARY: (\d+)", output)
    recorder.write("sanitizer", status="finished" if ended else "cut off", errors=errors, tail=output[-4000:])
    return f"compute-sanitizer: {errors[-1] if errors else 'no'} errors" + ("" if ended else ", cut off")


def _output(command, seconds, run):
    """(what a command printed, whether it came to its end)."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path}
    try:
        done = run(
            command,
            cwd=ROOT,
            timeout=seconds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        return done.stdout.decode(errors="replace"), True
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b"").decode(errors="replace"), False


def compile_rows(rows, architecture, recorder, budget_seconds=None, device=None):
    """Compiles every row's kernels and those of the micro-measurements into the disk cache, on all cores.

    Returns:
        A text, and the number of failures; a row whose launcher fails is one.
    """
    device = device or recorded.SparseDevice(architecture)
    found, failures, start = dict.fromkeys(sorted(micro.instances(architecture))), 0, time.monotonic()
    for row in rows:
        try:
            found.update(dict.fromkeys(sorted(recorded.instances(row, device))))
        except Exception as error:
            failures += 1
            recorder.write("recorded", key=row.key, reason=f"{type(error).__name__}: {error}")
    context = multiprocessing.get_context("spawn")
    compiled = 0
    with concurrent.futures.ProcessPoolExecutor(min(threads(), len(found)), mp_context=context) as pool:
        for file, expression, error in recorded.compile_all(found, architecture, pool):
            compiled += error is None
            if error:
                failures += 1
                recorder.write("compilation", file=file, expression=expression, reason=error)
            if budget_seconds and time.monotonic() - start > budget_seconds:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    seconds = time.monotonic() - start
    recorder.write(
        "compiled",
        rows=len(rows),
        instances=len(found),
        compiled=compiled,
        failures=failures,
        seconds=seconds,
    )
    return (
        f"{compiled} of {len(found)} kernel instances of {len(rows)} rows compiled in {seconds:.1f} s",
        failures,
    )


def measure_rows(rows, runner, recorder, budget, say=print):
    """Measures rows until the time is used up; returns how many were measured."""
    for place, row in enumerate(rows):
        if budget.left() < _LATEST:
            recorder.write("cut", rows=len(rows) - place, first=row.key)
            say(f"The time is used up; {len(rows) - place} rows are left, the first is {row.key}.")
            return place
        say(report.one_line(recorder.write("row", **runner.measure(row))))
    return len(rows)


def dry_run(arguments):
    """All but the launches: every row's operands, launchers and kernels for sm_90; tests are collected."""
    from gpulayers.ops import arrays

    fields = environment(arrays.CPU) | {"dry_run": True}
    recorder = records.Recorder(arguments.output, fields)
    rows = workloads.all_rows("gpu")
    text, failures = compile_rows(rows, "sm_90", recorder)
    print(text)
    for line in recorder.lines:
        if "reason" in line:
            print(f"{line.get('key') or line.get('expression')}: {line['reason'][:2000]}")
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-k", "gpu", "-o", "addopts=", "tests"]
    output, _ = _output(command, 300, subprocess.run)
    print("GPU tests:", output.strip().splitlines()[-1] if output.strip() else "none")
    print("compute-sanitizer:", shutil.which("compute-sanitizer") or "not installed")
    print(f"{len(rows)} rows, of importance 0: {sum(row.importance == 0 for row in rows)}")
    return 1 if failures else 0


def main(arguments):
    """Runs the check; returns its exit code."""
    if arguments.dry_run:
        return dry_run(arguments)
    from gpulayers.ops import arrays

    if arrays.gpu_problem():
        raise SystemExit(
            f"There is no GPU to check: {arrays.gpu_problem()}. --dry-run does all but the launches."
        )
    from . import timing
    from .runner import Runner

    budget = Budget(60 * arguments.minutes)
    device = arrays.cuda_device()
    fields = environment(device)
    recorder = records.Recorder(arguments.output or records.default_path(fields, "gpu-check"), fields)
    print(
        f"{fields['device']}, {fields['architecture']}, driver {fields['driver']}; results: {recorder.path}",
        flush=True,
    )
    recorder.write("environment")

    rows = workloads.all_rows("gpu")
    first = [row for row in rows if row.importance == 0]
    print(run_tests(recorder, budget.share(_TESTS)), flush=True)
    print(run_sanitizer(recorder, budget.share(_SANITIZER)), flush=True)
    soon = [row for row in rows if row.importance < 2 and row.module.operations(row)]
    print(compile_rows(soon, device.architecture, recorder, budget.share(_COMPILATION))[0], flush=True)
    timer = timing.GpuTimer(device)
    for figure in micro.Micro(device, timer).figures():
        line = recorder.write("micro", **vars(figure))
        print(f"{line['name']}: {report.cell(line['value'])} {line['unit']} {line['note']}", flush=True)
    ceiling = ceilings.on_gpu(timer)
    recorder.write("ceiling", copy=ceiling.copy, products=ceiling.products)
    runner = Runner(device, ceiling, _ROW_SECONDS, timer=timer)
    say = lambda text: print(text, flush=True)  # noqa: E731
    if measure_rows(rows, runner, recorder, budget, say) == len(rows):
        runner = Runner(device, ceiling, _ROW_SECONDS, compiled=True, timer=timer)
        measure_rows([row for row in first if row.direction == "forward"], runner, recorder, budget, say)
    report.print_tables(recorder.lines)
    return 1 if any(line.get("status") in ("wrong", "error") for line in recorder.lines) else 0
