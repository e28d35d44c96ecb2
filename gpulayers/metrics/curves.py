"""What is read off curves of counts over thresholds: areas, and one rate where another is high enough."""

import numpy as np

from .. import config
from ..arguments import count, flag, share
from ..losses.weights import as_array
from ..ops import arrays
from ..ops.activations import sigmoid
from .confusion import Counts, checked_class, of_class, prepared, quotient


class AUC(Counts):
    """The area under the curve of recall over false positive rate ("ROC"), precision over recall ("PR") or
    the gains of both over a random choice ("PRGAIN", Flach and Kull 2015).

    Args:
        num_thresholds: levels in [0, 1] at which the curve is known.
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation", "minoring" (the lower heights) or "majoring".
        thresholds: levels in place of evenly spaced ones.
        multi_label: predictions are (samples, labels), and the areas of the labels are averaged.
        num_labels: how many; needed for nothing.
        label_weights: of the labels in that average; without multi_label of the labels' counts.
        from_logits: the predictions are logits.
    """

    direction = "up"

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
        self.curve = _one_of(curve, "curve", ("ROC", "PR", "PRGAIN"), str.upper)
        methods = ("interpolation", "minoring", "majoring")
        self.summation_method = _one_of(summation_method, "summation_method", methods, str.lower)
        if thresholds is None:
            self.num_thresholds = count(num_thresholds, "num_thresholds", 2)
            inner = np.linspace(0, 1, self.num_thresholds)[1:-1]
        else:
            if not isinstance(thresholds, (list, tuple, np.ndarray)) or not getattr(thresholds, "ndim", 1):
                raise TypeError(f"thresholds must be a list of numbers. Received: {thresholds!r}")
            inner = np.sort([share(level, "thresholds", closed=True) for level in thresholds])
            self.num_thresholds = len(inner) + 2
        if num_labels is not None and not multi_label:
            raise ValueError(f"num_labels goes with multi_label. Received: num_labels={num_labels!r}")
        self._given, self.from_logits = thresholds, flag(from_logits, "from_logits")
        self.multi_label, self.num_labels = (
            flag(multi_label, "multi_label"),
            count(num_labels, "num_labels", 1, optional=True),
        )
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = as_array(label_weights, arrays.CPU, "label_weights").astype(np.float64)
        self.levels = [-config.epsilon(), *inner, 1 + config.epsilon()]
        super().__init__(name, dtype)

    @property
    def thresholds(self):
        """The levels, with one below 0 and one above 1."""
        return list(self.levels)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        labels = y_pred.shape[-1] if y_pred.ndim == 2 else None
        if self.multi_label and labels is None or self.num_labels not in (None, labels):
            raise ValueError(
                f"Predictions of several labels must be (samples, {self.num_labels or 'labels'}). "
                f"Received: {y_pred.shape}"
            )
        if self.label_weights is not None:
            if self.label_weights.shape != (labels,):
                raise ValueError(
                    f"label_weights must fit y_pred, of shape {y_pred.shape}. "
                    f"Received: {self.label_weights.shape}"
                )
            if not self.multi_label:
                weight = weight * arrays.device_of(weight).asarray(self.label_weights)
        y_pred = sigmoid(y_pred) if self.from_logits else y_pred
        self.gather(y_true, y_pred, weight, by_label=self.multi_label)

    def result(self):
        right, wrong, left, missed = self.counts()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._averaged(_precision_recall_area(right, wrong, missed))
        recall, precision = quotient(right, right + missed), quotient(right, right + wrong)
        if self.curve == "ROC":
            x, y = quotient(wrong, wrong + left), recall
        elif self.curve == "PR":
            x, y = recall, precision
        else:
            odds = quotient(right + missed, left + wrong)
            x = np.maximum(np.where(right == 0, 0, 1 - odds * quotient(missed, right)), 0)
            y = np.where(right == 0, 1, 1 - odds * quotient(wrong, right))
        pick = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}
        terms = (x[:-1] - x[1:]) * pick[self.summation_method](y[:-1], y[1:])
        return self._averaged(terms.sum(axis=0))

    def _averaged(self, areas):
        if self.label_weights is None or not self.multi_label:
            return float(np.mean(areas))
        total = self.label_weights.sum()
        return float((areas * self.label_weights).sum() / total) if total else 0.0

    def get_config(self):
        names = ("num_thresholds", "curve", "summation_method", "multi_label", "num_labels")
        weights = None if self.label_weights is None else self.label_weights.tolist()
        own = {name: getattr(self, name) for name in names}
        own |= {"label_weights": weights, "from_logits": self.from_logits}
        levels = {} if self._given is None else {"thresholds": [float(t) for t in self.levels[1:-1]]}
        return super().get_config() | own | levels


