"""Embedding in NumPy: the fallback, and the truth for the kernels."""

import numpy as np

from .. import threads
from ..arrays import accumulation_dtype
from .run_sums import add_runs

PART_BYTES = 1 << 21  # of the rows that a thread takes at once


def forward(problem, ids, table):
    """table[ids]; returns (rows, None), or (None, position of the first bad id)."""
    bad = first_bad(problem, ids)
    if bad is not None:
        return None, bad
    rows, ids = np.empty((problem.count, problem.output_dim), problem.dtype), ids.reshape(-1)
    step = max(1, PART_BYTES // max(1, problem.output_dim * problem.dtype.itemsize))

    def take(start):
        # With clip, ids that are known to be good are not checked again.
        table.take(ids[start : start + step], axis=0, out=rows[start : start + step], mode="clip")

    threads.run(take, range(0, problem.count, step))
    return rows.reshape(problem.output_shape), None


def first_bad(problem, ids):
    """The position of the first id outside the table, or None."""
    # As unsigned numbers negative ones are the largest.
    unsigned = ids.view(f"u{ids.itemsize}")
    if not ids.size or int(unsigned.max()) < problem.input_dim:
        return None
    return int(np.argmax(unsigned >= problem.input_dim))


def backward(problem, ids, grad_output, *bags):
    """Sums of the rows of grad_output with equal ids, placed at those ids, zeros elsewhere; as `forward`."""
    bad = _bad_place(problem, ids, *bags)
    if bad is not None:
        return None, bad
    grad_table = np.zeros((problem.input_dim, problem.output_dim), problem.dtype)
    order, starts, unique_ids = runs(problem, ids.reshape(-1))
    read = _rows_of(problem, order, grad_output, *bags)
    add_runs(starts, problem.count, read, accumulation_dtype(problem.dtype), grad_table, unique_ids)
    return grad_table, None


def backward_sparse(problem, ids, grad_output, *bags):
    """Those sums alone. Returns (unique ids, rows, None), or (None, None, place of the first bad id).

    Args:
        bags: of embedding bags, see `_rows_of`.
    """
    bad = _bad_place(problem, ids, *bags)
    if bad is not None:
        return None, None, bad
    order, starts, unique_ids = runs(problem, ids.reshape(-1))
    rows = np.empty((len(unique_ids), problem.output_dim), problem.dtype)
    read = _rows_of(problem, order, grad_output, *bags)
    add_runs(starts, problem.count, read, accumulation_dtype(problem.dtype), rows)
    return unique_ids, rows, None


def _bad_place(problem, ids, bag_of=None, factors=None, argmax=None, places=None):
    bad = first_bad(problem, ids)
    return bad if bad is None or places is None else int(places[bad])


def _rows_of(problem, order, grad_output, bag_of=None, factors=None, argmax=None, places=None):
    """`read(at, out)` of the rows of grad_output, by their number in sorted order.

    Args:
        bag_of: of embedding bags: which row of grad_output each id has, by its place.
        factors: of that row, by place; argmax: of grad_output's shape, the place that each element goes to.
        places: of the ids; None: 0, 1, 2 ...
    """
    grad_output = grad_output.reshape(grad_output.size // max(1, problem.output_dim), problem.output_dim)

    def read(at, out):
        place = order[at] if places is None else places[order[at]]
        bag = place if bag_of is None else bag_of[place]
        if out.dtype == grad_output.dtype:
            grad_output.take(bag, axis=0, out=out, mode="clip")
        else:
            out[...] = grad_output.take(bag, axis=0, mode="clip")
        if factors is not None:
            out *= factors[place, None]
        elif argmax is not None:
            np.copyto(out, 0, where=argmax[bag] != place[:, None])

    return read


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
