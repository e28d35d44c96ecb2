"""Rows of one length."""

import math

import numpy as np

from ..arguments import real
from ..ops.axes import positive_axis


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
    try:
        x = np.asarray(x)
    except ValueError:
        raise ValueError("Expected an array of numbers. Received: rows of different lengths") from None
    if x.dtype.kind not in "biufc":
        raise ValueError(f"Expected an array of numbers. Received: {x.dtype}")
    infinite = isinstance(order, float) and math.isinf(order)
    order = order if order is None or infinite else real(order, "order")
    x_or_row = np.atleast_1d(x)
    norm = np.linalg.norm(x_or_row, order, positive_axis(axis, x_or_row.ndim), keepdims=True)
    return x / np.where(norm == 0, 1, norm)
