"""Optimizers, by Keras's names."""

from ..registry import Registry, serialize_object
from . import schedules
from .adam import Adam, AdamW
from .adam_variants import Adamax, Lion, Nadam
from .adaptive import Adadelta, Adagrad, Ftrl
from .loss_scale import LossScaleOptimizer
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

_REGISTRY = Registry(
    "optimizer",
    Optimizer,
    [SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Nadam, Adamax, Lion, Ftrl, LossScaleOptimizer],
)


def get(identifier):
    """The Optimizer of a name, an object, a class or a config.

    Raises:
        ValueError: anything else.
    """
    return _REGISTRY.get(identifier)


deserialize = get
serialize = serialize_object

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "SGD",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
