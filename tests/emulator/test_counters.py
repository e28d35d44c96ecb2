"""Counters of kernels whose traffic is known."""

from pathlib import Path

import numpy as np
import pytest

from tests.emulator import EmulatedDevice, EmulatorError

TRAFFIC = Path(__file__).parent / "kernels" / "traffic.cu"


def line_of(text, after=""):
    """Place of the first line that holds the text, after the first line that holds another."""
    lines = TRAFFIC.read_text().split("\n")
    start = next(i for i, line in enumerate(lines) if after in line)
    return f"traffic.cu:{next(i for i in range(start, len(lines)) if text in lines[i]) + 1}"


@pytest.fixture
def counting(emulated):
    emulated.count = True
    emulated.load(TRAFFIC, ["transpose<32>", "transpose<33>", "copy", "wide", "sum_again"])
    return emulated


def copy(device, stride, n=1024):
    x = device.asarray(np.arange(n * stride, dtype=np.float32))
    y = device.empty(n, np.float32)
    device.kernel(TRAFFIC, "copy")((n // 256,), (256,), (x, y, np.int32(n), np.int32(stride)))
    assert (device.to_numpy(y) == np.arange(n * stride)[::stride]).all()
    return device.launches[-1].report.counters


def test_plain_copy_is_ideal(counting):
    counters = copy(counting, 1)
    x, y = counters["x"], counters["y"]
    assert counters.names == ["x", "y", "n", "stride"] and counters.arguments[2:] == [None, None]
    assert x.bytes == [4096, 0, 0] and x.instructions == [32, 0, 0] and x.sectors == [128, 0, 0]
    assert y.bytes == [0, 4096, 0] and y.distinct == [0, 4096]
    assert x.load_efficiency == y.store_efficiency == x.reread_factor == 1
    assert counters.worst_coalesced() is None
    assert counters.shared.bytes == [0, 0, 0]


def test_strided_copy_fetches_eight_times_too_much(counting):
    counters = copy(counting, 8)
    assert counters["x"].load_efficiency == 8 and counters["x"].reread_factor == 1
    assert counters["y"].store_efficiency == 1
    worst = counters.worst_coalesced()
    assert worst.kind == "load" and worst.efficiency == 8 and worst.wasted_bytes == 1024 * 28
    assert worst.place == line_of("y[i] = x[i * stride]")


def transpose(device, pitch, n=64):
    x = np.arange(n * n, dtype=np.float32).reshape(n, n)
    y = device.empty((n, n), np.float32)
    device.kernel(TRAFFIC, "transpose", (pitch,))(
        (n // 32, n // 32), (32, 8), (device.asarray(x), y, np.int32(n))
    )
    assert (device.to_numpy(y) == x.T).all()
    return device.launches[-1].report.counters


def test_transpose_without_padding_has_32_way_conflicts(counting):
    counters = transpose(counting, 32)
    assert counters.shared.worst_degree == 32
    assert counters.shared.wavefronts == [32 * 128, 128, 0]
    assert counters.shared.extra_wavefronts == 31 * 128
    worst = counters.worst_bank_conflict()
    assert (
        worst.kind == "load"
        and worst.worst_degree == 32
        and worst.place == line_of("tile[threadIdx.x * PITCH")
    )
    assert counters.events["barrier"] == 4
    assert counters["x"].load_efficiency == counters["y"].store_efficiency == 1


def test_transpose_with_padding_has_none(counting):
    counters = transpose(counting, 33)
    assert counters.shared.worst_degree == 1 and counters.shared.extra_wavefronts == 0
    assert counters.worst_bank_conflict() is None


@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_wide_accesses_go_by_quarter_warps(counting, step):
    x, y = counting.asarray(np.arange(128, dtype=np.float32)), counting.empty(128, np.float32)
    counting.kernel(TRAFFIC, "wide")((1,), (32,), (x, y, np.int32(step)), shared_memory=32 * 16 * step)
    shared = counting.launches[-1].report.counters.shared
    assert shared.worst_degree == step
    assert shared.ideal_wavefronts == [4, 4, 0] and shared.wavefronts == [4 * step, 4 * step, 0]


def test_rereading_and_atomics(counting):
    x, total = counting.asarray(np.ones(256, np.float32)), counting.zeros(1, np.float32)
    counting.kernel(TRAFFIC, "sum_again")((10,), (32,), (x, total, np.int32(256)))
    counters = counting.launches[-1].report.counters
    assert float(total[0]) == 2560
    assert counters["x"].reread_factor == 10 and counters["x"].distinct == [1024, 0]
    assert counters["sum"].bytes == [0, 0, 40]
    assert counters.events["atomic"] == 10 and counters.events["shuffle"] == 50


def test_counters_belong_to_one_launch(counting):
    first = copy(counting, 1)
    second = copy(counting, 1)
    assert first["x"].bytes == second["x"].bytes == [4096, 0, 0]
    counting.count = False
    assert copy(counting, 1) is None


def test_summary(counting):
    text = copy(counting, 8).summary()
    assert "x: loads 4096 B (32768 distinct, 8.00x sectors, read 1.00 times)" in text
    assert f"worst coalesced: load at {line_of('y[i] = x[i * stride]')}, 8.00x" in text
    assert "worst bank conflict: load at traffic.cu" in transpose(counting, 32).summary()


def test_counting_needs_the_checker():
    device = EmulatedDevice(check=False, count=True)
    with pytest.raises(EmulatorError, match="counters need check=True"):
        copy(device, 1)
