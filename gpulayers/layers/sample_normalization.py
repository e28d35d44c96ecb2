"""Normalisation of each sample by itself: LayerNormalization and GroupNormalization."""

import warnings

from ..arguments import flag, real
from ..ops import normalization
from ..ops.axes import positive_axes
from ..ops.spatial import integer
from .layer import Layer


def checked_axis(axis):
    for entry in axis if isinstance(axis, (list, tuple)) else (axis,):
        integer(entry, "axis", least=-(2**31))
    return list(axis) if isinstance(axis, (list, tuple)) else axis


class _Scaled(Layer):
    """A normalisation that ends with gamma and beta."""

    supports_masking = True
    gamma = beta = None

    def _set_scaling(self, center, scale, **kinds):
        """The arguments of beta and of gamma: an initializer, a regularizer and a constraint each."""
        self.autocast = False  # the statistics are those of the input as it comes
        self.center, self.scale = flag(center, "center"), flag(scale, "scale")
        for kind, arguments in kinds.items():
            self.set_weight_arguments(kind, *arguments)

    def _add_scaling(self, shape, input_shape, scale, center):
        if None in shape:
            raise ValueError(
                f"{self.name} needs known sizes along axis {self.axis}. Received: shape {tuple(input_shape)}"
            )
        if scale:
            self.gamma = self.weight_of("gamma", shape)
        if center:
            self.beta = self.weight_of("beta", shape)

    def _scaled(self, result, shape, x):
        """The pair (output, backward) of a normalisation whose gamma and beta have that shape."""
        gamma, beta = (None if v is None else v.value for v in (self.gamma, self.beta))
        dtype = self.compute_dtype
        y = normalization.scale_and_shift(result.values, gamma, beta, shape, dtype).reshape(x.shape)

        def backward(grad_output):
            grad_output = grad_output.reshape(result.values.shape)
            grads = normalization.scale_and_shift_backward(grad_output, result.values, gamma, shape)
            for variable, grad in zip((self.gamma, self.beta), grads[1:]):
                if variable is not None and variable.trainable:
                    variable.add_grad(grad.reshape(variable.shape))
            return result.backward(grads[0]).astype(x.dtype, copy=False).reshape(x.shape)

        return y, backward

    def _check_sizes(self, axes, x):
        """Raises ValueError where x has other sizes along the axes than the layer was built for."""
        built = [self.build_shape[axis] for axis in positive_axes(self.axis, len(self.build_shape))]
        if built != [x.shape[axis] for axis in axes]:
            raise ValueError(
                f"{self.name} was built for inputs of {tuple(self.build_shape)}. "
                f"Received: shape {tuple(x.shape)}"
            )


class LayerNormalization(_Scaled):
    """Mean 0 and variance 1 over some axes of each sample, then scaled and shifted.

    Args:
        axis: one axis, or a list of them.
        epsilon: added to the variance.
        center, scale: whether there is a beta, and a gamma.
        beta_initializer ... gamma_constraint: as in Keras.
        rms_scaling: of Keras, deprecated: x / sqrt(variance + epsilon) * gamma, the mean left in.

    Shapes: gamma, beta: the sizes of the axes, in order.
    """

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        rms_scaling=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.rms_scaling = flag(rms_scaling, "rms_scaling")
        if self.rms_scaling:
            warnings.warn(
                "rms_scaling divides by the deviation; RMSNormalization is what it is named after",
                DeprecationWarning,
                stacklevel=2,
            )
        self.axis, self.epsilon = checked_axis(axis), real(epsilon, "epsilon", 0)
        self._set_scaling(
            center,
            scale,
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
        )

    def build(self, input_shape):
        axes = positive_axes(self.axis, len(input_shape))
        scale, center = self.scale or self.rms_scaling, self.center and not self.rms_scaling
        self._add_scaling(tuple(input_shape[axis] for axis in axes), input_shape, scale, center)

    def forward(self, x, training=True):
        axes = positive_axes(self.axis, x.ndim)
        self._check_sizes(axes, x)
        shape = tuple(size if axis in axes else 1 for axis, size in enumerate(x.shape))
        function = normalization.normalize_deviation if self.rms_scaling else normalization.normalize_moments
        return self._scaled(function(x, axes, self.epsilon), shape, x)


class GroupNormalization(_Scaled):
    """Mean 0 and variance 1 over groups of channels of each sample, then scaled and shifted.

    Args:
        groups: how many; -1 for one a channel.
        axis: the channels.
        epsilon: added to the variance.
        center, scale: whether there is a beta, and a gamma.
        beta_initializer ... gamma_constraint: as in Keras.

    Shapes: gamma, beta (channels,).
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.groups = integer(groups, "groups", least=-1)
        if not self.groups:
            raise ValueError("groups must be at least 1, or -1. Received: 0")
        self.axis, self.epsilon = integer(axis, "axis", least=-(2**31)), real(epsilon, "epsilon", 0)
        self._set_scaling(
            center,
            scale,
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
        )

    def build(self, input_shape):
        (axis,) = positive_axes(self.axis, len(input_shape))
        size = input_shape[axis]
        groups = size if self.groups == -1 else self.groups
        if axis == 0 or isinstance(size, (tuple, list)) or size is not None and (size < 1 or size % groups):
            raise ValueError(
                f"The channels, which are not axis 0, must be a multiple of groups={self.groups}. "
                f"Received: axis {self.axis} of shape {tuple(input_shape)}"
            )
        self._add_scaling((size,), input_shape, self.scale, self.center)
        self.groups = groups

    def forward(self, x, training=True):
        (axis,) = positive_axes(self.axis, x.ndim)
        self._check_sizes((axis,), x)
        split = (self.groups, x.shape[axis] // self.groups)
        grouped = x.reshape(x.shape[:axis] + split + x.shape[axis + 1 :])
        axes = tuple(other for other in range(1, grouped.ndim) if other != axis)
        shape = tuple(size if other in (axis, axis + 1) else 1 for other, size in enumerate(grouped.shape))
        return self._scaled(normalization.normalize_moments(grouped, axes, self.epsilon), shape, x)
