"""The gated recurrent unit over whole sequences."""

from ...arguments import flag
from ..dispatch import Operation, numpy_implementation
from . import gru_kernels, gru_reference, operands
from .problem import GRUProblem

FORWARD = Operation(
    "gru.forward",
    GRUProblem,
    [
        gru_kernels.cell_forward,
        gru_kernels.reset_before_forward,
        operands.step_loop(gru_reference.forward),
        numpy_implementation(gru_reference.forward),
    ],
)
BACKWARD = Operation(
    "gru.backward",
    GRUProblem,
    [
        gru_kernels.cell_backward,
        gru_kernels.reset_before_backward,
        operands.step_loop(gru_reference.backward),
        numpy_implementation(gru_reference.backward),
    ],
)


def gru(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    mask=None,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    reset_after=True,
    training=False,
    input_scale=None,
    recurrent_scale=None,
):
    """A gated recurrent unit over a whole sequence (Cho et al. 2014).

    With x[t] W + bias cut into z, r, g (update gate, reset gate, candidate) and R likewise:
    z = sigmoid(z + h R_z);  r = sigmoid(r + h R_r);  h = z h + (1 - z) g, where with reset_after
    g = tanh(g + r (h R_g + recurrent bias)), as in cuDNN, and without g = tanh(g + (r h) R_g).
    At a step whose mask is False the state is held and the output is the held h.

    Args:
        x: (batch, steps, input_dim), a float dtype.
        weight: (input_dim, 3 * units). recurrent_weight: (units, 3 * units).
        bias: (2, 3 * units) with reset_after, for x W and for h R; else (3 * units,); or None.
        initial_h: (batch, units); zeros if None.
        mask: (batch, steps) bool along the time of x, or None.
        go_backwards: process the last time step first. The outputs are in the order of processing.
        activation, recurrent_activation: names or Activations. "tanh", "sigmoid", "relu", "linear" and
            "hard_sigmoid" run in kernels, others as array functions.
        reset_after: apply the reset gate after the product with R.
        training: keep what `gru_backward` needs.
        input_scale, recurrent_scale: (batch, 3, input_dim), (batch, 3, units): factors of x and of h in each
            gate's product, the same at every step: what dropout draws. Constants to the backward. None for
            ones.

    Returns:
        (outputs, h, residuals): outputs (batch, steps, units); the last h (batch, units); residuals for
        `gru_backward`, or None unless training. The residuals hold the operands and the outputs without a
        copy: leave them unchanged until the backward has run.

    Raises:
        ValueError: shapes that do not fit, or an unknown activation.
        TypeError: other dtypes, mixed dtypes, or arrays on different devices.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h)
    named |= dict(mask=mask, input_scale=input_scale, recurrent_scale=recurrent_scale)
    options = dict(
        go_backwards=go_backwards, activation=activation, recurrent_activation=recurrent_activation
    )
    options |= dict(
        training=training,
        reset_after=flag(reset_after, "reset_after"),
        bias_shape=(2, 3) if reset_after else (3,),
    )
    return operands.forward(FORWARD, GRUProblem, named, options, ("gates", "inner"))


def gru_backward(grad_outputs, grad_h, residuals):
    """The gradients of `gru`, back through time.

    Args:
        grad_outputs: (batch, steps, units), or None for zeros.
        grad_h: (batch, units), of the last state as returned, or None for zeros.
        residuals: of a `gru(..., training=True)`.

    Returns:
        (grad_x, grad_weight, grad_recurrent_weight, grad_bias, grad_initial_h), of the shapes and the dtype
        of the operands; grad_bias is None where there was no bias. Deterministic.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: residuals is None, other dtypes, or arrays on different devices.
    """
    return operands.backward(
        BACKWARD, GRUProblem, dict(grad_outputs=grad_outputs, grad_h=grad_h), residuals, "gru"
    )
