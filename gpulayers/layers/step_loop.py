"""A recurrent cell step after step: for cells that know one step only."""

from ..ops import arrays


def run_steps(cell, x, states, mask, go_backwards, training):
    """Calls `cell.forward` at every step.

    Args:
        cell: with `forward(inputs, states, training)`; training None is not passed on.
        x: (batch, steps, ...). states: a list of arrays. mask: (batch, steps) bool, or None.

    Returns:
        (outputs, states, backward): outputs (batch, steps, ...) in the order of processing, zeros before the
        first step that is not masked; `backward(grad_outputs, grad_states)` returns (grad_x, list of
        grad_states).
    """
    xp = arrays.array_module(x)
    if x.shape[1] == 0:
        raise ValueError(
            f"A cell of one's own needs at least one step. Received: x of shape {tuple(x.shape)}"
        )
    keywords = {} if training is None else {"training": training}
    times = list(range(x.shape[1]))[:: -1 if go_backwards else 1]
    outputs, backwards, before = [], [], None
    for time in times:
        (output, *after), backward = cell.forward(x[:, time], states, **keywords)
        if mask is not None:
            before = xp.zeros_like(output) if before is None else before
            output = xp.where(_like(mask[:, time], output), output, before)
            after = [xp.where(_like(mask[:, time], new), new, old) for new, old in zip(after, states)]
            before = output
        states = after
        outputs.append(output)
        backwards.append(backward)

    def run_back(grad_outputs, grad_states):
        grad_states = [
            xp.zeros_like(state) if grad is None else grad for grad, state in zip(grad_states, states)
        ]
        grad_x, held = xp.zeros_like(x), 0  # held: what masked steps hand on to the output before them
        for step, time in reversed(list(enumerate(times))):
            grad = held if grad_outputs is None else grad_outputs[:, step] + held
            grad = xp.zeros_like(outputs[step]) + grad
            past = grad_states
            if mask is not None:
                keep = mask[:, time]
                held = xp.where(_like(keep, grad), 0, grad).astype(grad.dtype, copy=False)
                grad = grad - held
                past = [
                    xp.where(_like(keep, part), part, 0).astype(part.dtype, copy=False)
                    for part in grad_states
                ]
            grad_inputs, *found = backwards[step]([grad, *past])
            if mask is None:
                grad_x[:, time], grad_states = grad_inputs, found
            else:
                grad_x[:, time] = xp.where(_like(keep, grad_inputs), grad_inputs, 0)
                grad_states = [part + (old - passed) for part, old, passed in zip(found, grad_states, past)]
        return grad_x, grad_states

    return xp.stack(outputs, axis=1), states, run_back


def _like(mask, array):
    """The mask (batch,) with as many dimensions as the array."""
    return mask.reshape(-1, *[1] * (array.ndim - 1))
