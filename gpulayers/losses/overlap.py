"""Losses of overlapping regions, of embeddings and of sequences."""

from ..arguments import flag, number
from ..ops import ctc, overlap_losses
from .loss import Loss, checked_axis

_MEAN = "sum_over_batch_size"


class Dice(Loss):
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)) over `axis`: an axis, several, None for all."""

    operation = staticmethod(overlap_losses.dice)
    options = ("axis",)

    def __init__(self, reduction=_MEAN, name="dice", axis=None, dtype=None):
        super().__init__(name, reduction, dtype)
        self.axis = checked_axis(axis)


class Tversky(Loss):
    """Dice with weights alpha and beta of what is missed and of what is in excess (Salehi et al. 2017)."""

    operation = staticmethod(overlap_losses.tversky)
    options = ("alpha", "beta", "axis")

    def __init__(self, alpha=0.5, beta=0.5, reduction=_MEAN, name="tversky", axis=None, dtype=None):
        super().__init__(name, reduction, dtype)
        self.alpha = number(alpha, "alpha")
        self.beta = number(beta, "beta")
        self.axis = checked_axis(axis)


class Circle(Loss):
    """Distances of embeddings of length 1 by class numbers; see `ops.overlap_losses.circle`. Samples without
    a loss do not count."""

    operation = staticmethod(overlap_losses.circle)
    options = ("gamma", "margin", "remove_diagonal")

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction=_MEAN,
        name="circle",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.gamma = number(gamma, "gamma")
        self.margin = number(margin, "margin")
        self.remove_diagonal = flag(remove_diagonal, "remove_diagonal")

    def kept(self, y_true, values):
        return values > 0


class CTC(Loss):
    """Connectionist temporal classification, of logits of steps and class numbers; see `ops.ctc`."""

    operation = staticmethod(ctc.ctc)

    def __init__(self, reduction=_MEAN, name="ctc", dtype=None):
        super().__init__(name, reduction, dtype)
