"""Comparing a layer's backward with numeric gradients."""

import dataclasses

import numpy as np

from ..ops import arrays
from ..ops.embedding.row_sparse import RowSparseGradient
from .layer import Layer


@dataclasses.dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found.

    Attributes:
        errors: name of an input or weight -> largest error of its gradient, relative to the gradient's size.
        tolerance: the error above which a gradient counts as wrong.
    """

    errors: dict
    tolerance: float

    @property
    def ok(self):
        return all(error <= self.tolerance for error in self.errors.values())

    def __bool__(self):
        return self.ok

    def __str__(self):
        lines = [
            f"{name}: {error:.2e}{'' if error <= self.tolerance else '  WRONG'}"
            for name, error in self.errors.items()
        ]
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
    """Tells whether a layer's backward agrees with central differences of its forward.

    Use a layer of dtype "float64": in smaller types rounding hides the derivatives. The gradients of the
    weights are left as they were.

    Args:
        layer: a layer; it is built if it is not.
        input_shape: with the batch; a list of shapes for several inputs.
        inputs: the inputs themselves (a list for several), in place of random normal ones: integer ids, for
            instance.
        training: passed to the layer. A layer that draws random numbers can be checked with False only.
        seed: of the inputs, of the direction of the output's gradient and of the elements compared.
        step: of the differences.
        tolerance: the largest error allowed, relative to the largest numeric gradient element (at least 1).
        samples: elements compared of each input and weight, at most.
        **keywords: passed to `forward`: a mask, an initial state.

    Returns:
        A GradientReport: true if all gradients are right, and printed as a table of the errors.

    Raises:
        TypeError: the layer computes in another type than float64.
        ValueError: a backward that returns gradients of other shapes than the inputs.
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"check_gradients takes a layer. Received: {layer!r}")
    if layer.dtype_policy.name != "float64":
        policy = layer.dtype_policy.name
        raise TypeError(
            f"check_gradients needs a layer of dtype 'float64'. Received: {layer.name} of {policy}"
        )
    generator = np.random.default_rng(seed)
    device = arrays.default_device()
    several = isinstance(inputs if inputs is not None else input_shape, list)
    if inputs is None:
        inputs = [generator.standard_normal(shape) for shape in (input_shape if several else [input_shape])]
    given = [
        device.asarray(np.array(arrays.to_numpy(array)))
        for array in (inputs if isinstance(inputs, list) else [inputs])
    ]

    def run():
        return layer.forward(given if several else given[0], training=training, **keywords)

    output, backward = run()
    saved = [variable.grad for variable in layer.weights]
    for variable in layer.weights:
        variable.grad = None
    one = not isinstance(output, list)
    outputs = [output] if one else output
    directions = [device.asarray(generator.standard_normal(part.shape)) for part in outputs]
    grads = backward(directions[0] if one else directions)
    grads = grads if isinstance(grads, list) else [grads]

    def objective():
        found = run()[0]
        return sum(float((part * d).sum()) for part, d in zip([found] if one else found, directions))

    pairs = []
    for number, (array, grad) in enumerate(zip(given, grads)):
        if array.dtype == np.float64:
            if grad is None or tuple(grad.shape) != tuple(array.shape):
                found = None if grad is None else tuple(grad.shape)
                raise ValueError(
                    f"The gradient of input {number} must have shape {tuple(array.shape)}. Received: {found}"
                )
            pairs.append((f"input {number}" if several else "input", array, grad))
    for variable in layer.trainable_weights:
        grad = variable.grad if variable.grad is not None else device.zeros(variable.shape, np.float64)
        grad = grad.dense() if isinstance(grad, RowSparseGradient) else grad
        pairs.append((variable.path, variable.value, grad))
    errors = {}
    for name, array, grad in pairs:
        errors[name] = _error(array, arrays.to_numpy(grad), objective, generator, step, samples)
    for variable, grad in zip(layer.weights, saved):
        variable.grad = grad
    return GradientReport(errors, tolerance)


def _error(array, grad, objective, generator, step, samples):
    """The largest difference between `grad` and central differences along some elements of `array`."""
    if array.size == 0:
        return 0.0
    chosen = generator.permutation(array.size)[:samples]
    numeric = []
    for position in chosen:
        index = np.unravel_index(position, array.shape)
        before = float(array[index])
        values = []
        for change in (step, -step):
            array[index] = before + change
            values.append(objective())
        array[index] = before
        numeric.append((values[0] - values[1]) / (2 * step))
    numeric = np.asarray(numeric)
    return float(np.abs(grad.reshape(-1)[chosen] - numeric).max() / max(1.0, np.abs(numeric).max()))
