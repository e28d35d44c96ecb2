"""Normalisation by the length alone: RMSNormalization and UnitNormalization."""

from ..arguments import real
from ..ops import normalization
from ..ops.axes import positive_axes
from .layer import Layer
from .sample_normalization import checked_axis


class RMSNormalization(Layer):
    """x / sqrt(mean of x^2 over some axes of each sample + epsilon), then scaled.

    Args:
        axis: one axis, or a list of them.
        epsilon: added to the mean square.

    Shapes: scale: the sizes of the axes, in order.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon = checked_axis(axis), real(epsilon, "epsilon", 0)

    def build(self, input_shape):
        shape = tuple(input_shape[axis] for axis in positive_axes(self.axis, len(input_shape)))
        if None in shape:
            raise ValueError(
                f"{self.name} needs known sizes along axis {self.axis}. Received: shape {tuple(input_shape)}"
            )
        self.scale = self.add_weight(shape, "ones", name="scale")

    def forward(self, x, training=True):
        axes = positive_axes(self.axis, x.ndim)
        shape = tuple(size if axis in axes else 1 for axis, size in enumerate(x.shape))
        if tuple(x.shape[axis] for axis in axes) != self.scale.shape:
            raise ValueError(
                f"{self.name} was built for sizes {self.scale.shape}. Received: shape {tuple(x.shape)}"
            )
        result = normalization.normalize_rms(x, axes, self.epsilon)
        scale = self.scale.value
        y = normalization.scale_and_shift(result.values, scale, None, shape, x.dtype)

        def backward(grad_output):
            grads = normalization.scale_and_shift_backward(grad_output, result.values, scale, shape)
            if self.scale.trainable:
                self.scale.add_grad(grads[1].reshape(scale.shape))
            return result.backward(grads[0]).astype(x.dtype, copy=False)

        return y, backward


class UnitNormalization(Layer):
    """Each sample with length 1 over some axes.

    Args:
        axis: one axis, or a list of them.
    """

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = checked_axis(axis)

    def forward(self, x, training=True):
        axes = positive_axes(self.axis, x.ndim)
        result = normalization.normalize_length(x, axes, 1e-12)
        y = result.values.astype(x.dtype, copy=False)

        def backward(grad_output):
            wide = grad_output.astype(result.values.dtype, copy=False)
            return result.backward(wide).astype(x.dtype, copy=False)

        return y, backward
