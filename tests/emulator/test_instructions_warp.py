"""Votes, matches and reductions of a warp."""

import functools

import numpy as np
import pytest

from .device import EmulatedDevice
from .programs import Out, Program

RANDOM = np.random.default_rng(4)


def mask(lanes):
    return sum(1 << int(lane) for lane in lanes)


def by_warp(function, x):
    """The rows that `function(values of a warp, lane)` gives for every thread."""
    return np.array([function(x[t // 32 * 32 :][:32], t % 32) for t in range(len(x))])


def match_program():
    x, y = RANDOM.integers(0, 5, 64).astype(np.int32), RANDOM.integers(0, 3, 64) << 35
    columns = [by_warp(lambda v, lane: mask(np.nonzero(v == v[lane])[0]), z) for z in (x, y)]
    uniform = np.arange(64) < 32
    columns += [np.where(uniform, 2**32 - 1, 0), uniform] * 2
    return Program(
        "match", "warp.cu", "match_program", (x, y, Out(np.stack(columns, 1).astype(np.uint32))), block=64
    )


def vote_program():
    x = RANDOM.integers(0, 4, 64).astype(np.int32)

    def rows(v, lane):
        odd, two = mask(np.nonzero(v & 1)[0]), mask(np.nonzero(v[:20] & 2)[0])
        yield 1
        yield int((v & 1).all() or not (v & 1).any())
        yield odd
        yield int((v == 3).any()) * 2 + 1
        yield two if lane < 20 else 77
        yield (lane == 5) + 5 * 2 if lane >= 5 else 77

    expected = by_warp(lambda v, lane: list(rows(v, lane)), x).astype(np.uint32)
    return Program("vote", "warp.cu", "vote_program", (x, Out(expected)), block=64)


def redux_program():
    x = RANDOM.integers(-(2**31), 2**31, 64).astype(np.int32)

    def row(v, lane):
        u = v.view(np.uint32)
        bits = [
            functools.reduce(f, w)
            for f, w in ((np.bitwise_and, u | 0xF0), (np.bitwise_or, u & 0xFF), (np.bitwise_xor, u))
        ]
        return [v.astype(np.int64).sum(), v.min(), v.max(), u.min(), u.max(), *bits]

    expected = (by_warp(row, x).astype(np.int64) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return Program("redux", "warp.cu", "redux_program", (x, Out(expected)), block=64)


def activemask_program():
    expected = np.where(np.arange(64) % 3 == 0, 2, 1).astype(np.uint32)
    return Program("activemask", "warp.cu", "activemask_program", (Out(expected),), block=64)


PROGRAMS = [match_program(), vote_program(), redux_program(), activemask_program()]
# elect.sync is of sm_90
for _program in PROGRAMS:
    _program.architecture = "sm_90"


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program):
    program.check(EmulatedDevice(program.architecture), together=PROGRAMS)
