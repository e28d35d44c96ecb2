"""Layers that only rearrange: Flatten and Reshape."""

from .. import config
from ..ops import arrays, reshaping
from ..ops.spatial import checked_data_format
from .layer import Layer


class Flatten(Layer):
    """(batch, ...) -> (batch, elements).

    Args:
        data_format: for "channels_first" the channels become the last axis before flattening.
    """

    converts_integers = False

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = checked_data_format(data_format or config.image_data_format())

    def forward(self, x, training=True):
        if x.ndim < 1:
            raise ValueError(f"Flatten needs inputs with a batch axis. Received: shape {x.shape}")
        xp = arrays.array_module(x)
        moved = xp.moveaxis(x, 1, -1) if self.data_format == "channels_first" and x.ndim > 2 else x
        y = moved.reshape(self.compute_output_shape(x.shape))

        def backward(grad_output):
            grad = grad_output.reshape(moved.shape)
            return grad if moved is x else xp.moveaxis(grad, -1, 1)

        return y, backward

    def compute_output_shape(self, input_shape):
        return (input_shape[0], reshaping.flat_size(input_shape[1:]))


class Reshape(Layer):
    """(batch, ...) -> (batch, *target_shape).

    Args:
        target_shape: without the batch; one size may be -1.
    """

    converts_integers = False

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def forward(self, x, training=True):
        y = x.reshape(self.compute_output_shape(x.shape))
        return y, lambda grad_output: grad_output.reshape(x.shape)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *reshaping.resolve_reshape(input_shape[1:], self.target_shape))
