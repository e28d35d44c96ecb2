"""One layer at every time step."""

from .. import config as settings
from ..ops import arrays
from .calling import is_float
from .layer import Layer
from .normalization import BatchNormalization


class TimeDistributed(Layer):
    """The same layer on every step of a sequence.

    Args:
        layer: any layer; its activity regularizer has no effect here, as in Keras.

    Shapes: (batch, steps, ...) -> (batch, steps, ...): the layer sees (batch, ...). A mask (batch, steps)
        passes on, and says to BatchNormalization which examples count at each step; one of more dimensions is
        also given, step by step, to a layer that takes masks.

    All steps are one batch to the layer, unless it mixes the examples of a batch (BatchNormalization in
    training) or may do so (a layer of one's own): then each step is a call.
    """

    supports_masking = True
    skips_input_gradient = True

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(f"layer must be a layer. Received: {layer!r}")
        super().__init__(**kwargs)
        self.layer = layer

    def convert_input(self, array):
        return array  # the layer converts its own

    def build(self, input_shape):
        self.layer.build(_without_steps(input_shape))

    def forward(self, x, mask=None, training=True):
        if x.ndim < 3:
            _without_steps(x.shape)
        if mask is not None and tuple(mask.shape[:2]) != tuple(x.shape[:2]):
            raise ValueError(
                f"mask must begin with the shape {tuple(x.shape[:2])}. Received: {tuple(mask.shape)}"
            )
        batch, steps = x.shape[:2]
        one_call = not _mixes_batch(self.layer, training) or steps == 0
        penalty, self.layer.activity_regularizer = self.layer.activity_regularizer, None
        try:
            if one_call:
                parts = [self._call(_joined(x), None if mask is None else _joined(mask), training)]
            else:
                parts = [
                    self._call(x[:, t], None if mask is None else mask[:, t], training) for t in range(steps)
                ]
        finally:
            self.layer.activity_regularizer = penalty
        xp = arrays.array_module(x)
        if one_call:
            y = parts[0][0]
            y = y.reshape(batch, steps, *y.shape[1:])
        else:
            y = xp.stack([part for part, _ in parts], axis=1)
        y = y.astype(self.compute_dtype, copy=False) if is_float(y) else y

        def backward(grad_output, input_gradient=True):
            if one_call:
                grads = [parts[0][1](_joined(grad_output), input_gradient=input_gradient)]
            else:
                backwards = enumerate(part_backward for _, part_backward in parts)
                grads = [back(grad_output[:, t], input_gradient=input_gradient) for t, back in backwards]
            if grads[0] is None:
                return None
            return grads[0].reshape(x.shape) if one_call else xp.stack(grads, axis=1)

        return y, backward

    def _call(self, x, mask, training):
        # To it a mask (batch,) says which examples count.
        whole_examples = isinstance(self.layer, BatchNormalization) and x.ndim == 2
        takes_it = mask is not None and self.layer.takes_mask and (mask.ndim > 1 or whole_examples)
        return self.layer.forward(x, training=training, **({"mask": mask} if takes_it else {}))

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape(_without_steps(input_shape))
        return (shape[0], input_shape[1], *shape[1:])

    def compute_output_dtype(self, input_dtypes):
        inner = self.layer.compute_output_dtype(input_dtypes)
        return self.compute_dtype.name if inner in settings.FLOAT_TYPES else inner

    @classmethod
    def from_config(cls, config):
        from . import deserialize

        layer = config["layer"]
        return cls(**{**config, "layer": deserialize(layer) if isinstance(layer, dict) else layer})


def _without_steps(shape):
    if not isinstance(shape, (list, tuple)) or len(shape) < 3 or isinstance(shape[0], (list, tuple)):
        raise ValueError(
            f"TimeDistributed takes inputs (batch, steps, ...) of rank 3 or more. Received: {shape}"
        )
    return (shape[0], *shape[2:])


def _joined(array):
    """(batch, steps, ...) -> (batch * steps, ...)."""
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def _mixes_batch(layer, training):
    own = type(layer).__module__.partition(".")[0] == __name__.partition(".")[0]
    batch_statistics = training and isinstance(layer, BatchNormalization)
    return not own or batch_statistics or any(_mixes_batch(inner, training) for inner in layer.inner_layers)
