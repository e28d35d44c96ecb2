"""From objects to what JSON can hold, and back."""

import importlib

import numpy as np

from .. import activations, custom_objects, dtype_policies
from ..registry import serialize_object

_FAMILIES = ("layers", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers")
_PLAIN = (str, int, float, bool, type(None))


def serialize_keras_object(obj):
    """The object's configuration: of anything with `get_config`, of activations, numbers, strings, and lists,
    tuples and dicts of these.

    Raises:
        TypeError: anything else.
    """
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        return type(obj)(map(serialize_keras_object, obj))
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, activations.Activation):
        return activations.serialize(obj)
    if isinstance(obj, dtype_policies.DTypePolicy):
        return dtype_policies.serialize(obj)
    if hasattr(obj, "get_config"):
        return serialize_object(obj)
    raise TypeError(f"An object with get_config() is expected. Received: {obj!r}")


def deserialize_keras_object(config, custom_objects=None):
    """The object of a configuration by `serialize_keras_object`; numbers and strings stay.

    Args:
        config: the configuration.
        custom_objects: {name: class} of classes of one's own that are not registered.

    Raises:
        ValueError: an unknown class.
    """
    with _scope(custom_objects):
        return _made(config)


def _scope(names):
    return custom_objects.CustomObjectScope(names)


def _made(config):
    if isinstance(config, (list, tuple)):
        return type(config)(map(_made, config))
    if not isinstance(config, dict):
        return config
    if not {"class_name", "config"} <= set(config):
        return {key: _made(value) for key, value in config.items()}
    custom = custom_objects.of_node(config)
    if custom is not None:
        return custom.from_config(config["config"]) if hasattr(custom, "from_config") else custom
    if config["class_name"] == "function":
        return activations.get(config)
    if config["class_name"] in ("DTypePolicy", "FloatDTypePolicy"):
        return dtype_policies.get(config)
    parts = str(config.get("module")).split(".")
    family = next((part for part in parts if part in _FAMILIES), "layers")
    package = __name__.split(".")[0]
    if family == "layers":
        importlib.import_module(f"{package}.models")  # which stand among layers
    if "schedules" in parts or "learning_rate_schedule" in parts:
        family = "optimizers.schedules"
    return importlib.import_module(f"{package}.{family}").deserialize(config)
