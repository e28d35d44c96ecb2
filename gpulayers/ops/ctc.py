"""Connectionist temporal classification (Graves et al. 2006), with its gradient (see `losses`)."""

import numpy as np

from . import arrays
from .activations import log_softmax
from .losses import whole_numbers


def _shifted(xp, x, by):
    """x[..., s - by], -inf where there is none; by may be negative."""
    filled = xp.full_like(x, -np.inf)
    if by > 0:
        filled[:, by:] = x[:, :-by]
    else:
        filled[:, :by] = x[:, -by:]
    return filled


def ctc(y_true, y_pred):
    """-log of the probability of all alignments of the labels with the steps, blanks between them.

    Args:
        y_true: class numbers (samples, labels), 0 (the blank) only behind a sample's last label.
        y_pred: logits (samples, steps, classes).
    """
    if y_true.ndim != 2 or y_pred.ndim != 3 or len(y_true) != len(y_pred):
        raise ValueError(
            "y_true of shape (samples, labels) and y_pred of (samples, steps, classes) are expected. "
            f"Received: {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
        )
    xp, wide = arrays.array_module(y_pred), arrays.accumulation_dtype(y_pred.dtype)
    log_p = log_softmax(y_pred.astype(wide, copy=False), axis=-1)
    labels = whole_numbers(y_true, "y_true")
    samples, steps, classes = y_pred.shape
    outside = (labels < 0) | (labels >= classes)
    if bool(outside.any()):
        raise ValueError(f"Class numbers must lie in [0, {classes}). Received: {int(labels[outside][0])}")
    states = 2 * labels.shape[1] + 1
    spread = xp.zeros((samples, states), np.int64)  # blank, first label, blank, ...
    spread[:, 1::2] = labels
    ends = 2 * (labels != 0).sum(axis=1)[:, None]
    position = xp.arange(states)[None, :]
    before = xp.zeros_like(spread)
    before[:, 2:] = spread[:, :-2]
    barred = xp.where((position % 2 == 1) & (spread != before), 0, -np.inf).astype(
        wide
    )  # may the state before be left out?
    log_q = xp.take_along_axis(log_p, spread[:, None, :], 2)  # of the states
    last = (position == ends) | (position == ends - 1)

    def sums(first, by, bar):
        """Logarithms of the sums over ways into each state, one array a step."""
        found = [first]
        for step in range(1, steps) if by > 0 else range(steps - 2, -1, -1):
            x = found[-1]
            ways = xp.logaddexp(xp.logaddexp(x, _shifted(xp, x, by)), _shifted(xp, x, 2 * by) + bar)
            found.append(ways + log_q[:, step])
        return found if by > 0 else found[::-1]

    forward = sums(xp.where(position < 2, log_q[:, 0], -np.inf), 1, barred)
    final = xp.where(last, forward[-1], -np.inf)
    largest = final.max(axis=1)
    usable = xp.isfinite(largest)
    shift = xp.where(usable, largest, 0)
    total = xp.exp(final - shift[:, None]).sum(axis=1)
    values = xp.where(usable, -xp.log(xp.where(usable, total, 1)) - shift, np.inf)

    def backward(weights):
        bar = xp.full_like(barred, -np.inf)
        bar[:, :-2] = barred[:, 2:]
        onward = sums(xp.where(last, log_q[:, -1], -np.inf), -1, bar)
        both = xp.stack(forward, axis=1) + xp.stack(onward, axis=1) - log_q
        share = xp.exp(both + xp.where(usable, values, -np.inf)[:, None, None])
        of_class = (spread[:, :, None] == xp.arange(classes)).astype(wide)
        visits = xp.matmul(share, of_class)
        return ((xp.exp(log_p) - visits) * weights[:, None, None]).astype(y_pred.dtype, copy=False)

    return values.astype(wide), backward
