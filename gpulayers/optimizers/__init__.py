"""Optimizers, by Keras's names."""

from ..registry import Registry, deserializer, serialize_object
from . import schedules
from .adam import Adam, AdamW
from .adam_variants import Adamax, Lion, Nadam, ScheduleFreeAdamW
from .adaptive import Adadelta, Adagrad, Ftrl
from .lazy import LazyAdam, RowWiseAdagrad
from .loss_scale import LossScaleOptimizer
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD
from .whole_variables import Adafactor, Lamb, Muon

_CLASSES = [SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Nadam, Adamax, Lion, Ftrl, ScheduleFreeAdamW, Lamb]
_CLASSES += [Adafactor, Muon, LossScaleOptimizer, LazyAdam, RowWiseAdagrad]
_REGISTRY = Registry("optimizer", Optimizer, _CLASSES)


def get(identifier):
    """The Optimizer of a name, an object, a class or a config.

    Raises:
        ValueError: anything else.
    """
    return _REGISTRY.get(identifier)


deserialize = deserializer(get)
serialize = serialize_object

__all__ = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "LazyAdam",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "RowWiseAdagrad",
    "SGD",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
