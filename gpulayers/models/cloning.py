"""Models of the same layers with weights of their own."""

import copy
import json

from ..arguments import flag
from ..custom_objects import CustomObjectScope
from ..layers import deserialize
from ..layers.input import Input, InputLayer
from ..layers.layer import Layer
from ..layers.symbolic import SymbolicTensor
from ..registry import reading
from . import structures
from .functional import Functional
from .model import Model
from .sequential import Sequential


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False):
    """A model of the same architecture with new layers, whose weights are drawn anew.

    Args:
        model: a Sequential or functional model. A compiled one gives a compiled one.
        input_tensors: symbolic tensors in place of new inputs, laid out as `model.input`.
        clone_function: makes a layer's clone, `clone_function(layer)`; default: by its configuration.
        call_function: calls a clone, `call_function(layer, inputs, **keywords)`, of functional models only.
        recursive: whether models within the model are cloned by `clone_model` rather than by
            `clone_function`.

    Raises:
        TypeError: no such model, or inputs that are not symbolic tensors.
        ValueError: another number of inputs, or a call_function for a Sequential model.
    """
    if not isinstance(model, (Sequential, Functional)):
        raise TypeError(f"clone_model takes a Sequential or functional model. Received: {model!r}")
    for name, function in (("clone_function", clone_function), ("call_function", call_function)):
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function. Received: {function!r}")
    sequential, recursive = isinstance(model, Sequential), flag(recursive, "recursive")
    if sequential and call_function is not None:
        raise ValueError(f"call_function is for functional models. Received: {model!r}")
    clones = {}  # layer -> its clone: shared layers stay shared

    def clone(layer):
        if layer not in clones:
            if recursive and isinstance(layer, Model):
                inner = None if isinstance(layer, Sequential) else call_function
                clones[layer] = clone_model(layer, None, clone_function, inner, True)
            else:
                clones[layer] = (clone_function or _by_configuration)(layer)
                if not isinstance(clones[layer], Layer):
                    raise TypeError(f"clone_function must return a layer. Received: {clones[layer]!r}")
        return clones[layer]

    given = None if input_tensors is None else structures.flatten(input_tensors)
    for tensor in given or ():
        if not isinstance(tensor, SymbolicTensor):
            raise TypeError(f"input_tensors must be symbolic tensors. Received: {tensor!r}")
    make = _cloned_sequential if sequential else _cloned_functional
    cloned = make(model, given, clone, call_function)
    if model.optimizer is not None:
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        metrics, weighted = copy.deepcopy(model._metric_requests)
        cloned.compile(optimizer, model.loss, model.loss_weights, metrics, weighted)
    return cloned


def model_from_json(json_string, custom_objects=None):
    """The model, not compiled, of the text that `Model.to_json` gives.

    Args:
        json_string: the text.
        custom_objects: {name: class} of classes of one's own that are not registered.

    Raises:
        ValueError: no JSON, or of no model.
    """
    with CustomObjectScope(custom_objects), reading("model", json_string):
        model = deserialize(json.loads(json_string))
    if not isinstance(model, Model):
        raise ValueError(f"The configuration of a model is expected. Received: that of {model!r}")
    return model


def _by_configuration(layer):
    return type(layer).from_config(layer.get_config())


def _cloned_sequential(model, given, clone, _):
    if given is not None and len(given) != 1:
        raise ValueError(f"A Sequential model has one input. Received: {len(given)} input_tensors")
    layers = [clone(layer) for layer in model.layers]
    source = model._input_layer
    if given is not None:
        layers.insert(0, InputLayer(batch_shape=given[0].shape, dtype=given[0].dtype, name=given[0].name))
    elif source is not None:
        layers.insert(0, _by_configuration(source))
    return type(model)(layers, name=model.name, trainable=model.trainable)


def _cloned_functional(model, given, clone, call_function):
    if given is None:
        given = [Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in model.inputs]
    if len(given) != len(model.inputs):
        raise ValueError(f"The model has {len(model.inputs)} inputs. Received: {len(given)} input_tensors")
    made = dict(zip(model.inputs, given))
    for call in model.recorded:
        inputs = [made[tensor] for tensor in call.inputs]
        keywords = {} if call.training is None else {"training": call.training}
        if call.states:
            keywords["initial_state"] = inputs[-call.states :]
            inputs = inputs[: -call.states]
        inputs = inputs if call.listed and not (call.states and len(inputs) == 1) else inputs[0]
        layer = clone(call.layer)
        outputs = call_function(layer, inputs, **keywords) if call_function else layer(inputs, **keywords)
        made.update(zip(call.outputs, structures.flatten(outputs)))
    outputs = [made[tensor] for tensor in model.outputs]
    return type(model)(
        structures.pack(model._input_structure, given),
        structures.pack(model._output_structure, outputs),
        name=model.name,
    )
