"""Parts of a computation side by side."""

import os
import threading
import time

import numpy as np
import pytest

from gpulayers.ops import threads


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_part_runs_once(count):
    seen = np.zeros(100, int)

    def add(part):
        seen[part] += 1

    threads.run(add, range(100), threads=count)
    assert (seen == 1).all()


def test_parts_run_side_by_side():
    meeting = threading.Barrier(2, timeout=10)
    threads.run(lambda part: meeting.wait(), range(2), threads=2)  # alone, a part would wait in vain


def test_parts_of_parts_run_in_their_own_thread():
    names = set()

    def outer(part):
        here = threading.current_thread().name
        threads.run(lambda inner: names.add((here, threading.current_thread().name)), range(4), threads=4)

    threads.run(outer, range(4), threads=2)
    assert names and all(outer_name == inner_name for outer_name, inner_name in names)


def test_a_failure_is_raised_after_all_others_have_ended():
    running = []

    def part(number):
        if number == 0:
            raise ValueError("part 0 failed")
        running.append(number)
        time.sleep(0.05)
        running.remove(number)

    with pytest.raises(ValueError, match="part 0 failed"):
        threads.run(part, range(4), threads=3)
    assert running == []


def test_error_state_of_numpy_reaches_every_part():
    values = np.full(4, 1e38, np.float32)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        threads.run(lambda part: np.multiply(values, values), range(4), threads=2)
    with np.errstate(over="ignore"):
        threads.run(lambda part: np.multiply(values, values), range(4), threads=2)


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"GPULAYERS_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "5"}, 2),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "four"}, None),
        ({}, None),
    ],
)
def test_number_of_threads(monkeypatch, variables, expected):
    for name in ("GPULAYERS_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert threads.num_threads() == (len(os.sched_getaffinity(0)) if expected is None else expected)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child starts its threads anew
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_starts_its_own_threads():
    threads.run(lambda part: None, range(4), threads=2)
    child = os.fork()
    if child == 0:
        try:
            meeting = threading.Barrier(2, timeout=10)
            threads.run(lambda part: meeting.wait(), range(2), threads=2)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
