"""Launchers of cuda/embedding/runs.cu: gradients to the table, summed over runs of equal ids."""

import dataclasses
import math

import numpy as np

from ..arrays import accumulation_dtype, address_of
from ..dispatch import cuda_implementation
from ..pooling.kernels import power_of_two
from .kernels import BLOCKS_PER_MULTIPROCESSOR, NO_BAD_ID, THREADS

_FILE = "embedding/runs.cu"
_THREADS_PER_MULTIPROCESSOR = 2048  # wanted, before windows grow
_LEAST_WINDOW, _MOST_WINDOW = 8, 64
_MOST_TILES = 65535  # along the grid's y
ROWS, BAGS, WEIGHTED_BAGS, MAXIMUM_BAGS = range(4)  # where a position's row comes from: the file's constants


@dataclasses.dataclass(frozen=True)
class RunsConfig:
    """Attributes:
    width: columns a thread.
    block: threads (along the columns, along the windows).
    tiles: blocks along the columns.
    window: sorted positions that a row of threads walks; windows: how many there are.
    """

    width: int
    block: tuple
    tiles: int
    window: int
    windows: int


def runs_config(problem, device, *arrays):
    """The widest access, up to 16 bytes, that a row and the addresses allow; windows that fill the device."""
    row_bytes = problem.output_dim * problem.dtype.itemsize
    width = math.gcd(16, row_bytes, *map(address_of, arrays)) // problem.dtype.itemsize
    vectors = problem.output_dim // width
    columns = min(32, power_of_two(vectors))
    tiles = -(-vectors // columns)
    work = problem.count * columns * tiles
    window = power_of_two(-(-work // (device.multiprocessors * _THREADS_PER_MULTIPROCESSOR)))
    window = max(_LEAST_WINDOW, min(_MOST_WINDOW, window))
    return RunsConfig(width, (columns, THREADS // columns), tiles, window, -(-problem.count // window))


def _too_wide(problem, device):
    if problem.output_dim > _MOST_TILES * 32:
        return f"takes up to {_MOST_TILES * 32} columns"
    return None


@cuda_implementation(_FILE, _too_wide)
def sorted_backward(problem, device, ids, grad_output, bag_of=None, factors=None, argmax=None, places=None):
    """Sorts the ids, then sums the rows of equal ones; arguments and results as of `reference.backward`."""
    grad_table = device.zeros((problem.input_dim, problem.output_dim), problem.dtype)
    if problem.count == 0 or problem.output_dim == 0:
        return grad_table, None
    sorted_ids, order = _sorted(device, ids, places)
    words = _words(device)
    _launch(
        problem, device, sorted_ids, order, None, (bag_of, factors, argmax, grad_output), grad_table, words
    )
    bad = int(device.to_numpy(words)[0])
    return (grad_table, None) if bad == NO_BAD_ID else (None, bad)


@cuda_implementation(_FILE, _too_wide)
def sorted_backward_sparse(
    problem, device, ids, grad_output, bag_of=None, factors=None, argmax=None, places=None
):
    """As `reference.backward_sparse`. The host waits for the sorted ids alone: their words tell what to
    allocate, and the sums run behind."""
    unique_ids = device.empty((problem.count,), problem.index_dtype)
    if problem.count == 0:
        return unique_ids, device.empty((0, problem.output_dim), problem.dtype), None
    xp = device.array_module
    sorted_ids, order = _sorted(device, ids, places)
    begins = xp.ones(problem.count, bool)
    begins[1:] = sorted_ids[1:] != sorted_ids[:-1]
    runs = xp.cumsum(begins, dtype=np.int64)
    words = _words(device)
    kernel = device.kernel(_FILE, "embedding_unique_ids", (problem.index_dtype,))
    blocks = min(-(-problem.count // THREADS), BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors)
    sizes = np.int64(problem.count), np.int64(problem.input_dim)
    kernel((blocks,), (THREADS,), (sorted_ids, order, runs, unique_ids, words, *sizes))
    bad, unique = map(int, device.to_numpy(words))
    if bad != NO_BAD_ID:
        return None, None, bad
    rows = device.empty((unique, problem.output_dim), problem.dtype)
    if problem.output_dim:
        _launch(problem, device, sorted_ids, order, runs, (bag_of, factors, argmax, grad_output), rows, None)
    return unique_ids[:unique], rows, None


def _sorted(device, ids, places):
    """The ids, sorted stably, and the place of each."""
    flat = ids.reshape(-1)
    order = device.array_module.argsort(flat, kind="stable").astype(np.int64, copy=False)
    return flat[order], order if places is None else places[order]


def _words(device):
    return device.asarray(np.array([NO_BAD_ID, 0], np.uint64))


def _launch(problem, device, sorted_ids, order, runs, source, target, words):
    bag_of, factors, argmax, grad_output = source
    config = runs_config(problem, device, grad_output, target)
    shape = (config.windows, 2, problem.output_dim)
    partials = device.empty(shape, accumulation_dtype(problem.dtype))
    types = problem.dtype, problem.index_dtype, runs is not None
    kind = ROWS if bag_of is None else BAGS if factors is None else WEIGHTED_BAGS
    kind = kind if argmax is None else MAXIMUM_BAGS
    sizes = np.int64(problem.count), np.int64(problem.input_dim), np.int32(problem.output_dim)
    window = np.int32(config.window)
    kernel = device.kernel(_FILE, "embedding_runs_backward", (*types, kind, config.width))
    operands = (sorted_ids, order, runs, bag_of, factors, argmax, grad_output)
    blocks = -(-config.windows // config.block[1])
    kernel((blocks, config.tiles), config.block, (*operands, target, partials, words, *sizes, window))
    if config.windows > 1:
        kernel = device.kernel(_FILE, "embedding_carries_backward", (*types, config.width))
        operands = (sorted_ids, runs, partials, target)
        kernel((config.windows - 1, config.tiles), config.block, (*operands, *sizes, window))
