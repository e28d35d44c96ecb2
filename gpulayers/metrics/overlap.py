"""Intersection over union, from a confusion matrix."""

import numpy as np

from .. import config
from ..arguments import count, flag, real
from ..losses.weights import as_array, masked_weight, same_rank
from ..ops import arrays
from ..ops.axes import positive_axis
from ..ops.losses import whole_numbers
from ..ops.spatial import integer
from .metric import Metric


class _ConfusionMatrix(Metric):
    """Counts of pairs (true class, predicted class).

    Args:
        num_classes: pairs with other class numbers do not count.
        target_class_ids: the classes whose quotients are averaged.
        ignore_class: a true class that does not count.
        sparse_y_true, sparse_y_pred: class numbers rather than rows whose largest element tells the class.
        axis: of these rows.
    """

    direction = "up"

    def __init__(
        self, num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
    ):
        whole = dtype is None or isinstance(dtype, str) and dtype == "int"
        super().__init__("int32" if whole else dtype, name)
        self.num_classes = count(num_classes, "num_classes", 1)
        listed = isinstance(target_class_ids, (list, tuple, range))
        if not listed and getattr(target_class_ids, "ndim", 0) != 1:
            raise TypeError(
                f"target_class_ids must be a list of class numbers. Received: {target_class_ids!r}"
            )
        self.target_class_ids = [integer(number, "target_class_ids") for number in target_class_ids]
        if any(number >= self.num_classes for number in self.target_class_ids):
            raise ValueError(
                f"target_class_ids must be class numbers in [0, {num_classes}). "
                f"Received: {target_class_ids!r}"
            )
        self.ignore_class = None if ignore_class is None else integer(ignore_class, "ignore_class", -(2**31))
        self.sparse_y_true, self.sparse_y_pred, self.axis = (
            flag(sparse_y_true, "sparse_y_true"),
            flag(sparse_y_pred, "sparse_y_pred"),
            integer(axis, "axis", -(2**31)),
        )
        self.reset_state()

    def reset_state(self):
        self.total = 0

    def _largest(self, rows, name):
        """The positions of the largest elements along the axis."""
        axis = positive_axis(self.axis, rows.ndim)
        if not rows.shape[axis]:
            raise ValueError(f"{name} must hold classes along axis {self.axis}. Received: shape {rows.shape}")
        return rows.argmax(axis=axis)

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_pred = as_array(y_pred)
        device, whole = arrays.device_of(y_pred), self.dtype.startswith(("int", "uint"))
        xp, y_true = device.array_module, as_array(y_true, device)
        y_true = y_true if self.sparse_y_true else self._largest(y_true, "y_true")
        y_pred = y_pred if self.sparse_y_pred else self._largest(y_pred, "y_pred")
        if y_pred.dtype in arrays.FLOAT_DTYPES:
            y_pred = xp.trunc(y_pred)  # as Keras makes class numbers of outputs
        weight = xp.ones((), np.float64)
        if sample_weight is not None:
            weight = as_array(sample_weight, device, "sample_weight").astype(
                np.int64 if whole else np.float64
            )
        if mask is not None:
            weight = masked_weight(weight, as_array(mask, device, "mask"), xp, np.dtype(np.float64), False)
        y_true, y_pred = (
            whole_numbers(part, name).reshape(-1)
            for part, name in zip(same_rank(y_true, y_pred), ("y_true", "y_pred"))
        )
        weight = weight.reshape(-1) if weight.ndim > 1 else weight
        if y_true.shape != y_pred.shape or weight.ndim and weight.shape not in (y_true.shape, (1,)):
            raise ValueError(
                "y_true, y_pred and sample_weight must hold as many classes. "
                f"Received: {y_true.size}, {y_pred.size} and {weight.size}"
            )
        weight = xp.broadcast_to(weight, y_true.shape)
        known = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            known = known & (y_true != self.ignore_class)
        pairs = xp.where(known, y_true * self.num_classes + y_pred, 0)
        found = xp.bincount(pairs, weights=weight * known, minlength=self.num_classes**2)
        self.total = self.total + found

    def result(self):
        total = np.broadcast_to(arrays.to_numpy(self.total), (self.num_classes**2,))
        matrix = np.asarray(total, np.float64).reshape(self.num_classes, self.num_classes)
        right = np.diag(matrix)[self.target_class_ids]
        union = (matrix.sum(axis=0) + matrix.sum(axis=1))[self.target_class_ids] - right
        some = union > 1e-9
        quotients = np.where(some, right / (union + config.epsilon()), 0)
        return float(quotients.sum() / (some.sum() + config.epsilon()))

    def get_config(self):
        return super().get_config() | {name: getattr(self, name) for name in self.shown}


class IoU(_ConfusionMatrix):
    """The mean over some classes of pairs right / (pairs with the class on either side)."""

    shown = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


class BinaryIoU(IoU):
    """IoU of two classes, 1 being chosen where y_pred is at least the threshold."""

    shown = ("target_class_ids", "threshold")

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = real(threshold, "threshold")

    def update_state(self, y_true, y_pred, sample_weight=None, mask=None):
        y_pred = as_array(y_pred)
        super().update_state(y_true, (y_pred >= self.threshold).astype(np.int64), sample_weight, mask)


class MeanIoU(IoU):
    """IoU averaged over all classes."""

    shown = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        num_classes = count(num_classes, "num_classes", 1)
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """IoU of one-hot labels."""

    shown = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """IoU of one-hot labels averaged over all classes."""

    shown = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
