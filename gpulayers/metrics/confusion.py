"""Counts of right and wrong decisions, and what is made of them."""

import numpy as np

from ..losses.loss import Loss
from ..losses.weights import as_array, masked_weight, weights_like
from ..ops import arrays
from ..ops.activations import sigmoid
from .metric import Metric

EPSILON = 1e-7


def prepared(y_true, y_pred, sample_weight, mask, wanted=None):
    """(labels, predictions, weights of their shape) in float64, on the device of the predictions."""
    y_true, y_pred = Loss.prepared(y_true, y_pred)
    xp = arrays.array_module(y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(f"y_true must have the shape {y_pred.shape} of y_pred. Received: {y_true.shape}")
    y_true, y_pred = y_true.astype(np.float64), y_pred.astype(np.float64)
    weight = None if sample_weight is None else as_array(sample_weight, arrays.device_of(y_pred))
    if mask is not None:
        weight = masked_weight(weight, mask, xp, y_pred.dtype, False)
    if weight is None:
        return y_true, y_pred, xp.ones(y_pred.shape)
    return y_true, y_pred, weights_like(y_pred, weight.astype(np.float64))


class _Counts(Metric):
    """Weighted counts of true and false positives and negatives, one a threshold."""

    def reset_state(self):
        self.true_positives = self.false_positives = self.true_negatives = self.false_negatives = 0.0

    def _count(self, y_true, y_pred, weight, thresholds):
        xp = arrays.array_module(y_pred)
        levels = arrays.device_of(y_pred).asarray(np.asarray(thresholds, np.float64))
        label, weight = (y_true > 0).reshape(-1), weight.reshape(-1)
        chosen = y_pred.reshape(-1)[None, :] > levels[:, None]
        positive, negative = weight * label, weight * ~label
        right = (chosen * positive).sum(axis=1)
        wrong = (chosen * negative).sum(axis=1)
        self.true_positives = self.true_positives + right
        self.false_positives = self.false_positives + wrong
        self.false_negatives = self.false_negatives + xp.maximum(positive.sum() - right, 0)
        self.true_negatives = self.true_negatives + xp.maximum(negative.sum() - wrong, 0)

    def _counted(self, name):
        value = arrays.to_numpy(getattr(self, name))
        return np.broadcast_to(value, (len(self.levels),)).astype(np.float64)


def _levels(thresholds, default=0.5):
    levels = [default] if thresholds is None else np.ravel(thresholds).tolist()
    if not levels or any(not 0 <= level <= 1 for level in levels):
        raise ValueError(f"thresholds must lie in [0, 1]. Received: {thresholds!r}")
    return levels


class _Thresholded(_Counts):
    def __init__(self, thresholds=None, name=None, dtype=None):
        self.thresholds, self.levels = thresholds, _levels(thresholds)
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        self._count(*prepared(y_true, y_pred, sample_weight, mask), self.levels)

    def _shown(self, values):
        return float(values[0]) if len(values) == 1 else values

    def get_config(self):
        return super().get_config() | {"thresholds": self.thresholds}


class TruePositives(_Thresholded):
    """The weight of the positive samples that are found."""

    def result(self):
        return self._shown(self._counted("true_positives"))


class TrueNegatives(_Thresholded):
    """The weight of the negative samples that are left out."""

    def result(self):
        return self._shown(self._counted("true_negatives"))


class FalsePositives(_Thresholded):
    """The weight of the negative samples that are taken for positive."""

    def result(self):
        return self._shown(self._counted("false_positives"))


class FalseNegatives(_Thresholded):
    """The weight of the positive samples that are missed."""

    def result(self):
        return self._shown(self._counted("false_negatives"))


class _Share(_Thresholded):
    """A quotient of counts, over all classes, over one of them or over the top_k predictions of a sample."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        self.top_k, self.class_id = top_k, class_id
        super().__init__(thresholds, name, dtype)
        if thresholds is None and top_k is not None:
            self.levels = [float("-inf")]

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        if self.top_k is not None:
            xp = arrays.array_module(y_pred)
            least = xp.sort(y_pred, axis=-1)[..., -self.top_k][..., None]
            y_pred = xp.where(y_pred >= least, y_pred, -np.inf)
        if self.class_id is not None:
            y_true, y_pred, weight = (part[..., self.class_id] for part in (y_true, y_pred, weight))
        self._count(y_true, y_pred, weight, self.levels)

    def result(self):
        right, other = self._counted("true_positives"), self._counted(self.other)
        total = right + other
        return self._shown(np.divide(right, total, out=np.zeros_like(right), where=total > 0))

    def get_config(self):
        return super().get_config() | {"top_k": self.top_k, "class_id": self.class_id}


class Precision(_Share):
    """Of what is taken for positive, the share that is."""

    other = "false_positives"


class Recall(_Share):
    """Of what is positive, the share that is found."""

    other = "false_negatives"


class AUC(_Counts):
    """The area under the curve of recall over false positive rate ("ROC") or precision over recall ("PR").

    Args:
        num_thresholds: levels in [0, 1] at which the curve is known.
        curve: "ROC" or "PR".
        summation_method: "interpolation", "minoring" (the lower heights) or "majoring".
        thresholds: levels in place of evenly spaced ones.
        multi_label, num_labels, label_weights: of Keras; only their defaults are supported.
        from_logits: the predictions are logits.
    """

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        if multi_label or num_labels is not None or label_weights is not None:
            raise ValueError(f"AUC of several labels is not supported. Received: multi_label={multi_label!r}")
        if curve not in ("ROC", "PR") or summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                "curve must be 'ROC' or 'PR' and summation_method 'interpolation', 'minoring' or 'majoring'. "
                f"Received: {curve!r}, {summation_method!r}"
            )
        inner = np.linspace(0, 1, num_thresholds)[1:-1] if thresholds is None else np.sort(thresholds)
        if thresholds is None and num_thresholds < 2:
            raise ValueError(f"num_thresholds must be at least 2. Received: {num_thresholds}")
        self.num_thresholds, self.curve, self.summation_method = len(inner) + 2, curve, summation_method
        self.thresholds, self.from_logits = thresholds, bool(from_logits)
        self.levels = [-EPSILON, *inner, 1 + EPSILON]
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        self._count(y_true, sigmoid(y_pred) if self.from_logits else y_pred, weight, self.levels)

    def result(self):
        right, wrong = self._counted("true_positives"), self._counted("false_positives")
        missed, left = self._counted("false_negatives"), self._counted("true_negatives")
        if self.curve == "PR" and self.summation_method == "interpolation":
            return _precision_recall_area(right, wrong, missed)
        recall = _quotient(right, right + missed)
        x, y = (_quotient(wrong, wrong + left), recall)
        if self.curve == "PR":
            x, y = recall, _quotient(right, right + wrong)
        pick = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}
        return float(((x[:-1] - x[1:]) * pick[self.summation_method](y[:-1], y[1:])).sum())

    def get_config(self):
        names = ("num_thresholds", "curve", "summation_method", "from_logits")
        levels = None if self.thresholds is None else list(self.thresholds)
        return super().get_config() | {name: getattr(self, name) for name in names} | {"thresholds": levels}


def _quotient(first, second):
    return np.divide(first, second, out=np.zeros_like(first), where=second != 0)


def _precision_recall_area(right, wrong, missed):
    """The area with true positives linear in all positives between levels (Davis and Goadrich 2006)."""
    found = right + wrong
    gained = right[:-1] - right[1:]
    slope = _quotient(gained, np.maximum(found[:-1] - found[1:], 0))
    start = right[1:] - slope * found[1:]
    inside = (found[:-1] > 0) & (found[1:] > 0)
    ratio = np.where(inside, _quotient(found[:-1], np.maximum(found[1:], 0)), 1.0)
    area = slope * (gained + start * np.log(ratio))
    return float(_quotient(area, np.maximum(right[1:] + missed[1:], 0)).sum())
