"""mbarriers: phases, counts, transactions, and the arrivals of cp.async."""

import numpy as np
import pytest

from .device import EmulatedDevice
from .programs import Out, Program

RANDOM = np.random.default_rng(5)


class Model:
    """An mbarrier by the PTX manual: a phase is complete when its arrivals and its transactions are."""

    def __init__(self, count):
        self.count = self.pending = count
        self.transactions = self.phase = 0

    def arrive(self, count=1, expect=0, drop=False):
        phase = self.phase
        self.transactions += expect
        self.pending -= count
        self.count -= count if drop else 0
        return self._step(phase)

    def complete(self, count):
        self.transactions -= count
        self._step(None)

    def _step(self, result):
        if self.pending == self.transactions == 0:
            self.phase, self.pending = self.phase + 1, self.count
        return result

    def parity(self, parity):
        return int(self.phase % 2 != parity)


def phases_program():
    b, out = Model(3), []
    out += [b.parity(1), b.parity(0)]
    first = b.arrive()
    b.arrive(2)
    out += [int(b.phase != first), b.parity(0), b.parity(1)]
    second = b.arrive(expect=64)
    b.arrive(2)
    out.append(int(b.phase != second))
    b.complete(48)
    out.append(int(b.phase != second))
    b.complete(16)
    out += [int(b.phase != second), b.parity(1)]
    b.transactions += 8
    b.arrive(drop=True)
    third = b.arrive(2)
    out.append(int(b.phase != third))
    b.complete(8)
    out.append(int(b.phase != third))
    fourth = b.arrive(2)
    out.append(int(b.phase != fourth))
    fifth = b.arrive()
    out.append(int(b.phase != fifth))
    b.arrive()
    out.append(int(b.phase != fifth))
    b = Model(1)
    out.append(b.parity(0))
    b.arrive()
    out.append(b.parity(0))
    return Program(
        "phases", "mbarriers.cu", "phases_program", (Out(np.array(out, np.int32)),), architecture="sm_90"
    )


def exchange_program(rounds=7):
    x = RANDOM.integers(0, 1000, (rounds, 32)).astype(np.int32)
    arguments = (x, Out(x[:, ::-1].copy()), np.int32(rounds))
    return Program("exchange", "mbarriers.cu", "exchange_program", arguments, block=64, architecture="sm_90")


def copy_program(noinc):
    x = RANDOM.integers(0, 1000, 128).astype(np.int32)
    kernel = f"copy_arrival_program<{'true' if noinc else 'false'}>"
    arguments = (x, Out(x[::-1].copy()))
    return Program(
        f"cp.async{'.noinc' if noinc else ''}",
        "mbarriers.cu",
        kernel,
        arguments,
        block=64,
        architecture="sm_90",
    )


PROGRAMS = [phases_program(), exchange_program(), copy_program(False), copy_program(True)]


@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program, order):
    program.check(EmulatedDevice(program.architecture, order=order), together=PROGRAMS)
