"""Bugs planted in small kernels by a template argument: each must be found, and nothing in the right kernel.

A row names the bug and the kind of finding that it must lead to; "wrong numbers" is a result that differs
from NumPy's.
"""

import dataclasses
import itertools

import ml_dtypes
import numpy as np
import pytest

from .device import EmulatedDevice
from .errors import EmulatorError
from .programs import Map, Out, Program
from .reports import Finding

RANDOM = np.random.default_rng(10)
ORDERS = ["forward", "reverse", "random"]
WRONG = "wrong numbers"


@dataclasses.dataclass
class Kernel:
    """A kernel with its bugs.

    Attributes:
        program: launches the right kernel; its expression ends in "Bug::none>".
        bugs: {name: kind of finding}.
        changes: {name: {field of Program: value}} where the launch is the bug.
    """

    program: Program
    bugs: dict
    changes: dict = dataclasses.field(default_factory=dict)

    def expression(self, bug):
        return self.program.kernel.replace("::none", f"::{bug}")

    def with_bug(self, bug):
        if bug in self.changes:
            return dataclasses.replace(self.program, **self.changes[bug])
        return dataclasses.replace(self.program, kernel=self.expression(bug))


def program(file, kernel, arguments, architecture="sm_80", feature=False, **launch):
    return Program(
        kernel, file, kernel, tuple(arguments), architecture=architecture, feature=feature, **launch
    )


def numbers(*shape):
    """Small integers as floats: sums are exact."""
    return RANDOM.integers(-8, 9, shape).astype(np.float32)


def tiled_product():
    m, n, k = 19, 21, 23
    a, b = numbers(m, k), numbers(k, n)
    arguments = (a, b, Out(a @ b), *map(np.int32, (m, n, k)))
    bugs = {
        "no_barrier_after_fill": "uninitialised (shared)",
        "no_barrier_after_use": "race (shared)",
        "barrier_in_a_branch": "divergent barrier",
        "column_short": "out of bounds (shared)",
        "no_row_test": "out of bounds (global)",
        "no_column_test": "out of bounds (global)",
        "no_depth_test": "out of bounds (global)",
        "one_tile_too_many": "out of bounds (global)",
        "tail_store_unguarded": "out of bounds (global)",
        "transposed_index": WRONG,
        "accumulates_into_output": "uninitialised (global)",
        "last_column_not_stored": "unwritten",
        "early_return": "barrier",
    }
    return Kernel(
        program("planted_blocks.cu", "tiled_product<TileBug::none>", arguments, block=256, grid=4), bugs
    )


def normalise():
    rows, n = 4, 250
    x = (RANDOM.integers(1, 5, (rows, n)) * (RANDOM.random((rows, n)) < 0.5)).astype(np.float32)
    sums = x.sum(1, keepdims=True)
    total = Out(np.array([sums.sum()], np.float32), initial=np.zeros(1, np.float32))
    arguments = (x, Out(x * (np.float32(1) / sums)), total, np.int32(n))
    bugs = {
        "no_barrier_before_partials": "uninitialised (shared)",
        "no_barrier_before_second_use": "race (shared)",
        "reads_absent_partials": "out of bounds (shared)",
        "partials_one_short": "out of bounds (shared)",
        "full_mask_in_half_a_warp": "divergent warp",
        "lane_not_in_the_mask": "warp",
        "source_lane_not_in_the_mask": "warp",
        "no_syncwarp": "uninitialised (shared)",
        "barrier_in_uneven_loop": "divergent barrier",
        "two_barriers": "divergent barrier",
        "thread_exits_early": "deadlock",
        "plain_addition": "race (global)",
    }
    return Kernel(
        program("planted_blocks.cu", "normalise<SumBug::none>", arguments, block=96, grid=rows), bugs
    )


def window_maximum():
    n = 200
    x = numbers(n)
    padded = np.concatenate([x[:1], x, x[-1:]])
    arguments = (x, Out(np.maximum(np.maximum(padded[:-2], x), padded[2:])), np.int32(n))
    bugs = {
        "no_lower_test": "out of bounds (global)",
        "no_upper_test": "out of bounds (global)",
        "no_tail_test": "out of bounds (global)",
        "misaligned_vector": "misaligned",
        "writes_its_input": "read-only",
        "blocks_overlap": "race (global)",
        "stride_too_long": "out of bounds (global)",
        "local_index_too_large": "out of bounds (local)",
        "wrong_neighbour": WRONG,
    }
    return Kernel(
        program("planted_blocks.cu", "window_maximum<WindowBug::none>", arguments, block=32, grid=2), bugs
    )


