"""The input of a model."""

from .. import config
from ..ops import arrays
from ..ops.spatial import integer
from .layer import Layer
from .symbolic import Call, SymbolicTensor


class InputLayer(Layer):
    """States the shape and type of a model's input.

    Args:
        shape: without the batch; None for sizes that may vary.
        batch_size: a fixed batch size, or None.
        dtype: of the data: informative; default `gpulayers.floatx()`.
        batch_shape: shape with the batch, in place of `shape` and `batch_size`.
        sparse, ragged, input_tensor, optional: of Keras; only their defaults are supported.
        name: the input's name.

    Raises:
        ValueError: neither or both of the shapes, or a size below 0.
    """

    supports_masking = True
    converts_integers = False

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        for argument, value in (
            ("sparse", sparse),
            ("ragged", ragged),
            ("optional", optional),
            ("input_tensor", input_tensor),
        ):
            if not (value is None or value is False):
                raise ValueError(f"{argument} is not supported. Received: {argument}={value!r}")
        if shape is None and batch_shape is None:  # the names that older Keras code uses
            shape, batch_shape = kwargs.pop("input_shape", None), kwargs.pop("batch_input_shape", None)
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                "An input takes either shape or batch_shape. "
                f"Received: shape={shape!r}, batch_shape={batch_shape!r}"
            )
        if batch_shape is None:
            batch_shape = (batch_size, *_sizes(shape, "shape"))
        elif batch_size is not None:
            raise ValueError(
                f"batch_size goes with shape, not with batch_shape. Received: batch_size={batch_size!r}"
            )
        self.batch_shape = _sizes(batch_shape, "batch_shape")
        self.data_dtype = config.floatx() if dtype is None else arrays.any_dtype(dtype, "dtype").name
        super().__init__(
            name=name, dtype=dtype if str(dtype) in config.FLOAT_TYPES else config.floatx(), **kwargs
        )
        self.built, self.build_shape = True, self.batch_shape
        call = Call(self, [])
        call.outputs.append(SymbolicTensor(self.batch_shape, self.data_dtype, self.name, call))
        self.calls.append(call)

    def forward(self, inputs, training=True):
        return inputs, lambda grad_output: grad_output

    def get_config(self):
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.data_dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def _sizes(shape, name):
    if isinstance(shape, int) or not hasattr(shape, "__iter__") or not getattr(shape, "ndim", 1):
        raise ValueError(f"{name} must be a tuple of sizes. Received: {shape!r}")
    return tuple(None if size is None else integer(size, f"A size in {name}") for size in shape)


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """The symbolic input of a model; see `InputLayer` for the arguments."""
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return layer.output
