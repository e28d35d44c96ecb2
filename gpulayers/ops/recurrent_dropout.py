"""An LSTM whose state is partly dropped on its way into the gates: one call of `lstm` a time step."""

from . import arrays
from .recurrent import lstm, lstm_backward


def lstm_with_recurrent_dropout(
    x,
    weight,
    recurrent_weight,
    bias,
    factor,
    *,
    initial_h=None,
    initial_c=None,
    mask=None,
    go_backwards=False,
    **activations,
):
    """As `ops.lstm`, with h * factor in place of h in the product with recurrent_weight, at every step.

    Args:
        factor: (batch, units): zeros, and 1 / (1 - rate) elsewhere.
        x ... activations: as of `ops.lstm`. There is at least one step.

    Returns:
        (outputs, h, c, backward): `backward(grad_outputs, grad_h, grad_c)`, of which some may be None,
        returns what `ops.lstm_backward` does.
    """
    device = arrays.common_device(x=x, factor=factor)
    xp = device.array_module
    batch, steps, _ = x.shape
    h, c = (
        device.zeros(factor.shape, x.dtype) if state is None else state for state in (initial_h, initial_c)
    )
    order = range(steps - 1, -1, -1) if go_backwards else range(steps)
    outputs, residuals = device.empty((batch, steps, factor.shape[1]), x.dtype), []
    for number, t in enumerate(order):
        state = dict(initial_h=h * factor, initial_c=c)
        _, new_h, new_c, kept = lstm(
            x[:, t : t + 1], weight, recurrent_weight, bias, **state, **activations, training=True
        )
        if mask is not None:
            new_h = xp.where(mask[:, t : t + 1], new_h, h)
            new_c = xp.where(mask[:, t : t + 1], new_c, c)
        h, c = new_h, new_c
        outputs[:, number] = h
        residuals.append(kept)

    def backward(grad_outputs, grad_h, grad_c):
        shape = (batch, factor.shape[1])
        grad_h, grad_c = (device.zeros(shape, x.dtype) if grad is None else grad for grad in (grad_h, grad_c))
        grad_x = device.empty(x.shape, x.dtype)
        grad_weights = None
        for number, t in reversed(list(enumerate(order))):
            if grad_outputs is not None:
                grad_h = grad_h + grad_outputs[:, number]
            through_h, through_c, held_h, held_c = grad_h, grad_c, 0, 0
            if mask is not None:
                keep = mask[:, t : t + 1].astype(x.dtype)
                through_h, through_c = grad_h * keep, grad_c * keep
                held_h, held_c = grad_h - through_h, grad_c - through_c
            step_x, *step_weights, grad_h, grad_c = lstm_backward(
                None, through_h, through_c, residuals[number]
            )
            grad_x[:, t] = step_x[:, 0]
            grad_h, grad_c = grad_h * factor + held_h, grad_c + held_c
            grad_weights = step_weights if grad_weights is None else _summed(grad_weights, step_weights)
        return (grad_x, *grad_weights, grad_h, grad_c)

    return outputs, h, c, backward


def _summed(first, second):
    return [None if a is None else a + b for a, b in zip(first, second)]
