"""Embedding: the reference against plain loops, the kernels against both."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.embedding.problem import EmbeddingProblem
from tests.cases.embedding import CASES, Case
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def forward_loop(ids, table):
    rows = np.zeros((*ids.shape, table.shape[1]))
    for index in np.ndindex(*ids.shape):
        for e in range(table.shape[1]):
            rows[(*index, e)] = table[int(ids[index]), e]
    return rows


def backward_loop(ids, grad_output, input_dim):
    """Returns the gradient and, for the error bound, the sums of absolute values."""
    grad, magnitude = np.zeros((2, input_dim, grad_output.shape[-1]))
    for index in np.ndindex(*ids.shape):
        grad[int(ids[index])] += grad_output[index].astype(np.float64)
        magnitude[int(ids[index])] += np.abs(grad_output[index].astype(np.float64))
    return grad, magnitude


def check_forward(case, dtype, device):
    ids = case.draw_ids()
    table = np.random.default_rng(1).standard_normal((case.input_dim, case.output_dim)).astype(dtype)
    rows = device.to_numpy(ops.embedding(device.asarray(ids), device.asarray(table)))
    assert rows.dtype == dtype
    assert_exact(rows, forward_loop(ids, table), "rows")


def check_backward(case, dtype, device):
    ids = case.draw_ids()
    shape = (*case.shape, case.output_dim)
    generator = np.random.default_rng(2)

    integers = generator.integers(-2, 3, shape).astype(dtype)
    grad = device.to_numpy(
        ops.embedding_backward(device.asarray(ids), device.asarray(integers), case.input_dim)
    )
    assert grad.dtype == dtype
    assert_exact(grad, backward_loop(ids, integers, case.input_dim)[0], "grad_table of integers")

    floats = generator.standard_normal(shape).astype(dtype)
    results = [
        device.to_numpy(ops.embedding_backward(device.asarray(ids), device.asarray(floats), case.input_dim))
        for _ in range(2)
    ]
    expected, magnitude = backward_loop(ids, floats, case.input_dim)
    assert_close(results[0], expected, ids.size, magnitude, what="grad_table")
    assert results[0].tobytes() == results[1].tobytes(), "two runs differ in bits"
    check_sparse(device, device.asarray(ids), device.asarray(floats), results[0])


def check_sparse(device, ids, grad_output, grad_table):
    """The rows of the dense gradient that the ids use, to the bit, and no others."""
    unique_ids, rows = ops.embedding_backward_sparse(ids, grad_output, len(grad_table))
    assert unique_ids.dtype == ids.dtype and rows.dtype == grad_table.dtype
    unique_ids, rows = device.to_numpy(unique_ids), device.to_numpy(rows)
    np.testing.assert_array_equal(unique_ids, np.unique(device.to_numpy(ids)))
    assert rows.shape == (len(unique_ids), grad_table.shape[1])
    assert rows.tobytes() == grad_table[unique_ids].tobytes()


def test_ids_too_large_to_be_sorted_with_their_places():
    ids = np.array([2**62, 5, 2**62, 0])
    unique_ids, rows = ops.embedding_backward_sparse(ids, np.array([[1.0], [2.0], [4.0], [8.0]]), 2**62 + 1)
    assert unique_ids.tolist() == [0, 5, 2**62] and rows.tolist() == [[8.0], [2.0], [5.0]]


def test_the_sparse_backward_waits_once(emulated, monkeypatch):
    """The number of rows comes with the word that tells of bad ids, and the host waits for nothing else."""
    waits, to_numpy = [], emulated.to_numpy
    monkeypatch.setattr(emulated, "to_numpy", lambda array: waits.append(array.shape) or to_numpy(array))
    ids = emulated.asarray(np.array([4, 1, 4, 1, 4], np.int32))
    ops.embedding_backward_sparse(ids, emulated.asarray(np.ones((5, 8), np.float32)), 10**9)
    assert waits == [(2,)]
    names = [launch.expression.partition("<")[0] for launch in emulated.launches]
    assert names == ["embedding_unique_ids", "embedding_runs_backward"]


@cases
def test_reference_forward(case, dtype):
    check_forward(case, dtype, arrays.CPU)


@cases
def test_reference_backward(case, dtype):
    check_backward(case, dtype, arrays.CPU)


@cases
def test_kernel_forward(case, dtype, kernel_device):
    check_forward(case, dtype, kernel_device)


@cases
def test_kernel_backward(case, dtype, kernel_device):
    check_backward(case, dtype, kernel_device)


def bad_ids(device):
    ids = np.zeros((30, 20), np.int64)
    ids[7, 11], ids[7, 12], ids[29, 0] = 10, -1, 99
    return device.asarray(ids)


def check_bad_ids(device):
    table = device.asarray(np.ones((10, 12), np.float32))
    with pytest.raises(IndexError, match=r"\[0, 10\).*Received: id 10 at position \(7, 11\)"):
        ops.embedding(bad_ids(device), table)
    with pytest.raises(IndexError, match=r"Received: id -1 at position 2"):
        ops.embedding(device.asarray(np.array([0, 1, -1, 10], np.int32)), table)
    with pytest.raises(IndexError, match=r"\[0, 10\)"):
        ops.embedding_backward(bad_ids(device), device.asarray(np.ones((30, 20, 12), np.float32)), 10)
    with pytest.raises(IndexError, match=r"Received: id 10 at position \(7, 11\)"):
        ops.embedding_backward_sparse(bad_ids(device), device.asarray(np.ones((30, 20, 12), np.float32)), 10)
    good = ops.embedding(device.asarray(np.array([3, 4], np.int32)), table)
    assert_exact(device.to_numpy(good), np.ones((2, 12)), "after an error the device still works")


def test_bad_ids_on_the_cpu():
    check_bad_ids(arrays.CPU)


def test_bad_ids_in_the_kernel(kernel_device):
    check_bad_ids(kernel_device)


def test_unaligned_table(kernel_device):
    """A view that begins at an odd element is read right, if more narrowly."""
    flat = np.random.default_rng(0).standard_normal(1 + 6 * 8).astype(np.float32)
    table = kernel_device.asarray(flat)[1:].reshape(6, 8)
    ids = np.array([5, 0, 5], np.int32)
    rows = kernel_device.to_numpy(ops.embedding(kernel_device.asarray(ids), table))
    assert_exact(rows, flat[1:].reshape(6, 8)[ids], "rows")


def test_non_contiguous_arguments(kernel_device):
    table = np.random.default_rng(0).standard_normal((8, 6)).astype(np.float32)
    ids = np.array([[1, 2, 3], [4, 5, 0]], np.int32)
    rows = ops.embedding(kernel_device.asarray(ids).T, kernel_device.asarray(table).T)
    assert_exact(kernel_device.to_numpy(rows), table.T[ids.T], "rows")


@pytest.mark.parametrize(
    "ids, table, error, words",
    [
        (
            np.zeros(3, np.float32),
            np.zeros((2, 2), np.float32),
            TypeError,
            "int32 or int64. Received: float32",
        ),
        (np.zeros(3, np.uint8), np.zeros((2, 2), np.float32), TypeError, "Received: uint8"),
        (np.zeros(3, np.int32), np.zeros((2, 2, 2), np.float32), ValueError, r"Received: \(2, 2, 2\)"),
        (np.zeros(3, np.int32), np.zeros((2, 2), np.int32), TypeError, "Received: int32"),
        (
            [0, 1],
            np.zeros((2, 2), np.float32),
            TypeError,
            "ids must be a NumPy or CuPy array. Received: list",
        ),
    ],
)
def test_wrong_arguments(ids, table, error, words):
    with pytest.raises(error, match=words):
        ops.embedding(ids, table)


def test_wrong_gradient_shape():
    for backward in (ops.embedding_backward, ops.embedding_backward_sparse):
        with pytest.raises(ValueError, match="grad_output must have shape"):
            backward(np.zeros((2, 3), np.int32), np.zeros((2, 4, 5), np.float32), 7)


def test_bytes_moved():
    problem = EmbeddingProblem.resolve(np.zeros((4, 5), np.int64), (100, 8), np.float16)
    assert problem.bytes_moved() == 20 * 8 + 2 * 20 * 8 * 2
    assert problem.output_shape == (4, 5, 8)


def test_case_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)
    assert isinstance(CASES[0], Case)
