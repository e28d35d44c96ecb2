"""Recurrent cells over whole sequences."""

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from . import kernels, reference
from .problem import GATES, LSTMProblem, LSTMResiduals

FORWARD = Operation(
    "lstm.forward", LSTMProblem, [kernels.cell_forward, numpy_implementation(reference.forward)]
)
BACKWARD = Operation(
    "lstm.backward", LSTMProblem, [kernels.cell_backward, numpy_implementation(reference.backward)]
)

__all__ = ["GATES", "LSTMProblem", "LSTMResiduals", "lstm", "lstm_backward"]


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
        activation, recurrent_activation: "tanh", "sigmoid", "relu", "linear" or "hard_sigmoid".
        training: keep what `lstm_backward` needs.

    Returns:
        (outputs, h, c, residuals): outputs (batch, steps, units); the last h and c (batch, units); residuals
        for `lstm_backward`, or None unless training. The residuals hold the operands and the outputs without
        a copy: leave them unchanged until the backward has run. Between the steps, float16 and bfloat16
        sequences keep c in float32.

    Raises:
        ValueError: shapes that do not fit, or an unknown activation.
        TypeError: other dtypes, mixed dtypes, or arrays on different devices.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias)
    named |= dict(initial_h=initial_h, initial_c=initial_c, mask=mask)
    named = {name: None if array is None else arrays.take(array, name) for name, array in named.items()}
    device = arrays.common_device(**named)
    problem = LSTMProblem.resolve(
        **named,
        go_backwards=go_backwards,
        activation=activation,
        recurrent_activation=recurrent_activation,
        training=training,
    )
    named = {name: arrays.contiguous(array) for name, array in named.items()}
    outputs, h, c, gates, cells = FORWARD(problem, device, *named.values())
    if not problem.training:
        return outputs, h, c, None
    del named["bias"]
    return outputs, h, c, LSTMResiduals(problem, **named, outputs=outputs, gates=gates, cells=cells)


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
    if not isinstance(residuals, LSTMResiduals):
        raise TypeError(
            f"residuals must be those of lstm(..., training=True). Received: {type(residuals).__name__}"
        )
    problem = residuals.problem
    named = dict(grad_outputs=grad_outputs, grad_h=grad_h, grad_c=grad_c)
    named = {name: None if array is None else arrays.take(array, name) for name, array in named.items()}
    device = arrays.common_device(x=residuals.x, **named)
    arrays.same_dtype(x=residuals.x, **named)
    for name, array in named.items():
        shape = problem.output_shape if name == "grad_outputs" else problem.state_shape
        if array is not None and tuple(array.shape) != shape:
            raise ValueError(f"{name} must have shape {shape}. Received: {tuple(array.shape)}")
    return BACKWARD(problem, device, *map(arrays.contiguous, named.values()), residuals)
