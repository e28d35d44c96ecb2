"""Comparing a layer's backward with numeric gradients."""

import contextlib
import dataclasses

import numpy as np

from ..arguments import count, number
from ..ops import arrays
from ..ops.embedding.row_sparse import RowSparseGradient
from ..ops.spatial import integer, sizes
from .calling import flat
from .layer import Layer

_ROUNDINGS = 4  # of the objective, in units of float64's, that a difference may be off by


@dataclasses.dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found.

    Attributes:
        errors: name of an input or weight -> largest error of its gradient, relative to the gradient's size.
        tolerance: the error above which a gradient counts as wrong.
        problems: sentences on what else is wrong.
    """

    errors: dict
    tolerance: float
    problems: tuple = ()

    @property
    def ok(self):
        return not self.problems and all(error <= self.tolerance for error in self.errors.values())

    def __bool__(self):
        return self.ok

    def __str__(self):
        lines = [
            f"{name}: {error:.2e}{'' if error <= self.tolerance else '  WRONG'}"
            for name, error in self.errors.items()
        ]
        lines += [f"PROBLEM: {problem}" for problem in self.problems]
        return f"gradients within {self.tolerance:g}: {'yes' if self.ok else 'NO'}\n  " + "\n  ".join(lines)


def check_gradients(
    layer,
    input_shape,
    *,
    inputs=None,
    training=False,
    seed=0,
    step=1e-6,
    tolerance=1e-5,
    samples=40,
    **keywords,
):
    """Tells whether a layer's backward agrees with differences of its forward.

    Some elements of each input and weight are moved one by one, and all of them together along a random
    direction. At a kink, such as that of relu at 0, any gradient between those of the two sides is right.
    Also checked: that the layer leaves its inputs and the gradient it is given as they are, and that its
    backward adds to the weights' gradients. Use a layer of dtype "float64": in smaller types rounding hides
    the derivatives. The weights and their gradients are left as they were; states are reset before each call.

    Args:
        layer: a layer; it is built if it is not.
        input_shape: with the batch; a list of shapes for several inputs.
        inputs: the inputs themselves (a list for several), in place of random normal ones: integer ids, for
            instance.
        training: passed to the layer. A layer that draws random numbers can be checked with False only.
        seed: of the inputs, of the direction of the output's gradient and of the elements compared.
        step: of the differences.
        tolerance: the largest error allowed, relative to the largest element of the gradient.
        samples: elements compared of each input and weight, at most.
        **keywords: passed to `forward`: a mask, an initial state.

    Returns:
        A GradientReport: true if all gradients are right, and printed as a table of the errors.

    Raises:
        TypeError: the layer computes in another type than float64.
        ValueError: a backward that returns gradients of other shapes than the inputs, or a layer whose
            outputs change from one call to the next.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"check_gradients takes a layer. Received: {layer!r}")
    if layer.dtype_policy.name != "float64":
        policy = layer.dtype_policy.name
        raise TypeError(
            f"check_gradients needs a layer of dtype 'float64'. Received: {layer.name} of {policy}"
        )
    step, tolerance = number(step, "step", positive=True), number(tolerance, "tolerance")
    generator, samples = np.random.default_rng(integer(seed, "seed")), count(samples, "samples", 1)
    several = isinstance(inputs if inputs is not None else input_shape, list)
    device = arrays.default_device()
    given = [device.asarray(array) for array in _inputs(input_shape, inputs, several, generator)]
    with _restored(layer, given[0] if len(given) == 1 and not several else given) as restore:
        run = _Run(layer, given, several, training, keywords, restore, generator)
        grads, problems = run.gradients()
        pairs = [
            (f"input {place}" if several else "input", array, grad)
            for place, (array, grad) in enumerate(zip(given, grads))
            if array.dtype == np.float64
        ]
        pairs += [(v.path, v.value, grad) for v, grad in zip(layer.trainable_weights, run.weight_grads)]
        errors = {}
        for name, array, grad in pairs:
            name = name if name not in errors else f"{name} ({len(errors)})"
            errors[name] = _error(array, arrays.to_numpy(grad), run, generator, step, samples)
            if name in run.missing and errors[name] > tolerance:
                problems.append(f"the backward adds no gradient to {name}")
    return GradientReport(errors, tolerance, tuple(problems))