def column_sums():
    x = numbers(37, 64)
    arguments = (x, Out(x.sum(0)), np.int32(37))
    bugs = {
        "no_wait": "async copy (shared)",
        "waits_for_one_too_few": "async copy (shared)",
        "no_barrier_after_wait": "async copy (shared)",
        "no_barrier_after_use": "race (shared)",
        "no_commit": "async copy (shared)",
        "tail_not_committed": "async copy (shared)",
        "no_zero_fill": "out of bounds (global)",
        "wrong_stage": "async copy (shared)",
        "pitch_not_aligned": "misaligned",
        "stores_into_copy": "async copy (shared)",
        "stage_one_row_short": "out of bounds (shared)",
    }
    size = 3 * 8 * 68 * 4
    right = program(
        "planted_pipelines.cu", "column_sums<PipelineBug::none>", arguments, block=64, shared_memory=size
    )
    return Kernel(right, bugs, {"stage_one_row_short": {"shared_memory": size - 68 * 4}})


def fragment_product():
    a, b = numbers(16, 16), numbers(16, 8)
    bits = [x.astype(ml_dtypes.bfloat16).view(np.uint16) for x in (a, b)]
    bugs = {
        "registers_of_a_swapped": WRONG,
        "registers_of_b_swapped": WRONG,
        "wrong_type": WRONG,
        "b_not_transposed": WRONG,
        "a_transposed": WRONG,
        "rows_of_lanes_wrong": WRONG,
        "pitch_not_aligned": "misaligned",
        "no_barrier": "uninitialised (shared)",
        "columns_of_c_wrong": WRONG,
        "tile_one_row_short": "out of bounds (shared)",
    }
    return Kernel(
        program("planted_pipelines.cu", "fragment_product<FragmentBug::none>", (*bits, Out(a @ b))), bugs
    )


def neighbour_sums():
    blocks, steps = 4, 3
    x = np.zeros((2, blocks, 64), np.int32)
    x[0] = RANDOM.integers(0, 50, (blocks, 64))
    result = x.copy()
    for step in range(steps):
        before = result[step % 2]
        result[(step + 1) % 2] = before + np.roll(before, -1, 0)[:, ::-1]
    counter = Out(np.array([blocks * steps], np.uint32), initial=np.zeros(1, np.uint32))
    bugs = {
        "no_barrier": "race (global)",
        "no_barrier_before_release": "race (global)",
        "no_barrier_after_acquire": "race (global)",
        "relaxed_without_fence": "race (global)",
        "no_fence_after_poll": "race (global)",
        "fence_of_the_block": "race (global)",
        "target_too_high": "livelock",
        "target_too_low": "race (global)",
        "plain_counter": "race (global)",
        "plain_poll": "race (global)",
        "one_block_skips": "livelock",
        "not_cooperative": "livelock",
    }
    arguments = (Out(result, initial=x), counter, np.int32(steps))
    launch = {"block": 64, "grid": blocks, "cooperative": True}
    right = program("planted_grids.cu", "neighbour_sums<GridBug::none>", arguments, "sm_90", **launch)
    return Kernel(right, bugs, {"not_cooperative": {"cooperative": False}})


def hand_over():
    data = np.arange(32, dtype=np.int32) * 3
    zeros = np.zeros(1, np.uint32)
    arguments = (Out(data), Out(np.ones(1, np.uint32), initial=zeros), Out(data[::-1].copy()))
    bugs = {"data_after_flag": "race (global)", "no_release": "race (global)", "plain_flag": "race (global)"}
    launch = {"block": 32, "grid": 2, "cooperative": True}
    return Kernel(program("planted_grids.cu", "hand_over<FlagBug::none>", arguments, **launch), bugs)


def ring():
    x = RANDOM.integers(0, 1000, (2, 4, 64)).astype(np.uint32)
    tag = np.arange(4, dtype=np.uint32)[:, None] * 100 + np.arange(64, dtype=np.uint32)
    z = np.broadcast_to(np.roll(tag, -1, 0), (2, 4, 64)).copy()
    bugs = {
        "no_first_barrier": "cluster",
        "no_second_barrier": "race (shared)",
        "no_last_barrier": "cluster",
        "relaxed_first_arrival": "race (shared)",
        "wrong_rank": WRONG,
        "own_address": WRONG,
        "rank_too_high": "cluster",
        "arrives_twice": "cluster",
        "waits_without_arriving": "cluster",
        "one_block_stays_away": "race (shared)",
        "block_barrier_instead": "cluster",
        "launched_without_a_cluster": WRONG,
    }
    arguments = (x, Out(np.roll(x, -1, 1)[..., ::-1].copy()), Out(z))
    launch = {"block": 64, "grid": 8, "cluster": 4}
    right = program("planted_clusters.cu", "ring<RingBug::none>", arguments, "sm_90", **launch)
    return Kernel(right, bugs, {"launched_without_a_cluster": {"cluster": None}})


