"""The micro-measurements' kernels under the emulator's checker: no race, no deadlock, every round done."""

import numpy as np
import pytest

from bench import micro

ROUNDS = 3


def run(device, name, blocks, threads):
    """Runs a kernel that works on flags; returns them."""
    flags, elapsed = device.zeros((256,), np.uint32), device.empty((1,), np.uint64)
    kernel = device.kernel(micro.FILE, name)
    kernel((blocks,), (threads,), (flags, elapsed, np.int32(ROUNDS)), cooperative=True)
    device.to_numpy(elapsed)  # refuses what no kernel has written
    return device.to_numpy(flags)


@pytest.mark.parametrize("blocks, threads", [(1, 32), (4, 64), (7, 96)])
def test_grid_barrier(emulated, blocks, threads):
    counts = run(emulated, "grid_barrier", blocks, threads)
    assert counts[0] == (ROUNDS + 1) * blocks and not counts[1:].any()


def test_flag_round_trip(emulated):
    counts = run(emulated, "flag_round_trip", 2, 32)
    assert counts[[0, 64]].tolist() == [ROUNDS + 1] * 2 and counts.sum() == 2 * (ROUNDS + 1)


@pytest.mark.parametrize("blocks", [2, 5])
def test_broadcast_and_gather(emulated, blocks):
    counts = run(emulated, "broadcast_and_gather", blocks, 32)
    assert counts[[0, 64]].tolist() == [ROUNDS + 1, (ROUNDS + 1) * (blocks - 1)]


@pytest.mark.parametrize("size", [2, 8])
def test_cluster_barrier(emulated, size):
    elapsed = emulated.empty((1,), np.uint64)
    kernel = emulated.kernel(micro.CLUSTER_FILE, "cluster_barrier", (size,))
    kernel((size,), (64,), (elapsed, np.int32(ROUNDS)))
    emulated.to_numpy(elapsed)


@pytest.mark.parametrize("unroll", [4, 8])
@pytest.mark.parametrize("blocks", [1, 3])
def test_copy_moves_every_byte_once(emulated, unroll, blocks):
    emulated.count = True
    data = np.random.default_rng(0).integers(0, 256, 5 * unroll * 256 * 16, np.uint8)
    x, y = emulated.asarray(data), emulated.empty(data.shape, np.uint8)
    emulated.kernel(micro.FILE, "copy", (unroll,))((blocks,), (256,), (x, y, np.int64(data.size // 16)))
    np.testing.assert_array_equal(emulated.to_numpy(y), data)
    counters = emulated.launches[-1].report.counters
    assert counters["x"].bytes[0] == counters["y"].bytes[1] == data.nbytes
    assert counters["x"].load_efficiency == counters["y"].store_efficiency == 1.0
