"""Embedding bags: rows of a table chosen by ids and reduced bag by bag. Not in Keras."""

import numpy as np

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from . import bag_kernels, bag_reference
from .bag_problem import EmbeddingBagProblem

BAG_FORWARD = Operation(
    "embedding.bag_forward",
    EmbeddingBagProblem,
    [bag_kernels.bag_forward, numpy_implementation(bag_reference.forward)],
)


def embedding_bag(ids, offsets, table, *, mode="sum", weights=None):
    """The sum, mean or maximum of the rows that each bag's ids choose.

    Args:
        ids: (count,), int32 or int64: of all bags, one after the other.
        offsets: (bags,), integers, ascending from 0: where each bag begins; the last ends with the ids.
        table: (input_dim, output_dim), a float dtype.
        mode: "sum", "mean" or "max".
        weights: None, or (count,) of the table's dtype: a factor for each row, with mode "sum" alone.

    Returns:
        (y, argmax): y (bags, output_dim), the table's dtype, summed in float32 (float64 for float64), 0 for
        an empty bag; argmax, for "max", of y's shape: the number of the id each maximum came from, or -1;
        otherwise None.

    Raises:
        IndexError: an id below 0 or at least input_dim; names the first bad id and its position.
        TypeError, ValueError: dtypes, devices, shapes or offsets that do not fit.
    """
    ids, offsets, table = _taken(ids=ids, offsets=offsets, table=table)
    weights = None if weights is None else arrays.take(weights, "weights")
    device = arrays.common_device(ids=ids, offsets=offsets, table=table, weights=weights)
    problem = EmbeddingBagProblem.resolve(ids, offsets, table, mode, weights)
    ends = _ends(problem, device, offsets)
    operands = (ids, ends, weights, table)
    y, argmax, bad = BAG_FORWARD(problem, device, *map(arrays.contiguous, operands))
    if bad is not None:
        value = int(device.to_numpy(ids[bad]))
        raise IndexError(
            f"Embedding ids must lie in [0, {problem.input_dim}). Received: id {value} at position {bad}"
        )
    return y, argmax


def embedding_bag_backward(grad_output, ids, offsets, table, *, mode="sum", weights=None, argmax=None):
    """The gradients of `embedding_bag`; deterministic.

    Args:
        grad_output: (bags, output_dim), the table's dtype.
        ids, offsets, table, mode, weights: as in the forward.
        argmax: from the forward, for mode "max".

    Returns:
        (grad_table, grad_weights): the latter None without weights.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    from . import embedding_backward

    grad_output, ids, offsets, table = _taken(grad_output=grad_output, ids=ids, offsets=offsets, table=table)
    device = arrays.common_device(grad_output=grad_output, ids=ids, offsets=offsets, table=table)
    problem = EmbeddingBagProblem.resolve(ids, offsets, table, mode, weights)
    if tuple(grad_output.shape) != problem.output_shape or grad_output.dtype != problem.dtype:
        raise ValueError(
            f"grad_output must be {problem.dtype} of shape {problem.output_shape}. "
            f"Received: {grad_output.dtype} of shape {tuple(grad_output.shape)}"
        )
    xp, ends = device.array_module, _ends(problem, device, offsets)
    numbers = xp.arange(problem.count)
    bag = xp.searchsorted(ends, numbers, side="right") - 1
    rows, grad_weights = grad_output[bag], None
    if mode == "mean":
        counts = (ends[1:] - ends[:-1])[bag][:, None].astype(arrays.accumulation_dtype(rows.dtype))
        rows = (rows / counts).astype(rows.dtype)
    elif mode == "max":
        if argmax is None:
            raise ValueError("mode='max' needs the argmax of the forward. Received: None")
        rows = rows * (argmax[bag] == numbers[:, None])
    elif weights is not None:
        products = rows.astype(arrays.accumulation_dtype(rows.dtype)) * table[ids]
        grad_weights = products.sum(axis=1).astype(rows.dtype)
        rows = rows * weights[:, None]
    return embedding_backward(ids, rows, problem.input_dim), grad_weights


def _taken(**named):
    return [arrays.take(array, name) for name, array in named.items()]


def _ends(problem, device, offsets):
    """The offsets, int64, with the number of ids after them."""
    ends = device.empty((problem.bags + 1,), np.int64)
    ends[:-1] = offsets
    ends[-1] = problem.count
    first = device.to_numpy(ends[:1])
    if (
        problem.bags
        and int(first[0])
        or bool((ends[1:] < ends[:-1]).any())
        or (not problem.bags and problem.count)
    ):
        raise ValueError(
            f"offsets must ascend from 0 to at most {problem.count} ids. Received: {device.to_numpy(offsets)}"
        )
    return ends