def _inputs(input_shape, inputs, several, generator):
    """The inputs as arrays of the host, floats as float64."""
    if inputs is None:
        shapes = input_shape if several else [input_shape]
        if not shapes or any(not isinstance(shape, (tuple, list)) for shape in shapes):
            raise TypeError(f"input_shape must be a shape or a list of shapes. Received: {input_shape!r}")
        return [
            generator.standard_normal(tuple(integer(size, "A size") for size in sizes(shape, "input_shape")))
            for shape in shapes
        ]
    given = [arrays.numbers(array, "inputs") for array in (inputs if several else [inputs])]
    given = [np.array(arrays.to_numpy(array)) for array in given]
    return [a.astype(np.float64) if a.dtype in arrays.FLOAT_DTYPES else a for a in given]


@contextlib.contextmanager
def _restored(layer, example):
    """Puts values and gradients of the weights back at the end; yields what puts all but the trained values
    and the states back before a call."""
    if not layer.built:
        several = isinstance(example, list)
        layer.build([tuple(x.shape) for x in example] if several else tuple(example.shape))
    saved = [(variable, variable.value.copy(), variable.grad) for variable in layer.weights]
    trained = set(map(id, layer.trainable_weights))

    def restore():
        layer.reset_state()
        for variable, value, _ in saved:
            if id(variable) not in trained:
                variable.value[...] = value

    try:
        yield restore
    finally:
        for variable, value, grad in saved:
            variable.value[...], variable.grad = value, grad


class _Run:
    """The layer as a function of its inputs and weights to one number: its outputs weighed by random numbers,
    and the penalties on them.

    Attributes:
        base, size: the number, and the sum of the sizes of what adds up to it.
        weight_grads: of the trainable weights, dense; missing: the paths of those that got none.
    """

    def __init__(self, layer, given, several, training, keywords, restore, generator):
        self.layer, self.given, self.several, self.restore = layer, given, several, restore
        self.keywords = {"training": training} | keywords
        before = [array.copy() for array in given]
        self.outputs, self.backward = self.forward()
        self.changes_input = not all(_same(a, b) for a, b in zip(before, given))
        for array, old in zip(given, before):
            array[...] = old
        parts = flat(self.outputs)
        for part in parts:
            if part.dtype != np.float64 and part.dtype in arrays.FLOAT_DTYPES:
                raise TypeError(
                    f"check_gradients needs outputs of float64. Received: {part.dtype} of {layer.name}"
                )
        self.directions = [
            arrays.device_of(part).asarray(generator.standard_normal(part.shape)) for part in parts
        ]
        self.size = sum(float(abs(part * d).sum()) for part, d in zip(parts, self.directions))
        self.base = self.objective()
        again = flat(self.forward()[0])
        if len(again) != len(parts) or not all(_same(a, b) for a, b in zip(parts, again)):
            raise ValueError(
                f"{layer.name} must give the same outputs for the same inputs to be checked: dropout and "
                f"noise draw anew in training, other states must be cleared by reset_state(). "
                f"Received: other outputs at another call with training={training!r}"
            )

    def forward(self):
        self.restore()
        return self.layer.forward(self.given if self.several else self.given[0], **self.keywords)

    def objective(self):
        before = [array.copy() for array in self.given] if self.changes_input else []
        parts = flat(self.forward()[0])
        for array, old in zip(self.given, before):
            array[...] = old
        penalties = sum(map(float, self.layer.all_penalties()))
        return sum(float((part * d).sum()) for part, d in zip(parts, self.directions)) + penalties

    def gradients(self):
        """(gradients to the inputs, problems)."""
        problems, name = [], self.layer.name
        if self.changes_input:
            problems.append(f"the forward of {name} changes its input")
        weights = self.layer.trainable_weights
        for variable in self.layer.weights:
            variable.grad = None
        sent = [direction.copy() for direction in self.directions]
        grads = self.backward(_laid_out(self.outputs, list(sent)))
        grads = list(grads) if isinstance(grads, (list, tuple)) else [grads]
        for place, (array, grad) in enumerate(zip(self.given, grads)):
            if grad is None and array.dtype == np.float64:
                raise ValueError(
                    f"The backward of {name} must return a gradient of shape {tuple(array.shape)} for input "
                    f"{place}. Received: None"
                )
        if not all(_same(a, b) for a, b in zip(sent, self.directions)):
            problems.append(f"the backward of {name} changes the gradient it is given")
        self.weight_grads = [_dense(variable) for variable in weights]
        self.missing = [variable.path for variable in weights if variable.grad is None]
        outputs, backward = self.forward()
        backward(_laid_out(outputs, [direction.copy() for direction in self.directions]))
        for variable, grad in zip(weights, map(arrays.to_numpy, self.weight_grads)):
            # Sums in another order may differ by roundings of the largest element.
            least = 1e-6 * np.nan_to_num(np.abs(grad)).max(initial=0)
            if variable.grad is not None and not np.allclose(
                arrays.to_numpy(_dense(variable)), 2 * grad, rtol=0, atol=least, equal_nan=True
            ):
                problems.append(f"the backward does not add to the gradient of {variable.path}")
        return grads, problems


