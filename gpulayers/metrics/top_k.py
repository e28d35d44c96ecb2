"""Accuracy of the k largest predictions."""

import numpy as np

from ..ops import arrays
from .metric import MeanMetricWrapper


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Where fewer than k of y_pred are above the one at the class number y_true."""
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    xp = arrays.array_module(y_pred)
    chosen = xp.take_along_axis(y_pred, y_true.astype(np.int64)[..., None], -1)
    return (y_pred > chosen).sum(axis=-1) < k


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """Where fewer than k of y_pred are above the one at the largest of the one-hot y_true."""
    return sparse_top_k_categorical_accuracy(y_true.argmax(axis=-1), y_pred, k)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        if from_sorted_ids:
            raise ValueError(f"from_sorted_ids is not supported. Received: {from_sorted_ids!r}")
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k)
