"""Losses, by Keras's names."""

from .. import registry
from ..ops import classification_losses, regression_losses
from ..ops import losses as functions
from .further import (
    ALIASES,
    CLASSES,
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Poisson,
    SquaredHinge,
)
from .loss import Loss, kind_by_shapes


class MeanSquaredError(Loss):
    """mean((y_pred - y_true)^2)."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def per_sample(self, y_true, y_pred):
        return functions.mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(Loss):
    """mean(|y_pred - y_true|)."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(name, reduction, dtype)

    def per_sample(self, y_true, y_pred):
        return functions.mean_absolute_error(y_true, y_pred)


def _checked_smoothing(label_smoothing):
    if (
        isinstance(label_smoothing, bool)
        or not isinstance(label_smoothing, (int, float))
        or not 0 <= label_smoothing <= 1
    ):
        raise ValueError(f"label_smoothing must be a number in [0, 1]. Received: {label_smoothing!r}")
    return label_smoothing


class BinaryCrossentropy(Loss):
    """Crossentropy of probabilities (or logits) of independent yes-or-no outcomes.

    Args:
        from_logits: y_pred holds logits, not probabilities.
        label_smoothing: draws the labels towards 1/2 by this share.
        axis: of the outcomes that are averaged; the last.
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        if axis != -1:
            raise ValueError(f"axis must be -1. Received: {axis!r}")
        self.from_logits, self.axis = bool(from_logits), axis
        self.label_smoothing = _checked_smoothing(label_smoothing)

    def per_sample(self, y_true, y_pred):
        return functions.binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing)


class CategoricalCrossentropy(Loss):
    """Crossentropy of one-hot (or soft) labels.

    Args:
        from_logits: y_pred holds logits, not probabilities.
        label_smoothing: draws the labels towards equal shares by this share.
        axis: of the classes.
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits, self.axis = bool(from_logits), axis
        self.label_smoothing = _checked_smoothing(label_smoothing)

    def per_sample(self, y_true, y_pred):
        return functions.categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )


class SparseCategoricalCrossentropy(Loss):
    """Crossentropy of class numbers.

    Args:
        from_logits: y_pred holds logits, not probabilities.
        ignore_class: a class number whose samples do not count.
        axis: of the classes.
    """

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits, self.ignore_class, self.axis = bool(from_logits), ignore_class, axis

    def kept(self, y_true):
        return None if self.ignore_class is None else y_true != self.ignore_class

    def per_sample(self, y_true, y_pred):
        return functions.sparse_categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.ignore_class, self.axis
        )


def _function(operation):
    def loss(y_true, y_pred, **options):
        y_true, y_pred = Loss.prepared(y_true, y_pred)
        return operation(y_true, y_pred, **options)[0]

    loss.__name__ = loss.__qualname__ = operation.__name__
    loss.__doc__ = f"One value a sample: {operation.__doc__}"
    return loss


mean_squared_error = _function(functions.mean_squared_error)
mean_absolute_error = _function(functions.mean_absolute_error)
binary_crossentropy = _function(functions.binary_crossentropy)
categorical_crossentropy = _function(functions.categorical_crossentropy)
sparse_categorical_crossentropy = _function(functions.sparse_categorical_crossentropy)
mean_absolute_percentage_error = _function(regression_losses.mean_absolute_percentage_error)
mean_squared_logarithmic_error = _function(regression_losses.mean_squared_logarithmic_error)
cosine_similarity = _function(regression_losses.cosine_similarity)
huber = _function(regression_losses.huber)
log_cosh = _function(regression_losses.log_cosh)
poisson = _function(regression_losses.poisson)
kl_divergence = _function(regression_losses.kl_divergence)
hinge = _function(classification_losses.hinge)
squared_hinge = _function(classification_losses.squared_hinge)
categorical_hinge = _function(classification_losses.categorical_hinge)
binary_focal_crossentropy = _function(classification_losses.binary_focal_crossentropy)
categorical_focal_crossentropy = _function(classification_losses.categorical_focal_crossentropy)

_CLASSES = [
    *CLASSES,
    MeanSquaredError,
    MeanAbsoluteError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
]
_REGISTRY = registry.Registry(
    "loss",
    Loss,
    _CLASSES,
    {
        **ALIASES,
        "mse": MeanSquaredError,
        "MSE": MeanSquaredError,
        "mae": MeanAbsoluteError,
        "MAE": MeanAbsoluteError,
        "bce": BinaryCrossentropy,
        "BCE": BinaryCrossentropy,
    },
)


def get(identifier):
    """The Loss of a name, an object, a class, a config or one of this module's functions; None stays None.

    Raises:
        ValueError: anything else; a loss of one's own is a subclass of Loss, which knows its gradient.
    """
    if callable(identifier) and identifier in (globals().get(getattr(identifier, "__name__", "")),):
        identifier = identifier.__name__ if not isinstance(identifier, type) else identifier
    return _REGISTRY.get(identifier)


def resolve(identifier, true_shape, predicted_shape):
    """As `get`; "crossentropy" becomes its binary, categorical or sparse form by the shapes."""
    if identifier in ("crossentropy", "ce"):
        forms = (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy)
        return forms[kind_by_shapes(true_shape, predicted_shape)]()
    return get(identifier)


deserialize = get
serialize = registry.serialize_object

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
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
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
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
]
