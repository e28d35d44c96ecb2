"""Losses of regression and of distributions."""

from ..arguments import number
from ..ops import losses, regression_losses
from .loss import Loss, checked_axis

_MEAN = "sum_over_batch_size"


class MeanSquaredError(Loss):
    """mean((y_pred - y_true)^2)."""

    operation = staticmethod(losses.mean_squared_error)

    def __init__(self, reduction=_MEAN, name="mean_squared_error", dtype=None):
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(Loss):
    """mean(|y_pred - y_true|)."""

    operation = staticmethod(losses.mean_absolute_error)

    def __init__(self, reduction=_MEAN, name="mean_absolute_error", dtype=None):
        super().__init__(name, reduction, dtype)


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
        self.axis = checked_axis(axis)


class Huber(Loss):
    """Squared for errors up to delta, linear beyond."""

    operation = staticmethod(regression_losses.huber)
    options = ("delta",)

    def __init__(self, delta=1.0, reduction=_MEAN, name="huber_loss", dtype=None):
        super().__init__(name, reduction, dtype)
        self.delta = number(delta, "delta")


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
