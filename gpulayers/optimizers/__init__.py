"""Optimizers, by Keras's names."""

from ..registry import Registry, serialize_object
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

_REGISTRY = Registry("optimizer", Optimizer, [SGD, Adam, AdamW, RMSprop])


def get(identifier):
    """The Optimizer of a name, an object, a class or a config.

    Raises:
        ValueError: anything else.
    """
    return _REGISTRY.get(identifier)


deserialize = get
serialize = serialize_object
