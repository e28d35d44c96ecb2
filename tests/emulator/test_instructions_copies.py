"""cp.async in every size, with zero fill, and its groups."""

import numpy as np
import pytest

from .device import EmulatedDevice
from .errors import EmulatorError
from .programs import Out, Program

RANDOM = np.random.default_rng(2)


def copy_program(copy, size):
    source = RANDOM.integers(0, 256, 64 * size, np.uint8)
    counts = RANDOM.integers(0, size + 1, 64).astype(np.int32)
    counts[:3] = (0, size, size // 2)
    if copy == "cg_ignoring":
        counts = RANDOM.integers(0, 2, 64).astype(np.int32)
    read = {"ca": np.full(64, size), "cg": np.full(64, size), "cg_ignoring": np.where(counts, 0, size)}.get(
        copy, counts
    )
    expected = source.reshape(64, size) * (np.arange(size) < read[:, None])
    out = Out(expected.astype(np.uint8).reshape(-1))
    return Program(
        f"{copy} {size}", "copies.cu", f"copy_program<Copy::{copy}, {size}>", (source, counts, out), block=64
    )


def groups_program():
    source = RANDOM.integers(-1000, 1000, (3, 64)).astype(np.int32)
    out = Out(source[0] * 9 + source[1] * 3 + source[2])
    return Program("groups", "copies.cu", "copy_groups_program", (source, out), block=64)


PROGRAMS = [copy_program("ca", size) for size in (4, 8, 16)] + [copy_program("cg", 16)]
PROGRAMS += [copy_program("ca_zero_fill", size) for size in (4, 8, 16)] + [
    copy_program("cg_zero_fill", 16),
    copy_program("cg_ignoring", 16),
]
PROGRAMS += [groups_program()]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program):
    program.check(EmulatedDevice(program.architecture), together=PROGRAMS)


def test_more_source_bytes_than_the_copy_has():
    program = copy_program("cg_zero_fill", 16)
    program.arguments[1][5] = 17
    with pytest.raises(EmulatorError, match="source size of 17"):
        program.run(EmulatedDevice("sm_80"))
