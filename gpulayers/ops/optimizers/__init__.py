"""Optimizer steps: all variables at once."""

from .. import arrays
from ..dispatch import Implementation, Operation, numpy_implementation
from . import kernels, reference
from .problem import StepProblem

STEP = Operation(
    "optimizers.step",
    StepProblem,
    [
        kernels.sgd_multi_tensor_step,
        kernels.adam_multi_tensor_step,
        Implementation("array_module.step", "cuda", lambda problem, _, *rest: reference.step(problem, *rest)),
        numpy_implementation(reference.step),
    ],
)


def sgd_step(values, grads, states, decays, *, rate, momentum=0.0, nesterov=False):
    """One step of gradient descent, in place: w -= decay * w; without momentum w -= rate * g; else
    m = momentum * m - rate * g and w += m, or with nesterov w += momentum * m - rate * g.

    Args:
        values: list of arrays w of one float dtype.
        grads: list of their gradients, float32 (float64 for float64).
        states: list of [m], or of [] without momentum, of the gradients' dtype.
        decays: a number for each value.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    options = {"momentum": bool(momentum), "nesterov": bool(momentum and nesterov)}
    _step("sgd", values, grads, states, decays, (rate, momentum), options)


def adam_step(values, grads, states, decays, *, alpha, beta_1, beta_2, epsilon, amsgrad=False):
    """One step of Adam, in place: w -= decay * w; m and v are moving averages of g and g^2;
    w -= alpha * m / (sqrt(v) + epsilon), with amsgrad of the largest v so far.

    Args:
        values, grads, decays: as of `sgd_step`; states: list of [m, v], with amsgrad [m, v, largest v].

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    scalars = (alpha, 1 - beta_1, 1 - beta_2, epsilon)
    _step("adam", values, grads, states, decays, scalars, {"amsgrad": bool(amsgrad)})


def _step(rule, values, grads, states, decays, scalars, options):
    if not values:
        return
    named = {f"array {i}": array for i, array in enumerate([*values, *grads, *sum(map(list, states), [])])}
    device = arrays.common_device(**named)
    grads = [arrays.contiguous(grad) for grad in grads]
    problem = StepProblem.resolve(rule, values, grads, states, **options)
    STEP(problem, device, values, grads, states, decays, scalars)
