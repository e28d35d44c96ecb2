"""Class numbers as one-hot rows."""

import numpy as np

from ..arguments import count


def to_categorical(x, num_classes=None):
    """One-hot rows of class numbers.

    Args:
        x: array-like of whole numbers from 0 to num_classes - 1; a last dimension of 1 is dropped.
        num_classes: number of classes; default: the largest number plus one.

    Returns:
        A float64 NumPy array of shape (*x.shape, num_classes).

    Raises:
        ValueError: numbers that are not whole, below 0, or not below num_classes; nothing to infer it from.
    """
    try:
        given = np.asarray(x)
    except ValueError:
        raise ValueError("Expected whole numbers as classes. Received: rows of different lengths") from None
    if given.dtype.kind not in "biuf":
        raise ValueError(f"Expected whole numbers as classes. Received: an array of {given.dtype}")
    with np.errstate(invalid="ignore"):  # what is not finite differs from any integer
        classes = given.astype(np.int64)
    if not np.array_equal(classes, given):
        raise ValueError(f"Expected whole numbers as classes. Received: {given[classes != given].flat[0]}")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if num_classes is None:
        if classes.size == 0:
            raise ValueError(
                f"Without num_classes at least one class is needed. Received: shape {classes.shape}"
            )
        num_classes = int(classes.max()) + 1
    num_classes = count(num_classes, "num_classes", 0)
    outside = classes[(classes < 0) | (classes >= num_classes)]
    if outside.size:
        raise ValueError(f"Classes must lie in [0, {num_classes}). Received: {outside.flat[0]}")
    one_hot = np.zeros((*classes.shape, num_classes))
    np.put_along_axis(one_hot, classes[..., None], 1.0, axis=-1)
    return one_hot
