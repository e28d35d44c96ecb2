"""Launchers of the GRU with extensions: cuda/recurrent/gru_cell.cu, gru_rows.cu, state.cu."""

from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from . import gru_kernels, launching, row_launching

_CELL, _ROWS = "recurrent/gru_cell.cu", "recurrent/gru_rows.cu"


def _without_rows(problem, device):
    if problem.normalized:
        return "layer normalisation needs whole rows"
    return launching.unsupported(problem, device)


def _with_rows(problem, device):
    return launching.unsupported(problem, device) if problem.normalized else "there is no layer normalisation"


def _taken(problem):
    return accumulation_dtype(problem.dtype).type(problem.taken_h)


def _nothing(problem, device, initial_h):
    states = launching.handed_through(problem, device, initial_h)
    return device.empty(problem.output_shape, problem.dtype), *states, {}


@cuda_implementation(_CELL, _without_rows)
def zoneout_forward(
    problem,
    device,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    mask,
    input_gain,
    recurrent_gain,
    input_scale,
    scale,
    update,
):
    """As `gru_kernels.steps_forward`; returns (outputs, h, kept): kept its gates and inner."""
    operands = x, weight, recurrent_weight, bias, initial_h, mask, input_scale, scale
    outputs, h, gates, inner = gru_kernels.steps_forward(
        problem, device, *operands, update=update, taken=problem.taken_h, zoneout=True
    )
    return outputs, h, dict(gates=gates, inner=inner)


@cuda_implementation(_ROWS, _with_rows)
def rows_forward(
    problem,
    device,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    mask,
    input_gain,
    recurrent_gain,
    input_scale,
    scale,
    update,
):
    """With layer normalisation: the inputs of all steps multiplied and normalised, then two launches a step;
    returns (outputs, h, kept).

    kept, along the time of x: gates, normal and recurrent_normal (batch * steps, 3 * units): the activated
    gates, x W and h R normalised; inverse and recurrent_inverse (batch * steps,): 1 / deviations of both.
    """
    if problem.batch == 0 or problem.steps == 0:
        return _nothing(problem, device, initial_h)
    rows, wide = problem.batch * problem.steps, accumulation_dtype(problem.dtype)
    normal = launching.input_products(problem, device, x, weight, input_scale)
    inverse = row_launching.normalize(problem, device, normal)
    outputs = device.empty(problem.output_shape, problem.dtype)
    h = device.empty(problem.state_shape, problem.dtype)
    sums = device.empty((problem.batch, problem.columns), wide)
    gates = recurrent_normal = recurrent_inverse = None
    if problem.training:
        gates, recurrent_normal = (device.empty((rows, problem.columns), problem.dtype) for _ in range(2))
        recurrent_inverse = device.empty((rows,), wide)
    multiply = row_launching.state_product(problem, device, recurrent_weight, initial_h, scale)
    launch = launching.row_kernel(problem, device, _ROWS, "gru_rows_forward")
    operands = bias, initial_h, mask, input_gain, recurrent_gain, update, _taken(problem)
    operands += row_launching.epsilon(problem), recurrent_normal, recurrent_inverse, outputs, h
    for step in range(problem.steps):
        multiply(step, outputs, sums)
        launch(step, normal, gates, sums, *operands)
    kept = dict(gates=gates, normal=normal, inverse=inverse)
    return outputs, h, kept | dict(recurrent_normal=recurrent_normal, recurrent_inverse=recurrent_inverse)


@cuda_implementation(_CELL, _without_rows)
def zoneout_backward(problem, device, grad_outputs, grad_h, residuals):
    """As `gru_kernels.steps_backward`; returns as `gru_variant_reference.backward`."""
    kept = residuals.kept.get("gates"), residuals.kept.get("inner")
    dgates, dstates, previous, dh = gru_kernels.steps_backward(
        *(problem, device, grad_outputs, grad_h, residuals, *kept),
        update=residuals.update_h,
        taken=problem.taken_h,
        zoneout=True,
    )
    return _gradients(problem, device, residuals, dgates, dstates, dstates, previous, dh)


@cuda_implementation(_ROWS, _with_rows)
def rows_backward(problem, device, grad_outputs, grad_h, residuals):
    """With layer normalisation: two launches a step, then one product for each weight and for x; returns as
    `gru_variant_reference.backward`."""
    dgates, previous, carry, dh = gru_kernels.gradient_arrays(problem, device, grad_h)
    dstates, dproducts = (device.empty(dgates.shape, problem.dtype) for _ in range(2))
    dnew = device.empty(problem.state_shape, accumulation_dtype(problem.dtype))
    if len(dgates):
        hand_back = row_launching.state_backward(problem, device, grad_outputs, grad_h, residuals)
        launch = launching.row_kernel(problem, device, _ROWS, "gru_rows_backward")
        kept = [residuals.kept[name] for name in ("gates", "recurrent_normal", "recurrent_inverse")]
        kept += residuals.bias, residuals.recurrent_gain, residuals.mask
        for step in range(problem.steps - 1, -2, -1):  # -1: before the first step, where the initial state is
            hand_back(step, dproducts, carry, previous, dnew, None, dh)
            if step >= 0:
                launch(step, *kept, previous, dnew, dgates, dstates, dproducts, carry)
    return _gradients(problem, device, residuals, dgates, dstates, dproducts, previous, dh)


def _gradients(problem, device, residuals, dgates, dstates, dproducts, previous, dh):
    """All gradients, from those of the steps, in the order of `GRADIENTS`."""
    dsums, of_gains = dgates, (None, None)
    if problem.normalized:
        of_gains = row_launching.gain_gradients(problem, device, residuals, dgates, dstates)
        dsums = row_launching.normalize_backward(problem, device, residuals, dgates)
    grad_bias = gru_kernels.bias_gradients(problem, device, dgates, dstates)
    grad_x, grad_weight = launching.input_gradients(problem, device, dsums, residuals)
    grad_recurrent_weight = launching.state_weight_gradient(problem, device, previous, dproducts, residuals)
    return grad_x, grad_weight, grad_recurrent_weight, grad_bias, dh, None, None, None, *of_gains, None, None
