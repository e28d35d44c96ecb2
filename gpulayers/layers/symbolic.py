"""Layers called on data that is not there yet: the record from which a functional model is built."""

import dataclasses
import numbers


class SymbolicTensor:
    """The shape and type of data that is not there yet, and the call it comes from.

    Attributes:
        shape: with the batch; None for unknown sizes.
        dtype: the name of the type.
        name: for messages and for the keys of dicts.
        call: the `Call` that makes it; index: which of its outputs it is.
    """

    def __init__(self, shape, dtype, name, call=None, index=0):
        self.shape, self.dtype, self.name = tuple(shape), dtype, name
        self.call, self.index = call, index

    @property
    def layer(self):
        return self.call.layer

    @property
    def ndim(self):
        return len(self.shape)

    def __add__(self, other):
        return _combined("Add", self, other, 1.0)

    def __sub__(self, other):
        return _combined("Subtract", self, other, -1.0)

    def __mul__(self, other):
        return _combined("Multiply", self, other)

    def __truediv__(self, other):
        return _combined(None, self, other)

    def __neg__(self):
        return _scaled(self, -1.0)

    def __radd__(self, other):
        return _combined("Add", self, other, 1.0)

    def __rsub__(self, other):
        return _combined("Add", -self, other, 1.0)

    def __rmul__(self, other):
        return _combined("Multiply", self, other)

    def __repr__(self):
        return f"<SymbolicTensor name={self.name}, shape={self.shape}, dtype={self.dtype}>"


def _combined(merge, tensor, other, sign=None):
    """The layer of that name on both; for a number a Rescaling."""
    from . import merging

    if isinstance(other, SymbolicTensor) and merge is not None:
        return getattr(merging, merge)()([tensor, other])
    if isinstance(other, bool) or not isinstance(other, numbers.Real):
        return NotImplemented
    if sign is not None:
        return _scaled(tensor, 1.0, sign * other)
    return _scaled(tensor, 1.0 / other if merge is None else float(other))


def _scaled(tensor, scale, offset=0.0):
    from .elementary import Rescaling

    return Rescaling(scale, offset)(tensor)


KerasTensor = SymbolicTensor  # Keras's name


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a layer on symbolic tensors.

    Attributes:
        layer: the layer.
        inputs, outputs: lists of SymbolicTensor; initial states stand behind the inputs proper.
        listed: whether the layer takes its inputs as a list.
        states: how many of the inputs are initial states.
        training: what the caller gave, or None.
    """

    layer: object
    inputs: list
    listed: bool = False
    states: int = 0
    training: bool = None
    outputs: list = dataclasses.field(default_factory=list)


def tensors_of(value):
    """The tensors and arrays in a value or in a list, tuple or dict of them, dicts by their sorted keys."""
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def is_symbolic(inputs):
    """Whether a layer is called on symbolic tensors.

    Raises:
        TypeError: symbolic tensors together with arrays.
    """
    found = [isinstance(part, SymbolicTensor) for part in tensors_of(inputs)]
    if any(found) and not all(found):
        raise TypeError(f"Symbolic tensors and arrays cannot be mixed in one call. Received: {inputs!r}")
    return any(found)


def call(layer, inputs, arguments=(), keywords=None, training=None):
    """Calls a layer on symbolic tensors: builds it and remembers the call.

    Args:
        inputs: a SymbolicTensor or a list of them.
        arguments, keywords: at most `initial_state`, a symbolic tensor or a list of them.

    Returns:
        The symbolic output, or a list of them, nested as the layer's output shapes.

    Raises:
        TypeError: further arguments; ValueError: shapes that do not fit.
    """
    given = {name: value for name, value in (keywords or {}).items() if value is not None}
    if arguments and "initial_state" not in given and len(arguments) == 1:
        given |= {} if arguments[0] is None else {"initial_state": arguments[0]}
        arguments = ()
    states = tensors_of(given.pop("initial_state", []))
    if arguments or given or not all(isinstance(state, SymbolicTensor) for state in states):
        raise TypeError(
            f"On symbolic tensors {layer.name} takes its inputs and symbolic initial states. "
            f"Received: {arguments or given or states}"
        )
    listed = isinstance(inputs, (list, tuple)) or bool(states)
    record = Call(layer, tensors_of(inputs) + states, listed, len(states), training)
    shapes = [tensor.shape for tensor in record.inputs]
    if not layer.built:
        layer.build(shapes if listed else shapes[0])
    layer.check_fixed_sizes(shapes[0])
    shape = layer.compute_output_shape(shapes if listed else shapes[0])
    form, shapes = shape, listed_shapes(shape)
    dtype = layer.compute_output_dtype([tensor.dtype for tensor in record.inputs])
    dtypes = dtype if isinstance(dtype, list) else [dtype] * len(shapes)
    for index, (shape, dtype) in enumerate(zip(shapes, dtypes)):
        name = layer.name if len(shapes) == 1 else f"{layer.name}_{index}"
        record.outputs.append(SymbolicTensor(shape, dtype, name, record, index))
    layer.calls.append(record)
    return record.outputs[0] if len(record.outputs) == 1 else _nested(form, iter(record.outputs))


def listed_shapes(shape):
    """The shapes, tuples, in lists that may be nested; of a lone one a list."""
    return [inner for part in shape for inner in listed_shapes(part)] if isinstance(shape, list) else [shape]


def _nested(form, tensors):
    return [_nested(part, tensors) for part in form] if isinstance(form, list) else next(tensors)
