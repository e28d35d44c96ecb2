"""What happens around a layer's `build` and `forward`, so that subclasses need not care."""

import functools

import numpy as np

from ..ops import arrays


def with_build(function):
    """Wraps a subclass's `build`: once only, and `built` afterwards."""

    @functools.wraps(function)
    def build(self, input_shape):
        if type(self).build is not build:  # called by a subclass through super()
            return function(self, input_shape)
        if not self.built:
            _check_shape(self, input_shape)
            self.device = arrays.default_device()
            function(self, input_shape)
            self.built, self.build_shape = True, input_shape

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
        dtypes = [array.dtype if is_float(array) else None for array in given]

        def backward(grad_output, input_gradient=True):
            if penalty is not None:
                grad_output = _with_penalty(penalty, output, grad_output)
            input_gradient = input_gradient and any(dtype is not None for dtype in dtypes)
            if input_gradient or not self.skips_input_gradient:
                grads = gradient(grad_output)
            else:
                grads = gradient(grad_output, input_gradient=False)
            if grads is None:
                return [None] * len(dtypes) if several else None
            if not isinstance(grads, list):
                return _converted(grads, dtypes[0])
            known = dtypes + [grad.dtype for grad in grads[len(dtypes) :]]
            return [_converted(grad, dtype) for grad, dtype in zip(grads, known)]

        if penalty is not None:
            outputs = output if isinstance(output, list) else [output]
            self.losses = [penalty(part) / max(1, part.shape[0]) for part in outputs]
        return output, backward

    return forward


def _with_penalty(penalty, output, grad_output):
    """The gradient with that of the penalty on the output, which is divided by the batch size as in Keras."""
    if not isinstance(output, list):
        return grad_output + penalty.gradient(output) / output.dtype.type(max(1, output.shape[0]))
    grads = [penalty.gradient(part) / part.dtype.type(max(1, part.shape[0])) for part in output]
    return [grad if given is None else given + grad for given, grad in zip(grad_output, grads)]


def is_float(array):
    """Whether the array is of one of the library's float types."""
    return array.dtype in arrays.FLOAT_DTYPES


def _converted(grad, dtype):
    return None if grad is None or dtype is None else grad.astype(dtype, copy=False)
