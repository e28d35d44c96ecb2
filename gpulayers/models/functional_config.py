"""Configurations of functional models, in the form of Keras's files."""

from .. import dtype_policies
from ..custom_objects import CustomObjectScope
from . import structures

_ENDS = ("input_layers", "output_layers")


def config_of(model):
    """The configuration of a Functional."""
    from ..layers import serialize

    numbers = {}  # call -> its number among the calls of its layer in this model
    for layer in model.layers:
        own = [call for call in model.recorded if call.layer is layer] or layer.calls[:1]
        numbers |= {call: number for number, call in enumerate(own)}

    def place(tensor):
        return [tensor.layer.name, numbers[tensor.call], tensor.index]

    def end(tensor):
        name, number, index = place(tensor)
        return [name, number + _shift(tensor.layer), index]

    def node(tensor):
        config = {"shape": list(tensor.shape), "dtype": tensor.dtype, "keras_history": place(tensor)}
        return {"class_name": "__keras_tensor__", "config": config}

    nodes = []
    for layer in model.layers:
        inbound = []
        for call in (call for call in model.recorded if call.layer is layer):
            inputs = [node(tensor) for tensor in call.inputs[: len(call.inputs) - call.states]]
            keywords = {} if call.training is None else {"training": call.training}
            if call.states:
                keywords["initial_state"] = [node(tensor) for tensor in call.inputs[-call.states :]]
            as_list = call.listed and (not call.states or len(inputs) > 1)
            inbound.append({"args": [inputs if as_list else inputs[0]], "kwargs": keywords})
        nodes.append(serialize(layer) | {"name": layer.name, "inbound_nodes": inbound})
    config = {"name": model.name, "trainable": model.trainable, "layers": nodes}
    config["dtype"] = dtype_policies.serialize(model.dtype_policy)  # which Keras leaves out, and ignores
    config["input_layers"] = structures.pack(model._input_structure, map(end, model.inputs))
    config["output_layers"] = structures.pack(model._output_structure, map(end, model.outputs))
    return config


def from_config(cls, config, custom_objects=None):
    """The model of a configuration.

    Raises:
        ValueError: unknown layers, or nodes whose inputs are never made.
    """
    from ..layers import deserialize

    # Keras's files have nodes for the operations that make masks, which flow by themselves here.
    nodes = [node for node in config["layers"] if not str(node.get("module")).startswith("keras.src.ops")]
    with CustomObjectScope(custom_objects):
        layers = {node["name"]: deserialize(node) for node in nodes}
    made = {}  # (name, number of the call) -> its outputs
    waiting = [
        (node["name"], number, inbound)
        for node in nodes
        for number, inbound in enumerate(node.get("inbound_nodes", ()))
    ]
    for name, layer in layers.items():
        if type(layer).__name__ == "InputLayer":
            made[name, 0] = layer.calls[0].outputs

    def tensor(place):
        name, number, index = place
        return made[name, number][index]

    def filled(value):
        if isinstance(value, dict):
            return tensor(value["config"]["keras_history"])
        return [filled(part) for part in value] if isinstance(value, (list, tuple)) else value

    while waiting:
        left = []
        for name, number, inbound in waiting:
            ready = number == 0 or (name, number - 1) in made
            keywords = {key: value for key, value in inbound.get("kwargs", {}).items() if key != "mask"}
            if ready and all(tuple(place[:2]) in made for place in _places([inbound["args"], keywords])):
                keywords = {key: filled(value) for key, value in keywords.items() if value is not None}
                outputs = layers[name](*map(filled, inbound["args"]), **keywords)
                made[name, number] = structures.flatten(outputs)
            else:
                left.append((name, number, inbound))
        if len(left) == len(waiting):
            raise ValueError(f"The nodes' inputs are never made. Received: {[name for name, *_ in left]}")
        waiting = left

    def end(place):
        name, number, index = place
        return tensor([name, number - _shift(layers[name]), index])

    ends = [_structure(config[key], end) for key in _ENDS]
    # The rest are arguments of a class of one's own.
    arguments = {key: value for key, value in config.items() if key not in ("layers", *_ENDS)}
    return cls(*ends, **arguments)


def _shift(layer):
    """What Keras adds to the number of a layer's call among a model's inputs and outputs: it counts a
    functional model's own graph there."""
    return 1 if type(layer).__name__ == "Functional" else 0


def _places(value):
    """The places of all tensors in a node."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [value["config"]["keras_history"]]
        value = list(value.values())
    return [place for part in value for place in _places(part)] if isinstance(value, (list, tuple)) else []


def _structure(places, tensor):
    if isinstance(places, dict) and places.get("class_name") == "__tuple__":
        places = tuple(places["items"])
    if isinstance(places, dict):
        return {key: _structure(place, tensor) for key, place in places.items()}
    if places and isinstance(places[0], str):
        return tensor(places)
    return type(places)(_structure(place, tensor) for place in places)