def mail():
    rounds = 4
    x = RANDOM.integers(0, 100, (2, 4, 32)).astype(np.uint32)
    value = x.copy()
    for _ in range(rounds):
        value = value * 2 + np.roll(value, 1, 1)[..., ::-1]
    bugs = {
        "expects_too_much": "livelock",
        "expects_too_little": "async copy (shared)",
        "wrong_parity": "uninitialised (shared)",
        "no_wait": "async copy (shared)",
        "barrier_of_the_sender": "mbarrier",
        "no_barrier_after_init": "race (shared)",
        "overwrites_inbox": "async copy (shared)",
        "misaligned": "misaligned",
        "exits_early": "async copy (shared)",
    }
    arguments = (x, Out(value), np.int32(rounds))
    launch = {"block": 32, "grid": 8, "cluster": 4}
    return Kernel(program("planted_clusters.cu", "mail<MailBug::none>", arguments, "sm_90", **launch), bugs)


def relay():
    x = RANDOM.integers(0, 1000, (2, 4, 64)).astype(np.uint32)
    bugs = {
        "no_proxy_fence": "proxy (shared)",
        "source_overwritten": "async copy (shared)",
        "exits_before_it_is_read": "async copy (shared)",
        "barrier_of_another_block": "mbarrier",
        "too_many_bytes": "out of bounds (shared)",
        "no_wait": "async copy (shared)",
        "rank_too_high": "cluster",
    }
    launch = {"block": 64, "grid": 8, "cluster": 4}
    arguments = (x, Out(np.roll(x, 1, 1) * 2 + 1))
    return Kernel(program("planted_clusters.cu", "relay<RelayBug::none>", arguments, "sm_90", **launch), bugs)


def row_sums():
    rows = 80
    x = RANDOM.integers(0, 100, (rows, 64)).astype(np.uint16)
    expected = (x.astype(np.uint32) * np.arange(1, 65, dtype=np.uint32)).sum(1, dtype=np.uint32)
    bugs = {
        "expects_too_much": "livelock",
        "expects_too_little": "async copy (shared)",
        "consumer_does_not_wait": "uninitialised (shared)",
        "full_parity_inverted": "uninitialised (shared)",
        "empty_parity_inverted": "livelock",
        "producer_does_not_wait": "mbarrier",
        "empty_count_too_high": "livelock",
        "empty_count_too_low": "race (shared)",
        "released_before_use": "race (shared)",
        "not_released": "livelock",
        "no_fence_after_init": "proxy (shared)",
        "no_barrier_after_init": "mbarrier",
        "coordinates_swapped": WRONG,
        "swizzle_forgotten": WRONG,
        "stage_not_aligned": "misaligned",
        "stages_overlap": "async copy (shared)",
        "wrong_rank_of_map": "tensor map",
        "no_arrival_for_bytes": "livelock",
        "shared_memory_short": "out of bounds (shared)",
    }
    arguments = (Map(x, {"box": (64, 16), "swizzle": 3}), Out(expected), np.int32(rows))
    launch = {"block": 96, "shared_memory": 2 * (16 * 128 + 128)}
    right = program("planted_copies.cu", "row_sums<LoadBug::none>", arguments, "sm_90", **launch)
    return Kernel(right, bugs, {"shared_memory_short": {"shared_memory": 2 * 16 * 128 - 128}})


def bulk_increment():
    steps = 5
    x = RANDOM.integers(0, 1000, (steps, 64)).astype(np.uint32)
    y = x + np.uint32(1)
    bugs = {
        "no_proxy_fence": "proxy (shared)",
        "no_barrier": "uninitialised (shared)",
        "no_wait_before_reuse": "async copy (shared)",
        "no_commit": "async copy (shared)",
        "waits_for_one_too_few": "async copy (shared)",
        "no_wait_at_the_end": "async copy (shared)",
        "too_many_bytes": "out of bounds (global)",
        "misaligned": "misaligned",
        "reads_back_too_early": "race (global)",
        "source_array_short": "out of bounds (shared)",
    }
    arguments = (x, Out(y), Out(np.array([y[0, 0] + y[-1, -1]])), np.int32(steps))
    return Kernel(
        program("planted_copies.cu", "bulk_increment<StoreBug::none>", arguments, "sm_90", block=64), bugs
    )


def warpgroup_product():
    a, b = numbers(64, 64), numbers(16, 64)
    bits = [x.astype(ml_dtypes.bfloat16).view(np.uint16) for x in (a, b)]
    bugs = {
        "no_wait": WRONG,
        "waits_for_one_too_few": "async copy (shared)",
        "no_commit": "async copy (shared)",
        "no_fence": "wgmma",
        "no_proxy_fence": "proxy (shared)",
        "no_barrier": "uninitialised (shared)",
        "operand_overwritten": "async copy (shared)",
        "accumulator_changed": "wgmma",
        "stride_wrong": WRONG,
        "layout_wrong": WRONG,
        "start_wrong": "out of bounds (shared)",
        "step_too_long": "out of bounds (shared)",
        "b_transposed": WRONG,
        "first_accumulates": WRONG,
        "operands_exchanged": "out of bounds (shared)",
        "one_warp_skips": "deadlock",
        "descriptors_differ": "wgmma",
    }
    right = program(
        "planted_wgmma.cu",
        "warpgroup_product<ProductBug::none>",
        (*bits, Out(a @ b.T)),
        "sm_90",
        True,
        block=128,
    )
    return Kernel(right, bugs)


