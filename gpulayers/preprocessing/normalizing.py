"""Rows of one length."""

import numpy as np


def normalize(x, axis=-1, order=2):
    """The array divided by its norm along an axis; where that is 0, the array itself.

    Args:
        x: array-like of numbers.
        axis: along which the norm is taken.
        order: of the norm: 2 for the Euclidean length, 1 for the sum of absolute values, and so on as in
            `numpy.linalg.norm`.

    Returns:
        A NumPy array of the shape of x.

    Raises:
        ValueError: no numbers, an axis that x does not have, or an unknown order.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biufc":
        raise ValueError(f"Expected an array of numbers. Received: {x.dtype}")
    norm = np.linalg.norm(np.atleast_1d(x), order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