def _one_of(value, name, allowed, form):
    if not isinstance(value, str) or form(value) not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}. Received: {value!r}")
    return form(value)


def _precision_recall_area(right, wrong, missed):
    """The area with true positives linear in all positives between levels (Davis and Goadrich 2006)."""
    found = right + wrong
    gained = right[:-1] - right[1:]
    slope = quotient(gained, np.maximum(found[:-1] - found[1:], 0))
    start = right[1:] - slope * found[1:]
    inside = (found[:-1] > 0) & (found[1:] > 0)
    ratio = np.where(inside, quotient(found[:-1], np.maximum(found[1:], 0)), 1.0)
    area = slope * (gained + start * np.log(ratio))
    return quotient(area, np.maximum(right[1:] + missed[1:], 0)).sum(axis=0)


class _BestAt(Counts):
    """The largest of one rate over the thresholds at which another is at least a given value."""

    direction = "up"

    def __init__(self, value, name_of_value, num_thresholds, class_id, name, dtype):
        setattr(self, name_of_value, share(value, name_of_value, closed=True))
        self._name_of_value = name_of_value
        self.num_thresholds = count(num_thresholds, "num_thresholds", 1)
        self.class_id = checked_class(class_id)
        self.levels = np.linspace(0, 1, self.num_thresholds) if self.num_thresholds > 1 else [0.5]
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        y_pred, y_true, weight = of_class(self.class_id, y_pred, y_true, weight)
        self.gather(y_true, y_pred, weight)

    def best(self, rate, other):
        """The largest rate where the other is high enough; 0 where it never is."""
        return float(np.where(other >= getattr(self, self._name_of_value), rate, 0).max(initial=0))

    def get_config(self):
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds}
        return super().get_config() | own | {self._name_of_value: getattr(self, self._name_of_value)}


class SensitivityAtSpecificity(_BestAt):
    """The largest sensitivity (recall) where the specificity (recall of the negatives) is high enough."""

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, "specificity", num_thresholds, class_id, name, dtype)

    def result(self):
        right, wrong, left, missed = self.counts()
        return self.best(quotient(right, right + missed), quotient(left, left + wrong))


class SpecificityAtSensitivity(_BestAt):
    """The largest specificity (recall of the negatives) where the sensitivity (recall) is high enough."""

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, "sensitivity", num_thresholds, class_id, name, dtype)

    def result(self):
        right, wrong, left, missed = self.counts()
        return self.best(quotient(left, left + wrong), quotient(right, right + missed))


class PrecisionAtRecall(_BestAt):
    """The largest precision where the recall is high enough."""

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, "recall", num_thresholds, class_id, name, dtype)

    def result(self):
        right, wrong, _, missed = self.counts()
        return self.best(quotient(right, right + wrong), quotient(right, right + missed))


class RecallAtPrecision(_BestAt):
    """The largest recall where the precision is high enough."""

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, "precision", num_thresholds, class_id, name, dtype)

    def result(self):
        right, wrong, _, missed = self.counts()
        return self.best(quotient(right, right + missed), quotient(right, right + wrong))