def _same(first, second):
    return np.array_equal(arrays.to_numpy(first), arrays.to_numpy(second), equal_nan=True)


def _dense(variable):
    """A copy of the variable's gradient as an array; zeros for None."""
    grad = variable.grad
    if grad is None:
        return arrays.device_of(variable.value).zeros(variable.shape, np.float64)
    return (grad.dense() if isinstance(grad, RowSparseGradient) else grad).copy()


def _laid_out(like, parts):
    """The parts in the form of lists and dicts that `like` has; takes them out of the list."""
    if isinstance(like, dict):
        return {key: _laid_out(entry, parts) for key, entry in like.items()}
    if isinstance(like, (list, tuple)):
        return [_laid_out(entry, parts) for entry in like]
    return parts.pop(0)


def _error(array, grad, run, generator, step, samples):
    """The largest difference between `grad` and one-sided differences, along some elements of `array` and
    along a random direction, relative to the largest element and to the direction's typical derivative."""
    if array.size == 0:
        return 0.0
    before, found, wanted = array.copy(), [], []

    def compare(derivative, move):
        sides = []
        for change in (step, -step):
            move(change)
            sides.append((run.objective() - run.base) / change)
            array[...] = before
        low, high = min(sides), max(sides)
        noise = _ROUNDINGS * np.finfo(np.float64).eps * max(run.size, 1e-300) / step
        found.append(max(low - derivative, derivative - high, 0.0) - noise)
        wanted.append(max(abs(low), abs(high)) if low * high > 0 else abs(derivative))
        if not np.isfinite(low + high + derivative):
            found[-1] = np.inf

    for position in generator.permutation(array.size)[:samples]:
        index = np.unravel_index(position, array.shape)

        def move_one(change, index=index):
            array[index] = float(before[index]) + change

        compare(float(grad[index]), move_one)
    size = max(np.abs(grad).max(), max(wanted))
    direction = generator.standard_normal(array.shape) / np.sqrt(array.size)
    on_device = arrays.device_of(array).asarray(direction)

    def move_all(change):
        array[...] = before + change * on_device

    compare(float((grad * direction).sum()), move_all)
    worst = max(found)
    return 0.0 if worst <= 0 else float(worst / size) if size else np.inf
