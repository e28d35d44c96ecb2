"""Losses of regression, of distributions, the hinge family, and the focal crossentropies."""

from ..ops import classification_losses, regression_losses
from .loss import Loss

_MEAN = "sum_over_batch_size"


class MeanAbsolutePercentageError(Loss):
    """100 * mean(|y_pred - y_true| / |y_true|)."""

    operation = staticmethod(regression_losses.mean_absolute_percentage_error)

    def __init__(self, reduction=_MEAN, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(Loss):
    """mean((log(y_pred + 1) - log(y_true + 1))^2)."""

    operation = staticmethod(regression_losses.mean_squared_logarithmic_error)

    def __init__(self, reduction=_MEAN, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(name, reduction, dtype)


class CosineSimilarity(Loss):
    """Minus the cosine between y_true and y_pred along `axis`."""

    operation = staticmethod(regression_losses.cosine_similarity)
    options = ("axis",)

    def __init__(self, axis=-1, reduction=_MEAN, name="cosine_similarity", dtype=None):
        super().__init__(name, reduction, dtype)
        self.axis = axis


class Huber(Loss):
    """Squared for errors up to delta, linear beyond."""

    operation = staticmethod(regression_losses.huber)
    options = ("delta",)

    def __init__(self, delta=1.0, reduction=_MEAN, name="huber_loss", dtype=None):
        super().__init__(name, reduction, dtype)
        self.delta = delta


class LogCosh(Loss):
    """mean(log(cosh(y_pred - y_true)))."""

    operation = staticmethod(regression_losses.log_cosh)

    def __init__(self, reduction=_MEAN, name="log_cosh", dtype=None):
        super().__init__(name, reduction, dtype)


class Poisson(Loss):
    """mean(y_pred - y_true log(y_pred))."""

    operation = staticmethod(regression_losses.poisson)

    def __init__(self, reduction=_MEAN, name="poisson", dtype=None):
        super().__init__(name, reduction, dtype)


class KLDivergence(Loss):
    """sum(y_true log(y_true / y_pred))."""

    operation = staticmethod(regression_losses.kl_divergence)

    def __init__(self, reduction=_MEAN, name="kl_divergence", dtype=None):
        super().__init__(name, reduction, dtype)


class Hinge(Loss):
    """mean(max(1 - y_true y_pred, 0)), labels -1 and 1 or 0 and 1."""

    operation = staticmethod(classification_losses.hinge)

    def __init__(self, reduction=_MEAN, name="hinge", dtype=None):
        super().__init__(name, reduction, dtype)


class SquaredHinge(Loss):
    """mean(max(1 - y_true y_pred, 0)^2), labels -1 and 1 or 0 and 1."""

    operation = staticmethod(classification_losses.squared_hinge)

    def __init__(self, reduction=_MEAN, name="squared_hinge", dtype=None):
        super().__init__(name, reduction, dtype)


class CategoricalHinge(Loss):
    """max(largest of the other classes - that of the label + 1, 0)."""

    operation = staticmethod(classification_losses.categorical_hinge)

    def __init__(self, reduction=_MEAN, name="categorical_hinge", dtype=None):
        super().__init__(name, reduction, dtype)


class BinaryFocalCrossentropy(Loss):
    """Binary crossentropy times (1 - p_t)^gamma; see `ops.classification_losses`."""

    operation = staticmethod(classification_losses.binary_focal_crossentropy)
    options = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=_MEAN,
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        if axis != -1:
            raise ValueError(f"axis must be -1. Received: {axis!r}")
        self.apply_class_balancing, self.alpha, self.gamma = apply_class_balancing, alpha, gamma
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class CategoricalFocalCrossentropy(Loss):
    """Categorical crossentropy with each class's term times alpha (1 - p)^gamma."""

    operation = staticmethod(classification_losses.categorical_focal_crossentropy)
    options = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=_MEAN,
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.alpha, self.gamma, self.from_logits = alpha, gamma, from_logits
        self.label_smoothing, self.axis = label_smoothing, axis


CLASSES = [
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    CosineSimilarity,
    Huber,
    LogCosh,
    Poisson,
    KLDivergence,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
]
ALIASES = {
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "logcosh": LogCosh,
}
