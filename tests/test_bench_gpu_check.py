"""gpu-check with stand-ins for the GPU, the clock and the processes; its kernels compiled for real."""

import concurrent.futures
import subprocess
import types

import numpy as np
import pytest

from bench import gpu_check, micro, overhead, recorded, records, workloads
from bench.gpu_check import Budget
from gpulayers import jit

needs_compiler = pytest.mark.skipif(
    jit.nvrtc_problem() is not None, reason=f"kernels cannot be compiled here: {jit.nvrtc_problem()}"
)


@pytest.fixture
def recorder():
    return records.Recorder(None, {"device": "none"})


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_budget():
    clock = Clock()
    budget = Budget(100, clock)
    assert budget.left() == 100 and budget.share(0.3) == 30
    clock.now += 90
    assert budget.left() == 10 and budget.share(0.3) == 10 - gpu_check._LATEST
    clock.now += 20
    assert budget.left() < 0 and budget.share(0.3) == 1.0


def test_rows_stop_when_the_time_is_used_up(recorder):
    clock, said = Clock(), []
    rows = workloads.all_rows("gpu")[:6]

    def measure(row):
        clock.now += 10
        return {"key": row.key, "status": "error", "reason": "slow"}

    runner = types.SimpleNamespace(measure=measure)
    assert gpu_check.measure_rows(rows, runner, recorder, Budget(30, clock), said.append) == 3
    assert [line["kind"] for line in recorder.lines] == ["row"] * 3 + ["cut"]
    assert recorder.lines[-1]["rows"] == 3 and recorder.lines[-1]["first"] == rows[3].key
    assert gpu_check.measure_rows(rows, runner, recorder, Budget(1000, clock), said.append) == 6


def test_results_are_written_row_by_row(tmp_path):
    recorder = records.Recorder(tmp_path / "r.jsonl", {})
    seen = []

    def measure(row):
        seen.append(len(records.read(recorder.path)) if recorder.path.exists() else 0)
        return {"key": row.key, "status": "error", "reason": ""}

    runner = types.SimpleNamespace(measure=measure)
    gpu_check.measure_rows(workloads.all_rows("gpu")[:3], runner, recorder, Budget(100), lambda text: None)
    assert seen == [0, 1, 2]


PYTEST = b"""....F
FAILED tests/test_pooling.py::test_kernels[gpu-case] - AssertionError
ERROR tests/test_x.py::test_y
1 failed, 4 passed, 2 skipped, 10 deselected, 1 error in 3.21s
"""


def test_gpu_tests_are_counted(recorder):
    seen = {}

    def run(command, **options):
        seen.update(options, command=command)
        return types.SimpleNamespace(stdout=PYTEST)

    text = gpu_check.run_tests(recorder, 12.0, run)
    (line,) = recorder.lines
    assert (
        line["counts"] == {"failed": 1, "passed": 4, "skipped": 2, "deselected": 10, "error": 1}
        and line["finished"]
    )
    assert line["failed"] == ["tests/test_pooling.py::test_kernels[gpu-case]", "tests/test_x.py::test_y"]
    assert "'failed': 1" in text and seen["timeout"] == 12.0 and "gpu" in seen["command"]


