"""Embedding in NumPy: the fallback, and the truth for the kernels."""

import numpy as np

from ..arrays import accumulation_dtype


def forward(problem, ids, table):
    """table[ids]; returns (rows, None), or (None, position of the first bad id)."""
    bad = _first_bad(problem, ids)
    return (np.take(table, ids, axis=0), None) if bad is None else (None, bad)


def _first_bad(problem, ids):
    bad = (ids < 0) | (ids >= problem.input_dim)
    return int(np.argmax(bad)) if bad.any() else None


def backward(problem, ids, grad_output):
    """Sums of the rows of grad_output with equal ids, placed at those ids; zeros elsewhere. Returns as `forward`."""
    bad = _first_bad(problem, ids)
    if bad is not None:
        return None, bad
    grad_table = np.zeros((problem.input_dim, problem.output_dim), problem.dtype)
    if problem.count == 0:
        return grad_table, None
    ids = ids.reshape(-1)
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    rows = grad_output.reshape(problem.count, problem.output_dim)[order]
    sums = np.add.reduceat(rows.astype(accumulation_dtype(problem.dtype), copy=False), starts, axis=0)
    grad_table[ordered[starts]] = sums
    return grad_table, None
