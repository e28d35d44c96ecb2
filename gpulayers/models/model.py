"""The base class of models: a graph of layers that trains."""

import json

from ..layers import symbolic
from ..layers.calling import taken_mask
from ..layers.layer import Layer
from ..ops import arrays
from ..ops.spatial import integer
from ..registry import checked_config, reading, serialize_object
from . import structures
from .summary import print_summary
from .training import Trainer


class Model(Trainer, Layer):
    """Layers with their weights, and the means to train them: `Model(inputs, outputs)` of symbolic tensors
    that `Input` and calls of layers on them give; see `Functional` for the arguments.

    A model is itself a layer. Subclasses set `self._graph` (a `Graph`) and `self._input_shapes` when they are
    built.

    Attributes:
        layers: the model's layers; those of a `Sequential` without its input.
    """

    supports_masking = True
    skips_input_gradient = True

    def __new__(cls, *arguments, **keywords):
        if cls is not Model:
            return super().__new__(cls)
        if len(arguments) < 2 and not {"inputs", "outputs"} & set(keywords):
            raise TypeError(f"Model takes symbolic inputs and outputs. Received: Model{arguments}")
        from .functional import Functional

        return super().__new__(Functional)

    def __init__(self, *arguments, name=None, trainable=True, dtype=None, **kwargs):
        if arguments or {"inputs", "outputs"} & set(kwargs):  # a class of one's own, with a graph
            from .functional import Functional

            kind = type(self)
            self.__class__ = type(kind.__name__, (kind, Functional), {"__module__": kind.__module__})
            Functional.__init__(self, *arguments, name=name, trainable=trainable, dtype=dtype, **kwargs)
            return
        super().__init__(name=name, trainable=trainable, dtype=dtype, **kwargs)
        self._graph, self._input_shapes = None, None
        self.inputs = self.outputs = None
        self._input_structure = self._output_structure = None  # of a lone tensor
        self.stop_training = False

    @property
    def layers(self):
        return list(self._sublayers)

    def get_layer(self, name=None, index=None):
        """The layer of that name or position.

        Raises:
            ValueError: there is none, or not exactly one of the two given.
        """
        if (name is None) == (index is None):
            raise ValueError(f"Either name or index must be given. Received: name={name!r}, index={index!r}")
        if index is not None:
            index = integer(index, "index", -(2**31))
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"The model has {len(self.layers)} layers. Received: index={index}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"The model has the layers {known}. Received: name={name!r}")

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of a configuration; custom_objects: {class name: class} of layers of one's own."""
        from .functional_config import from_config

        with reading(cls.__name__, config):
            return from_config(cls, checked_config(config), custom_objects)

    def to_json(self, **kwargs):
        """The model's configuration as JSON, for `models.model_from_json`; kwargs of `json.dumps`."""
        return json.dumps(serialize_object(self), **kwargs)

    def convert_input(self, array):
        return array  # each layer converts its own

    def __call__(self, inputs, mask=None, training=None):
        """The output alone; keeps nothing of the way there. A symbolic one for symbolic inputs."""
        inputs = self.in_order(inputs)
        if symbolic.is_symbolic(inputs):
            if self.built:
                self._check_symbolic(symbolic.tensors_of(inputs))
            return self.packed(symbolic.call(self, inputs, training=training))
        return self.packed(self.run(inputs, mask, training, differentiate=False)[0])

    def _check_symbolic(self, tensors):
        shapes = [tensor.shape for tensor in tensors]
        fits = len(shapes) == len(self._input_shapes) and all(map(self._accepts, self._input_shapes, shapes))
        if not fits:
            wanted = _one_or_list(self._input_shapes)
            raise ValueError(f"{self.name} takes inputs of shape {wanted}. Received: {_one_or_list(shapes)}")

    def _accepts(self, wanted, shape):
        """Whether an input declared with the shape `wanted` takes one of that shape: any batch does."""
        return len(shape) == len(wanted) and all(
            None in pair or pair[0] == pair[1] for pair in zip(wanted[1:], shape[1:])
        )

    def forward(self, inputs, mask=None, training=True):
        """The pair. Outputs and their gradients are laid out as the model's outputs, the gradients returned
        as the inputs given: lists or dicts."""
        output, list_backward, _ = self.run(inputs, mask, training, differentiate=True)

        def backward(grad_output, input_gradient=True):
            if isinstance(grad_output, dict) or not structures.is_flat(self._output_structure):
                structure = self._output_structure
                grad_output = _one_or_list(structures.leaves_up_to(structure, grad_output, "The gradient"))
            return list_backward(grad_output, input_gradient)

        return self.packed(output), backward

    def all_penalties(self):
        return list(self.penalties)  # the graph has gathered those of the layers

    def compute_mask(self, inputs, mask=None):
        return self.run(inputs, mask, False, differentiate=False)[2]

    def run(self, inputs, mask, training, differentiate):
        inputs = self.in_order(inputs)
        several = isinstance(inputs, (list, tuple))
        given = [arrays.take(part, f"The input of {self.name}") for part in (inputs if several else [inputs])]
        if not self.built:
            shapes = [tuple(array.shape) for array in given]
            self.build(shapes if several else shapes[0])
        shapes = [tuple(part.shape) for part in given]
        given = self.fitted(given)
        mask = None if mask is None else taken_mask(self, mask, several)
        masks = mask if isinstance(mask, list) else [mask] * len(given)
        if len(masks) != len(given):
            raise ValueError(f"{self.name} takes {len(given)} masks. Received: {len(masks)}")
        outputs, output_masks, backward, self.penalties = self._graph.run(
            given, masks, training, differentiate
        )
        one = len(outputs) == 1

        def back(grad_output, input_gradient=True):
            grads = backward([grad_output] if one else grad_output, input_gradient)
            grads = [None if grad is None else grad.reshape(shape) for grad, shape in zip(grads, shapes)]
            return grads if several else grads[0]

        back = back if differentiate else None
        return (outputs[0], back, output_masks[0]) if one else (outputs, back, output_masks)

    def in_order(self, inputs):
        """The inputs of a dict, or of nested lists and dicts, as a list, in the model's order.

        Raises:
            TypeError: a dict for a model that is not built; ValueError: names are missing.
        """
        if not structures.is_flat(self._input_structure):
            return self._flat_inputs(inputs)
        if not isinstance(inputs, dict) or self.inputs is None:
            return super().in_order(inputs)
        missing = [name for name in self.input_labels if name not in inputs]
        if missing:
            raise ValueError(
                f"{self.name} takes inputs named {self.input_labels}. Received: {sorted(inputs)}"
            )
        return [inputs[name] for name in self.input_labels]

    def _flat_inputs(self, inputs):
        """Nested inputs as a list; a list of them in order serves too."""
        if isinstance(inputs, (list, tuple)) and len(inputs) == len(self.inputs):
            if not any(map(structures.is_nested, inputs)):
                return list(inputs)
        return structures.leaves_up_to(self._input_structure, inputs, f"The inputs of {self.name}")

    def laid_out(self, grads, inputs):
        if structures.is_flat(inputs) or structures.is_flat(self._input_structure):
            return super().laid_out(grads, inputs)
        return structures.pack(self._input_structure, grads)

    def packed(self, outputs):
        """The outputs, a list or one alone, laid out as the model's."""
        structure = self._output_structure
        if not structures.is_nested(structure) or isinstance(structure, list) and len(structure) == 1:
            return outputs
        return structures.pack(structure, outputs if isinstance(outputs, list) else [outputs])

    @property
    def _input_keys(self):
        return _keys(self._input_structure)

    @property
    def _output_keys(self):
        return _keys(self._output_structure)

    def fitted(self, given):
        """The inputs, with a last axis of size 1 added or dropped where the model's inputs have or lack it.

        Raises:
            ValueError: arrays that do not have the model's input shapes.
        """
        if self._input_shapes is None:
            raise NotImplementedError(f"{type(self).__name__} must define forward(x, training=True)")
        if len(given) != len(self._input_shapes):
            raise ValueError(f"{self.name} takes {len(self._input_shapes)} inputs. Received: {len(given)}")
        found = []
        for array, shape in zip(given, self._input_shapes):
            actual = tuple(array.shape)
            if len(actual) == len(shape) + 1 and actual[-1] == 1:
                actual = actual[:-1]
            elif len(actual) == len(shape) - 1 and actual and shape[-1] == 1:
                actual = (*actual, 1)
            if not self._accepts(shape, actual):
                raise ValueError(
                    f"{self.name} takes inputs of shape {shape}. Received: shape {tuple(array.shape)}"
                )
            found.append(array if len(actual) == len(array.shape) else array.reshape(actual))
        return found

    @property
    def input_names(self):
        """The names of the inputs, once the model is built."""
        return [tensor.layer.name for tensor in self.inputs or ()]

    @property
    def input_labels(self):
        """The names that dicts of data know the inputs by: the keys of a dict, else those of the layers."""
        return list(self._input_keys or self.input_names)

    @property
    def output_names(self):
        """The names of the layers that make the outputs."""
        return [tensor.layer.name for tensor in self.outputs or ()]

    @property
    def output_labels(self):
        """The names that losses and metrics know the outputs by: a dict's keys, else the layers'."""
        return list(self._output_keys or self.output_names)

    @property
    def input(self):
        """The symbolic input; for several laid out as they were given."""
        return _structured(self.inputs, self._input_structure)

    @property
    def output(self):
        """The symbolic output; for several laid out as they were given."""
        return _structured(self.outputs, self._output_structure)

    @property
    def input_shape(self):
        """The shape of the input, with the batch (None); a list for several."""
        return None if self._input_shapes is None else _one_or_list(self._input_shapes)

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints a table of the layers.

        Args:
            line_length: width of the table in characters.
            positions: where its columns end, in shares of the line or in characters.
            print_fn: called with the text in place of printing.
            expand_nested: whether the layers of models within the model have rows.
            show_trainable: whether a column says which layers are trained.
            layer_range: two layers' names, or patterns: the rows from the first to the second.

        Raises:
            ValueError: a range that matches no layer, or widths that leave no room.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)


def _structured(tensors, structure):
    if tensors is None:
        raise ValueError("The model is not built and has no symbolic tensors. Received: input or output")
    return structures.pack(structure, tensors)


def _keys(structure):
    """The keys of a dict of single tensors, in their order; None for anything else."""
    return sorted(structure) if isinstance(structure, dict) and structures.is_flat(structure) else None


def _one_or_list(items):
    return items[0] if len(items) == 1 else list(items)
