"""Layers that only rearrange: Flatten, Reshape, Permute and RepeatVector."""

from ..ops import arrays, reshaping, resizing
from ..ops.spatial import integer
from .layer import Layer
from .shapes import layer_data_format


class Flatten(Layer):
    """(batch, ...) -> (batch, elements).

    Args:
        data_format: for "channels_first" the channels become the last axis before flattening.
    """

    converts_integers = False

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = layer_data_format(data_format)

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
        if not isinstance(target_shape, (tuple, list)):
            raise TypeError(f"target_shape must be a tuple of sizes. Received: {target_shape!r}")
        self.target_shape = tuple(integer(size, "A size of target_shape", -1) for size in target_shape)
        if self.target_shape.count(-1) > 1:
            raise ValueError(f"At most one size of target_shape may be -1. Received: {target_shape!r}")

    def forward(self, x, training=True):
        y = x.reshape(self.compute_output_shape(x.shape))
        return y, lambda grad_output: grad_output.reshape(x.shape)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *reshaping.resolve_reshape(input_shape[1:], self.target_shape))


class Permute(Layer):
    """(batch, ...) with the axes of a sample in another order.

    Args:
        dims: for each axis of the output the axis of the input, counted from 1.
    """

    converts_integers = False

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(dims, (tuple, list)) or sorted(
            integer(axis, "An axis of dims") for axis in dims
        ) != list(range(1, len(dims) + 1)):
            raise ValueError(f"dims must hold the axes from 1 on, each once. Received: {dims!r}")
        self.dims = tuple(dims)

    def forward(self, x, training=True):
        self.compute_output_shape(x.shape)
        order = (0, *self.dims)
        inverse = tuple(order.index(axis) for axis in range(x.ndim))
        return (
            arrays.contiguous(x.transpose(order)),
            lambda grad_output: arrays.contiguous(grad_output.transpose(inverse)),
        )

    def compute_output_shape(self, input_shape):
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f"{self.name} takes inputs of rank {len(self.dims) + 1}. Received: shape {tuple(input_shape)}"
            )
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """(batch, channels) -> (batch, n, channels).

    Args:
        n: how often each vector is repeated.
    """

    converts_integers = False

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = integer(n, "n", least=1)

    def forward(self, x, training=True):
        self.compute_output_shape(x.shape)
        y = resizing.repeat(x[:, None, :], (1, self.n, 1))
        return y, lambda grad_output: resizing.repeat_backward(grad_output, (1, self.n, 1))[:, 0]

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(f"{self.name} takes inputs of rank 2. Received: shape {tuple(input_shape)}")
        return (input_shape[0], self.n, input_shape[1])
