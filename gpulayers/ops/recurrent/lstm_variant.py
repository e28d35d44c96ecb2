"""The LSTM with layer normalisation, peepholes, a projection and zoneout over whole sequences."""

from ..dispatch import Operation, numpy_implementation
from . import lstm_variant_kernels as kernels
from . import lstm_variant_reference as reference
from . import operands
from .variant_problem import GRADIENTS, LSTMVariantProblem, VariantResiduals

FORWARD = Operation(
    "lstm_variant.forward",
    LSTMVariantProblem,
    [
        kernels.extended_forward,
        kernels.rows_forward,
        operands.step_loop(reference.forward),
        numpy_implementation(reference.forward),
    ],
)
BACKWARD = Operation(
    "lstm_variant.backward",
    LSTMVariantProblem,
    [
        kernels.extended_backward,
        kernels.rows_backward,
        operands.step_loop(reference.backward),
        numpy_implementation(reference.backward),
    ],
)


def lstm_variant(
    x,
    weight,
    recurrent_weight,
    bias=None,
    *,
    initial_h=None,
    initial_c=None,
    mask=None,
    peephole=None,
    projection=None,
    input_gain=None,
    recurrent_gain=None,
    state_gain=None,
    state_shift=None,
    update_h=1.0,
    update_c=1.0,
    go_backwards=False,
    activation="tanh",
    recurrent_activation="sigmoid",
    training=True,
    input_scale=None,
    recurrent_scale=None,
):
    """An LSTM with what other libraries call its extensions; not part of Keras. See `lstm` for the rest.

    With z = N(x[t] W) + N(h R) + bias, cut into i, f, g, o:
    i = sigmoid(i + p_i c);  f = sigmoid(f + p_f c);  c' = f c + i tanh(g);  o = sigmoid(o + p_o c');
    h' = (o tanh(N(c'))) P;  then c = update_c c' + (1 - update_c) c, h = update_h h' + (1 - update_h) h.

    Args:
        x: (batch, steps, input_dim). weight: (input_dim, 4 * units). bias: (4 * units,) or None.
        recurrent_weight: (size, 4 * units): size is units, or that of the projection.
        peephole: p (3, units), for i, f, o (Gers et al. 2000), or None.
        projection: P (units, size) (Sak et al. 2014), or None.
        input_gain, recurrent_gain: (4 * units,); state_gain, state_shift: (units,): the gains of the layer
            normalisations N (Ba et al. 2016), all four or none.
        update_h, update_c: zoneout (Krueger et al. 2017): how much of the new state is taken: a number, or an
            array (batch, steps, size or units) in the order of processing. Constants to the backward.
        training: keep what `lstm_variant_backward` needs.

    Returns:
        (outputs, h, c, residuals): residuals for `lstm_variant_backward`, or None unless training.

    Raises:
        ValueError, TypeError: shapes or types that do not fit.
    """
    named = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, initial_h=initial_h)
    named |= dict(initial_c=initial_c, mask=mask, peephole=peephole, projection=projection)
    named |= dict(input_gain=input_gain, recurrent_gain=recurrent_gain, state_gain=state_gain)
    named |= dict(state_shift=state_shift, input_scale=input_scale, recurrent_scale=recurrent_scale)
    options = dict(
        go_backwards=go_backwards, activation=activation, recurrent_activation=recurrent_activation
    )
    options["training"] = training
    operands.add_updates(named, options, {"h": update_h, "c": update_c})
    return operands.forward(FORWARD, LSTMVariantProblem, named, options, ("kept",), VariantResiduals)


def lstm_variant_backward(grad_outputs, grad_h, grad_c, residuals):
    """The gradients of `lstm_variant`: {operand: gradient}, for all operands given and both initial states.

    Args:
        grad_outputs: (batch, steps, size), or None; grad_h (batch, size), grad_c (batch, units), or None.
        residuals: of an `lstm_variant(..., training=True)`.

    Raises:
        ValueError: shapes that do not fit.
        TypeError: residuals is None, other dtypes, or arrays on different devices.
    """
    named = dict(grad_outputs=grad_outputs, grad_h=grad_h, grad_c=grad_c)
    grads = operands.backward(BACKWARD, LSTMVariantProblem, named, residuals, "lstm_variant")
    return {name: grad for name, grad in zip(GRADIENTS, grads) if grad is not None}
