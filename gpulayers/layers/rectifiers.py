"""Activation functions with parameters, as layers: ReLU, LeakyReLU, PReLU, ELU and Softmax."""

import math
import warnings

from .. import activations
from ..arguments import real
from ..ops import arrays, merging
from ..ops.axes import positive_axes
from ..ops.spatial import integer
from .layer import Layer


class _Elementwise(Layer):
    """A function of `activations` with the parameters of the layer."""

    supports_masking = True

    def _apply(self, activation, x, **parameters):
        y = activation(x, **parameters)
        saved = y if activation.from_output else x
        return y, lambda grad_output: activation.backward(grad_output, saved, **parameters)


class ReLU(_Elementwise):
    """min(x, max_value) above the threshold, negative_slope * (x - threshold) up to it.

    Args:
        max_value: at least 0, or None for no limit.
        negative_slope, threshold: at least 0.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        unlimited = max_value is None or isinstance(max_value, float) and max_value == math.inf
        self.max_value = None if unlimited else real(max_value, "max_value", least=0)
        self.negative_slope = real(negative_slope, "negative_slope", least=0)
        self.threshold = real(threshold, "threshold", least=0)

    def forward(self, x, training=True):
        parameters = dict(
            negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )
        return self._apply(activations.relu, x, **parameters)


class LeakyReLU(_Elementwise):
    """x where positive, negative_slope * x elsewhere.

    Args:
        negative_slope: at least 0.
        alpha: its former name.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:
            warnings.warn("alpha is now called negative_slope", DeprecationWarning, stacklevel=2)
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        self.negative_slope = real(negative_slope, "negative_slope", least=0)

    def forward(self, x, training=True):
        return self._apply(activations.leaky_relu, x, negative_slope=self.negative_slope)


class ELU(_Elementwise):
    """x where positive, alpha * (exp(x) - 1) elsewhere.

    Args:
        alpha: minus the limit on the left.
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = real(alpha, "alpha")

    def forward(self, x, training=True):
        y, backward = self._apply(activations.elu, x, alpha=self.alpha)
        return y, backward


class PReLU(Layer):
    """x where positive, alpha * x elsewhere, alpha being trained.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: as in Keras.
        shared_axes: axes (from 1) along which alpha is the same.

    Shapes: alpha that of one sample, with size 1 along the shared axes.
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.set_weight_arguments("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        if shared_axes is not None:
            shared_axes = shared_axes if isinstance(shared_axes, (list, tuple)) else [shared_axes]
            shared_axes = [integer(axis, "An axis of shared_axes", least=1) for axis in shared_axes]
        self.shared_axes = shared_axes

    def build(self, input_shape):
        shape, shared = list(input_shape), self.shared_axes or ()
        if shared and max(shared) >= len(shape):
            raise ValueError(
                f"shared_axes must lie in an input of shape {tuple(shape)}. Received: {self.shared_axes}"
            )
        shape = [1 if axis in shared else shape[axis] for axis in range(1, len(shape))]
        if None in shape:
            raise ValueError(f"{self.name} needs known sizes. Received: shape {tuple(input_shape)}")
        self.alpha = self.weight_of("alpha", shape)

    def forward(self, x, training=True):
        xp = arrays.array_module(x)
        alpha = self.cast(self.alpha)
        if x.ndim != alpha.ndim + 1 or any(b not in (1, a) for a, b in zip(x.shape[1:], alpha.shape)):
            raise ValueError(
                f"{self.name} was built for samples of {self.build_shape[1:]}. "
                f"Received: shape {tuple(x.shape)}"
            )
        negative = xp.minimum(x, 0)

        def backward(grad_output):
            if self.alpha.trainable:
                grad_alpha = merging.reduced(grad_output * negative, (1, *alpha.shape))
                self.alpha.add_grad(grad_alpha.reshape(alpha.shape))
            return xp.where(x > 0, grad_output, xp.where(x < 0, alpha * grad_output, x.dtype.type(0)))

        return xp.maximum(x, 0) + alpha * negative, backward


class Softmax(_Elementwise):
    """exp(x) / sum(exp(x)) along the axis; elements that a mask leaves out are 0 and do not count.

    Args:
        axis: one axis, or a list of axes over all of which the sum goes.

    Call arguments: mask, of x's shape or broadcast to it from the right.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        given = axis if isinstance(axis, (list, tuple)) else [axis]
        for entry in given:
            integer(entry, "axis", least=-(2**31))
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def forward(self, x, mask=None, training=True):
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        positive_axes(self.axis, x.ndim)
        if mask is None:
            return self._apply(activations.softmax, x, axis=axis)
        xp = arrays.array_module(x)
        mask = arrays.take(mask, "mask")
        sizes = zip(mask.shape[::-1], x.shape[::-1])
        if mask.ndim > x.ndim or any(given not in (1, size) for given, size in sizes):
            raise ValueError(
                f"mask must be broadcast to {tuple(x.shape)}. Received: shape {tuple(mask.shape)}"
            )
        mask = mask if mask.dtype == bool else mask > 0.5
        lowest = x.dtype.type(-3e4 if x.dtype.itemsize == 2 and x.dtype.kind == "f" else -1e9)
        y = activations.softmax(xp.where(mask, x, lowest), axis=axis)
        y = xp.where(mask, y, y.dtype.type(0))
        return y, lambda grad_output: activations.softmax.backward(grad_output, y, axis=axis)
