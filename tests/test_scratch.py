"""Memory that a thread keeps for intermediate values."""

import threading

import numpy as np
import pytest

from gpulayers.ops import scratch

FLOAT32, SHAPE = np.dtype(np.float32), (100, 100)


def address(array):
    return array.ctypes.data


def first_address():
    with scratch.frame():
        return address(scratch.empty(SHAPE, FLOAT32))


@pytest.fixture(autouse=True)
def memory():
    """This thread's memory has grown to several arrays."""
    with scratch.frame():
        for _ in range(4):
            scratch.empty(SHAPE, FLOAT32)


def test_frames_use_the_same_memory_again():
    assert first_address() == first_address()


def test_arrays_of_a_frame_lie_apart():
    with scratch.frame():
        arrays = [scratch.empty(SHAPE, FLOAT32) for _ in range(4)]
        for number, array in enumerate(arrays):
            array[...] = number
        assert all(array.shape == SHAPE and array.dtype == FLOAT32 for array in arrays)
        assert [set(array.flat) for array in arrays] == [{0}, {1}, {2}, {3}]
        assert not any(address(array) % 64 for array in arrays)


def test_inner_frames_give_up_their_own_arrays_alone():
    with scratch.frame():
        outer = scratch.empty(SHAPE, FLOAT32)
        outer[...] = 1
        places = set()
        for _ in range(2):
            with scratch.frame():
                inner = scratch.empty(SHAPE, FLOAT32)
                inner[...] = 2
                places.add(address(inner))
        assert len(places) == 1 and (outer == 1).all()


def test_a_failure_ends_the_frame():
    with pytest.raises(ValueError), scratch.frame():
        scratch.empty(SHAPE, FLOAT32)
        raise ValueError
    assert first_address() == first_address()


def test_threads_have_memory_of_their_own():
    found = []

    def work():
        with scratch.frame():
            scratch.empty(SHAPE, FLOAT32)
        with scratch.frame():
            array = scratch.empty(SHAPE, FLOAT32)
            array[...] = 5
            found.append((address(array), float(array.sum())))

    with scratch.frame():
        mine = scratch.empty(SHAPE, FLOAT32)
        mine[...] = 1
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert (mine == 1).all() and found[0][0] != address(mine) and found[0][1] == 5 * mine.size


def test_what_is_kept_is_bounded():
    large = (scratch.KEPT_BYTES // 2,)
    for _ in range(2):
        with scratch.frame():
            arrays = [scratch.empty(large, FLOAT32) for _ in range(3)]
            for number, array in enumerate(arrays):
                array[...] = number
            assert [array[-1] for array in arrays] == [0, 1, 2]
    assert len(scratch._memory.bytes) <= scratch.KEPT_BYTES + 64
