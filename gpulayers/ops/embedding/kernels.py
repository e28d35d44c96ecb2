"""Launcher of cuda/embedding/gather.cu, and the word in which kernels report bad ids."""

import dataclasses
import math

import numpy as np

from ..arrays import address_of
from ..dispatch import cuda_implementation

THREADS = 256
BLOCKS_PER_MULTIPROCESSOR = 8  # grid-stride loops beyond that
NO_BAD_ID = np.iinfo(np.uint64).max


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
    return GatherConfig(
        width, max(1, min(-(-work // THREADS), device.multiprocessors * BLOCKS_PER_MULTIPROCESSOR))
    )


def error_word(device):
    return device.asarray(np.full(1, NO_BAD_ID, np.uint64))


def unless_bad(device, first_bad, result):
    """Waits for the kernel, since only its error word tells whether the result may be shown."""
    position = int(device.to_numpy(first_bad)[0])
    return (result, None) if position == NO_BAD_ID else (None, position)


@cuda_implementation("embedding/gather.cu")
def gather_forward(problem, device, ids, table):
    """Returns (rows, None), or (None, position of the first bad id)."""
    rows = device.empty(problem.output_shape, problem.dtype)
    if problem.count == 0 or problem.output_dim == 0:
        return rows, None
    config = gather_config(problem, device, table, rows)
    first_bad = error_word(device)
    kernel = device.kernel(
        "embedding/gather.cu", "embedding_gather_forward", (problem.dtype, problem.index_dtype, config.width)
    )
    sizes = (np.int64(problem.count), np.int64(problem.input_dim), np.int32(problem.output_dim))
    kernel((config.blocks,), (THREADS,), (ids, table, rows, first_bad, *sizes))
    return unless_bad(device, first_bad, rows)
