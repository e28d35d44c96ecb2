"""What happens around a layer's `build` and `forward`, so that subclasses need not care."""

import contextlib
import functools

import numpy as np

from ..ops import arrays
from .names import name_scope, path_of


def with_build(function):
    """Wraps a subclass's `build`: once only, and `built` afterwards."""

    @functools.wraps(function)
    def build(self, input_shape=None):
        if type(self).build is not build:  # called by a subclass through super()
            return function(self, input_shape)
        if not self.built:
            _check_shape(self, input_shape)
            self.device = arrays.default_device()
            with name_scope(self.name):
                function(self, input_shape)
            self.built, self.build_shape = True, input_shape
            self.path = path_of(self.name)

    return build


def _check_shape(layer, shape):
    """Raises where a shape, or one in a list or dict of them, has entries that are no sizes."""
    if shape is not None and not isinstance(shape, (tuple, list, dict)):
        raise TypeError(f"{layer.name} needs an input shape. Received: {shape!r}")
    for size in shape.values() if isinstance(shape, dict) else shape or ():
        if isinstance(size, (tuple, list, dict)):
            _check_shape(layer, size)
        elif size is not None and (not isinstance(size, (int, np.integer)) or size < 0):
            raise ValueError(f"{layer.name} needs an input shape of sizes and None. Received: {shape!r}")


def with_conversion(function):
    """Wraps a subclass's `forward`: converts the inputs to the layer's dtype, builds, and converts gradients
    back."""

    @functools.wraps(function)
    def forward(self, inputs, *arguments, **keywords):
        if type(self).forward is not forward:
            return function(self, inputs, *arguments, **keywords)
        structure, inputs = inputs, self.in_order(inputs)
        several = isinstance(inputs, (list, tuple))
        given = [
            arrays.take(array, f"The input of {self.name}") for array in (inputs if several else [inputs])
        ]
        taken = [self.convert_input(array) for array in given]
        try:
            if not self.built:
                shapes = [tuple(array.shape) for array in taken]
                self.build(shapes if several else shapes[0])
            output, gradient = function(self, taken if several else taken[0], *arguments, **keywords)
        except AttributeError as error:
            if several and "'list' object" in str(error):  # a layer of one input treats the list as an array
                raise TypeError(f"{self.name} takes one input. Received: a list of {len(taken)}") from error
            raise
        penalty = self.activity_regularizer
        penalised = None if penalty is None else output
        dtypes = [array.dtype if is_float(array) else None for array in given]
        output_dtypes = float_dtypes(output)

        def backward(grad_output, input_gradient=True):
            grad_output = converted(grad_output, output_dtypes)
            if penalty is not None:
                grad_output = _with_penalty(penalty, penalised, grad_output)
            input_gradient = input_gradient and any(dtype is not None for dtype in dtypes)
            if input_gradient or not self.skips_input_gradient:
                grads = gradient(grad_output)
            else:
                grads = gradient(grad_output, input_gradient=False)
            if grads is None:
                grads = [None] * len(dtypes) if several else None
            elif not isinstance(grads, list):
                return None if dtypes[0] is None else converted(grads, dtypes[0])
            else:
                own = (
                    None if dtype is None else converted(grad, dtype) for grad, dtype in zip(grads, dtypes)
                )
                grads = [*own, *grads[len(dtypes) :]]
            return self.laid_out(grads, structure)

        if penalty is not None:
            outputs = output.values() if isinstance(output, dict) else output
            outputs = outputs if isinstance(output, (list, dict)) else [output]
            self.penalties = [penalty(part) / max(1, part.shape[0]) for part in outputs]
        return output, backward

    return forward


_scales = {"penalty": 1.0}


@contextlib.contextmanager
def scaled_penalties(scale):
    """While it lasts, backwards multiply the gradients of penalties on outputs: a scale of the loss is one of
    them too."""
    before, _scales["penalty"] = _scales["penalty"], scale
    try:
        yield
    finally:
        _scales["penalty"] = before


def _with_penalty(penalty, output, grad_output):
    """The gradient with that of the penalty on the output, which is divided by the batch size as in Keras."""
    if isinstance(output, dict):
        return {key: _with_penalty(penalty, part, grad_output[key]) for key, part in output.items()}
    if isinstance(output, list):
        return [_with_penalty(penalty, part, grad) for part, grad in zip(output, grad_output)]
    factor = _scales["penalty"] / max(1, output.shape[0])
    grad = penalty.gradient(output) * output.dtype.type(factor)
    return grad if grad_output is None else grad_output + grad


def is_float(array):
    """Whether the array is of one of the library's float types."""
    return array.dtype in arrays.FLOAT_DTYPES


def float_dtypes(output):
    """The float type of an array, or None; a list or dict of them, nested alike, for lists and dicts."""
    if isinstance(output, dict):
        return {key: float_dtypes(part) for key, part in output.items()}
    if isinstance(output, (list, tuple)):
        return [float_dtypes(part) for part in output]
    return output.dtype if is_float(output) else None


def converted(grad, dtypes):
    """Gradients in the given types; None stays, and so does a gradient whose type is None."""
    if isinstance(dtypes, dict):
        several = isinstance(grad, dict) and set(grad) == set(dtypes)
        return {key: converted(grad[key], dtype) for key, dtype in dtypes.items()} if several else grad
    if isinstance(dtypes, list):
        several = isinstance(grad, (list, tuple)) and len(grad) == len(dtypes)
        return [converted(part, dtype) for part, dtype in zip(grad, dtypes)] if several else grad
    if grad is None or dtypes is None:
        return grad
    return grad.astype(dtypes, copy=False)
