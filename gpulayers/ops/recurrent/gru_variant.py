"""The GRU with layer normalisation and zoneout over whole sequences."""

from ..dispatch import Operation, numpy_implementation
from . import gru_variant_kernels as kernels
from . import gru_variant_reference as reference
from . import operands
from .variant_problem import GRADIENTS, GRUVariantProblem, VariantResiduals

FORWARD = Operation(
    "gru_variant.forward",
    GRUVariantProblem,
    [
        kernels.zoneout_forward,
        kernels.rows_forward,
        operands.step_loop(reference.forward),
        numpy_implementation(reference.forward),
    ],
)
BACKWARD = Operation(
    "gru_variant.backward",
    GRUVariantProblem,
    [
        kernels.zoneout_backward,
        kernels.rows_backward,
        operands.step_loop(reference.backward),
        numpy_implementation(reference.backward),
    ],
)


def gru_variant(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    mask=None,
    input_gain=None,
    recurrent_gain=None,
    update_h=1.0,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    training=True,
    input_scale=None,
    recurrent_scale=None,
):
    """A GRU, reset gate after the product, with layer normalisation and zoneout; not part of Keras.

    See `gru` for the rest.

    With a = N(x[t] W) + bias[0] and b = N(h R) + bias[1], cut into z, r, g: z = sigmoid(a_z + b_z);
    r = sigmoid(a_r + b_r);  h' = z h + (1 - z) tanh(a_g + r b_g);  then h = update_h h' + (1 - update_h) h.

    Args:
        x: (batch, steps, input_dim). weight: (input_dim, 3 * units). recurrent_weight: (units, 3 * units).
        bias: (2, 3 * units) or None.
        input_gain, recurrent_gain: (3 * units,): gains of the layer normalisations N (Ba et al. 2016), both
            or none.
        update_h: zoneout (Krueger et al. 2017): how much of the new state is taken: a number, or an array
            (batch, steps, units) in the order of processing. A constant to the backward.
        training: keep what `gru_variant_backward` needs.

    Returns:
        (outputs, h, residuals): residuals for `gru_variant_backward`, or None unless training.

    Raises:
        ValueError, TypeError: shapes or types that do not fit.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h)
    named |= dict(mask=mask, input_gain=input_gain, recurrent_gain=recurrent_gain)
    named |= dict(input_scale=input_scale, recurrent_scale=recurrent_scale)
    options = dict(
        go_backwards=go_backwards, activation=activation, recurrent_activation=recurrent_activation
    )
    options["training"] = training
    operands.add_updates(named, options, {"h": update_h})
    return operands.forward(FORWARD, GRUVariantProblem, named, options, ("kept",), VariantResiduals)


def gru_variant_backward(grad_outputs, grad_h, residuals):
    """The gradients of `gru_variant`: {operand: gradient}, for all operands given and the initial state.

    Args:
        grad_outputs: (batch, steps, units), or None; grad_h (batch, units), or None.
        residuals: of a `gru_variant(..., training=True)`.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: residuals is None, other dtypes, or arrays on different devices.
    """
    named = dict(grad_outputs=grad_outputs, grad_h=grad_h)
    grads = operands.backward(BACKWARD, GRUVariantProblem, named, residuals, "gru_variant")
    return {name: grad for name, grad in zip(GRADIENTS, grads) if grad is not None}
