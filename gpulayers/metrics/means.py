"""Metrics that are means of a function's values."""

from .. import losses
from ..arguments import count, flag, real, share
from ..losses.classification import checked_class
from ..losses.loss import checked_axis
from ..losses.weights import as_array
from ..ops import arrays
from . import functions
from .metric import Mean, MeanMetricWrapper


class Accuracy(MeanMetricWrapper):
    """Where y_pred equals y_true."""

    direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(functions.accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Where y_pred > threshold agrees with y_true."""

    direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(functions.binary_accuracy, name, dtype, threshold=real(threshold, "threshold"))


class CategoricalAccuracy(MeanMetricWrapper):
    """Where the largest of y_pred is the largest of the one-hot y_true."""

    direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(functions.categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Where the largest of y_pred is at the class number y_true."""

    direction = "up"

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(functions.sparse_categorical_accuracy, name, dtype)


class MeanSquaredError(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The cosine itself, not minus it as the loss."""

    direction = "up"

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(functions.cosine_similarity, name, dtype, axis=checked_axis(axis))


class LogCoshError(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(losses.log_cosh, name, dtype)


class Poisson(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="poisson", dtype=None):
        super().__init__(losses.poisson, name, dtype)


class KLDivergence(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(losses.kl_divergence, name, dtype)


class Hinge(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(losses.categorical_hinge, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=flag(from_logits, "from_logits"),
            label_smoothing=share(label_smoothing, "label_smoothing", closed=True),
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """See `losses`."""

    direction = "down"

    def __init__(
        self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1
    ):
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=flag(from_logits, "from_logits"),
            label_smoothing=share(label_smoothing, "label_smoothing", closed=True),
            axis=checked_axis(axis),
        )


class PearsonCorrelation(MeanMetricWrapper):
    """The covariance over `axis` by both standard deviations."""

    direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(functions.pearson_correlation, name, dtype, axis=checked_axis(axis))


class ConcordanceCorrelation(MeanMetricWrapper):
    """2 cov / (var + var + (mean - mean)^2) over `axis` (Lin 1989)."""

    direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(functions.concordance_correlation, name, dtype, axis=checked_axis(axis))


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Where fewer than k of y_pred are above the one at the largest of the one-hot y_true."""

    direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(functions.top_k_categorical_accuracy, name, dtype, k=count(k, "k", 1))


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Where fewer than k of y_pred are above the one at the class number y_true; from_sorted_ids: y_pred
    holds class numbers, the likeliest first."""

    direction = "up"

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        sorted_ids = {"from_sorted_ids": True} if flag(from_sorted_ids, "from_sorted_ids") else {}
        function = functions.sparse_top_k_categorical_accuracy
        super().__init__(function, name, dtype, k=count(k, "k", 1), **sorted_ids)
        self.k, self.from_sorted_ids = k, bool(from_sorted_ids)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """See `losses`. As in Keras samples of ignore_class count as 0, and with sample weights not at all."""

    direction = "down"

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        options = {
            "from_logits": flag(from_logits, "from_logits"),
            "ignore_class": checked_class(ignore_class),
            "axis": checked_axis(axis),
        }
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **options)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        ignored = self.keywords["ignore_class"]
        values = self.fn(y_true, y_pred, **self.keywords)
        if ignored is not None and (sample_weight is not None or mask is not None):
            labels = as_array(y_true, arrays.device_of(values))
            kept = (labels != ignored).reshape(values.shape)
            mask = kept if mask is None else kept & as_array(mask, arrays.device_of(values)).astype(bool)
        self.take(values, sample_weight, mask)


class RootMeanSquaredError(Mean):
    """The root of the mean of all squared errors."""

    direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred = functions.same_shapes(y_true, y_pred)
        self.take((y_pred - y_true) ** 2, sample_weight, mask)

    def result(self):
        return super().result() ** 0.5
