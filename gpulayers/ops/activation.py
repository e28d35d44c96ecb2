"""What an activation function is: a function with its gradient and the checks of its parameters."""

import dataclasses
import functools
import inspect
from typing import Callable

import numpy as np

from ..arguments import flag, real
from . import arrays, blocks
from .axes import positive_axes, positive_axis

ACTIVATIONS = {}  # name -> Activation


@dataclasses.dataclass(frozen=True, eq=False)
class Activation:
    """A function with its gradient; called like a function: `relu(x)`.

    Attributes:
        name: Keras's name.
        function: `function(xp, x, out, **parameters) -> y`, writing into `out` (which may be x) if it is not
            None.
        gradient: `gradient(xp, grad_output, saved, **parameters) -> grad_input`.
        from_output: whether `saved` is the output rather than the input.
        elementwise: whether parts of large arrays may be computed apart.
        checks: name of a parameter -> `check(value, name, x)`, which returns the value or raises; a default
            of None passes without.
    """

    name: str
    function: Callable
    gradient: Callable
    from_output: bool
    elementwise: bool = dataclasses.field(default=False, kw_only=True)
    checks: dict = dataclasses.field(default_factory=dict, kw_only=True)

    def __reduce_ex__(self, protocol):  # the library's own by their names, which hide the functions'
        own = ACTIVATIONS.get(self.name) is self
        return (_of_name, (self.name,)) if own else super().__reduce_ex__(protocol)

    @functools.cached_property
    def _parameters(self):
        return list(inspect.signature(self.function).parameters.values())[3:]

    def checked(self, x, arguments, parameters):
        """The parameters by name, checked.

        Raises:
            TypeError, ValueError: of a wrong type, out of range, or unknown.
        """
        known = {parameter.name: parameter.default for parameter in self._parameters}
        given = dict(zip(known, arguments)) | parameters
        if len(given) < len(arguments) + len(parameters) or not given.keys() <= known.keys():
            received = f"{len(arguments)} arguments and {', '.join(parameters) or 'no names'}"
            raise TypeError(
                f"{self.name} takes x and {', '.join(known) or 'nothing else'}. Received: {received}"
            )
        for name, value in given.items():
            if name in self.checks and not (value is None and known[name] is None):
                given[name] = self.checks[name](value, name, x)
        return given

    def __call__(self, x, *arguments, out=None, **parameters):
        """The function of a float array of any shape, with the arguments it has in Keras; into `out` if
        given.

        Raises:
            TypeError, ValueError: not a float array, or arguments out of range.
        """
        x = arrays.take(x, "x")
        xp, dtype = arrays.array_module(x), arrays.float_dtype(x.dtype, "x")
        if arguments or parameters:
            parameters = self.checked(x, arguments, parameters)
        if not x.ndim and out is None:  # NumPy's results without axes are no arrays
            return self(x.reshape(1), **parameters).reshape(())

        def compute(x, out):
            if dtype.itemsize > 2:
                return self.function(xp, x, out, **parameters)
            y = self.function(xp, x.astype(np.float32), None, **parameters)
            if out is None:
                return y.astype(dtype)
            out[...] = y
            return out

        if not self.elementwise or not blocks.divides(x, x if out is None else out):
            return compute(x, out)
        out = xp.empty(x.shape, dtype) if out is None else out
        blocks.run(compute, x, out)
        return out

    def backward(self, grad_output, saved, **parameters):
        """The gradient to the input; `saved` is the output if `from_output`, else the input."""
        xp, dtype = arrays.array_module(grad_output), grad_output.dtype
        wide = dtype if dtype.itemsize > 2 else np.dtype(np.float32)
        if wide != dtype and parameters.get("max_value") is not None:
            # Outputs that reached it were rounded, as it must be.
            parameters["max_value"] = float(dtype.type(parameters["max_value"]))

        def compute(grad, saved):
            if wide != dtype:
                grad, saved = grad.astype(wide), saved.astype(wide)
            return self.gradient(xp, grad, saved, **parameters).astype(dtype, copy=False)

        def write(grad, saved, result):
            result[...] = compute(grad, saved)

        if not self.elementwise or not blocks.divides(grad_output, saved):
            return compute(grad_output, saved)
        result = xp.empty(grad_output.shape, dtype)
        blocks.run(write, grad_output, saved, result)
        return result

    def __repr__(self):
        return f"<activation {self.name}>"


def _of_name(name):
    return ACTIVATIONS[name]


def register(name, gradient, from_output=False, elementwise=False, **checks):
    """A decorator that makes an Activation of a function and adds it to `ACTIVATIONS`."""

    def made(function):
        ACTIVATIONS[name] = Activation(
            name, function, gradient, from_output, elementwise=elementwise, checks=checks
        )
        return ACTIVATIONS[name]

    return made


def finite(value, name, x):
    """A check: a finite number."""
    return real(value, name)


def at_least_zero(value, name, x):
    """A check: a finite number of at least 0."""
    return real(value, name, least=0)


def true_or_false(value, name, x):
    """A check: a truth value."""
    return flag(value, name)


def one_axis(value, name, x):
    """A check: an axis of x."""
    return positive_axis(value, x.ndim, name)


def some_axes(value, name, x):
    """A check: axes of x, one or several."""
    return positive_axes(value, x.ndim)
