"""Clusters: special registers, barriers, distributed shared memory, st.async."""

import dataclasses

import numpy as np
import pytest

from .device import EmulatedDevice
from .errors import EmulatorError
from .programs import Out, Program

RANDOM = np.random.default_rng(6)


def program(name, arguments, block=32, grid=8, cluster=4):
    """A kernel that is compiled for clusters of this size."""
    kernel = f"{name}_program<{cluster}>"
    return Program(f"{name} {cluster}", "clusters.cu", kernel, arguments, block, grid, architecture="sm_90")


def numbers(*shape):
    return RANDOM.integers(0, 400, shape).astype(np.uint32)


def registers_program(grid, cluster):
    block = np.arange(grid)
    rank, size = block % cluster, np.full(grid, cluster)
    columns = (
        rank,
        size,
        rank,
        size,
        block // cluster,
        np.full(grid, grid // cluster),
        np.ones(grid),
        size > 1,
    )
    arguments = (Out(np.stack(columns, 1).astype(np.uint32)),)
    launched = program("registers", arguments, grid=grid, cluster=cluster)
    return dataclasses.replace(launched, kernel="registers_program", cluster=cluster)


def neighbours_program(cluster):
    x = numbers(8 // cluster, cluster, 64)
    expected = np.roll(x, 1, 1) * 1000 + np.roll(x, 1, 1)[..., ::-1] * 2
    counts = np.full(8 // cluster, 64 * cluster * (cluster + 1) // 2, np.uint32)
    return program("neighbours", (x, Out(expected), Out(counts)), block=64, cluster=cluster)


def generic_program():
    x = numbers(4, 2, 32)
    rank = np.array([1, 0], np.uint32)[:, None]
    return program("generic", (x, Out(x[:, ::-1] * 10 + rank)), cluster=2)


def all_to_all_program():
    x = numbers(2, 4, 4, 16)
    return program("all_to_all", (x, Out(x.swapaxes(1, 2).copy()), Out(np.full(8, 10, np.uint32))), block=64)


def chain_program():
    x = numbers(2, 4)
    expected, value = np.empty_like(x), np.zeros(2, np.uint32)
    for rank in range(4):
        value = value * 3 + x[:, rank]
        expected[:, rank] = value
    return program("chain", (x, Out(expected)))


def flag_program():
    x = numbers(4, 2)
    return program("flag", (x, Out(x[:, 0] + 1)), cluster=2)


PROGRAMS = [
    registers_program(8, 4),
    registers_program(6, 2),
    neighbours_program(2),
    neighbours_program(8),
    generic_program(),
]
PROGRAMS += [all_to_all_program(), chain_program(), flag_program()]


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program, order):
    program.check(EmulatedDevice(program.architecture, order=order), together=PROGRAMS)


def test_cluster_that_the_kernel_was_not_compiled_for():
    with pytest.raises(EmulatorError, match="__cluster_dims__"):
        dataclasses.replace(chain_program(), cluster=2).run(EmulatedDevice("sm_90"))


def test_grid_that_no_cluster_divides():
    uneven = registers_program(6, 2)
    uneven.cluster = 4
    with pytest.raises(EmulatorError, match="cannot be cut into clusters"):
        uneven.run(EmulatedDevice("sm_90"))
