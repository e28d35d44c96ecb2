"""F scores and the coefficient of determination."""

import math
import warnings

import numpy as np

from .. import config
from ..arguments import count
from ..ops import arrays
from .confusion import gathered, prepared
from .metric import Metric


class FBetaScore(Metric):
    """(1 + beta^2) * precision * recall / (beta^2 * precision + recall) of each class.

    Args:
        average: None (a number a class), "micro", "macro" or "weighted" (by the classes' positives).
        beta: weight of the recall.
        threshold: above which a class is chosen; None: the largest is.
    """

    direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        if not (average is None or isinstance(average, str) and average in ("micro", "macro", "weighted")):
            raise ValueError(f"average must be None, 'micro', 'macro' or 'weighted'. Received: {average!r}")
        if not isinstance(beta, float) or not 0 < beta < math.inf:
            raise ValueError(f"beta must be a float above 0. Received: {beta!r}")
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(f"threshold must be a float in (0, 1]. Received: {threshold!r}")
        self.average, self.beta, self.threshold = average, beta, threshold
        super().__init__(dtype, name)
        self.reset_state()

    def reset_state(self):
        self.found = self.chosen = self.positive = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        if y_pred.ndim != 2:
            raise ValueError(f"{self.name} takes arrays (samples, classes). Received: {y_pred.shape}")
        if self.threshold is None:
            picked = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (abs(y_pred) > 1e-9)
        else:
            picked = y_pred > self.threshold
        axis = None if self.average == "micro" else 0
        self.found = gathered(self, self.found, (picked * y_true * weight).sum(axis=axis))
        self.chosen = self.chosen + (picked * weight).sum(axis=axis)
        self.positive = self.positive + (y_true * weight).sum(axis=axis)

    def result(self):
        found, chosen, positive = (
            np.asarray(arrays.to_numpy(part)) for part in (self.found, self.chosen, self.positive)
        )
        precision, recall = found / (chosen + config.epsilon()), found / (positive + config.epsilon())
        square = self.beta**2
        score = (1 + square) * precision * recall / (precision * square + recall + config.epsilon())
        if self.average == "macro":
            return float(score.mean())
        if self.average == "weighted":
            return float((score * positive / (positive.sum() + config.epsilon())).sum())
        return score if score.ndim else float(score)

    def get_config(self):
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return super().get_config() | own


class F1Score(FBetaScore):
    """The FBetaScore with beta 1."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self):
        config = super().get_config()
        config.pop("beta")
        return config


class R2Score(Metric):
    """1 - squared errors / squared deviations from the mean, of each output.

    Args:
        class_aggregation: "uniform_average", "variance_weighted_average" or None (a number an output).
        num_regressors: above 0: the score is adjusted for that many inputs.
    """

    direction = "up"

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        named = class_aggregation is None or isinstance(class_aggregation, str)
        if not named or class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "class_aggregation must be None, 'uniform_average' or 'variance_weighted_average'. "
                f"Received: {class_aggregation!r}"
            )
        self.class_aggregation, self.num_regressors = (
            class_aggregation,
            count(num_regressors, "num_regressors", 0),
        )
        super().__init__(dtype, name)
        self.reset_state()

    def reset_state(self):
        self.squares = self.total = self.errors = self.count = 0.0
        self.elements = 0

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        if y_pred.ndim != 2:
            raise ValueError(f"{self.name} takes arrays (samples, outputs). Received: {y_pred.shape}")
        weighted = y_true * weight
        self.total = gathered(self, self.total, weighted.sum(axis=0))
        self.squares = self.squares + (weighted * y_true).sum(axis=0)
        self.errors = self.errors + (weight * (y_true - y_pred) ** 2).sum(axis=0)
        self.count = self.count + weight.sum(axis=0)
        self.elements += y_true.size  # which Keras corrects by, several outputs or not

    def result(self):
        total, squares, errors, count = (
            np.asarray(arrays.to_numpy(part), np.float64)
            for part in (self.total, self.squares, self.errors, self.count)
        )
        if not self.elements:
            return 0.0
        deviations = squares - total * (total / count)
        score = np.where(deviations == 0, 0.0, 1 - errors / np.where(deviations == 0, 1.0, deviations))
        if self.class_aggregation == "uniform_average":
            score = score.mean()
        elif self.class_aggregation == "variance_weighted_average":
            score = (score * deviations).sum() / deviations.sum()
        regressors, left = self.num_regressors, self.elements - self.num_regressors - 1
        if regressors and left > 0:
            score = 1 - (1 - score) * (self.elements - 1) / left
        elif regressors:
            warnings.warn(f"{self.elements} values are too few for {regressors} regressors", stacklevel=2)
        return score if np.ndim(score) else float(score)

    def get_config(self):
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return super().get_config() | own
