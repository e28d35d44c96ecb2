"""Optimizer steps and what goes with them: all variables at once.

Arrays come as lists, one entry a variable. Values are of one float dtype, their states of its accumulation
type (float32, float64 for float64), gradients of either; `decays` holds for each value the share of itself
that it first loses: w -= decay * w.
"""

import dataclasses

from .. import arrays
from ..dispatch import Implementation, Operation, numpy_implementation
from . import kernels, reference, row_kernels, row_reference
from .problem import RULES, GradientProblem, StepProblem
from .row_problem import ROW_RULES, RowStepProblem

__all__ = [
    "ROW_RULES",
    "RULES",
    "Clip",
    "GradientProblem",
    "RowStepProblem",
    "StepProblem",
    "adadelta_step",
    "adagrad_step",
    "adam_row_step",
    "adam_step",
    "adamax_step",
    "all_finite",
    "blend",
    "clip_factors",
    "ftrl_step",
    "lion_step",
    "nadam_step",
    "rmsprop_step",
    "row_wise_adagrad_step",
    "schedule_free_step",
    "sgd_row_step",
    "sgd_step",
]


def _operation(name, problem_type, launchers, function, on_cpu=None):
    general = Implementation(
        f"array_module.{function.__name__}",
        "cuda",
        lambda problem, _, *operands: function(problem, *operands),
    )
    return Operation(name, problem_type, [*launchers, general, numpy_implementation(on_cpu or function)])


STEP = _operation(
    "optimizers.step", StepProblem, kernels.steps, reference.step, on_cpu=reference.step_in_blocks
)
ROW_STEP = _operation(
    "optimizers.row_step",
    RowStepProblem,
    [
        row_kernels.sgd_row_sparse_step,
        row_kernels.adam_row_sparse_step,
        row_kernels.row_wise_adagrad_step,
    ],
    row_reference.step,
    on_cpu=row_reference.step_in_blocks,
)
CLIP_FACTORS = _operation(
    "optimizers.clip_factors", GradientProblem, [kernels.clip_factors], reference.clip_factors
)
ALL_FINITE = _operation("optimizers.all_finite", GradientProblem, [kernels.all_finite], reference.all_finite)
BLEND = _operation("optimizers.blend", GradientProblem, [kernels.blend], reference.blend)


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """What is done to each gradient before a rule sees it: times scale, times its factor, then clipped.

    Attributes:
        scale: a number.
        factors: an array of a factor for each gradient, or of one for all, in the accumulation type; None: 1.
        limit: largest absolute element, or None.
        numbers: where the gradients' factors lie; None: in order.
    """

    scale: float = 1.0
    factors: object = None
    limit: float = None
    numbers: tuple = None

    def position(self, number):
        """Where the factor of a gradient lies."""
        if len(self.factors) == 1:
            return 0
        return number if self.numbers is None else self.numbers[number]

    def of(self, number):
        """The same for the gradient of that number alone."""
        return dataclasses.replace(self, numbers=(0 if self.factors is None else self.position(number),))

    def treated(self, grad, number):
        """The gradient of that number as the rule sees it; itself where nothing is done."""
        if self.scale != 1:
            grad = grad * grad.dtype.type(self.scale)
        if self.factors is not None:
            grad = grad * self.factors[self.position(number)].astype(grad.dtype)
        return grad if self.limit is None else grad.clip(-self.limit, self.limit)


