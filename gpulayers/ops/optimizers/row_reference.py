"""Optimizer steps on rows of a table, on NumPy and CuPy arrays alike."""

from .. import arrays, threads
from .reference import BLOCK, RULES, change


def step(problem, *operands):
    """Changes value and states in place, at the rows of the ids alone; scalars as of the rule."""
    _change_rows(problem, slice(0, problem.count), *operands)


def step_in_blocks(problem, *operands):
    """`step` of NumPy arrays, in blocks of rows whose copies stay in the cache, on several threads."""
    rows = max(1, BLOCK // max(1, problem.columns))
    parts = [slice(first, first + rows) for first in range(0, problem.count, rows)]
    few = 1 if problem.count * problem.columns < 4 * BLOCK else None
    threads.run(lambda part: _change_rows(problem, part, *operands), parts, threads=few)


def _change_rows(problem, part, value, ids, grad, states, decay, clip, scalars):
    rule = _row_wise_adagrad if problem.rule == "row_wise_adagrad" else RULES[problem.rule]
    if value.ndim == 0:
        value, grad, states = value.reshape(1), grad.reshape(1), [state.reshape(1) for state in states]
    rows = part if ids is None else ids[part]
    chosen = [array[rows] for array in (value, *states)]
    change(rule, problem, 0, chosen[0], grad[part], chosen[1:], decay, clip, scalars)
    for array, changed in zip((value, *states), chosen) if ids is not None else ():
        array[rows] = changed


def _row_wise_adagrad(switches, value, grad, state, rate, epsilon):
    (accumulator,) = state
    accumulator += (grad * grad).reshape(len(grad), -1).mean(axis=1)
    share = rate / (arrays.array_module(value).sqrt(accumulator) + epsilon)
    value -= grad * share.reshape(-1, *[1] * (grad.ndim - 1))
