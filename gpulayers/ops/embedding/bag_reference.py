"""Embedding bags in NumPy: the fallback, and the truth for the kernel."""

import numpy as np

from .. import threads
from ..arrays import accumulation_dtype
from .reference import first_bad
from .run_sums import add_runs, parts_of, planes, put_rows

_LONG = 64  # ids: bags from here on are reduced one by one


def forward(problem, ids, offsets, weights, table):
    """Returns (y, argmax or None, None), or (None, None, position of the first bad id)."""
    bad = first_bad(problem, ids)
    if bad is not None:
        return None, None, bad
    wide, lengths = accumulation_dtype(problem.dtype), np.diff(offsets)
    filled = np.flatnonzero(lengths)
    if problem.mode == "max":
        y, argmax = _maxima(problem, ids, offsets[filled], lengths[filled], filled, table)
        return y, argmax, None

    def read(at, out):
        if out.dtype == table.dtype:
            table.take(ids[at], axis=0, out=out, mode="clip")
        else:
            out[...] = table.take(ids[at], axis=0, mode="clip")
        if weights is not None:
            out *= weights[at, None]

    y = np.zeros(problem.output_shape, wide)
    add_runs(offsets[filled], problem.count, read, wide, y, filled)
    if problem.mode == "mean":
        y /= np.maximum(lengths, 1).astype(wide)[:, None]
    return y.astype(problem.dtype, copy=False), None, None


def _maxima(problem, ids, starts, lengths, bags, table):
    """(largest values, their ids' numbers or -1): of equal values the first, a NaN before all others."""
    y, argmax = np.zeros(problem.output_shape, problem.dtype), np.full(problem.output_shape, -1, np.int64)
    if not y.size:
        return y, argmax

    def find(part):
        order, numbers, counts = planes(starts[part], lengths[part])
        rows = table.take(ids[numbers], axis=0, mode="clip")
        best, begin = rows[: counts[0]], counts[0]
        places = np.repeat(numbers[: counts[0], None], problem.output_dim, axis=1)
        for count in counts[1:]:
            further, at = rows[begin : begin + count], numbers[begin : begin + count, None]
            better = further > best[:count]
            better |= np.isnan(further) & ~np.isnan(best[:count])
            np.copyto(best[:count], further, where=better)
            np.copyto(places[:count], at, where=better)
            begin += count
        put_rows(y, bags[part][order], best)
        put_rows(argmax, bags[part][order], places)

    def find_alone(run):
        start, stop = starts[run], starts[run] + lengths[run]
        rows = table.take(ids[start:stop], axis=0, mode="clip").astype(
            accumulation_dtype(problem.dtype), copy=False
        )
        chosen = rows.argmax(axis=0)  # of NaN the first
        y[bags[run]] = np.take_along_axis(rows, chosen[None], axis=0)[0]
        argmax[bags[run]] = chosen + start

    threads.run(find_alone, np.flatnonzero(lengths >= _LONG))
    short = lengths < _LONG
    if short.any():
        starts, lengths, bags = starts[short], lengths[short], bags[short]
        threads.run(find, parts_of(lengths, problem.output_dim * 8))
    return y, argmax


def backward_weights(problem, grad_output, ids, bag_of, table):
    """(count,): each id's row of the table times the gradient of its bag, whose number is given."""
    wide = accumulation_dtype(problem.dtype)
    products = grad_output[bag_of].astype(wide, copy=False)
    products *= table[ids]
    return products.sum(axis=1).astype(problem.dtype, copy=False)