def sgd_step(values, grads, states, decays, *, rate, momentum=0.0, nesterov=False, clip=Clip()):
    """One step of gradient descent, in place: without momentum w -= rate * g; else
    m = momentum * m - rate * g and w += m, or with nesterov w += momentum * m - rate * g.

    Args:
        states: [m] for each variable, or [] without momentum.
        clip: what is done to the gradients first.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    switches = {"momentum": bool(momentum), "nesterov": bool(momentum and nesterov)}
    _step("sgd", values, grads, states, decays, clip, (rate, momentum), **switches)


def adam_step(values, grads, states, decays, *, alpha, beta_1, beta_2, epsilon, amsgrad=False, clip=Clip()):
    """One step of Adam, in place: m and v are moving averages of g and g^2;
    w -= alpha * m / (sqrt(v) + epsilon), with amsgrad of the largest v so far.

    Args:
        states: [m, v], with amsgrad [m, v, largest v]; the rest and errors as of `sgd_step`.
    """
    scalars = (alpha, 1 - beta_1, 1 - beta_2, epsilon)
    _step("adam", values, grads, states, decays, clip, scalars, amsgrad=bool(amsgrad))


def nadam_step(values, grads, states, decays, *, beta_1, beta_2, old, now, growth, epsilon, clip=Clip()):
    """One step of Nadam, in place: m and v are moving averages of g and g^2;
    w -= (old * m + now * g) / (sqrt(growth * v) + epsilon).

    Args:
        states: [m, v]; the rest and errors as of `sgd_step`.
    """
    scalars = (1 - beta_1, 1 - beta_2, old, now, growth, epsilon)
    _step("nadam", values, grads, states, decays, clip, scalars)


def adamax_step(values, grads, states, decays, *, rate, beta_1, beta_2, epsilon, clip=Clip()):
    """One step of Adamax, in place: m is a moving average of g; u = max(beta_2 * u, |g|);
    w -= rate * m / (u + epsilon).

    Args:
        states: [m, u]; the rest and errors as of `sgd_step`.
    """
    _step("adamax", values, grads, states, decays, clip, (rate, 1 - beta_1, beta_2, epsilon))


def lion_step(values, grads, states, decays, *, rate, beta_1, beta_2, clip=Clip()):
    """One step of Lion, in place: w -= rate * sign(beta_1 * m + (1 - beta_1) * g); m is a moving average of g
    with beta_2.

    Args:
        states: [m]; the rest and errors as of `sgd_step`.
    """
    _step("lion", values, grads, states, decays, clip, (rate, beta_1, 1 - beta_1, beta_2, 1 - beta_2))


def rmsprop_step(
    values, grads, states, decays, *, rate, rho, epsilon, momentum=0.0, centered=False, clip=Clip()
):
    """One step of RMSprop, in place: v is a moving average of g^2, a of g; u = v, or v - a^2 if centered;
    change = rate * g / sqrt(u + epsilon); without momentum w -= change, else m = momentum * m + change and
    w -= m.

    Args:
        states: [v], then m with momentum, then a if centered; the rest and errors as of `sgd_step`.
    """
    switches = {"momentum": bool(momentum), "centered": bool(centered)}
    _step("rmsprop", values, grads, states, decays, clip, (rate, 1 - rho, momentum, epsilon), **switches)


def adagrad_step(values, grads, states, decays, *, rate, epsilon, clip=Clip()):
    """One step of Adagrad, in place: a += g^2; w -= rate * g / sqrt(a + epsilon).

    Args:
        states: [a]; the rest and errors as of `sgd_step`.
    """
    _step("adagrad", values, grads, states, decays, clip, (rate, epsilon))


def adadelta_step(values, grads, states, decays, *, rate, rho, epsilon, clip=Clip()):
    """One step of Adadelta, in place: a is a moving average of g^2;
    change = sqrt(d + epsilon) * g / sqrt(a + epsilon); d is a moving average of change^2; w -= rate * change.

    Args:
        states: [a, d]; the rest and errors as of `sgd_step`.
    """
    _step("adadelta", values, grads, states, decays, clip, (rate, 1 - rho, epsilon))


def ftrl_step(values, grads, states, decays, *, rate, power, l1, l2, shrinkage, clip=Clip()):
    """One step of FTRL-proximal, in place: b = a + g^2;
    z += g + 2 * shrinkage * w - (b^power - a^power) / rate * w; a = b;
    w = (z clipped to [-l1, l1] - z) / (b^power / rate + 2 * l2).

    Args:
        states: [a, z]; the rest and errors as of `sgd_step`.
    """
    _step("ftrl", values, grads, states, decays, clip, (rate, power, l1, l2, shrinkage))


def schedule_free_step(values, grads, states, decays, *, rate, beta_1, beta_2, epsilon, step, clip=Clip()):
    """Step number `step` of schedule-free AdamW, in place: v is a moving average of g^2; with z the last
    element of a sequence and x the mean of all of it, w = (1 - beta_1) * z + beta_1 * x; the next element is
    z - rate * g / (sqrt(v / (1 - beta_2^step)) + epsilon).

    Args:
        states: [z, v]; the rest and errors as of `sgd_step`.
    """
    scalars = (rate, beta_1, 1 - beta_2, 1 / (1 - beta_2**step), 1 / step, epsilon)
    _step("schedule_free", values, grads, states, decays, clip, scalars)


def sgd_row_step(value, ids, grad, states, decay, *, rate, momentum=0.0, nesterov=False, clip=Clip()):
    """As `sgd_step`, for some rows of one variable: those of all others, and their states, stay.

    Args:
        value: (rows, ...); states: [m] or [], of its shape.
        ids: (count,), int32 or int64: rows of the value, each once; this is not checked.
        grad: (count, ...): the gradient of these rows.
        decay: the share of themselves that these rows first lose.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    switches = {"momentum": bool(momentum), "nesterov": bool(momentum and nesterov)}
    _row_step("sgd", value, ids, grad, states, decay, clip, (rate, momentum), **switches)


