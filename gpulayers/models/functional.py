"""Models made of calls on symbolic tensors: any graph without cycles."""

import warnings

from ..arguments import flag
from ..layers import symbolic
from ..layers.input import InputLayer
from ..layers.symbolic import SymbolicTensor
from ..ops import arrays
from . import structures
from .graph import Graph, Node
from .model import Model


class Functional(Model):
    """What `Model(inputs, outputs)` makes.

    Args:
        inputs: a symbolic tensor, or a list, tuple or dict of them, nested at will; those within another
            model serve too. Of one given twice the last array counts.
        outputs: the same; what the model returns is laid out alike.
        name, trainable: as of any layer.

    Raises:
        TypeError: something that is not a symbolic tensor.
        ValueError: an output that cannot be computed from the inputs, or two layers of one name.
    """

    def __init__(self, inputs, outputs, name=None, trainable=True, **kwargs):
        super().__init__(name=name, trainable=True, **kwargs)
        self.inputs, self._input_structure = _flat(inputs, "inputs")
        self.outputs, self._output_structure = _flat(outputs, "outputs")
        for key, tensor in zip(self._input_keys or (), self.inputs):
            if key != tensor.name:
                warnings.warn(
                    f"The key {key!r} of inputs is not the input's name, {tensor.name!r}", stacklevel=3
                )
        self.inputs, self.outputs = _from_inputs(self.inputs, self.outputs)
        calls, met = _calls(self.inputs, self.outputs)
        self._sublayers.extend(_ordered_layers(calls, met, self.inputs))
        self._graph = _graph(calls, self.inputs, self.outputs)
        self.recorded = [call for call in calls if call.inputs]
        self._input_shapes = [tensor.shape for tensor in self.inputs]
        self.device, self.built, self.build_shape = arrays.default_device(), True, self._input_shapes
        if not flag(trainable, "trainable"):
            self.trainable = False

    def build(self, input_shape):
        """Nothing: the layers were built when they were called."""

    def compute_output_shape(self, input_shape):
        """The outputs' shapes: a tuple, or a list of them."""
        several = bool(input_shape) and isinstance(input_shape[0], (list, tuple))
        shapes = input_shape if several else [input_shape]
        known = dict(zip(self.inputs, map(tuple, shapes)))
        for call in self.recorded:
            given = [known[tensor] for tensor in call.inputs]
            shape = call.layer.compute_output_shape(given if call.listed else given[0])
            known.update(zip(call.outputs, symbolic.listed_shapes(shape)))
        found = [known[tensor] for tensor in self.outputs]
        return found[0] if len(found) == 1 else found

    @property
    def output_shape(self):
        """The shape of the output, with the batch (None); a list for several."""
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    def compute_output_dtype(self, input_dtypes):
        return [tensor.dtype for tensor in self.outputs]

    def layer_rows(self):
        """(layer, output shape, symbolic tensors that it reads), for the summary."""
        for layer in self._sublayers:
            calls = [call for call in self.recorded if call.layer is layer]
            shape = [tensor.shape for tensor in (calls[0] if calls else layer.calls[0]).outputs]
            reads = [tensor for call in calls for tensor in call.inputs]
            yield layer, shape[0] if len(shape) == 1 else shape, reads

    def get_config(self):
        from .functional_config import config_of

        return config_of(self)


def get_source_inputs(tensor):
    """The list of inputs, as `Input` makes them, that a symbolic tensor comes from."""
    met, stack, found = set(), [tensor], {}
    while stack:
        part = stack.pop()
        if not isinstance(part, SymbolicTensor):
            raise TypeError(f"A symbolic tensor is expected. Received: {part!r}")
        if part not in met:
            met.add(part)
            stack.extend(reversed(part.call.inputs))
            if not part.call.inputs:
                found.setdefault(part)
    return list(found)


def _flat(structure, what):
    """(tensors, the structure they came in)."""
    tensors = structures.flatten(structure)
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise TypeError(f"{what} must be symbolic tensors, as Input makes. Received: {tensor!r}")
    if not tensors:
        raise ValueError(f"A model needs {what}. Received: {structure!r}")
    return tensors, structures.pack(structure, [None] * len(tensors))


def _from_inputs(inputs, outputs):
    """The same tensors where all inputs are of an InputLayer; otherwise the calls between them anew, behind
    fresh InputLayers."""
    if all(not tensor.call.inputs for tensor in inputs):
        return inputs, outputs
    known = {}
    for tensor in inputs:
        inner = bool(tensor.call.inputs)
        known[tensor] = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype).output if inner else tensor
    for call in _calls(inputs, outputs)[0]:
        if call.inputs:
            read = [known[tensor] for tensor in call.inputs]
            copy = symbolic.Call(call.layer, read, call.listed, call.states, call.training)
            for tensor in call.outputs:
                made = SymbolicTensor(tensor.shape, tensor.dtype, tensor.name, copy, tensor.index)
                copy.outputs.append(made)
                known.setdefault(tensor, made)
            call.layer.calls.append(copy)
    return [known[tensor] for tensor in inputs], [known[tensor] for tensor in outputs]


def _calls(inputs, outputs):
    """(the calls that lead to the outputs, each behind those it reads; the order in which their layers are
    met on the way back from the outputs)."""
    given, order, met = set(inputs), {}, {}
    for output in outputs:
        stack = [(output, False)]
        while stack:
            tensor, ready = stack.pop()
            call = tensor.call
            if ready:
                order.setdefault(call)
            elif call not in order and (tensor not in given or not call.inputs):
                if not call.inputs and tensor not in given:
                    raise ValueError(
                        f"The graph is disconnected: the outputs need {call.layer.name}, which is not among "
                        f"the inputs. Received: inputs {[part.name for part in inputs]}"
                    )
                met.setdefault(call.layer, len(met))
                stack.append((tensor, True))
                stack.extend((part, False) for part in reversed(call.inputs))
    return list(order), met


def _ordered_layers(calls, met, inputs):
    """Keras's order: by the longest way to an output, then as they were met."""
    depths, of_layer = {}, {}
    for call in reversed(calls):
        depth = depths[call] = max(depths.get(call, 0), of_layer.get(call.layer, 0))
        of_layer[call.layer] = depth
        for tensor in call.inputs:
            depths[tensor.call] = max(depths.get(tensor.call, 0), depth + 1)
    for tensor in inputs:  # those that no output needs
        of_layer.setdefault(tensor.layer, 0)
    layers = sorted(of_layer, key=lambda layer: (-of_layer[layer], met.get(layer, -1)))
    names = [layer.name for layer in layers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"The layers of a model need different names. Received: {names.count(name)} named {name!r}"
            )
    return layers


def _graph(calls, inputs, outputs):
    numbers = {}
    for tensor in [*inputs, *(tensor for call in calls for tensor in call.outputs)]:
        numbers.setdefault(tensor, len(numbers))
    nodes = [
        Node(
            call.layer,
            tuple(numbers[tensor] for tensor in call.inputs),
            tuple(numbers[tensor] for tensor in call.outputs),
            call.listed,
            call.states,
            call.training,
        )
        for call in calls
        if call.inputs
    ]
    return Graph(nodes, [numbers[tensor] for tensor in inputs], [numbers[tensor] for tensor in outputs])
