"""The base class of layers."""

import inspect
import warnings

import numpy as np

from .. import config, constraints, dtype_policies, initializers, regularizers
from ..arguments import flag
from ..ops import arrays
from ..ops.activation import Activation
from ..ops.activations import linear
from ..ops.spatial import integer
from ..registry import checked_config, serialize_object
from ..variable import Variable
from .arguments import batch_input_shape, serialized
from .calling import checked_shape, is_float, with_build, with_conversion, with_shape
from .names import automatic_name, path_of
from .symbolic import call, is_symbolic


class Layer:
    """Weights and a differentiable function.

    `y = layer(x, training=False)` keeps nothing. `y, backward = layer.forward(x, training=True)`, then
    `grad_x = backward(grad_y)`, which also adds to `grad` of each trainable weight. Several inputs or outputs
    are lists. An integer input's gradient is None.

    A custom layer writes `build(input_shape)` (with `add_weight`), `forward(x, training=True)`, which returns
    the pair, and `compute_output_shape` if its shape changes; its constructor passes `**kwargs` on.

    Args:
        activity_regularizer: a penalty on the output.
        trainable: whether the weights are trained.
        dtype: the float type of the weights and the computation, or a policy that tells the two apart:
            "mixed_float16", "mixed_bfloat16", a `DTypePolicy` or its configuration; default:
            `gpulayers.config.dtype_policy()`.
        autocast: whether float inputs of another type are converted to `compute_dtype`; otherwise they come
            to `forward` as they are.
        name: default: the class name in snake case, numbered.

    Attributes:
        dtype_policy: the DTypePolicy.
        compute_dtype: of the computation and the output.
        variable_dtype, dtype: of the weights. `forward` reads a weight in `compute_dtype` by `cast`.
    """

    supports_masking = False  # whether a mask passes through unchanged
    converts_integers = True  # whether integer inputs become floats
    skips_input_gradient = False  # whether the backward takes input_gradient=False
    takes_mask = False  # set for classes whose forward has a parameter `mask`
    unsupported = ()  # Keras's arguments that must be None

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        if "build" in cls.__dict__:
            cls.build = with_build(cls.__dict__["build"])
        if "forward" in cls.__dict__:
            cls.takes_mask = "mask" in inspect.signature(cls.__dict__["forward"]).parameters
            cls.forward = with_conversion(cls.__dict__["forward"])
        if "compute_output_shape" in cls.__dict__:
            cls.compute_output_shape = with_shape(cls.__dict__["compute_output_shape"])

    def __init__(
        self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **shapes
    ):
        for argument in self.unsupported:
            if shapes.pop(argument, None) is not None:
                raise ValueError(f"{argument} is not supported. Received: a value other than None")
        self._variables, self._sublayers = [], []
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.dtype_policy = dtype
        self.autocast = flag(autocast, "autocast")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a string. Received: {name!r}")
        self.name = automatic_name(type(self).__name__) if name is None else name
        self._trainable = flag(trainable, "trainable")
        own = type(self).__module__.split(".")[0] == __name__.split(".")[0]
        # The library's layers without weights have nothing to build.
        self.built = own and type(self) is not Layer and type(self).build is Layer.build
        self.build_shape = self.device = None
        self.penalties = []  # on the outputs of the last call
        self.path = None
        self.calls = []  # on symbolic tensors
        self.batch_input_shape = batch_input_shape(type(self).__name__, shapes)

    def __setattr__(self, name, value):
        if name == "activation" and value is None and isinstance(self.__dict__.get(name), Activation):
            value = linear  # `layer.activation = None` of a built-in layer
        super().__setattr__(name, value)
        found = _layers_in(value)
        if found and "_sublayers" not in self.__dict__:
            raise RuntimeError(
                f"Call super().__init__() before setting layers. Received: {name}={found[0]!r}"
            )
        self._take_in(found)

    def _take_in(self, layers):
        known = self.__dict__.get("_sublayers", ())
        for layer in layers:
            if not any(layer is other for other in known):
                known.append(layer)

    @property
    def inner_layers(self):
        """The layers that are attributes of this one, or stand in lists and dicts that are."""
        for name, value in self.__dict__.items():
            if type(value) in (list, dict) and name != "_sublayers":  # which may have grown
                self._take_in(_layers_in(value))
        return self._sublayers

    # Calling

    def run(self, inputs, mask, training, differentiate):
        """(output, backward or None, mask of the output): a call from within a model."""
        masked = any(part is not None for part in mask) if isinstance(mask, list) else mask is not None
        keywords = {"mask": mask} if masked and self.takes_mask else {}
        if differentiate:
            output, backward = self.forward(inputs, training=training, **keywords)
        else:
            output, backward = self(inputs, training=training, **keywords), None
        return output, backward, self.compute_mask(inputs, mask if masked else None)

    def __call__(self, inputs, *arguments, training=None, **keywords):
        """The output alone; a symbolic one for symbolic inputs."""
        if is_symbolic(inputs):
            return call(self, inputs, arguments, keywords, training)
        return self.forward(inputs, *arguments, training=flag(training, "training"), **keywords)[0]

    def forward(self, inputs, training=True):
        """The pair (output, backward)."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x, training=True)")

    def in_order(self, inputs):
        """The inputs: an array or a list. A layer of one's own that takes dicts makes lists of them here, in
        the order of its `input_labels`.

        Raises:
            TypeError: a dict.
        """
        if isinstance(inputs, dict):
            raise TypeError(f"{self.name} takes an array or a list. Received: a dict of {sorted(inputs)}")
        return inputs

    def laid_out(self, grads, inputs):
        """The gradients of inputs `in_order`, laid out as the inputs were."""
        return dict(zip(self.input_labels, grads)) if isinstance(inputs, dict) else grads

    def convert_input(self, array):
        """The input in the type the layer computes in."""
        if array.dtype == self.compute_dtype:
            return array
        if is_float(array):
            return array.astype(self.compute_dtype) if self.autocast else array
        if array.dtype.kind not in "iub":
            raise TypeError(f"The input of {self.name} must hold numbers. Received: dtype {array.dtype}")
        return array.astype(self.compute_dtype) if self.converts_integers else array

    @property
    def fixed_axes(self):
        """The axes of the input whose sizes the weights are made for."""
        return ()

    def check_fixed_sizes(self, shape):
        """Raises ValueError where a symbolic input differs from that of the first call in `fixed_axes`."""
        known = self.build_shape[0] if isinstance(self.build_shape, list) else self.build_shape
        for axis in self.fixed_axes if isinstance(known, tuple) and len(known) == len(shape) else ():
            if None not in (known[axis], shape[axis]) and known[axis] != shape[axis]:
                raise ValueError(
                    f"{self.name} was built for size {known[axis]} of axis {axis}. "
                    f"Received: shape {tuple(shape)}"
                )

    def compute_output_shape(self, input_shape):
        """The output's shape for an input's; unknown sizes are None."""
        return tuple(checked_shape(self, input_shape))

    def compute_mask(self, inputs, mask=None):
        """The mask of the output, given that of the input."""
        if mask is not None and not self.supports_masking:
            warnings.warn(f"{self.name} does not support masks and drops the one it was given", stacklevel=2)
            return None
        return mask

    def reset_state(self):
        """Clears what a stateful layer keeps between calls."""
        for layer in self.inner_layers:
            layer.reset_state()

    def compute_output_dtype(self, input_dtypes):
        """The name of the output's type for inputs of these types (names); a list where outputs differ."""
        if not self.converts_integers and len(set(input_dtypes)) == 1:
            if input_dtypes[0] not in config.FLOAT_TYPES:
                return input_dtypes[0]
        return self.compute_dtype.name

    # Types

    @property
    def dtype_policy(self):
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        self._dtype_policy = dtype_policies.get(value)
        self.compute_dtype = np.dtype(self._dtype_policy.compute_dtype)
        self.variable_dtype = np.dtype(self._dtype_policy.variable_dtype)

    @property
    def dtype(self):
        return self.variable_dtype

    def cast(self, variable):
        """The variable's array in the type the layer computes in; None of None. Its gradient goes back by
        `variable.add_grad`, which converts it."""
        return None if variable is None else variable.value.astype(self.compute_dtype, copy=False)

    @property
    def input(self):
        """The symbolic input of the layer's first call within a model; a list for several."""
        return self._of_first_call("inputs")

    @property
    def output(self):
        """The symbolic output of the layer's first call within a model; a list for several."""
        return self._of_first_call("outputs")

    def _of_first_call(self, which):
        if not self.calls:
            raise ValueError(f"{self.name} has not been called on symbolic tensors. Received: {which[:-1]}")
        tensors = getattr(self.calls[0], which)
        return tensors[0] if len(tensors) == 1 else list(tensors)

    # Weights

    def build(self, input_shape):
        """Creates the weights for inputs of that shape."""
        self.device = arrays.default_device()
        self.built, self.build_shape = True, input_shape

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """A new Variable of the layer, on its device.

        Args:
            shape: a tuple of sizes; default: that of a single number.
            initializer: as of `gpulayers.initializers.get`; default: Glorot's for floats, else zeros.
            dtype: default `variable_dtype`.
            trainable: whether it is trained while the layer is.
            autocast, aggregation, overwrite_with_gradient: of Keras; they change nothing here.
            regularizer, constraint: names or objects.
            name: default "variable".

        Raises:
            TypeError, ValueError: sizes that are no integers of at least 0, unknown names.
        """
        name = "variable" if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"A weight's name must be a string. Received: {name!r}")
        shape = () if shape is None else shape if isinstance(shape, (list, tuple)) else (shape,)
        shape = tuple(integer(size, f"A size of {name}") for size in shape)
        if self.device is None:
            self.device = arrays.default_device()
        dtype = self.variable_dtype if dtype is None else arrays.any_dtype(dtype, "dtype")
        if initializer is None:
            initializer = "glorot_uniform" if dtype in arrays.FLOAT_DTYPES else "zeros"
        # The layer's own memory, whatever the initializer keeps.
        value = self.device.asarray(np.array(initializers.get(initializer)(shape, dtype=dtype), order="C"))
        variable = Variable(
            value,
            name,
            flag(trainable, "trainable") and self.trainable,
            regularizers.get(regularizer),
            constraints.get(constraint),
            path=path_of(self.name, name),
        )
        variable.wants_training = trainable
        self._variables.append(variable)
        return variable

    def set_weight_arguments(self, kind, initializer, regularizer, constraint):
        """Sets kernel_initializer, kernel_regularizer and kernel_constraint for the kind "kernel", ..."""
        setattr(self, f"{kind}_initializer", initializers.get(initializer))
        setattr(self, f"{kind}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{kind}_constraint", constraints.get(constraint))

    def weight_of(self, kind, shape, name=None):
        """A new weight, made as the arguments of that kind say; the name is the kind by default."""
        return self.add_weight(
            shape,
            getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
            name=name or kind,
        )

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = flag(value, "trainable")
        for variable in self._variables:
            variable.trainable = variable.wants_training and self._trainable
        for layer in self.inner_layers:
            layer.trainable = value

    @property
    def weights(self):
        own = sorted(self._variables, key=lambda variable: not variable.wants_training)
        inner = [variable for layer in self.inner_layers for variable in layer.weights]
        return list(dict.fromkeys(own + inner))  # shared layers count once

    variables = weights

    @property
    def trainable_weights(self):
        """None where the layer itself is not trained, whatever its inner layers say."""
        return [variable for variable in self.weights if variable.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        return [variable for variable in self.weights if not (variable.trainable and self.trainable)]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    @property
    def losses(self):
        """The penalties, numbers, on the outputs of the last call and on the weights that are trained."""
        of_weights = (v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None)
        return self.all_penalties() + list(of_weights)

    def all_penalties(self):
        """Those of the layer and of its inner layers."""
        return self.penalties + [part for layer in self.inner_layers for part in layer.all_penalties()]

    def get_weights(self):
        """NumPy copies of the weights, in Keras's order."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights):
        """Copies arrays into the weights; all fit or none is changed.

        Raises:
            ValueError: another count or other shapes.
        """
        if not isinstance(weights, (list, tuple)):
            raise TypeError(f"{self.name} takes a list of arrays. Received: {type(weights).__name__}")
        weights, variables = list(weights), self.weights
        if len(weights) != len(variables):
            raise ValueError(f"{self.name} has {len(variables)} weights. Received: {len(weights)} arrays")
        weights = [arrays.numbers(array, f"A weight of {self.name}") for array in weights]
        for variable, array in zip(variables, weights):
            if array.shape != variable.shape:
                raise ValueError(
                    f"Weight {variable.path} has shape {variable.shape}. Received: shape {array.shape}"
                )
        for variable, array in zip(variables, weights):
            variable.assign(array)

    def count_params(self):
        """The number of weight elements.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"{self.name} has no weights before it is built. Received: count_params() before build"
            )
        return sum(variable.size for variable in self.weights)

    # Configuration

    def get_config(self):
        """The constructor's arguments, by Keras's names, as JSON-ready values."""
        values = {"name": self.name, "trainable": self.trainable}
        values["dtype"] = dtype_policies.serialize(self.dtype_policy)
        for kind in reversed(type(self).__mro__[: type(self).__mro__.index(Layer)]):
            if "__init__" in kind.__dict__:
                for parameter in inspect.signature(kind.__init__).parameters.values():
                    if (
                        parameter.name not in ("self", "name", "trainable", "dtype")
                        and parameter.kind is not parameter.VAR_KEYWORD
                        and hasattr(self, parameter.name)
                    ):
                        values[parameter.name] = serialized(getattr(self, parameter.name))
        if self.activity_regularizer is not None:
            values["activity_regularizer"] = serialize_object(self.activity_regularizer)
        return values

    @classmethod
    def from_config(cls, config):
        """A new layer of that configuration."""
        return cls(**checked_config(config))

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _layers_in(value):
    """The layers that a value is or, as a list, tuple or dict, holds."""
    if isinstance(value, Layer):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [layer for part in value for layer in _layers_in(part)] if isinstance(value, (list, tuple)) else []