def adam_row_step(
    value, ids, grad, states, decay, *, alpha, beta_1, beta_2, epsilon, amsgrad=False, clip=Clip()
):
    """As `adam_step`, for some rows of one variable; arguments and errors as of `sgd_row_step`."""
    scalars = (alpha, 1 - beta_1, 1 - beta_2, epsilon)
    _row_step("adam", value, ids, grad, states, decay, clip, scalars, amsgrad=bool(amsgrad))


def row_wise_adagrad_step(value, ids, grad, states, decay, *, rate, epsilon, clip=Clip()):
    """One step of row-wise Adagrad, in place: a += mean over the row of g^2;
    w -= rate * g / (sqrt(a) + epsilon).

    Args:
        value, ids, grad, decay: as of `sgd_row_step`; ids may be None: then every row has a gradient.
        states: [a], (rows,).

    Raises:
        TypeError, ValueError: as of `sgd_row_step`.
    """
    _row_step("row_wise_adagrad", value, ids, grad, states, decay, clip, (rate, epsilon))


def clip_factors(grads, limit, *, together=False, scale=1.0):
    """What multiplies gradients so that their norms stay within a limit; nothing waits for the device.

    Args:
        grads: list of arrays of one float dtype.
        limit: the largest norm of each, or if together of all, after multiplication by `scale`.

    Returns:
        An array of factors, one a gradient, or a single one if together, which is NaN where the norm is not
        finite.
    """
    return _pass(CLIP_FACTORS, GradientProblem.resolve(grads, together=bool(together)), grads, limit, scale)


def all_finite(grads):
    """Whether no array of a list of one float dtype holds an infinity or NaN."""
    return _pass(ALL_FINITE, GradientProblem.resolve(grads), grads)


def blend(sources, targets, *, keep, share, overwrite=False):
    """target = keep * target + share * source, in place; whatever has the factor 0 is not read.

    Args:
        sources: list of arrays of one float dtype; targets: the same shapes, in its accumulation type.
        overwrite: whether each source becomes its target's value.
    """
    problem = GradientProblem.resolve(sources, targets, overwrite=bool(overwrite))
    _pass(BLEND, problem, sources, targets, keep, share)


def _pass(operation, problem, sources, *operands):
    others = operands[0] if isinstance(operands[0] if operands else None, list) else ()
    return operation(problem, _device([*sources, *others]), sources, *operands)


def _step(rule, values, grads, states, decays, clip, scalars, **switches):
    if not values:
        return
    device = _device([*values, *grads, *(array for state in states for array in state)])
    grads = [arrays.contiguous(grad) for grad in grads]
    problem = StepProblem.resolve(rule, values, grads, states, **switches)
    STEP(problem, device, values, grads, states, decays, clip, scalars)


def _row_step(rule, value, ids, grad, states, decay, clip, scalars, **switches):
    operands = [value, grad, *states] + ([] if ids is None else [ids])
    device, grad, ids = _device(operands), arrays.contiguous(grad), arrays.contiguous(ids)
    problem = RowStepProblem.resolve(rule, value, ids, grad, states, **switches)
    ROW_STEP(problem, device, value, ids, grad, states, decay, clip, scalars)


def _device(operands):
    device = arrays.device_of(operands[0])
    if any(arrays.device_of(array) is not device for array in operands):
        arrays.common_device(**{f"array {number}": array for number, array in enumerate(operands)})
    return device
