"""Optimizer steps variable by variable, on NumPy and CuPy arrays alike."""

from .. import arrays


def step(problem, values, grads, states, decays, scalars):
    """Changes values and states in place; scalars as of the rule."""
    rule = _sgd if problem.rule == "sgd" else _adam
    for value, grad, state, decay in zip(values, grads, states, decays):
        if value.ndim == 0:  # whose differences would be no arrays
            value, grad, state = value.reshape(1), grad.reshape(1), [array.reshape(1) for array in state]
        wide = value.astype(grad.dtype, copy=False)
        if decay:
            wide -= wide * wide.dtype.type(decay)
        rule(problem, wide, grad, state, *scalars)
        if wide is not value:
            value[...] = wide


def _sgd(problem, value, grad, state, rate, momentum):
    change = grad * (-rate)
    if problem.momentum:
        (moment,) = state
        moment *= momentum
        moment += change
        change = change + momentum * moment if problem.nesterov else moment
    value += change


def _adam(problem, value, grad, state, alpha, new_1, new_2, epsilon):
    xp = arrays.array_module(value)
    momentum, velocity = state[:2]
    change = grad - momentum
    change *= new_1
    momentum += change
    xp.multiply(grad, grad, out=change)
    change -= velocity
    change *= new_2
    velocity += change
    if problem.amsgrad:
        xp.maximum(state[2], velocity, out=state[2])
        velocity = state[2]
    xp.sqrt(velocity, out=change)
    change += epsilon
    xp.divide(momentum, change, out=change)
    change *= alpha
    value -= change
