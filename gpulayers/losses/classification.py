"""Losses of classification: crossentropies and the hinge family."""

from ..arguments import flag, number, share
from ..ops import classification_losses, losses
from ..ops.spatial import integer
from .loss import Loss, checked_axis

_MEAN = "sum_over_batch_size"


class BinaryCrossentropy(Loss):
    """Crossentropy of probabilities (or logits) of independent yes-or-no outcomes.

    Args:
        from_logits: y_pred holds logits, not probabilities.
        label_smoothing: draws the labels towards 1/2 by this share.
        axis: of the outcomes that are averaged.
    """

    operation = staticmethod(losses.binary_crossentropy)
    options = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=_MEAN,
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits = flag(from_logits, "from_logits")
        self.label_smoothing = share(label_smoothing, "label_smoothing", closed=True)
        self.axis = checked_axis(axis)


class CategoricalCrossentropy(Loss):
    """Crossentropy of one-hot (or soft) labels.

    Args:
        from_logits: y_pred holds logits, not probabilities.
        label_smoothing: draws the labels towards equal shares by this share.
        axis: of the classes.
    """

    operation = staticmethod(losses.categorical_crossentropy)
    options = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction=_MEAN,
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits = flag(from_logits, "from_logits")
        self.label_smoothing = share(label_smoothing, "label_smoothing", closed=True)
        self.axis = checked_axis(axis)


class SparseCategoricalCrossentropy(Loss):
    """Crossentropy of class numbers.

    Args:
        from_logits: y_pred holds logits, not probabilities.
        ignore_class: a class number whose samples do not count.
        axis: of the classes.
    """

    operation = staticmethod(losses.sparse_categorical_crossentropy)
    options = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction=_MEAN,
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(name, reduction, dtype)
        self.from_logits = flag(from_logits, "from_logits")
        self.ignore_class = checked_class(ignore_class)
        self.axis = checked_axis(axis)

    def kept(self, y_true, values):
        if self.ignore_class is None:
            return None
        return (y_true != self.ignore_class).reshape(values.shape)


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
        self.apply_class_balancing = flag(apply_class_balancing, "apply_class_balancing")
        self.alpha = number(alpha, "alpha")
        self.gamma = number(gamma, "gamma")
        self.from_logits = flag(from_logits, "from_logits")
        self.label_smoothing = share(label_smoothing, "label_smoothing", closed=True)
        self.axis = checked_axis(axis)


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
        several = isinstance(alpha, (list, tuple)) or getattr(alpha, "ndim", 0) == 1
        self.alpha = [number(part, "alpha") for part in alpha] if several else number(alpha, "alpha")
        self.gamma = number(gamma, "gamma")
        self.from_logits = flag(from_logits, "from_logits")
        self.label_smoothing = share(label_smoothing, "label_smoothing", closed=True)
        self.axis = checked_axis(axis)


class CategoricalGeneralizedCrossEntropy(Loss):
    """(1 - p^q) / q, p the probability given to the class number y_true (Zhang and Sabuncu 2018).

    Args:
        q: in (0, 1): towards 0 the crossentropy, towards 1 the mean absolute error.
    """

    operation = staticmethod(classification_losses.categorical_generalized_cross_entropy)
    options = ("q",)

    def __init__(self, q=0.5, reduction=_MEAN, name="categorical_generalized_cross_entropy", dtype=None):
        super().__init__(name, reduction, dtype)
        self.q = _checked_share(q)


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


def checked_class(ignore_class):
    """The number of a class, or None."""
    return None if ignore_class is None else integer(ignore_class, "ignore_class", -(2**31))


def _checked_share(q):
    if not 0 < number(q, "q") < 1:
        raise ValueError(f"q must lie in (0, 1). Received: {q!r}")
    return float(q)