def test_gpu_tests_that_take_too_long_are_cut_off(recorder):
    def run(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"], output=b"tests/test_a.py ....")

    assert "cut off after 5 s" in gpu_check.run_tests(recorder, 5.0, run)
    assert not recorder.lines[0]["finished"] and "test_a" in recorder.lines[0]["tail"]


def test_sanitizer(recorder):
    assert "not installed" in gpu_check.run_sanitizer(recorder, 5.0, which=lambda name: None)
    assert recorder.lines[-1]["status"] == "absent"
    done = types.SimpleNamespace(stdout=b"2 passed\n========= ERROR SUMMARY: 3 errors\n")
    text = gpu_check.run_sanitizer(recorder, 5.0, run=lambda *a, **o: done, which=lambda name: "/bin/" + name)
    assert "3 errors" in text and recorder.lines[-1]["errors"] == ["3"]


def test_a_sparse_device_takes_no_memory_for_large_arrays():
    device = recorded.SparseDevice("sm_90")
    array = device.empty((200, 1 << 30), np.float32)
    assert array.nbytes == 800 << 30 and array.flags.c_contiguous and array.device is device
    array -= np.float32(1)
    array *= np.float32(2)
    assert array.astype(np.float16).dtype == np.float16 and array.astype(np.float16).nbytes == 400 << 30
    assert not device.zeros((3,), np.float32).any() and device.empty((), np.float32).shape == ()


def test_every_important_row_launches_kernels():
    device = recorded.SparseDevice("sm_90")
    for row in workloads.all_rows("gpu", quick=True):
        if row.module.operations(row):
            assert recorded.instances(row, device), row.key


@needs_compiler
def test_rows_are_compiled_and_failures_named(recorder, monkeypatch):
    rows = workloads.all_rows("gpu", only=["embedding/", "characters"])
    monkeypatch.setattr(gpu_check.concurrent.futures, "ProcessPoolExecutor", InThisProcess)
    text, failures = gpu_check.compile_rows(rows, "sm_90", recorder)
    assert failures == 0 and f"of {len(rows)} rows compiled" in text
    assert recorder.lines[-1]["compiled"] == recorder.lines[-1]["instances"] > len(micro.instances("sm_90"))

    monkeypatch.setattr(
        micro, "instances", lambda architecture: {("embedding/gather.cu", "no_such_kernel", False)}
    )
    text, failures = gpu_check.compile_rows([], "sm_90", recorder)
    assert failures == 1 and text.startswith("0 of 1")
    assert any("no_such_kernel" in line.get("reason", "") for line in recorder.lines)


def test_a_row_whose_launcher_fails_is_named(recorder, monkeypatch):
    (row,) = workloads.all_rows("gpu", only=["embedding/tokens 50257 x 768, 1 x 1024/forward/float32"])
    monkeypatch.setattr(recorded, "instances", lambda row, device: 1 / 0)
    monkeypatch.setattr(recorded, "compile_all", lambda found, architecture, pool: iter(()))
    monkeypatch.setattr(gpu_check.concurrent.futures, "ProcessPoolExecutor", InThisProcess)
    _, failures = gpu_check.compile_rows([row], "sm_90", recorder)
    assert failures == 1
    assert (recorder.lines[0]["key"], recorder.lines[0]["reason"]) == (
        row.key,
        "ZeroDivisionError: division by zero",
    )


class InThisProcess(concurrent.futures.Executor):
    """A pool of processes without processes."""

    def __init__(self, *arguments, **options):
        pass

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future


@needs_compiler
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_micro_kernels_compile(architecture):
    groups = {}
    for file, expression, _ in micro.instances(architecture):
        groups.setdefault(file, []).append(expression)
    for file, expressions in groups.items():
        compiled = jit.compile(file, expressions, architecture)
        assert set(compiled.lowered) == set(expressions)


class FakeGpu:
    """A device and its timer: every kernel reports 2000 nanoseconds a round, every call takes 1 ms."""

    def __init__(self, architecture="sm_90"):
        self.architecture, self.multiprocessors, self.launched = architecture, 132, []
        self.cupy = self
        self.cuda = types.SimpleNamespace(
            Stream=self.Stream, Event=self.Event, get_elapsed_time=lambda begin, end: 1.0
        )

    class Event:
        def record(self, stream=None):
            pass

        synchronize = record

    class Stream:
        def __init__(self, non_blocking):
            assert non_blocking, "the legacy stream cannot be captured"
            self.capturing = False

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def synchronize(self):
            assert not self.capturing

        def begin_capture(self):
            self.capturing = True

        def end_capture(self):
            self.capturing = False
            return types.SimpleNamespace(launch=lambda stream: None)

    def zeros(self, shape, dtype):
        return np.zeros(shape, dtype)

    def copyto(self, target, source):
        pass

    def kernel(self, file, name, template=()):
        def launch(grid, block, arguments, cooperative=False):
            self.launched.append((jit.name_expression(name, template), grid, block, cooperative))
            for position, argument in enumerate(arguments):
                if getattr(argument, "dtype", None) == np.uint64:
                    argument[0] = 2000 * int(arguments[position + 1])

        return launch

    def once(self, run, host):
        run()
        return 1e-3

    def host(self, run):
        run()
        return 1e-3


@pytest.fixture(autouse=True)
def small_copies(monkeypatch):
    monkeypatch.setattr(micro.Micro, "copied", 1 << 20)


def test_micro_measurements():
    gpu = FakeGpu()
    figures = {figure.name: figure for figure in micro.Micro(gpu, gpu).figures() if figure.name != "fill"}
    assert figures["grid barrier, 132 blocks of 1024"].value == 2.0
    assert figures["flag through L2"].value == 1.0, "one way of a round trip"
    assert figures["launch from Python"].value == pytest.approx(10.0), "a hundred launches in 1 ms"
    assert figures["kernel after kernel"].value == pytest.approx(1e3 / 500)
    assert figures["copy by the driver"].value == pytest.approx(2 * (1 << 20) / 1e-3 * 1e-9)
    cooperative = {name for name, *_, flag in gpu.launched if flag}
    assert cooperative == {"grid_barrier", "flag_round_trip", "broadcast_and_gather"}
    asked = {name for name, *_ in gpu.launched}
    assert asked <= {expression for _, expression, _ in micro.instances("sm_90")}
    for name, grid, block, _ in gpu.launched:
        if name.startswith("cluster_barrier"):
            assert grid == (int(name[len("cluster_barrier<") : -1]),), "one cluster"


def test_micro_measurement_that_fails_says_why():
    gpu = FakeGpu("sm_80")
    gpu.Stream.begin_capture, kept = lambda self: 1 / 0, gpu.Stream.begin_capture
    try:
        figures = {figure.name: figure for figure in micro.Micro(gpu, gpu).figures()}
    finally:
        gpu.Stream.begin_capture = kept
    assert figures["graphs"].value is None and "ZeroDivisionError" in figures["graphs"].note
    assert "no clusters" in figures["cluster barrier"].note
    assert figures["flag through L2"].value == 1.0


def test_dry_run_needs_a_gpu_for_nothing_but_the_launches(monkeypatch, capsys):
    monkeypatch.setattr(workloads, "all_rows", lambda name: [])
    monkeypatch.setattr(gpu_check, "compile_rows", lambda rows, architecture, recorder: ("compiled", 0))
    monkeypatch.setattr(gpu_check, "_output", lambda command, seconds, run: ("12 tests collected", True))
    assert gpu_check.dry_run(types.SimpleNamespace(output=None)) == 0
    assert "12 tests collected" in capsys.readouterr().out


def test_without_a_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr("gpulayers.ops.arrays.gpu_problem", lambda: "there is none")
    with pytest.raises(SystemExit, match="no GPU to check: there is none"):
        gpu_check.main(types.SimpleNamespace(dry_run=False, minutes=1, output=None))


def test_overhead_counts_launches_that_end_before_the_driver():
    with overhead.stubbed_launches():
        for name, call in overhead.calls().items():
            before = overhead.DEVICE.launches
            call()
            assert overhead.DEVICE.launches > before, name
    assert jit.load.__module__ == "gpulayers.jit.cuda_driver", "the true one is there again"


def test_importing_is_measured_and_the_wheel_weighed():
    assert 0 < overhead.import_seconds("json", runs=1) < 60
    assert 50_000 < overhead.wheel_bytes() < 2_000_000


def test_counters_of_a_row():
    from tests.emulator.plugin import emulator_problem

    if emulator_problem():
        pytest.skip(f"the emulator cannot run: {emulator_problem()}")
    from bench import counters
    from tests.emulator.device import EmulatedDevice

    device = EmulatedDevice("sm_90", count=True, multiprocessors=4)
    row = next(
        row for row in counters.rows() if row.key.startswith("pooling/max 2/2 64 28 channels_last/forward")
    )
    launches = counters.count(row, device)
    text = "\n".join(counters.details(row, launches))
    assert "moved 1.00 x" in text and "read 1.00 times" in text
    key, count, moved, requested, *_ = counters.summary(row, launches)
    assert (key, count, moved, requested) == (row.key, 1, "1.00", "1.00")


def test_the_whole_check_with_a_stand_in_for_the_gpu(monkeypatch, tmp_path, capsys):
    """Every step in order; the device only bears the name of one."""
    import bench.timing
    from bench import ceilings
    from gpulayers.ops import arrays

    device = types.SimpleNamespace(name="gpu", architecture="sm_90")
    fields = {
        "device": "stand-in",
        "architecture": "sm_90",
        "driver": "0",
        "date": "2026-01-01",
        "versions": {},
    }
    gpu = FakeGpu()
    measured = []

    class Runner:
        def __init__(self, *arguments, compiled=False, **options):
            self.compiled = compiled

        def measure(self, row):
            measured.append((row.key, self.compiled))
            same = {name: getattr(row, name) for name in ("key", "family", "name", "direction", "precision")}
            return {**same, "status": "error", "reason": "a stand-in", "baselines": {}}

    steps = []
    monkeypatch.setattr(arrays, "gpu_problem", lambda: None)
    monkeypatch.setattr(arrays, "cuda_device", lambda: device)
    monkeypatch.setattr(gpu_check, "environment", lambda device: fields)
    monkeypatch.setattr(gpu_check, "run_tests", lambda *a: steps.append("tests") or "tests")
    monkeypatch.setattr(gpu_check, "run_sanitizer", lambda *a: steps.append("sanitizer") or "sanitizer")
    monkeypatch.setattr(gpu_check, "compile_rows", lambda *a: (steps.append("compiled") or "compiled", 0))
    monkeypatch.setattr(bench.timing, "GpuTimer", lambda device: gpu)
    monkeypatch.setattr(micro, "Micro", lambda device, timer, true=micro.Micro: true(gpu, gpu))
    monkeypatch.setattr(ceilings, "on_gpu", lambda timer: ceilings.Ceilings(1e12, {"float32": 1e13}))
    monkeypatch.setattr("bench.runner.Runner", Runner)
    output = tmp_path / "r.jsonl"
    code = gpu_check.main(types.SimpleNamespace(dry_run=False, minutes=9.0, output=str(output)))
    assert code == 1, "rows failed"
    assert steps == ["tests", "sanitizer", "compiled"]
    kinds = [line["kind"] for line in records.read(output)]
    assert kinds[0] == "environment" and kinds.index("micro") < kinds.index("ceiling") < kinds.index("row")
    keys = [key for key, compiled in measured if not compiled]
    assert keys == [row.key for row in workloads.all_rows("gpu")]
    assert any(compiled for _, compiled in measured)
    assert "grid barrier" in capsys.readouterr().out
