"""Optimizer steps variable by variable, on NumPy and CuPy arrays alike."""

import numpy as np

from .. import arrays, threads

BLOCK = 1 << 14  # elements


def step(problem, values, grads, states, decays, clip, scalars):
    """Changes values and states in place; scalars as of the rule."""
    for number, operands in enumerate(zip(values, grads, states, decays)):
        change(RULES[problem.rule], problem, number, *operands, clip, scalars)


def step_in_blocks(problem, values, grads, states, decays, clip, scalars):
    """`step` of NumPy arrays. Rules work element by element: large variables pass through the cache in blocks, on
    several threads."""
    parts = []
    for number, (value, grad, state, decay) in enumerate(zip(values, grads, states, decays)):
        if value.size <= BLOCK or not problem.contiguous:
            parts.append((number, value, grad, state, decay))
            continue
        value, grad, *state = (array.reshape(-1) for array in (value, grad, *state))
        for start in range(0, value.size, BLOCK):
            block = slice(start, start + BLOCK)
            parts.append((number, value[block], grad[block], [array[block] for array in state], decay))
    few = 1 if sum(problem.sizes) < 4 * BLOCK else None
    rule = RULES[problem.rule]
    threads.run(lambda part: change(rule, problem, *part, clip, scalars), parts, threads=few)


def change(rule, problem, number, value, grad, state, decay, clip, scalars):
    """The step of one variable, or of a part of it, by a rule."""
    if value.ndim == 0:  # whose differences would be no arrays
        value, grad, state = value.reshape(1), grad.reshape(1), [array.reshape(1) for array in state]
    wide = value.astype(arrays.accumulation_dtype(value.dtype), copy=False)
    if decay:
        wide -= wide * wide.dtype.type(decay)
    treated = clip.treated(grad.astype(wide.dtype, copy=False), number)
    rule(problem.switches, wide, treated, state, *scalars)
    if wide is not value:
        value[...] = wide


def _sgd(switches, value, grad, state, rate, momentum):
    keeping, nesterov = switches
    change = grad * (-rate)
    if keeping:
        (moment,) = state
        moment *= momentum
        moment += change
        change = change + momentum * moment if nesterov else moment
    value += change


def _move(average, new, share):
    """Moves an average towards new values; returns an array that may be overwritten."""
    change = new - average
    change *= share
    average += change
    return change


def _adam(switches, value, grad, state, alpha, new_1, new_2, epsilon):
    xp = arrays.array_module(value)
    momentum, velocity = state[:2]
    change = _move(momentum, grad, new_1)
    xp.multiply(grad, grad, out=change)
    change -= velocity
    change *= new_2
    velocity += change
    if switches[0]:
        xp.maximum(state[2], velocity, out=state[2])
        velocity = state[2]
    xp.sqrt(velocity, out=change)
    change += epsilon
    xp.divide(momentum, change, out=change)
    change *= alpha
    value -= change


def _nadam(switches, value, grad, state, new_1, new_2, old, now, growth, epsilon):
    momentum, velocity = state
    _move(momentum, grad, new_1)
    _move(velocity, grad * grad, new_2)
    root = arrays.array_module(value).sqrt(velocity * growth)
    root += epsilon
    value -= (momentum * old + grad * now) / root


def _adamax(switches, value, grad, state, rate, new_1, beta_2, epsilon):
    momentum, norm = state
    _move(momentum, grad, new_1)
    norm *= beta_2
    arrays.array_module(value).maximum(norm, abs(grad), out=norm)
    value -= momentum * rate / (norm + epsilon)


def _lion(switches, value, grad, state, rate, beta_1, new_1, beta_2, new_2):
    (momentum,) = state
    value -= rate * arrays.array_module(value).sign(momentum * beta_1 + grad * new_1)
    momentum *= beta_2
    momentum += grad * new_2


def _rmsprop(switches, value, grad, state, rate, new_share, momentum, epsilon):
    keeping, centered = switches
    velocity = state[0]
    _move(velocity, grad * grad, new_share)
    square = velocity
    if centered:
        average = state[-1]
        _move(average, grad, new_share)
        square = velocity - average * average
    change = grad * rate / arrays.array_module(value).sqrt(square + epsilon)
    if keeping:
        moment = state[1]
        moment *= momentum
        moment += change
        change = moment
    value -= change


def _adagrad(switches, value, grad, state, rate, epsilon):
    (accumulator,) = state
    accumulator += grad * grad
    value -= grad * rate / arrays.array_module(value).sqrt(accumulator + epsilon)


def _adadelta(switches, value, grad, state, rate, new_share, epsilon):
    xp = arrays.array_module(value)
    squares, changes = state
    _move(squares, grad * grad, new_share)
    change = xp.sqrt(changes + epsilon) * grad / xp.sqrt(squares + epsilon)
    _move(changes, change * change, new_share)
    value -= rate * change


def _ftrl(switches, value, grad, state, rate, power, l1, l2, shrinkage):
    accumulator, linear = state
    before = accumulator**power
    accumulator += grad * grad
    after = accumulator**power
    linear += grad + 2 * shrinkage * value - (after - before) / rate * value
    value[...] = (linear.clip(-l1, l1) - linear) / (after / rate + 2 * l2)


def _schedule_free(switches, value, grad, state, rate, beta_1, new_2, growth, share, epsilon):
    sequence, velocity = state
    _move(velocity, grad * grad, new_2)
    value -= sequence * (1 - beta_1)
    value *= 1 - share
    root = arrays.array_module(value).sqrt(velocity * growth)
    root += epsilon
    sequence -= grad * rate / root
    value += sequence * (1 - beta_1 + share * beta_1)


RULES = {
    "sgd": _sgd,
    "adam": _adam,
    "nadam": _nadam,
    "adamax": _adamax,
    "lion": _lion,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "ftrl": _ftrl,
    "schedule_free": _schedule_free,
}


def clip_factors(problem, grads, limit, scale):
    """The factor of each gradient, or one of all; see `ops.optimizers`."""
    xp, wide = arrays.array_module(grads[0]), arrays.accumulation_dtype(problem.dtype)
    squares = []
    for grad in grads:
        scaled = grad.astype(wide, copy=False) * wide.type(scale)
        squares.append((scaled * scaled).sum(dtype=np.float64))
    squares = xp.stack(squares).astype(wide)
    if problem.together:
        norm = xp.sqrt(squares.sum(keepdims=True))
        factor = wide.type(limit) / xp.maximum(norm, wide.type(limit))
        return xp.where(xp.isfinite(norm), factor, wide.type("nan"))
    return wide.type(limit) / xp.maximum(xp.sqrt(squares), wide.type(limit))


def all_finite(problem, grads):
    """Whether no gradient holds an infinity or NaN."""
    wide = arrays.accumulation_dtype(problem.dtype)
    xp = arrays.array_module(grads[0])
    return bool(xp.stack([xp.isfinite(grad.astype(wide, copy=False)).all() for grad in grads]).all())


def blend(problem, sources, targets, keep, share):
    """target = keep * target + share * source, in place; the sources too, if overwritten."""
    for source, target in zip(sources, targets):
        if keep and keep != 1:
            target *= keep
        elif not keep:
            target[...] = 0
        if share:
            target += share * source.astype(target.dtype, copy=False)
        if problem.overwrite:
            source[...] = target
