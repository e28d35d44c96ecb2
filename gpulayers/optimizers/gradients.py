"""Gradients on their way into an optimizer: checked, sorted by type, and what clips their norms."""

import re
import warnings

import numpy as np

from ..ops import arrays
from ..ops.embedding.row_sparse import RowSparseGradient
from ..ops.optimizers import clip_factors
from ..variable import Variable


def checked_variables(variables):
    """The variables as a list.

    Raises:
        TypeError: something that is not a Variable.
    """
    try:
        variables = list(variables)
    except TypeError:
        raise TypeError(f"A list of Variables is expected. Received: {type(variables).__name__}") from None
    for variable in variables:
        if not isinstance(variable, Variable):
            raise TypeError(f"A list of Variables is expected. Received: {type(variable).__name__}")
    return variables


def paired(grads, variables, built):
    """(pairs (Variable, gradient or None), whether the gradients are the variables' own).

    Args:
        grads, variables: as given to `Optimizer.apply`.
        built: the variables that the optimizer knows, or None.
    """
    try:
        grads = list(grads)
    except TypeError:
        raise TypeError(f"A list of gradients is expected. Received: {type(grads).__name__}") from None
    if not grads:
        return [], False
    if variables is None and all(isinstance(entry, Variable) for entry in grads):
        return [(variable, variable.grad) for variable in grads], True
    if variables is None:
        if built is None:
            raise ValueError(
                "Gradients without variables need a call of build(variables) first. "
                f"Received: {len(grads)} gradients"
            )
        variables = built
    variables = checked_variables(variables)
    if len(grads) != len(variables):
        raise ValueError(
            f"A gradient for each of {len(variables)} variables is expected. Received: {len(grads)}"
        )
    return list(zip(variables, grads)), False


def check_row_sparse(pairs, optimizer):
    """Raises where a gradient is row-sparse and the optimizer cannot take it."""
    for variable, grad in pairs:
        if not is_row_sparse(grad):
            continue
        if not optimizer.takes_row_sparse:
            raise TypeError(
                f"{type(optimizer).__name__} takes dense gradients: set sparse_gradient=False on the "
                "embedding, or train with SGD, LazyAdam or RowWiseAdagrad. "
                f"Received: a row-sparse gradient of {variable.path}"
            )
        if optimizer.gradient_accumulation_steps:
            raise ValueError(
                "gradient_accumulation_steps keeps dense sums: set sparse_gradient=False on the embedding, "
                f"or train on larger batches. Received: a row-sparse gradient of {variable.path}"
            )


def is_row_sparse(grad):
    return isinstance(grad, RowSparseGradient)


def elements(grad):
    """The array of all of a gradient's elements that may differ from zero."""
    return grad.values if is_row_sparse(grad) else grad


def given(pairs, known):
    """The pairs that have a gradient: an array of the variable's shape on its device, or a row-sparse one.

    Raises:
        ValueError: variables not among the known ones, another shape, or no gradient at all.
        TypeError: what holds no floats.

    Warns:
        UserWarning: some have none.
    """
    found, missing = [], []
    for variable, grad in pairs:
        if variable not in known:
            raise ValueError(
                "An optimizer changes the variables that it was built with; for others make a new one "
                f"(for a model, compile again). Received: {variable.path}"
            )
        if grad is None:
            missing.append(variable.path)
            continue
        found.append((variable, _checked(variable, grad)))
    if not found:
        raise ValueError(f"A gradient for some variable is expected. Received: None for {missing}")
    if missing:
        warnings.warn(f"There are no gradients for {missing}, which stay as they are", stacklevel=4)
    return found


def _checked(variable, grad):
    device = arrays.device_of(variable.value)
    if is_row_sparse(grad):
        if arrays.device_of(grad.values) is not device:
            raise TypeError(
                f"A row-sparse gradient of {variable.path} must lie on its device {device!r}. "
                f"Received: {arrays.device_of(grad.values)!r}"
            )
    elif not arrays.is_array(grad) or arrays.device_of(grad) is not device:
        grad = device.asarray(arrays.numbers(grad, f"The gradient of {variable.path}"))
    if tuple(grad.shape) != variable.shape:
        raise ValueError(
            f"The gradient of {variable.path} must have its shape {variable.shape}. "
            f"Received: {tuple(grad.shape)}"
        )
    wide = arrays.accumulation_dtype(variable.dtype)
    if grad.dtype in (variable.dtype, wide):
        return grad
    if grad.dtype not in arrays.FLOAT_DTYPES and grad.dtype.kind not in "iu":
        raise TypeError(f"The gradient of {variable.path} must hold numbers. Received: {grad.dtype}")
    return grad.astype(wide)


def by_type(variables, operands):
    """Lists of positions whose variables and operands are alike in type."""
    groups = {}
    for number, (variable, operand) in enumerate(zip(variables, operands)):
        groups.setdefault((variable.dtype, operand.dtype, is_row_sparse(operand)), []).append(number)
    return groups.values()


def global_factor(grads, limit, scale):
    """What multiplies all gradients so that their common norm stays within the limit: one number."""
    dtypes = {grad.dtype for grad in grads}
    if len(dtypes) > 1:
        widest = np.dtype(np.float64) if np.dtype(np.float64) in dtypes else np.dtype(np.float32)
        grads = [grad.astype(widest, copy=False) for grad in grads]
    return clip_factors(grads, limit, together=True, scale=scale)


def factors(grads, limit, scale, common):
    """The factors of gradients of one type: that common to all, those that keep each norm within the limit,
    or None."""
    wide = arrays.accumulation_dtype(grads[0].dtype)
    if common is not None:
        return common.astype(wide, copy=False)
    return clip_factors(grads, limit, scale=scale) if limit else None


def checked_patterns(patterns, name):
    """The regular expressions as a list; None for none.

    Raises:
        TypeError, ValueError: no list of them.
    """
    patterns = [] if patterns is None else patterns
    if not isinstance(patterns, (list, tuple)) or any(not isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"{name} must be a list of strings. Received: {patterns!r}")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{name} must be regular expressions: {error}. Received: {pattern!r}") from None
    return list(patterns)
