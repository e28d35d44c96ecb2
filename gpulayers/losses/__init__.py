"""Losses, by Keras's names."""

import functools
import inspect

from .. import registry
from ..ops import arrays, classification_losses, overlap_losses, regression_losses
from ..ops import ctc as ctc_losses
from ..ops import losses as basic_losses
from .classification import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Hinge,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from .loss import FunctionLoss, Loss, kind_by_shapes
from .overlap import CTC, Circle, Dice, Tversky
from .regression import (
    CosineSimilarity,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
)
from .weights import as_array


def _function(operation, kind):
    """The values alone of an operation that gives them with their backward; the class `kind` checks the
    options."""
    signature = inspect.signature(operation)

    @functools.wraps(operation)
    def loss(y_true, y_pred, *arguments, **options):
        y_true, y_pred = Loss.prepared(y_true, y_pred)
        if arguments or options:
            given = signature.bind(y_true, y_pred, *arguments, **options).arguments
            options = {name: given[name] for name in list(given)[2:]}
            checked = kind(**{name: value for name, value in options.items() if name in kind.options})
            for name, value in options.items():
                if name in kind.options:
                    options[name] = getattr(checked, name)
                elif value is not None:
                    options[name] = as_array(value, arrays.device_of(y_pred), name)
        return operation(y_true, y_pred, **options)[0]

    loss.__module__, loss.__doc__ = __name__, f"One value a sample: {operation.__doc__}"
    return loss


binary_crossentropy = _function(basic_losses.binary_crossentropy, BinaryCrossentropy)
binary_focal_crossentropy = _function(
    classification_losses.binary_focal_crossentropy, BinaryFocalCrossentropy
)
categorical_crossentropy = _function(basic_losses.categorical_crossentropy, CategoricalCrossentropy)
categorical_focal_crossentropy = _function(
    classification_losses.categorical_focal_crossentropy, CategoricalFocalCrossentropy
)
categorical_generalized_cross_entropy = _function(
    classification_losses.categorical_generalized_cross_entropy, CategoricalGeneralizedCrossEntropy
)
categorical_hinge = _function(classification_losses.categorical_hinge, CategoricalHinge)
circle = _function(overlap_losses.circle, Circle)
cosine_similarity = _function(regression_losses.cosine_similarity, CosineSimilarity)
ctc = _function(ctc_losses.ctc, CTC)
dice = _function(overlap_losses.dice, Dice)
hinge = _function(classification_losses.hinge, Hinge)
huber = _function(regression_losses.huber, Huber)
kl_divergence = _function(regression_losses.kl_divergence, KLDivergence)
log_cosh = _function(regression_losses.log_cosh, LogCosh)
mean_absolute_error = _function(basic_losses.mean_absolute_error, MeanAbsoluteError)
mean_absolute_percentage_error = _function(
    regression_losses.mean_absolute_percentage_error, MeanAbsolutePercentageError
)
mean_squared_error = _function(basic_losses.mean_squared_error, MeanSquaredError)
mean_squared_logarithmic_error = _function(
    regression_losses.mean_squared_logarithmic_error, MeanSquaredLogarithmicError
)
poisson = _function(regression_losses.poisson, Poisson)
sparse_categorical_crossentropy = _function(
    basic_losses.sparse_categorical_crossentropy, SparseCategoricalCrossentropy
)
squared_hinge = _function(classification_losses.squared_hinge, SquaredHinge)
tversky = _function(overlap_losses.tversky, Tversky)

_CLASSES = {  # class -> its function
    BinaryCrossentropy: binary_crossentropy,
    BinaryFocalCrossentropy: binary_focal_crossentropy,
    CTC: ctc,
    CategoricalCrossentropy: categorical_crossentropy,
    CategoricalFocalCrossentropy: categorical_focal_crossentropy,
    CategoricalGeneralizedCrossEntropy: categorical_generalized_cross_entropy,
    CategoricalHinge: categorical_hinge,
    Circle: circle,
    CosineSimilarity: cosine_similarity,
    Dice: dice,
    Hinge: hinge,
    Huber: huber,
    KLDivergence: kl_divergence,
    LogCosh: log_cosh,
    MeanAbsoluteError: mean_absolute_error,
    MeanAbsolutePercentageError: mean_absolute_percentage_error,
    MeanSquaredError: mean_squared_error,
    MeanSquaredLogarithmicError: mean_squared_logarithmic_error,
    Poisson: poisson,
    SparseCategoricalCrossentropy: sparse_categorical_crossentropy,
    SquaredHinge: squared_hinge,
    Tversky: tversky,
}
ALIASES = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "logcosh": LogCosh,
}
ALIASES |= {name.upper(): kind for name, kind in ALIASES.items() if name != "logcosh"}
_FUNCTIONS = {function.__name__: function for function in _CLASSES.values()}
_BY_NAME = _FUNCTIONS | {name: _CLASSES[kind] for name, kind in ALIASES.items()}
_REGISTRY = registry.Registry(
    "loss", Loss, list(_CLASSES), {function.__name__: kind for kind, function in _CLASSES.items()} | ALIASES
)


def get(identifier):
    """As Keras's: the function, one value a sample, of a function's name; a function as it is; the Loss of a
    class's name, of a configuration or of an object; None stays None.

    Raises:
        ValueError: anything else.
    """
    identifier = _name_in(identifier)
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    return (
        _BY_NAME[identifier]
        if isinstance(identifier, str) and identifier in _BY_NAME
        else as_loss(identifier)
    )


def _name_in(identifier):
    """The name in the configuration of one of this module's functions; anything else as it is."""
    if isinstance(identifier, dict) and identifier.get("class_name") == "function":
        name = identifier.get("config")
        return name if isinstance(name, str) and name in _FUNCTIONS else identifier
    return identifier


def as_loss(identifier):
    """The Loss of a name, an object, a class, a config or a function; None stays None.

    Args:
        identifier: besides names and Losses also one of this module's functions, or a function of one's own,
            `f(y_true, y_pred)`, which returns (values, backward) as `Loss.per_sample` does.

    Raises:
        ValueError: anything else.
    """
    identifier = _name_in(identifier)
    if callable(identifier) and not isinstance(identifier, (type, Loss)):
        name = getattr(identifier, "__name__", None)
        if _FUNCTIONS.get(name) is not identifier:
            return FunctionLoss(identifier)
        identifier = name
    return _REGISTRY.get(identifier)


def formed_by_shapes(identifier):
    """Whether it is a name whose form the shapes decide."""
    return isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce")


def resolve(identifier, true_shape, predicted_shape):
    """As `get`; "crossentropy" becomes its binary, categorical or sparse form by the shapes."""
    if formed_by_shapes(identifier):
        forms = (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy)
        return forms[kind_by_shapes(true_shape, predicted_shape)]()
    return as_loss(identifier)


deserialize = registry.deserializer(get)


def serialize(loss):
    """The configuration of a Loss; that of one of the functions here names it, as in Keras; None stays."""
    name = getattr(loss, "__name__", None)
    if name is None or _FUNCTIONS.get(name) is not loss:
        return registry.serialize_object(loss)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CTC",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]
