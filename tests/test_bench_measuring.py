"""The benchmarks' timers, ceilings, runner and results files, with stand-ins for clocks and devices."""

import contextlib
import json
import os
import types

import numpy as np
import pytest

from bench import ceilings, environment, memory, records, runner, timing, workloads
from bench.baselines import Candidate
from gpulayers.ops import arrays

ROW = next(row for row in workloads.all_rows("cpu") if row.key.startswith("embedding/characters"))
CEILINGS = ceilings.Ceilings(copy=1e10, products={"float32": 1e11})


def test_timing_has_the_median_and_percentiles():
    found = timing.Timing.of([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (found.median, found.least, found.count) == (3.0, 1.0, 5)
    assert found.p10 == pytest.approx(1.4) and found.p90 == pytest.approx(61.6)


def test_ratio_is_the_median_of_pairs_not_the_ratio_of_medians():
    # Both slow down together in turns 2 and 3: every pair says 2.
    assert timing.ratio([1.0, 10.0, 5.0], [2.0, 20.0, 10.0]) == 2.0
    assert timing.ratio([1.0, 1.0, 4.0], [3.0, 1.0, 4.0]) == 1.0
    with pytest.raises(ValueError):
        timing.ratio([1.0], [1.0, 2.0])
    assert timing.ratio_of_least([2.0, 9.0], [100.0, 3.0]) == 1.5


def test_candidates_take_turns_on_the_cpu():
    called = []
    timer = timing.CpuTimer(pause=0.0, turn=0.0)
    samples = timer.measure({name: lambda name=name: called.append(name) for name in "ab"}, seconds=0)
    assert [len(samples[name]) for name in "ab"] == [3, 3]
    timed = [name for name in called[4:]]  # after two calls of each to see how long they take
    assert timed == ["a", "b"] * 3


def test_a_short_call_is_repeated_within_a_turn(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(timing.time, "sleep", lambda seconds: None)
    calls = []

    def run():
        calls.append(1)
        now[0] += 0.004

    samples = timing.CpuTimer(pause=0.03, turn=0.02).measure({"run": run}, seconds=0)
    assert samples["run"] == pytest.approx([0.004] * 3)
    assert len(calls) == 2 + 3 * (1 + 5), (
        "two to look, then in each turn one that warms up and five that are timed"
    )


class FakeCupy:
    """Counts what a GpuTimer asks for; every call on the device takes 2 ms."""

    def __init__(self):
        self.log, self.now = [], 0.0
        runtime = types.SimpleNamespace(
            cudaDevAttrL2CacheSize=0,
            deviceGetAttribute=lambda attribute, index: 50 << 20,
            deviceSynchronize=lambda: self.log.append("synchronize"),
        )

        class Event:
            def record(event):
                event.time = self.now
                self.log.append("record")

            def synchronize(event):
                self.log.append("wait")

        elapsed = lambda begin, end: (end.time - begin.time) * 1e3  # noqa: E731
        self.cuda = types.SimpleNamespace(runtime=runtime, Event=Event, get_elapsed_time=elapsed)

    def empty(self, count, dtype):
        self.flushed_bytes = count * np.dtype(dtype).itemsize
        return types.SimpleNamespace(fill=lambda value: self.log.append("flush"))


class FakeDevice:
    name, index = "gpu", 0

    def __init__(self):
        self.array_module = FakeCupy()

    def kernel(self, file, name):
        return lambda grid, block, arguments: self.array_module.log.append(("spin", int(arguments[0])))


def test_gpu_timer_flushes_and_hides_the_host():
    device = FakeDevice()
    cupy = device.array_module
    timer = timing.GpuTimer(device)
    assert cupy.flushed_bytes == 4 * (50 << 20), "more than L2 holds"

    def run():
        cupy.log.append("run")
        cupy.now += 0.002

    assert timer.once(run, host=100e-6) == pytest.approx(0.002)
    assert cupy.log == ["flush", ("spin", 170_000), "record", "run", "record", "wait"]
    cupy.log.clear()
    assert timer.host(run, calls=3) < 0.01
    assert cupy.log == ["synchronize", "run"] * 3 + ["synchronize"]
    samples = timer.measure({"a": run, "b": run}, seconds=0)
    assert samples == {name: pytest.approx([0.002] * 3) for name in "ab"}
    cupy.log.clear()
    waits = timer.measure({"c": run}, seconds=0, waiting={"c"})["c"]
    assert len(waits) == 3 and all(0 < sample < 0.01 for sample in waits), "by the host's clock"
    assert cupy.log[-3:] == ["flush", "synchronize", "run"]


def test_bound_is_the_slower_of_memory_and_arithmetic():
    assert CEILINGS.bound(0, 1e10, "float32") == 1.0
    assert CEILINGS.bound(5e11, 1e10, "float32") == 5.0
    assert CEILINGS.bound(1e10, 1e10, "float32") == 1.0
    assert CEILINGS.bound(1.0, 1e10, "bfloat16") is None, "no product was measured in it"
    assert CEILINGS.bound(0, 1e10, "bfloat16") == 1.0


def test_ceilings_of_this_machine():
    found = ceilings.on_cpu(seconds=0.0, copied=1 << 20, side=64)
    assert 1e8 < found.copy < 1e13 and 1e7 < found.products["float32"] < 1e14


def test_ceilings_of_a_gpu(monkeypatch):
    asked = []
    monkeypatch.setattr(ceilings, "cublas_precision", lambda name: contextlib.nullcontext(asked.append(name)))
    cupy = types.SimpleNamespace(ones=np.ones, copyto=lambda target, source: None, matmul=lambda a, b: None)
    device = types.SimpleNamespace(name="gpu", random_generator=np.random.default_rng)
    timer = types.SimpleNamespace(cupy=cupy, device=device, once=lambda run, host: 1e-3)
    found = ceilings.on_gpu(timer, seconds=0, copied=1000, side=10)
    assert found.copy == pytest.approx(2e6)
    assert found.products == {name: pytest.approx(2e6) for name in workloads.PRECISIONS}
    assert asked == list(workloads.PRECISIONS)


def test_cublas_precision_is_put_back(monkeypatch):
    core = pytest.importorskip("cupy._core", reason="CuPy is not installed")
    linalg = pytest.importorskip("cupy._core._routines_linalg")
    chosen = []
    # The true one asks for the GPU's capability.
    monkeypatch.setattr(core, "set_compute_type", lambda dtype, kind: chosen.append(kind))
    for precision in ("tf32", "float32"):
        with ceilings.cublas_precision(precision):
            pass
    before = core.get_compute_type(np.dtype(np.float32))
    assert chosen == [linalg.COMPUTE_TYPE_TF32, before, linalg.COMPUTE_TYPE_FP32, before]


class FixedTimer:
    """Says that this library takes 2 ms and everything else 3."""

    def __init__(self):
        self.measured = []

    def measure(self, runs, seconds, waiting=()):
        self.measured.append(list(runs))
        return {name: [0.002 if name == runner.OURS else 0.003] * 5 for name in runs}

    def host(self, run):
        return 1e-5


@pytest.fixture
def run(monkeypatch):
    """A Runner with a timer of its own, and the baselines that a test puts into `run.baselines`."""
    found = runner.Runner(arrays.CPU, CEILINGS, timer=FixedTimer())
    found.baselines = {}
    monkeypatch.setattr(runner.baselines, "candidates", lambda *arguments: found.baselines)
    return found


def test_a_row_has_its_figures(run):
    operands = ROW.module.operands(ROW, arrays.CPU, len(ROW.key))
    run.baselines["other"] = Candidate(ROW.module.ours(ROW, operands))
    line = run.measure(ROW)
    assert (line["status"], line["key"], line["seconds"]) == ("ok", ROW.key, 0.002)
    assert line["implementation"] == "reference.forward"
    moved = ROW.problem.bytes_moved()
    assert line["gbps"] == pytest.approx(moved / 0.002 * 1e-9)
    assert line["percent_of_bound"] == pytest.approx(100 * moved / 1e10 / 0.002)
    assert line["baselines"]["other"]["ratio"] == pytest.approx(1.5)
    json.dumps(line)


def test_the_fastest_turn_counts_where_that_is_asked_for(run, monkeypatch):
    operands = ROW.module.operands(ROW, arrays.CPU, len(ROW.key))
    run.baselines["other"] = Candidate(ROW.module.ours(ROW, operands))
    run.least = True
    samples = {runner.OURS: [0.002, 0.008, 0.008], "other": [0.009, 0.003, 0.003]}
    monkeypatch.setattr(run.timer, "measure", lambda runs, seconds, waiting: samples)
    line = run.measure(ROW)
    assert (line["seconds"], line["statistic"]) == (0.002, "least")
    assert line["baselines"]["other"]["ratio"] == pytest.approx(1.5)


def test_a_wrong_result_is_not_timed(run, monkeypatch):
    right = ROW.module.ours

    def wrong(workload, operands):
        return lambda: {"output": right(workload, operands)()["output"] + np.float32(1)}

    monkeypatch.setattr(ROW.module, "ours", wrong)
    line = run.measure(ROW)
    assert line["status"] == "wrong" and "is not row" in line["reason"] and "seconds" not in line
    assert run.timer.measured == []


def test_an_error_costs_one_row(run, monkeypatch):
    def broken(workload, operands):
        raise MemoryError("too large")

    monkeypatch.setattr(ROW.module, "ours", broken)
    line = run.measure(ROW)
    assert (line["status"], line["reason"]) == ("error", "MemoryError: too large")
    assert "broken" in line["traceback"]


def test_a_baseline_that_is_wrong_or_fails_says_so(run):
    def fails():
        raise RuntimeError("no kernel for this type")

    run.baselines |= {
        "fails": Candidate(fails),
        "wrong": Candidate(lambda: {"output": np.zeros(ROW.problem.output_shape)}),
    }
    line = run.measure(ROW)
    assert line["status"] == "ok" and run.timer.measured == [[runner.OURS]]
    assert line["baselines"]["fails"] == {
        "status": "wrong",
        "reason": "RuntimeError: no kernel for this type",
    }
    assert "is not row" in line["baselines"]["wrong"]["reason"]


def test_every_line_carries_device_versions_and_commit(tmp_path):
    fields = environment.environment(arrays.CPU)
    recorder = records.Recorder(tmp_path / "new" / "r.jsonl", fields)
    recorder.write("row", key="a")
    (line,) = records.read(recorder.path)
    assert line["kind"] == "row" and line["key"] == "a"
    assert {"device", "commit", "date", "versions", "platform", "threads"} <= set(line)
    assert line["versions"]["numpy"] == np.__version__


def test_results_survive_a_cut_off(tmp_path):
    path = tmp_path / "r.jsonl"
    recorder = records.Recorder(path, {"date": "2026-01-01"})
    recorder.write("row", key="a")
    with path.open("a") as file:
        file.write('{"kind": "ro')
    assert [line["key"] for line in records.read(path)] == ["a"]
    path.write_text('{"kind": "ro\n{"kind": "row"}\n')
    with pytest.raises(ValueError, match="line 1"):
        records.read(path)


def test_newest_results(tmp_path):
    assert records.newest(tmp_path) is None
    for name, date in (("a", "2026-03-01"), ("b", "2026-01-01")):
        records.Recorder(tmp_path / f"{name}.jsonl", {"date": date}).write("row", key="x")
    assert records.newest(tmp_path).name == "a.jsonl"


def test_a_new_file_for_each_run(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "FOLDER", tmp_path)
    fields = {"date": "2026-01-02T03:04", "device": "NVIDIA H200"}
    first = records.default_path(fields, "gpu-check")
    assert first.name == "2026-01-02-nvidia-h200-gpu-check.jsonl"
    first.write_text("")
    assert records.default_path(fields, "gpu-check").name == "2026-01-02-nvidia-h200-gpu-check-2.jsonl"


def test_load_by_others_is_seen(monkeypatch):
    readings = iter([(10.0, 100.0, 5.0), (20.0, 118.0, 15.0)])
    monkeypatch.setattr(timing.OtherLoad, "_read", staticmethod(lambda: next(readings)))
    with timing.OtherLoad() as load:
        pass
    assert load.cores == pytest.approx(0.8), "18 busy seconds, 10 of them our own, in 10 seconds"


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")


@needs_proc
def test_peak_memory_counts_what_is_freed_again():
    def run():
        large = np.ones(64 << 20, np.uint8)  # written to: address space alone does not count
        return large[:10].copy()

    assert 0.9 * (64 << 20) < memory.peak_of(run) < 1.5 * (64 << 20)
    assert memory.peak_of(lambda: None) < 16 << 20


@needs_proc
def test_peak_memory_of_a_row_in_a_process_of_its_own():
    (row,) = workloads.all_rows("cpu", only=["embedding/dlrm 400k x 128, 64k ids, uniform/forward/"])
    output = 65536 * 128 * 4
    assert 0.9 * output < memory.measure(row.key, memory.OURS) < 4 * output
    with pytest.raises(RuntimeError, match="not enough values"):
        memory.measure("no such row", memory.OURS)