def persistent_product():
    """Tails in all three dimensions; three tiles for each of two clusters."""
    m, n, k = 250, 88, 300 // 8 * 8
    a, b = (x.astype(ml_dtypes.bfloat16) for x in (numbers(m, k), numbers(n, k)))
    c = (a.astype(np.float32) @ b.astype(np.float32).T).astype(ml_dtypes.bfloat16)
    bugs = {
        "no_cluster_barrier_at_start": "mbarrier",
        "no_cluster_barrier_at_end": "cluster",
        "empty_counts_own_block_only": "mbarrier",
        "releases_own_block_only": "race (shared)",
        "released_before_the_products": "race (shared)",
        "multicast_to_itself_only": "livelock",
        "expects_half_of_b": "async copy (shared)",
        "same_half_of_b_twice": "race (shared)",
        "producer_does_not_wait": "mbarrier",
        "parity_of_full_wrong": "uninitialised (shared)",
        "parity_not_carried_over_tiles": "async copy (shared)",
        "no_fence_before_store": "proxy (shared)",
        "no_barrier_before_store": "uninitialised (shared)",
        "output_not_read_before_reuse": "async copy (shared)",
        "no_wait_before_exit": "async copy (shared)",
        "rows_of_stmatrix_wrong": "race (shared)",
        "columns_exchanged": WRONG,
        "registers_taken_twice": "livelock",
    }
    maps = [Map(a.view(np.uint16), {"box": (64, 128)}), Map(b.view(np.uint16), {"box": (64, 16)})]
    arguments = (*maps, Map(6, {"box": (32, 128), "swizzle": 0}), *map(np.int32, (2, 3, -(-k // 64))), Out(c))
    launch = {"block": 384, "grid": 4, "cluster": 2, "shared_memory": 3 * 20480}
    kernel = "persistent_product<HopperBug::none>"
    return Kernel(program("planted_hopper.cu", kernel, arguments, "sm_90", True, **launch), bugs)


KERNELS = [
    tiled_product(),
    normalise(),
    window_maximum(),
    column_sums(),
    fragment_product(),
    neighbour_sums(),
    hand_over(),
    ring(),
    mail(),
    relay(),
]
KERNELS += [row_sums(), bulk_increment(), warpgroup_product(), persistent_product()]
BUGS = [(kernel, bug) for kernel in KERNELS for bug in kernel.bugs]


def device(kernel, order):
    """A device on which all instances of the kernel are compiled together."""
    made = EmulatedDevice(kernel.program.architecture, order=order)
    names = ["none", *(bug for bug in kernel.bugs if bug not in kernel.changes)]
    made.load(
        str(kernel.program.path), [kernel.expression(name) for name in names], feature=kernel.program.feature
    )
    return made


def findings_of(kernel, bug, order):
    """The findings of a kernel with a bug; a Finding of kind WRONG where the results are."""
    try:
        kernel.with_bug(bug).check(device(kernel, order))
    except EmulatorError as error:
        report = getattr(error, "report", None)
        return report.findings if report else [Finding.read(str(error))]
    except AssertionError as error:
        return [Finding(WRONG, str(error))]
    return []


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.program.name.partition("<")[0])
def test_right_kernel_when_copies_land_at_once(kernel):
    made = device(kernel, "forward")
    made.order = dataclasses.replace(made.order, async_late=False)
    kernel.program.check(made)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.program.name.partition("<")[0])
def test_right_kernel_has_no_finding(kernel, order):
    kernel.program.check(device(kernel, order))


@pytest.mark.parametrize(
    "kernel, bug", BUGS, ids=[f"{kernel.program.name.partition('<')[0]}-{bug}" for kernel, bug in BUGS]
)
def test_planted_bug_is_found(kernel, bug):
    """In every order something is found; in one of them what the table says. It says where."""
    found = {order: findings_of(kernel, bug, order) for order in ORDERS}
    assert all(found.values()), found
    assert any(finding.kind == kernel.bugs[bug] for findings in found.values() for finding in findings), found
    for finding in itertools.chain(*found.values()):
        place = kernel.program.file in finding.text or finding.kind in (WRONG, "unwritten")
        assert place or "exits" in finding.text, finding


def test_there_are_enough_bugs():
    assert len(BUGS) >= 60
