"""Embedding in NumPy: the fallback, and the truth for the kernels."""

import numpy as np

from ..arrays import accumulation_dtype


def forward(problem, ids, table):
    """table[ids]; returns (rows, None), or (None, position of the first bad id)."""
    bad = first_bad(problem, ids)
    return (np.take(table, ids, axis=0), None) if bad is None else (None, bad)


def first_bad(problem, ids):
    """The position of the first id outside the table, or None."""
    bad = (ids < 0) | (ids >= problem.input_dim)
    return int(np.argmax(bad)) if bad.any() else None


def backward(problem, ids, grad_output, *bags):
    """Sums of the rows of grad_output with equal ids, placed at those ids, zeros elsewhere; as `forward`."""
    unique_ids, rows, bad = backward_sparse(problem, ids, grad_output, *bags)
    if bad is not None:
        return None, bad
    grad_table = np.zeros((problem.input_dim, problem.output_dim), problem.dtype)
    grad_table[unique_ids] = rows
    return grad_table, None


def backward_sparse(problem, ids, grad_output, bag_of=None, factors=None, argmax=None, places=None):
    """Those sums alone. Returns (unique ids, rows, None), or (None, None, place of the first bad id).

    Args:
        bag_of: of embedding bags: which row of grad_output each id has, by its place.
        factors: of that row, by place; argmax: of grad_output's shape, the place that each element goes to.
        places: of the ids; None: 0, 1, 2 ...
    """
    bad = first_bad(problem, ids)
    if bad is not None:
        return None, None, bad if places is None else int(places[bad])
    order, starts, unique_ids = runs(problem, ids.reshape(-1))
    places = order if places is None else places[order]
    if bag_of is None:
        grad_output = grad_output.reshape(problem.count, problem.output_dim)
    bag_of = places if bag_of is None else bag_of[places]
    rows, wide = grad_output[bag_of], accumulation_dtype(problem.dtype)
    if factors is not None:
        rows = rows.astype(wide, copy=False) * factors[places, None]
    elif argmax is not None:
        rows *= argmax[bag_of] == places[:, None]
    if len(starts) < len(rows):
        rows = np.add.reduceat(rows.astype(wide, copy=False), starts, axis=0)
    return unique_ids, rows.astype(problem.dtype, copy=False), None


def runs(problem, ids):
    """(the order that sorts the ids stably, where in it each run of equal ids begins, the runs' ids)."""
    count, bits = ids.size, max(1, ids.size - 1).bit_length()
    if (
        bits + problem.input_dim.bit_length() <= 63
    ):  # an id and its place in one number: NumPy sorts these fastest
        keys = ids.astype(np.int64) << bits
        keys |= np.arange(count)
        keys.sort()
        order, ordered = keys & ((1 << bits) - 1), keys >> bits
    else:
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
    begins = np.ones(count, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)
    return order, starts, ordered[starts].astype(ids.dtype, copy=False)
