"""Arrays of an emulated device, and NumPy on them."""

import gc
import pickle

import ml_dtypes
import numpy as np
import pytest

from gpulayers.ops import arrays
from tests.emulator import EmulatedArray, EmulatedDevice, EmulatorError
from tests.emulator.memory import allocation_of, unwritten

DTYPES = [np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int64, np.int32, np.uint8, np.bool_]


@pytest.fixture
def x(emulated):
    return emulated.asarray(np.arange(12, dtype=np.float32).reshape(3, 4))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 1)])
def test_round_trip(emulated, dtype, shape):
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    array = emulated.asarray(values)
    assert isinstance(array, EmulatedArray) and allocation_of(array).pointer % 256 == 0
    back = emulated.to_numpy(array)
    assert type(back) is np.ndarray and back.dtype == dtype and back.shape == shape and (back == values).all()
    assert type(np.asarray(array)) is np.ndarray and (np.asarray(array) == values).all()


def test_belongs_to_its_device(emulated, x):
    assert (
        arrays.device_of(x) is emulated
        and arrays.device_of(x[1:]) is emulated
        and arrays.device_of(x + 1) is emulated
    )
    assert emulated.asarray(x) is x
    other = EmulatedDevice()
    assert other.asarray(x).device is other
    assert arrays.array_module(x) is emulated.array_module


def test_results_of_numpy_stay_on_the_device(emulated, x):
    for result in (
        x + x,
        2 * x,
        np.exp(x),
        x.sum(),
        x.max(axis=1),
        np.where(x > 3, x, 0),
        np.concatenate([x, x]),
        x.T @ x,
        x.astype(np.float16),
        x[[2, 0]],
        x[x > 3],
        x.ravel(),
        np.sort(x),
        x.argsort(),
        x[0, 0],
        np.einsum("ij->j", x),
    ):
        assert isinstance(result, EmulatedArray) and result.device is emulated and allocation_of(result)
    assert (
        float(x.sum()) == 66
        and int(np.argmax(x)) == 11
        and (np.asarray(x[[2, 0]]) == np.arange(12).reshape(3, 4)[[2, 0]]).all()
    )
    quotient, remainder = np.divmod(x, 5)
    assert isinstance(quotient, EmulatedArray) and isinstance(remainder, EmulatedArray)


def test_views_share_memory(emulated, x):
    view = x[1:, ::2].T
    view[...] = -1
    assert (
        allocation_of(view)
        is allocation_of(x)
        is allocation_of(x.reshape(4, 3))
        is allocation_of(np.transpose(x))
    )
    assert (np.asarray(x) == [[0, 1, 2, 3], [-1, 5, -1, 7], [-1, 9, -1, 11]]).all()


def test_memory_is_freed_with_the_last_view(emulated):
    freed = []
    array = emulated.zeros((4, 4), np.float32)
    allocation = allocation_of(array)
    free, allocation._free = allocation._free, freed.append
    pointer = allocation.pointer
    view = array[2:]
    del array, allocation
    gc.collect()
    assert freed == []
    del view
    gc.collect()
    assert freed == [pointer]
    free(pointer)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x, y: x + y,
        lambda x, y: np.add(y, x),
        lambda x, y: np.concatenate([x, y]),
        lambda x, y: np.where(y > 0, x, 0),
        lambda x, y: x.__setitem__(0, y[0]),
        lambda x, y: x[y.astype(bool)],
        lambda x, y: x.dot(y.T),
        lambda x, y: np.add(y, y, out=x),
    ],
)
def test_data_never_moves_by_itself(x, mix):
    with pytest.raises(TypeError, match="never moves by itself"):
        mix(x, np.ones((3, 4), np.float32))


def test_the_array_module_makes_arrays_of_the_device(emulated):
    xp = emulated.array_module
    for array in (
        xp.zeros(3),
        xp.arange(4),
        xp.ones((2, 2), np.float16),
        xp.full((2,), 7),
        xp.stack([xp.zeros(2), xp.ones(2)]),
    ):
        assert isinstance(array, EmulatedArray) and array.device is emulated
    assert xp.float32 is np.float32 and xp.pi == np.pi
    empty = xp.empty((2, 3), np.float32), xp.empty_like(xp.zeros((2, 3))), np.empty_like(xp.zeros((2, 3)))
    assert [unwritten(array) for array in empty] == [6, 6, 6]


def test_what_cupy_lacks(emulated, x):
    pytest.importorskip("cupy", reason="the functions of CuPy are the measure")
    xp = emulated.array_module
    with pytest.raises(AttributeError, match="CuPy has no function geomspace"):
        xp.geomspace(1, 8, 4)
    with pytest.raises(TypeError, match="CuPy has no function insert"):
        np.insert(x, 0, 1)
    for sum_ in (xp.sum, np.sum):
        with pytest.raises(TypeError, match=r"cupy.sum\(.*unexpected keyword argument 'initial'"):
            sum_(x, initial=1)


def test_random_numbers_lie_on_the_device(emulated):
    a, b = (emulated.random_generator(3).random(5, np.float32) for _ in range(2))
    assert isinstance(a, EmulatedArray) and a.dtype == np.float32 and (np.asarray(a) == np.asarray(b)).all()


def test_matmul_accumulates_in_float32(emulated):
    a = emulated.asarray(np.full((1, 3000), 1, np.float16))
    assert emulated.matmul(a, a.T).dtype == np.float16
    assert float(emulated.matmul(a, a.T)[0, 0]) == 3000  # float16 sums would stick at 2048


READERS = [
    lambda device, x: x + 1,
    lambda device, x: np.sum(x),
    lambda device, x: x.astype(np.float64),
    lambda device, x: x.copy(),
    lambda device, x: x.get(),
    lambda device, x: np.concatenate([x, x]),
    lambda device, x: device.to_numpy(x),
    lambda device, x: device.zeros(6, np.float32).__setitem__(slice(None), x),
]


@pytest.mark.parametrize("read", READERS)
def test_unwritten_elements_are_not_read(emulated, read):
    x = emulated.empty(6, np.float32)
    x[1:5] = 0
    with pytest.raises(
        EmulatorError, match=r"2 of 6 elements of a float32\[6\] array that no kernel has written"
    ):
        read(emulated, x)
    x[::5] = 0
    read(emulated, x)


@pytest.mark.parametrize(
    "write, left",
    [
        (lambda x: x.__setitem__((slice(None), 1), 5), 9),
        (lambda x: x.__setitem__((1, slice(1, 3)), 5), 10),
        (lambda x: x.__setitem__([0, 2], 5), 4),
        (lambda x: x.__setitem__(Ellipsis, 5), 0),
        (lambda x: x.fill(5), 0),
        (lambda x: x[1:].fill(5), 4),
        (lambda x: x.T[2:].fill(5), 6),
        (lambda x: np.copyto(x, 5), 0),
        (lambda x: np.copyto(x[0], 5), 8),
        (lambda x: np.add(True, True, out=x[:, :2], casting="unsafe"), 6),
        (lambda x: x.reshape(2, 6)[0].fill(5), 6),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.uint8])
def test_writes_of_numpy_count(emulated, dtype, write, left):
    x = emulated.empty((3, 4), dtype)
    assert unwritten(x) == 12
    write(x)
    assert unwritten(x) == left


def test_shapes_of_unwritten_arrays_are_free(emulated):
    x = emulated.empty((2, 3), np.float32)
    assert x.reshape(3, 2).shape == np.transpose(x).shape == (3, 2)
    assert np.zeros_like(x).sum() == 0 and np.shape(x) == (2, 3)


def test_is_not_pickled(x):
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(x)
