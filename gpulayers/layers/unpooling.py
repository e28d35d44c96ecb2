"""MaxUnpooling: the inverse of MaxPooling with return_indices. Beyond Keras."""

from .. import ops
from ..ops.spatial import join_shape, spatial_tuple
from .layer import Layer
from .shapes import layer_data_format, split


class _MaxUnpooling(Layer):
    """Puts values back to the positions that MaxPooling found them at; zeros elsewhere. Not in Keras.

    Called on [values, indices], the outputs of a MaxPooling layer with return_indices. Of several values for
    one position the last counts.

    Args:
        pool_size, strides: of the pooling; strides default to pool_size.
        output_size: of the result, an integer or one a spatial dimension; default: the smallest that unpadded
            windows reach, (size - 1) * stride + pool_size.
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.

    Raises (when called):
        IndexError: an index outside the result.
    """

    rank = None
    converts_integers = False

    def __init__(self, pool_size=2, strides=None, output_size=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = spatial_tuple(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else spatial_tuple(strides, self.rank, "strides")
        if output_size is not None:
            output_size = spatial_tuple(output_size, self.rank, "output_size")
        self.output_size = output_size
        self.data_format = layer_data_format(data_format)

    def _sizes(self, shape):
        _, spatial, _ = split(self, shape)
        if self.output_size is not None:
            return self.output_size
        form = zip(spatial, self.strides, self.pool_size)
        return tuple(None if n is None else (n - 1) * stride + size for n, stride, size in form)

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 2 or not all(isinstance(shape, (list, tuple)) for shape in input_shape):
            raise ValueError(f"{self.name} takes [values, indices]. Received: shapes {input_shape}")
        batch, _, channels = split(self, input_shape[0])
        return join_shape(batch, self._sizes(input_shape[0]), channels, self.data_format)

    def forward(self, inputs, training=True):
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"{self.name} takes [values, indices]. Received: {type(inputs).__name__}")
        values, indices = inputs
        form = dict(data_format=self.data_format)
        y = ops.max_unpool(values, indices, self._sizes(values.shape), **form)
        return y, lambda grad_output: [ops.max_unpool_backward(grad_output, indices, **form), None]


class MaxUnpooling1D(_MaxUnpooling):
    __doc__ = _MaxUnpooling.__doc__
    rank = 1


class MaxUnpooling2D(_MaxUnpooling):
    __doc__ = _MaxUnpooling.__doc__
    rank = 2


class MaxUnpooling3D(_MaxUnpooling):
    __doc__ = _MaxUnpooling.__doc__
    rank = 3
