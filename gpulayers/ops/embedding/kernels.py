"""Launchers of cuda/embedding."""

import dataclasses
import math

import numpy as np

from ..arrays import address_of
from ..dispatch import cuda_implementation

_THREADS = 256
_BLOCKS_PER_MULTIPROCESSOR = 8  # grid-stride loops beyond that
_NO_BAD_ID = np.iinfo(np.uint64).max


@dataclasses.dataclass(frozen=True)
class GatherConfig:
    width: int  # columns a thread
    blocks: int


def gather_config(problem, device, *arrays):
    """The widest access, up to 16 bytes, that divides a row and that the arrays' addresses allow."""
    addresses = [address_of(array) for array in arrays]
    row_bytes = problem.output_dim * problem.dtype.itemsize
    width = math.gcd(16, row_bytes, *addresses) // problem.dtype.itemsize
    work = problem.count * problem.output_dim // width
    return GatherConfig(width, max(1, min(-(-work // _THREADS), device.multiprocessors * _BLOCKS_PER_MULTIPROCESSOR)))


def _error_word(device):
    return device.asarray(np.full(1, _NO_BAD_ID, np.uint64))


def _unless_bad(device, first_bad, result):
    """Waits for the kernel, since only its error word tells whether the result may be shown."""
    position = int(device.to_numpy(first_bad)[0])
    return (result, None) if position == _NO_BAD_ID else (None, position)


@cuda_implementation("embedding/gather.cu")
def gather_forward(problem, device, ids, table):
    """Returns (rows, None), or (None, position of the first bad id)."""
    rows = device.empty(problem.output_shape, problem.dtype)
    if problem.count == 0 or problem.output_dim == 0:
        return rows, None
    config = gather_config(problem, device, table, rows)
    first_bad = _error_word(device)
    kernel = device.kernel("embedding/gather.cu", "embedding_gather_forward", (problem.dtype, problem.index_dtype, config.width))
    sizes = (np.int64(problem.count), np.int64(problem.input_dim), np.int32(problem.output_dim))
    kernel((config.blocks,), (_THREADS,), (ids, table, rows, first_bad, *sizes))
    return _unless_bad(device, first_bad, rows)


@cuda_implementation("embedding/scatter.cu")
def sorted_backward(problem, device, ids, grad_output):
    """Sorts the ids (stably), then sums every run of equal ids in one block; returns as `gather_forward`."""
    grad_table = device.zeros((problem.input_dim, problem.output_dim), problem.dtype)
    if problem.count == 0 or problem.output_dim == 0:
        return grad_table, None
    flat = ids.reshape(-1)
    order = device.array_module.argsort(flat, kind="stable").astype(np.int64, copy=False)
    rows = 8
    kernel = device.kernel("embedding/scatter.cu", "embedding_sorted_backward", (problem.dtype, problem.index_dtype, rows))
    blocks = min(problem.count, 2**31 - 1)
    first_bad = _error_word(device)
    sizes = (np.int64(problem.count), np.int64(problem.input_dim), np.int32(problem.output_dim))
    kernel((blocks,), (32, rows), (flat[order], order, grad_output, grad_table, first_bad, *sizes))
    return _unless_bad(device, first_bad, grad_table)
