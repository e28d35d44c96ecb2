"""The way of every recurrent operation: arrays taken, checked, run, and what the backward needs kept."""

from .. import arrays
from ..dispatch import Implementation
from .problem import Residuals


def step_loop(function):
    """Wraps a reference as an implementation for devices with kernels: array-module code, one step after
    another."""

    def run(problem, device, *operands):
        return tuple(
            device.asarray(result) if hasattr(result, "dtype") else result
            for result in function(problem, *operands)
        )

    return Implementation(f"step_loop_{function.__name__}", "cuda", run)


def forward(operation, problem_type, named, options, saved=(), residuals_type=Residuals):
    """Runs a forward operation.

    Args:
        named: {operand: array or None}, in the order the implementations take them.
        options: further arguments of the problem.
        saved: names of the results after the outputs and the states that the backward needs.
        residuals_type: a class with a field for each operand and each of `saved`.

    Returns:
        (outputs, *states, residuals): residuals None unless training.
    """
    optional = set(named) - {"x", "weight", "recurrent_weight"}
    named = {
        name: None if array is None and name in optional else arrays.take(array, name)
        for name, array in named.items()
    }
    device = arrays.common_device(**named)
    problem = problem_type.resolve(**named, **options)
    named = {name: arrays.contiguous(array) for name, array in named.items()}
    outputs, *rest = operation(problem, device, *named.values())
    states = rest[: len(rest) - len(saved)]
    if not problem.training:
        return outputs, *states, None
    kept = dict(zip(saved, rest[len(states) :]))
    return outputs, *states, residuals_type(problem, **named, outputs=outputs, **kept)


def backward(operation, problem_type, named, residuals, function):
    """Runs a backward operation on {gradient: array or None}; `function` is the name of the forward."""
    if not isinstance(residuals, Residuals) or type(residuals.problem) is not problem_type:
        raise TypeError(
            f"residuals must be those of {function}(..., training=True). Received: {type(residuals).__name__}"
        )
    problem = residuals.problem
    named = {name: None if array is None else arrays.take(array, name) for name, array in named.items()}
    device = arrays.common_device(x=residuals.x, **named)
    arrays.same_dtype(x=residuals.x, **named)
    for name, array in named.items():
        shape = {"grad_outputs": problem.output_shape, "grad_c": problem.cell_shape}.get(
            name, problem.state_shape
        )
        if array is not None and tuple(array.shape) != shape:
            raise ValueError(f"{name} must have shape {shape}. Received: {tuple(array.shape)}")
    return operation(problem, device, *map(arrays.contiguous, named.values()), residuals)


def add_updates(named, options, updates):
    """Adds {state: update} to the operands and options of a variant: update_h the array (in x's dtype), or
    taken_h the number."""
    for state, update in updates.items():
        name, drawn = f"update_{state}", not isinstance(update, (int, float))
        dtype = getattr(named["x"], "dtype", None)
        update = arrays.take(update, name) if drawn else update
        if drawn and update.dtype.kind not in "biuf" and update.dtype not in arrays.FLOAT_DTYPES:
            raise TypeError(f"{name} must hold numbers. Received: dtype {update.dtype}")
        named[name] = update.astype(dtype, copy=False) if drawn else None
        options[f"taken_{state}"] = 1.0 if drawn else update
