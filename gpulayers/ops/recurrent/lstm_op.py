"""The LSTM over whole sequences."""

from ..dispatch import Operation, numpy_implementation
from . import kernels, operands, reference
from .problem import LSTMProblem

FORWARD = Operation(
    "lstm.forward",
    LSTMProblem,
    [kernels.cell_forward, operands.step_loop(reference.forward), numpy_implementation(reference.forward)],
)
BACKWARD = Operation(
    "lstm.backward",
    LSTMProblem,
    [kernels.cell_backward, operands.step_loop(reference.backward), numpy_implementation(reference.backward)],
)


def lstm(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    initial_c=None,
    mask=None,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    training=False,
    input_scale=None,
    recurrent_scale=None,
):
    """A long short-term memory over a whole sequence.

    With z = x[t] W + h R + bias, cut into the gates i, f, g, o (input, forget, cell, output):
    c = sigmoid(f) c + sigmoid(i) tanh(g);  h = sigmoid(o) tanh(c) (Hochreiter and Schmidhuber 1997, with the
    forget gate of Gers et al. 2000). At a step whose mask is False the state is held and the output is the
    held h.

    Args:
        x: (batch, steps, input_dim), a float dtype.
        weight: (input_dim, 4 * units). recurrent_weight: (units, 4 * units). bias: (4 * units,) or None.
        initial_h, initial_c: (batch, units); zeros if None.
        mask: (batch, steps) bool along the time of x, or None.
        go_backwards: process the last time step first. The outputs are in the order of processing.
        activation, recurrent_activation: names or Activations. "tanh", "sigmoid", "relu", "linear" and
            "hard_sigmoid" run in kernels, others as array functions.
        training: keep what `lstm_backward` needs.
        input_scale, recurrent_scale: (batch, 4, input_dim), (batch, 4, units): factors of x and of h in each
            gate's product, the same at every step: what dropout draws. Constants to the backward. None for
            ones.

    Returns:
        (outputs, h, c, residuals): outputs (batch, steps, units); the last h and c (batch, units); residuals
        for `lstm_backward`, or None unless training. The residuals hold the operands and the outputs without
        a copy: leave them unchanged until the backward has run. Between the steps, float16 and bfloat16
        sequences keep c in float32.

    Raises:
        ValueError: shapes that do not fit, or an unknown activation.
        TypeError: other dtypes, mixed dtypes, or arrays on different devices.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h)
    named |= dict(initial_c=initial_c, mask=mask, input_scale=input_scale, recurrent_scale=recurrent_scale)
    options = dict(
        go_backwards=go_backwards, activation=activation, recurrent_activation=recurrent_activation
    )
    return operands.forward(FORWARD, LSTMProblem, named, options | {"training": training}, ("gates", "cells"))


def lstm_backward(grad_outputs, grad_h, grad_c, residuals):
    """The gradients of `lstm`, back through time.

    Args:
        grad_outputs: (batch, steps, units), or None for zeros.
        grad_h, grad_c: (batch, units), of the last states as returned, or None for zeros.
        residuals: of an `lstm(..., training=True)`.

    Returns:
        (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h, grad_initial_c), of the shapes
        and the dtype of the operands; grad_bias is None where there was no bias. Deterministic.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: residuals is None, other dtypes, or arrays on different devices.
    """
    named = dict(grad_outputs=grad_outputs, grad_h=grad_h, grad_c=grad_c)
    return operands.backward(BACKWARD, LSTMProblem, named, residuals, "lstm")
