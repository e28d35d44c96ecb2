"""What happens around a layer's `build` and `forward`, so that subclasses need not care."""

import contextlib
import functools
import inspect

import numpy as np

from ..arguments import flag
from ..ops import arrays
from .names import name_scope, path_of


def with_build(function):
    """Wraps a subclass's `build`: once only, and `built` afterwards."""
    *_, last = inspect.signature(function).parameters.values()
    own = (function.__module__ or "").partition(".")[0] == __name__.partition(".")[0]
    needed = own and last.default is last.empty

    @functools.wraps(function)
    def build(self, input_shape=None):
        if type(self).build is not build:  # called by a subclass through super()
            return function(self, input_shape)
        if not self.built:
            if input_shape is None and needed:
                raise TypeError(f"{self.name} needs an input shape. Received: None")
            _check_shape(self, input_shape)
            self.device = arrays.default_device()
            known = len(self._variables)
            try:
                with name_scope(self.name):
                    function(self, input_shape)
            except BaseException:
                del self._variables[known:]  # another call makes them all
                raise
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
        elif isinstance(shape, dict):
            raise TypeError(f"{layer.name} needs a dict of shapes. Received: {shape!r}")
        elif size is not None and (not isinstance(size, (int, np.integer)) or size < 0):
            raise ValueError(f"{layer.name} needs an input shape of sizes and None. Received: {shape!r}")


def with_shape(function):
    """Wraps a subclass's `compute_output_shape`: it gets shapes alone."""

    @functools.wraps(function)
    def compute_output_shape(self, *arguments, **keywords):
        if type(self).compute_output_shape is compute_output_shape:
            for shape in (*arguments, *keywords.values())[:1]:
                checked_shape(self, shape)
        return function(self, *arguments, **keywords)

    return compute_output_shape


def checked_shape(layer, shape):
    """The input shape, or a TypeError or ValueError where it is none."""
    if shape is None or isinstance(shape, (tuple, list, dict)) and not shape:
        raise ValueError(f"{layer.name} needs an input shape with a batch axis. Received: {shape!r}")
    _check_shape(layer, shape)
    return shape


def with_conversion(function):
    """Wraps a subclass's `forward`: converts the inputs to the layer's dtype, builds, checks gradients and
    converts them back."""

    @functools.wraps(function)
    def forward(self, inputs, *arguments, **keywords):
        if type(self).forward is not forward:
            return function(self, inputs, *arguments, **keywords)
        if "_sublayers" not in self.__dict__:
            raise RuntimeError(f"Call super().__init__() before the layer. Received: {type(self).__name__}")
        structure, inputs = inputs, self.in_order(inputs)
        several = isinstance(inputs, (list, tuple))
        if several and not inputs:
            raise TypeError(f"{self.name} takes arrays. Received: 0 inputs")
        if keywords.get("training") is not None:
            keywords["training"] = flag(keywords["training"], "training")
        if keywords.get("mask") is not None:
            keywords["mask"] = taken_mask(self, keywords["mask"], several)
        given = [
            arrays.take(array, f"The input of {self.name}") for array in (inputs if several else [inputs])
        ]
        taken = [self.convert_input(array) for array in given]
        try:
            if not self.built:
                shapes = [tuple(array.shape) for array in taken]
                self.build(shapes if several else shapes[0])
            elif self.device is None:  # one without weights
                self.device = arrays.default_device()
            pair = function(self, taken if several else taken[0], *arguments, **keywords)
        except AttributeError as error:
            if several and "'list' object" in str(error):  # a layer of one input treats the list as an array
                raise TypeError(f"{self.name} takes one input. Received: a list of {len(taken)}") from error
            raise
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not callable(pair[1]):
            raise TypeError(
                f"The forward of {self.name} must return a pair: the output, and the function that takes the "
                f"gradient to it and returns that to the input. Received: {type(pair).__name__}"
            )
        (output, gradient), penalty = pair, self.activity_regularizer
        penalised = None if penalty is None else output
        form, input_forms = _form(self, output), [_form(self, array) for array in given]
        differentiable = any(dtype is not None for dtype, _ in input_forms)

        def backward(grad_output, input_gradient=True):
            if grad_output is not None or penalty is None:
                grad_output = _fitted(self, grad_output, form)
            if penalty is not None:
                grad_output = _with_penalty(penalty, penalised, grad_output)
            input_gradient = flag(input_gradient, "input_gradient") and differentiable
            if input_gradient or not self.skips_input_gradient:
                grads = gradient(grad_output)
            else:
                grads = gradient(grad_output, input_gradient=False)
            if isinstance(grads, type(given[0])) and not several:
                return _returned(self, grads, input_forms[0])
            listed = isinstance(grads, (list, tuple))
            if grads is None:
                own = [None] * len(input_forms)
            elif not listed and len(input_forms) > 1 or listed and len(grads) < len(input_forms):
                received = len(grads) if listed else type(grads).__name__
                raise ValueError(
                    f"The backward of {self.name} must return a list of {len(input_forms)} gradients. "
                    f"Received: {received}"
                )
            else:
                own = map(functools.partial(_returned, self), grads if listed else [grads], input_forms)
                own = [*own, *(grads[len(input_forms) :] if listed else ())]
            return self.laid_out(own if several or listed else own[0], structure)

        if penalty is not None:
            outputs = output.values() if isinstance(output, dict) else output
            outputs = outputs if isinstance(output, (list, dict)) else [output]
            self.penalties = [penalty(part) / max(1, part.shape[0]) for part in outputs]
        return output, backward

    return forward


