"""Launcher of cuda/embedding/bag.cu."""

import numpy as np

from ..dispatch import cuda_implementation
from ..pooling.kernels import power_of_two
from .bag_problem import MODES
from .kernels import THREADS, error_word, gather_config, unless_bad

_FILE = "embedding/bag.cu"


@cuda_implementation(_FILE)
def bag_forward(problem, device, ids, offsets, weights, table):
    """Returns (y, argmax or None, None), or (None, None, position of the first bad id)."""
    y = device.empty(problem.output_shape, problem.dtype)
    argmax = device.empty(problem.output_shape, np.int64) if problem.mode == "max" else None
    if problem.bags == 0 or problem.output_dim == 0:
        return y, argmax, None
    config = gather_config(problem, device, table, y)
    first_bad = error_word(device)
    template = (problem.dtype, problem.index_dtype, MODES.index(problem.mode), problem.weighted, config.width)
    kernel = device.kernel(_FILE, "embedding_bag_forward", template)
    sizes = (np.int64(problem.bags), np.int64(problem.input_dim), np.int32(problem.output_dim))
    kernel((config.blocks,), (THREADS,), (ids, offsets, weights, table, y, argmax, first_bad, *sizes))
    result, bad = unless_bad(device, first_bad, y)
    return result, argmax if bad is None else None, bad


@cuda_implementation(_FILE)
def bag_backward_weights(problem, device, grad_output, ids, bag_of, table):
    """(count,): each id's row of the table times the gradient of its bag, whose number is given."""
    grad = device.empty((problem.count,), problem.dtype)
    if problem.count == 0:
        return grad
    config = gather_config(problem, device, table, grad_output)
    lanes = min(32, power_of_two(problem.output_dim // config.width))
    blocks = -(-problem.count * lanes // THREADS)
    kernel = device.kernel(
        _FILE, "embedding_bag_backward_weights", (problem.dtype, problem.index_dtype, config.width)
    )
    sizes = (np.int64(problem.count), np.int32(problem.output_dim))
    kernel((blocks,), (lanes, THREADS // lanes), (ids, bag_of, table, grad_output, grad, *sizes))
    return grad
