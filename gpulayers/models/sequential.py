"""Layers one after the other."""

from .. import dtype_policies
from ..arguments import flag
from ..custom_objects import CustomObjectScope
from ..layers import symbolic
from ..layers.calling import checked_shape
from ..layers.input import InputLayer
from ..layers.layer import Layer
from ..layers.names import automatic_name
from ..layers.symbolic import SymbolicTensor
from ..registry import checked_config, reading
from .graph import Graph, Node
from .model import Model


class Sequential(Model):
    """A chain of layers.

    Args:
        layers: a list of layers; an `Input` may come first. Without one the model is built by
            `build(input_shape)` or at its first call.
        trainable, name: as of any layer.

    Raises:
        TypeError: something that is not a layer.
        ValueError: two layers of one name, an input that is not first, or shapes that do not fit.
    """

    def __init__(self, layers=None, trainable=True, name=None, **kwargs):
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._input_layer = None
        if layers is not None and (not hasattr(layers, "__iter__") or not getattr(layers, "ndim", 1)):
            raise TypeError(f"A Sequential model takes a list of layers. Received: {layers!r}")
        for layer in [] if layers is None else layers:
            self._append(layer)
        self._build_if_possible()

    def add(self, layer, rebuild=True):
        """Adds a layer at the end."""
        rebuild = flag(rebuild, "rebuild")
        self._append(layer)
        if rebuild:
            self._build_if_possible()

    def pop(self, rebuild=True):
        """Removes and returns the last layer.

        Raises:
            ValueError: there is none.
        """
        if not self._sublayers:
            raise ValueError(f"{self.name} has no layer to remove. Received: pop()")
        rebuild = flag(rebuild, "rebuild")
        layer = self._sublayers.pop()
        self.built, self._graph = False, None
        if rebuild:
            self._build_if_possible()
        return layer

    def _append(self, layer):
        if isinstance(layer, SymbolicTensor) and not layer.call.inputs:
            layer = layer.layer
        if not isinstance(layer, Layer):
            raise TypeError(f"A Sequential model takes layers. Received: {layer!r}")
        if isinstance(layer, InputLayer):
            if self._input_layer is not None or self._sublayers:
                raise ValueError(
                    f"An Input must be the first layer, and the only Input. Received: {layer.name}"
                )
            self.__dict__["_input_layer"] = layer  # not among the layers
            return
        if any(other is not layer and other.name == layer.name for other in self._sublayers):
            raise ValueError(
                f"The layers of a model need different names. Received: a second layer named {layer.name!r}"
            )
        self._sublayers.append(layer)
        if self._input_layer is None and len(self._sublayers) == 1 and layer.batch_input_shape is not None:
            self.__dict__["_input_layer"] = InputLayer(batch_shape=layer.batch_input_shape)
        self.built, self._graph = False, None

    def _build_if_possible(self):
        first = self._input_layer or (self._sublayers[0] if self._sublayers else None)
        if self._input_layer is not None and self._sublayers:
            self.build(first.batch_shape)
        elif isinstance(first, Model) and first.built and len(self._sublayers) > 1:
            self.build(first.input_shape)

    def build(self, input_shape):
        """Creates all weights for inputs of that shape (with the batch, which may be None)."""
        if not self._sublayers:
            raise ValueError(f"{self.name} has no layers to build. Received: input shape {input_shape}")
        input_shape = tuple(checked_shape(self, input_shape))
        if self._input_layer is not None:
            declared = self._input_layer.batch_shape
            pairs = zip(declared, input_shape)
            if len(declared) != len(input_shape) or any(
                None not in pair and pair[0] != pair[1] for pair in pairs
            ):
                raise ValueError(f"{self.name} has the input shape {declared}. Received: {input_shape}")
            input_shape = declared
        shape = input_shape
        for layer in self._sublayers:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)
            if isinstance(shape, list):
                raise ValueError(
                    "The layers of a Sequential model have one output. "
                    f"Received: {layer.name} with {len(shape)}"
                )
        source = self._input_layer or InputLayer(batch_shape=input_shape, name=f"{self.name}_input")
        tensor = source.output
        for layer in self._sublayers:
            tensor = symbolic.call(layer, tensor)
        self.inputs, self.outputs = [source.output], [tensor]
        automatic_name("Functional")  # one is taken, so that later models are numbered as in Keras
        self._input_shapes = [input_shape]
        nodes = [Node(layer, (i,), (i + 1,)) for i, layer in enumerate(self._sublayers)]
        self._graph = Graph(nodes, (0,), (len(nodes),))

    def _accepts(self, wanted, shape):
        """As in Keras also other sizes than those declared, where the layers take them.

        Raises:
            ValueError: a layer does not.
        """
        if super()._accepts(wanted, shape):
            return True
        if len(shape) != len(wanted):
            return False
        for layer in self._sublayers:
            layer.check_fixed_sizes(shape)
            shape = layer.compute_output_shape(shape)
        return True

    def compute_output_shape(self, input_shape):
        for layer in self._sublayers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @property
    def output_shape(self):
        """The shape of the output, with the batch (None); None before the model is built."""
        return self.compute_output_shape(self._input_shapes[0]) if self.built else None

    def compute_output_dtype(self, input_dtypes):
        for layer in self._sublayers:
            input_dtypes = [layer.compute_output_dtype(input_dtypes)]
        return input_dtypes[0]

    def layer_rows(self):
        """(layer, output shape or None, None), for the summary."""
        shape = self._input_shapes[0] if self.built else None
        for layer in self._sublayers:
            shape = layer.compute_output_shape(shape) if self.built else None
            yield layer, shape, None

    def get_config(self):
        from ..layers import serialize

        first = [] if self._input_layer is None else [self._input_layer]
        dtype = dtype_policies.serialize(self.dtype_policy)
        config = {"name": self.name, "trainable": self.trainable, "dtype": dtype}
        config["layers"] = [serialize(layer) for layer in [*first, *self._sublayers]]
        if self.built:
            config["build_input_shape"] = list(self._input_shapes[0])
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        from ..layers import deserialize

        with CustomObjectScope(custom_objects), reading(cls.__name__, config):
            config = dict(checked_config(config))
            shape = config.pop("build_input_shape", None)
            model = cls([deserialize(node) for node in config.pop("layers", [])], **config)
            if shape is not None and not model.built and model.layers:
                model.build(shape)
        return model