def taken_mask(layer, mask, several):
    """The mask, an array, or for several inputs also a list of arrays and None; else a TypeError."""
    if several and isinstance(mask, (list, tuple)):
        return [None if part is None else taken_mask(layer, part, False) for part in mask]
    mask = arrays.take(mask, f"The mask of {layer.name}")
    if mask.dtype.kind not in "biuf":
        raise TypeError(f"The mask of {layer.name} must hold truth values. Received: dtype {mask.dtype}")
    return mask


def _form(layer, value):
    """(float type or None, shape) of an array; a list or dict of them, nested alike, for lists and dicts."""
    if isinstance(value, dict):
        return {key: _form(layer, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_form(layer, part) for part in value]
    if not hasattr(value, "dtype"):
        raise TypeError(f"The output of {layer.name} must be an array. Received: {type(value).__name__}")
    return (value.dtype if is_float(value) else None, value.shape)


def flat(value, nested=(list, tuple)):
    """The entries of a list or dict, however nested; those of anything else: itself."""
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for part in value for leaf in flat(part, nested)] if isinstance(value, nested) else [value]


def _fitted(layer, grad, form):
    """The gradient to an output of that form, in its dtype; one of several, and that to an output that is no
    float, may be None.

    Raises:
        TypeError, ValueError: another count, no arrays, or other shapes.
    """
    if isinstance(form, tuple):
        return grad if grad is None and form[0] is None else _fitted_array(layer, grad, form)
    forms, grads = flat(form, list), flat(grad)
    if not isinstance(grad, (list, tuple, dict)):
        kind = type(grad).__name__
        raise TypeError(f"{layer.name} takes a list of {len(forms)} gradients. Received: {kind}")
    if len(forms) != len(grads):
        raise ValueError(f"{layer.name} takes {len(forms)} gradients. Received: {len(grads)}")
    left = [None if part is None else _fitted_array(layer, part, at) for part, at in zip(grads, forms)]

    def laid_out(part):
        if isinstance(part, dict):
            return {key: laid_out(entry) for key, entry in part.items()}
        return [laid_out(entry) for entry in part] if isinstance(part, (list, tuple)) else left.pop(0)

    return laid_out(grad)


def _fitted_array(layer, grad, form):
    dtype, shape = form
    if getattr(grad, "dtype", None) == dtype and grad.shape == shape:
        return grad
    grad = arrays.take(grad, f"A gradient to the output of {layer.name}")
    if grad.shape != shape:
        raise ValueError(
            f"A gradient to the output of {layer.name} must have its shape {shape}. "
            f"Received: shape {grad.shape}"
        )
    if not is_float(grad) and grad.dtype.kind not in "iub":
        raise TypeError(f"A gradient must hold numbers. Received: dtype {grad.dtype}")
    return grad if dtype is None else grad.astype(dtype, copy=False)


def _returned(layer, grad, form):
    """A gradient that a backward returned for an input of that form, in its dtype; None for integers."""
    dtype, shape = form
    if grad is None or dtype is None:
        return None
    if getattr(grad, "shape", None) != shape:
        received = f"shape {grad.shape}" if hasattr(grad, "shape") else type(grad).__name__
        raise ValueError(
            f"The backward of {layer.name} must return a gradient of its input's shape {shape}. "
            f"Received: {received}"
        )
    return grad if grad.dtype == dtype else grad.astype(dtype)


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
