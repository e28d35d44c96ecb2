"""Launcher of cuda/embedding/bag.cu."""

import numpy as np

from ..dispatch import cuda_implementation
from .bag_problem import MODES
from .kernels import _THREADS as THREADS
from .kernels import _error_word, _unless_bad, gather_config

_FILE = "embedding/bag.cu"


@cuda_implementation(_FILE)
def bag_forward(problem, device, ids, offsets, weights, table):
    """Returns (y, argmax or None, None), or (None, None, position of the first bad id)."""
    y = device.empty(problem.output_shape, problem.dtype)
    argmax = device.empty(problem.output_shape, np.int64) if problem.mode == "max" else None
    if problem.bags == 0 or problem.output_dim == 0:
        return y, argmax, None
    config = gather_config(problem, device, table, y)
    first_bad = _error_word(device)
    template = (problem.dtype, problem.index_dtype, MODES.index(problem.mode), problem.weighted, config.width)
    kernel = device.kernel(_FILE, "embedding_bag_forward", template)
    sizes = (np.int64(problem.bags), np.int64(problem.input_dim), np.int32(problem.output_dim))
    kernel((config.blocks,), (THREADS,), (ids, offsets, weights, table, y, argmax, first_bad, *sizes))
    result, bad = _unless_bad(device, first_bad, y)
    return result, argmax if bad is None else None, bad
