"""Cooperative launches, register budgets, dependent launches."""

import dataclasses

import numpy as np
import pytest

from .device import EmulatedDevice
from .errors import EmulatorError
from .programs import Out, Program

RANDOM = np.random.default_rng(9)


def neighbours_program(blocks=6, steps=4):
    x = np.zeros((2, blocks, 64), np.int32)
    x[0] = RANDOM.integers(0, 50, (blocks, 64))
    result = x.copy()
    for step in range(steps):
        before = result[step % 2]
        result[(step + 1) % 2] = before + np.roll(before, -1, 0)[:, ::-1]
    out, counter = (
        Out(result, initial=x),
        Out(np.array([blocks * steps], np.uint32), initial=np.zeros(1, np.uint32)),
    )
    launch = {"block": 64, "grid": blocks, "cooperative": True, "architecture": "sm_90", "feature": True}
    return Program(
        "neighbours", "cooperative.cu", "neighbours_program", (out, counter, np.int32(steps)), **launch
    )


def registers_program(low, high):
    arguments = (Out(np.arange(384, dtype=np.int32)),)
    kernel = f"registers_program<{low}, {high}>"
    return Program(kernel, "cooperative.cu", kernel, arguments, block=384, architecture="sm_90", feature=True)


PROGRAMS = [neighbours_program(), registers_program(40, 232), registers_program(24, 240)]


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program, order):
    program.check(EmulatedDevice(program.architecture, order=order), together=PROGRAMS)


def test_registers_that_the_multiprocessor_does_not_have():
    with pytest.raises(EmulatorError, match="setmaxnreg.inc"):
        registers_program(40, 240).run(EmulatedDevice("sm_90"))


def test_blocks_that_are_not_resident_together():
    """2048 threads of 64: 32 blocks on a multiprocessor."""
    program = neighbours_program(blocks=65)
    program.run(EmulatedDevice("sm_90", multiprocessors=3))
    with pytest.raises(EmulatorError, match="32 on each of 2 multiprocessors.*Received: 65 blocks"):
        program.run(EmulatedDevice("sm_90", multiprocessors=2))
    shared = dataclasses.replace(program, shared_memory=100 << 10)
    with pytest.raises(EmulatorError, match="2 on each of 32 multiprocessors"):
        shared.run(EmulatedDevice("sm_90", multiprocessors=32))


def test_without_a_cooperative_launch_blocks_wait_for_ever():
    program = dataclasses.replace(neighbours_program(), cooperative=False)
    with pytest.raises(EmulatorError, match="livelock.*not co-resident"):
        program.run(EmulatedDevice("sm_90"))
