"""Optimizer steps on rows of a table, on NumPy and CuPy arrays alike."""

import numpy as np

from .. import arrays
from .reference import RULES, change

BLOCK = 1 << 16  # elements of the copies of rows


def step(problem, *operands):
    """Changes value and states in place, at the rows of the ids alone; scalars as of the rule."""
    _change_rows(_put, problem, slice(0, problem.count), *operands)


def step_in_blocks(problem, *operands):
    """`step` of NumPy arrays, in blocks of rows whose copies stay in the cache.

    Threads would wait for each other: NumPy moves chosen rows under Python's lock.
    """
    rows = max(1, BLOCK // max(1, problem.columns))
    for first in range(0, problem.count, rows):
        _change_rows(_put_whole, problem, slice(first, first + rows), *operands)


def _change_rows(put, problem, part, value, ids, grad, states, decay, clip, scalars):
    rule = _row_wise_adagrad if problem.rule == "row_wise_adagrad" else RULES[problem.rule]
    if value.ndim == 0:
        value, grad, states = value.reshape(1), grad.reshape(1), [state.reshape(1) for state in states]
    if ids is None:
        value, *states = (array[part] for array in (value, *states))
        change(rule, problem, 0, value, grad[part], states, decay, clip, scalars)
        return
    xp = arrays.array_module(value)
    chosen = [xp.take(array, ids[part], axis=0) for array in (value, *states)]
    change(rule, problem, 0, chosen[0], grad[part], chosen[1:], decay, clip, scalars)
    for array, rows in zip((value, *states), chosen):
        put(array, ids[part], rows)


def _put(array, ids, rows):
    array[ids] = rows


def _put_whole(array, ids, rows):
    """The same; NumPy moves a row faster as one item."""
    if array.ndim == 2 and array.flags.c_contiguous and array.size:
        item = np.dtype((np.void, array.shape[1] * array.itemsize))
        array, rows = array.view(item)[:, 0], rows.view(item)[:, 0]
    array[ids] = rows


def _row_wise_adagrad(switches, value, grad, state, rate, epsilon):
    (accumulator,) = state
    accumulator += (grad * grad).reshape(len(grad), -1).mean(axis=1)
    share = rate / (arrays.array_module(value).sqrt(accumulator) + epsilon)
    value -= grad * share.reshape(-1, *[1] * (grad.ndim - 1))
