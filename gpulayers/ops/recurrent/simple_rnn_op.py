"""The simple recurrent cell over whole sequences."""

from ..dispatch import Operation, numpy_implementation
from . import operands, simple_rnn_kernels, simple_rnn_reference
from .problem import SimpleRNNProblem

FORWARD = Operation(
    "simple_rnn.forward",
    SimpleRNNProblem,
    [
        simple_rnn_kernels.cell_forward,
        operands.step_loop(simple_rnn_reference.forward),
        numpy_implementation(simple_rnn_reference.forward),
    ],
)
BACKWARD = Operation(
    "simple_rnn.backward",
    SimpleRNNProblem,
    [
        simple_rnn_kernels.cell_backward,
        operands.step_loop(simple_rnn_reference.backward),
        numpy_implementation(simple_rnn_reference.backward),
    ],
)


def simple_rnn(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    mask=None,
    go_backwards=False,
    activation="tanh",
    training=False,
    input_scale=None,
    recurrent_scale=None,
):
    """A fully connected recurrent cell over a whole sequence (Elman 1990): h = tanh(x[t] W + h R + bias).

    At a step whose mask is False the state is held and the output is the held h.

    Args:
        x: (batch, steps, input_dim), a float dtype.
        weight: (input_dim, units). recurrent_weight: (units, units). bias: (units,) or None.
        initial_h: (batch, units); zeros if None.
        mask: (batch, steps) bool along the time of x, or None.
        go_backwards: process the last time step first. The outputs are in the order of processing.
        activation: a name or an Activation. "tanh", "sigmoid", "relu", "linear" and "hard_sigmoid" run in
            kernels, others as array functions.
        training: keep what `simple_rnn_backward` needs.
        input_scale, recurrent_scale: (batch, 1, input_dim), (batch, 1, units): factors of x and of h, the
            same at every step: what dropout draws. Constants to the backward. None for ones.

    Returns:
        (outputs, h, residuals): outputs (batch, steps, units); the last h (batch, units); residuals for
        `simple_rnn_backward`, or None unless training. The residuals hold the operands and the outputs
        without a copy: leave them unchanged until the backward has run.

    Raises:
        ValueError: shapes that do not fit, or an unknown activation.
        TypeError: other dtypes, mixed dtypes, or arrays on different devices.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h)
    named |= dict(mask=mask, input_scale=input_scale, recurrent_scale=recurrent_scale)
    options = dict(go_backwards=go_backwards, activation=activation, training=training)
    return operands.forward(FORWARD, SimpleRNNProblem, named, options, ("gates",))


def simple_rnn_backward(grad_outputs, grad_h, residuals):
    """The gradients of `simple_rnn`, back through time.

    Args:
        grad_outputs: (batch, steps, units), or None for zeros.
        grad_h: (batch, units), of the last state as returned, or None for zeros.
        residuals: of a `simple_rnn(..., training=True)`.

    Returns:
        (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h), of the shapes and the dtype
        of the operands; grad_bias is None where there was no bias. Deterministic.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: residuals is None, other dtypes, or arrays on different devices.
    """
    named = dict(grad_outputs=grad_outputs, grad_h=grad_h)
    return operands.backward(BACKWARD, SimpleRNNProblem, named, residuals, "simple_rnn")
