"""Metrics, by Keras's names: means over all samples seen since the last reset."""

from .. import losses, registry
from ..losses.loss import kind_by_shapes
from ..ops import classification_losses, regression_losses
from ..ops import losses as loss_functions
from .confusion import AUC, FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from .metric import Mean, MeanMetricWrapper, Metric, Sum
from .scores import F1Score, FBetaScore, R2Score
from .top_k import SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy


def accuracy(y_true, y_pred):
    """Where y_pred equals y_true, averaged over the last axis."""
    return (y_true == y_pred).mean(axis=-1)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """Where y_pred > threshold agrees with y_true, averaged over the last axis."""
    return (y_true == (y_pred > threshold)).mean(axis=-1)


def categorical_accuracy(y_true, y_pred):
    """Where the largest of y_pred is the largest of the one-hot y_true."""
    return y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)


def sparse_categorical_accuracy(y_true, y_pred):
    """Where the largest of y_pred is at the class number y_true."""
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    return y_true == y_pred.argmax(axis=-1)


class Accuracy(MeanMetricWrapper):
    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"threshold must lie in (0, 1). Received: {threshold!r}")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


def _of_loss(operation):
    return lambda y_true, y_pred, **options: operation(y_true, y_pred, **options)[0]


class MeanSquaredError(MeanMetricWrapper):
    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(_of_loss(loss_functions.mean_squared_error), name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(_of_loss(loss_functions.mean_absolute_error), name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            _of_loss(loss_functions.binary_crossentropy),
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    def __init__(
        self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1
    ):
        super().__init__(
            _of_loss(loss_functions.categorical_crossentropy),
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    def __init__(self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, axis=-1):
        super().__init__(
            _of_loss(loss_functions.sparse_categorical_crossentropy),
            name,
            dtype,
            from_logits=from_logits,
            axis=axis,
        )


class RootMeanSquaredError(MeanMetricWrapper):
    """The root of the mean of all squared errors."""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(lambda y_true, y_pred: (y_pred - y_true) ** 2, name, dtype)

    def result(self):
        return super().result() ** 0.5


class MeanAbsolutePercentageError(MeanMetricWrapper):
    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(_of_loss(regression_losses.mean_absolute_percentage_error), name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(_of_loss(regression_losses.mean_squared_logarithmic_error), name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The cosine itself, not minus it as the loss."""

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        negative = _of_loss(regression_losses.cosine_similarity)
        super().__init__(lambda *arrays, axis: -negative(*arrays, axis=axis), name, dtype, axis=axis)


class LogCoshError(MeanMetricWrapper):
    def __init__(self, name="logcosh", dtype=None):
        super().__init__(_of_loss(regression_losses.log_cosh), name, dtype)


class Poisson(MeanMetricWrapper):
    def __init__(self, name="poisson", dtype=None):
        super().__init__(_of_loss(regression_losses.poisson), name, dtype)


class KLDivergence(MeanMetricWrapper):
    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(_of_loss(regression_losses.kl_divergence), name, dtype)


class Hinge(MeanMetricWrapper):
    def __init__(self, name="hinge", dtype=None):
        super().__init__(_of_loss(classification_losses.hinge), name, dtype)


class SquaredHinge(MeanMetricWrapper):
    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(_of_loss(classification_losses.squared_hinge), name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(_of_loss(classification_losses.categorical_hinge), name, dtype)


_REGISTRY = registry.Registry(
    "metric",
    Metric,
    [
        AUC,
        Accuracy,
        CategoricalHinge,
        CosineSimilarity,
        F1Score,
        FBetaScore,
        FalseNegatives,
        FalsePositives,
        Hinge,
        KLDivergence,
        LogCoshError,
        Mean,
        MeanAbsolutePercentageError,
        MeanSquaredLogarithmicError,
        Poisson,
        Precision,
        R2Score,
        Recall,
        RootMeanSquaredError,
        SparseTopKCategoricalAccuracy,
        SquaredHinge,
        Sum,
        TopKCategoricalAccuracy,
        TrueNegatives,
        TruePositives,
        BinaryAccuracy,
        CategoricalAccuracy,
        SparseCategoricalAccuracy,
        MeanSquaredError,
        MeanAbsoluteError,
        BinaryCrossentropy,
        CategoricalCrossentropy,
        SparseCategoricalCrossentropy,
    ],
    {
        "MAE": MeanAbsoluteError,
        "MAPE": MeanAbsolutePercentageError,
        "MSE": MeanSquaredError,
        "MSLE": MeanSquaredLogarithmicError,
        "RMSE": RootMeanSquaredError,
        "kld": KLDivergence,
        "log_cosh": LogCoshError,
        "mae": MeanAbsoluteError,
        "mape": MeanAbsolutePercentageError,
        "mse": MeanSquaredError,
        "msle": MeanSquaredLogarithmicError,
        "rmse": RootMeanSquaredError,
    },
)
_BY_KIND = {  # name -> its binary, categorical and sparse forms
    "accuracy": (BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    "crossentropy": (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy),
}
_BY_KIND["acc"], _BY_KIND["ce"] = _BY_KIND["accuracy"], _BY_KIND["crossentropy"]
FORMED_BY_SHAPES = tuple(_BY_KIND)  # names whose form the shapes decide


def get(identifier):
    """The Metric of a name, an object, a config, a Loss or a function `f(y_true, y_pred)`; None stays
    None."""
    if isinstance(identifier, losses.Loss):
        return MeanMetricWrapper(
            lambda y_true, y_pred: identifier.per_sample(y_true, y_pred)[0], identifier.name
        )
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        return MeanMetricWrapper(identifier)
    return _REGISTRY.get(identifier)


def resolve(identifier, true_shape, predicted_shape):
    """As `get`; "accuracy" and "crossentropy" become their binary, categorical or sparse forms by the
    shapes."""
    forms = _BY_KIND.get(identifier) if isinstance(identifier, str) else None
    if forms is None:
        metric = get(identifier)
        if isinstance(identifier, str):
            metric.name = identifier
        return metric
    return forms[kind_by_shapes(true_shape, predicted_shape)](name=identifier)


deserialize = get
serialize = registry.serialize_object
