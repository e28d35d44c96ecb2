"""Traffic of the launches of one call, against the problem's least."""

from pathlib import Path

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops.embedding.problem import EmbeddingProblem
from tests.emulator import EmulatedDevice, traffic

TRAFFIC = Path(__file__).parent / "kernels" / "traffic.cu"


@pytest.fixture
def counting(emulated):
    emulated.count = True
    return emulated


def copy(device, stride, n=512):
    x, y = device.asarray(np.arange(n * stride, dtype=np.float32)), device.empty(n, np.float32)
    device.kernel(TRAFFIC, "copy")((n // 256,), (256,), (x, y, np.int32(n), np.int32(stride)))


def test_a_launch_argument_by_argument(counting):
    copy(counting, 8)
    (found,) = traffic.of_launches(counting.launches)
    x, y = found["x"], found["y"]
    assert (found.file, found.expression, len(found.arguments)) == (str(TRAFFIC), "copy", 2)
    assert (x.size, x.loaded, x.distinct_loaded, x.stored) == (16384, 16384, 16384, 0)
    assert (x.sectors_per_load, x.load_efficiency, x.reread_factor) == (32, 8, 1)
    assert (y.stored, y.sectors_per_store, y.store_efficiency, y.loaded) == (2048, 4, 1, 0)
    assert found.bytes_moved == found.bytes_requested == 16384 + 2048
    assert found.worst_coalesced.wasted_bytes == 512 * 28 and found.worst_conflict is None


def test_rereading_costs_requests_not_distinct_bytes(counting):
    x, total = counting.asarray(np.ones(256, np.float32)), counting.zeros(1, np.float32)
    counting.kernel(TRAFFIC, "sum_again")((10,), (32,), (x, total, np.int32(256)))
    found = traffic.of_launch(counting.launches[-1])
    assert (found["x"].loaded, found["x"].distinct_loaded, found["x"].reread_factor) == (10240, 1024, 10)
    assert (found["sum"].loaded, found["sum"].stored) == (320, 320), "an atomic loads and stores its sector"


def test_parts_of_one_allocation_are_counted_once(counting):
    memory = counting.asarray(np.arange(512, dtype=np.float32))
    kernel = counting.kernel(TRAFFIC.with_name("rules.cu"), "shifted")
    kernel((1,), (256,), (memory[:256], memory[256:], np.int32(256), np.int32(0)))
    found = traffic.of_launch(counting.launches[-1])
    assert [argument.name for argument in found.arguments] == ["x and y"]
    assert (found["x and y"].loaded, found["x and y"].stored, found.bytes_moved) == (1024, 1024, 2048)


def test_several_launches_against_the_least(counting):
    copy(counting, 1)
    copy(counting, 1)
    assert traffic.against_minimum(counting.launches, 4096) == 2
    assert traffic.table(counting.launches, 4096).endswith("8192 B moved, 2.00x of the least (4096 B)")


def test_table(counting):
    copy(counting, 8)
    x = counting.asarray(np.zeros((32, 32), np.float32))
    counting.kernel(TRAFFIC, "transpose<32>")(
        (1, 1), (32, 8), (x, counting.empty((32, 32), np.float32), np.int32(32))
    )
    text = traffic.table(counting.launches)
    assert "  x: loads 16384 B 1.00 times (32.0 sectors a request, 8.00x)\n" in text
    assert "  y: stores 2048 B (4.0 sectors a request, 1.00x)\n" in text
    assert "  worst bank conflict: load at traffic.cu:17, 32-way, 992 extra wavefronts" in text


def test_needs_counters():
    device = EmulatedDevice()
    copy(device, 1)
    with pytest.raises(ValueError, match="count=True. Received: copy"):
        traffic.of_launches(device.launches)


def test_the_embedding_moves_the_least(counting):
    ids, table = (
        np.random.default_rng(0).permutation(64)[:48].astype(np.int64),
        np.zeros((64, 32), np.float32),
    )
    problem = EmbeddingProblem.resolve(ids, table.shape, table.dtype)
    ops.embedding(counting.asarray(ids), counting.asarray(table))
    assert traffic.against_minimum(counting.launches, problem.bytes_moved()) == 1
