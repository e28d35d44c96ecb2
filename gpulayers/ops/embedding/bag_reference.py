"""Embedding bags in NumPy: the fallback, and the truth for the kernel."""

import numpy as np

from ..arrays import accumulation_dtype


def forward(problem, ids, offsets, weights, table):
    """Returns (y, argmax or None, None), or (None, None, position of the first bad id)."""
    bad = (ids < 0) | (ids >= problem.input_dim)
    if bad.any():
        return None, None, int(np.argmax(bad))
    wide = accumulation_dtype(problem.dtype)
    y = np.zeros(problem.output_shape, wide)
    argmax = np.full(problem.output_shape, -1, np.int64) if problem.mode == "max" else None
    for bag, (first, stop) in enumerate(zip(offsets[:-1], offsets[1:])):
        if first == stop:
            continue
        rows = table[ids[first:stop]].astype(wide, copy=False)
        if problem.mode == "max":
            chosen = rows.argmax(axis=0)  # of NaN the first
            y[bag], argmax[bag] = np.take_along_axis(rows, chosen[None], axis=0)[0], chosen + first
            continue
        rows = rows if weights is None else rows * weights[first:stop, None].astype(wide, copy=False)
        y[bag] = rows.sum(axis=0)
        if problem.mode == "mean":
            y[bag] /= wide.type(stop - first)
    return y.astype(problem.dtype, copy=False), argmax, None


def backward_weights(problem, grad_output, ids, bag_of, table):
    """(count,): each id's row of the table times the gradient of its bag, whose number is given."""
    wide = accumulation_dtype(problem.dtype)
    products = grad_output[bag_of].astype(wide, copy=False)
    products *= table[ids]
    return products.sum(axis=1).astype(problem.dtype, copy=False)
