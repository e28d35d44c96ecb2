"""Models: graphs of layers that train."""

from ..layers import add_classes
from .cloning import clone_model, model_from_json
from .functional import Functional
from .model import Model
from .sequential import Sequential

add_classes({"Functional": Functional, "Model": Functional, "Sequential": Sequential})

__all__ = ["Functional", "Model", "Sequential", "clone_model", "model_from_json"]
