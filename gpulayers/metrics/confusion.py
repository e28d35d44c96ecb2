"""Counts of right and wrong decisions, and quotients of them."""

import numpy as np

from ..arguments import count, share
from ..losses.loss import Loss
from ..losses.weights import as_array, masked_weight, weights_like
from ..ops import arrays
from ..ops.spatial import integer
from .metric import Metric


def prepared(y_true, y_pred, sample_weight, mask):
    """(labels, predictions, weights of their shape) in float64, on the device of the predictions."""
    y_true, y_pred = Loss.prepared(y_true, y_pred)
    xp = arrays.array_module(y_pred)
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(f"y_true must have the shape {y_pred.shape} of y_pred. Received: {y_true.shape}")
    y_true, y_pred = y_true.astype(np.float64), y_pred.astype(np.float64)
    device = arrays.device_of(y_pred)
    weight = None if sample_weight is None else as_array(sample_weight, device, "sample_weight")
    if mask is not None:
        weight = masked_weight(weight, as_array(mask, device, "mask"), xp, y_pred.dtype, False)
    if weight is None:
        return y_true, y_pred, xp.ones(y_pred.shape)
    return y_true, y_pred, weights_like(y_pred, weight.astype(np.float64))


def gathered(metric, total, part):
    """The total with another batch's part added.

    Raises:
        ValueError: a batch of another number of classes than those before.
    """
    shapes = np.shape(total), tuple(part.shape)
    if () not in shapes and shapes[0] != shapes[1]:
        raise ValueError(
            f"{metric.name} has gathered {shapes[0][-1]} classes. Received: a batch of {shapes[1][-1]}"
        )
    return total + part


def quotient(first, second):
    """first / second, 0 where second is."""
    return np.divide(first, second, out=np.zeros_like(first), where=second != 0)


class Counts(Metric):
    """Weighted counts of true and false positives and negatives, one a threshold (and label).

    A subclass sets `levels`, the thresholds, before it calls the constructor.
    """

    levels = (0.5,)

    def __init__(self, name=None, dtype=None):
        super().__init__(dtype, name)
        self.reset_state()

    def reset_state(self):
        self.true_positives = self.false_positives = self.true_negatives = self.false_negatives = 0.0

    def gather(self, y_true, y_pred, weight, by_label=False):
        """Takes in arrays of one shape; by_label: (samples, labels), counts of each label."""
        xp = arrays.array_module(y_pred)
        # float32 as in Keras: a prediction that equals a threshold is not above it.
        levels = arrays.device_of(y_pred).asarray(np.asarray(self.levels, np.float32))
        y_pred, label = y_pred.astype(np.float32), y_true != 0
        if by_label:
            levels = levels[:, None]
        else:
            y_pred, label, weight = y_pred.reshape(-1), label.reshape(-1), weight.reshape(-1)
        chosen = y_pred[None] > levels[:, None]
        positive, negative = weight * label, weight * ~label
        right, wrong = (chosen * positive).sum(axis=1), (chosen * negative).sum(axis=1)
        self.true_positives = gathered(self, self.true_positives, right)
        self.false_positives = gathered(self, self.false_positives, wrong)
        self.false_negatives = self.false_negatives + xp.maximum(positive.sum(axis=0) - right, 0)
        self.true_negatives = self.true_negatives + xp.maximum(negative.sum(axis=0) - wrong, 0)

    def counted(self, name):
        """A count as NumPy's float64, of as many elements as there are thresholds."""
        value = arrays.to_numpy(getattr(self, name))
        return value.astype(np.float64) if value.ndim else np.full(len(self.levels), float(value))

    def counts(self):
        """True and false positives, true and false negatives."""
        kinds = ("true_positives", "false_positives", "true_negatives", "false_negatives")
        return [self.counted(kind) for kind in kinds]


def _levels(thresholds, default):
    if thresholds is None:
        return [default]
    several = isinstance(thresholds, (list, tuple)) or isinstance(thresholds, np.ndarray) and thresholds.ndim
    levels = thresholds if several else [thresholds]
    if not len(levels):
        raise ValueError(f"At least one of the thresholds is needed. Received: {thresholds!r}")
    return [share(level, "thresholds", closed=True) for level in levels]


def checked_class(class_id):
    """The number of a class, None for all; it may count from the last."""
    return None if class_id is None else integer(class_id, "class_id", -(2**31))


def of_class(class_id, *parts):
    """The parts of one class, if one is asked for."""
    if class_id is None:
        return parts
    classes = parts[0].shape[-1] if parts[0].ndim > 1 else 0
    if not -classes <= class_id < classes:
        raise ValueError(
            f"class_id must be a column of y_pred, of shape {parts[0].shape}. Received: {class_id}"
        )
    return tuple(part[..., class_id] for part in parts)


class _Thresholded(Counts):
    def __init__(self, thresholds=None, name=None, dtype=None, default=0.5):
        self.levels = _levels(thresholds, default)
        one = thresholds is None or np.ndim(thresholds) == 0
        self.thresholds = None if thresholds is None else self.levels[0] if one else self.levels
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        self.gather(*prepared(y_true, y_pred, sample_weight, mask))

    def shown(self, values):
        """The values as the result: a number where there is one threshold."""
        return float(values[0]) if len(values) == 1 else values

    def get_config(self):
        return super().get_config() | {"thresholds": self.thresholds}


class TruePositives(_Thresholded):
    """The weight of the positive samples that are found."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)

    def result(self):
        return self.shown(self.counted("true_positives"))


class TrueNegatives(_Thresholded):
    """The weight of the negative samples that are left out."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)

    def result(self):
        return self.shown(self.counted("true_negatives"))


class FalsePositives(_Thresholded):
    """The weight of the negative samples that are taken for positive."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)

    def result(self):
        return self.shown(self.counted("false_positives"))


class FalseNegatives(_Thresholded):
    """The weight of the positive samples that are missed."""

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(thresholds, name, dtype)

    def result(self):
        return self.shown(self.counted("false_negatives"))


class _Share(_Thresholded):
    """A quotient of counts, over all classes, over one of them or over the top_k predictions of a sample."""

    direction = "up"

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        self.top_k, self.class_id = count(top_k, "top_k", 1, optional=True), checked_class(class_id)
        super().__init__(thresholds, name, dtype, 0.5 if top_k is None else -np.inf)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_true, y_pred, weight = prepared(y_true, y_pred, sample_weight, mask)
        if self.top_k is not None:
            y_pred = self._largest(y_pred)
        y_pred, y_true, weight = of_class(self.class_id, y_pred, y_true, weight)
        self.gather(y_true, y_pred, weight)

    def _largest(self, y_pred):
        """The predictions with all but the top_k of a sample at -inf; of equals the first."""
        if self.top_k > y_pred.shape[-1]:
            raise ValueError(f"y_pred must have top_k={self.top_k} classes. Received: shape {y_pred.shape}")
        xp = arrays.array_module(y_pred)
        largest = xp.argsort(-y_pred, axis=-1, kind="stable")[..., : self.top_k]
        picked = (xp.arange(y_pred.shape[-1]) == largest[..., None]).any(axis=-2)
        return xp.where(picked, y_pred, -np.inf)

    def result(self):
        right = self.counted("true_positives")
        return self.shown(quotient(right, right + self.counted(self.other)))

    def get_config(self):
        return super().get_config() | {"top_k": self.top_k, "class_id": self.class_id}


class Precision(_Share):
    """Of what is taken for positive, the share that is."""

    other = "false_positives"


class Recall(_Share):
    """Of what is positive, the share that is found."""

    other = "false_negatives"
