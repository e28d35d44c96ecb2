"""Launchers of the GRU with extensions: cuda/recurrent/gru_cell.cu, gru_rows.cu, state.cu."""

from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from . import launching, row_launching

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
    """As `gru_kernels.cell_forward`; returns (outputs, h, kept): kept its gates and inner."""
    if problem.batch == 0 or problem.steps == 0:
        return _nothing(problem, device, initial_h)
    keeps = problem.training or problem.recurrent_scaled  # one kernel for dropout, which is of training
    gates = launching.input_products(problem, device, x, weight, input_scale)
    outputs = device.empty(problem.output_shape, problem.dtype)
    h = device.empty(problem.state_shape, problem.dtype)
    inner = device.empty((problem.batch, problem.steps if keeps else 1, problem.units), problem.dtype)
    launch = launching.step_kernel(
        problem, device, _CELL, "gru_cell_forward", keeps, problem.recurrent_scaled, True
    )
    operands = recurrent_weight, bias, initial_h, mask, scale, update, _taken(problem)
    for step in range(problem.steps):
        launch(step, gates, *operands, outputs, inner, h)
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


def _gradient_arrays(problem, device, grad_h):
    """(dgates, dstates, previous, carry, dh): dh is handed through where there is no step."""
    rows = problem.batch * problem.steps
    dgates, dstates = (device.empty((rows, problem.columns), problem.dtype) for _ in range(2))
    previous = device.empty((rows, problem.units), problem.dtype)
    carry = device.empty(problem.state_shape, accumulation_dtype(problem.dtype))
    dh = (
        device.empty(problem.state_shape, problem.dtype)
        if rows
        else launching.handed_through(problem, device, grad_h)[0]
    )
    return dgates, dstates, previous, carry, dh


@cuda_implementation(_CELL, _without_rows)
def zoneout_backward(problem, device, grad_outputs, grad_h, residuals):
    """As `gru_kernels.cell_backward`; returns as `gru_variant_reference.backward`."""
    dgates, dstates, previous, carry, dh = _gradient_arrays(problem, device, grad_h)
    if len(dgates):
        of = residuals
        kept = of.kept["gates"], of.kept["inner"], of.outputs, of.recurrent_weight, of.initial_h, of.mask
        kept += of.recurrent_scale, of.update_h, _taken(problem)
        launch = launching.step_kernel(
            problem, device, _CELL, "gru_cell_backward", problem.recurrent_scaled, True
        )
        for step in range(problem.steps - 1, -2, -1):  # -1: before the first step, where the initial state is
            launch(step, *kept, grad_outputs, grad_h, dgates, dstates, carry, previous, dh)
    return _gradients(problem, device, residuals, dgates, dstates, dstates, previous, dh)


@cuda_implementation(_ROWS, _with_rows)
def rows_backward(problem, device, grad_outputs, grad_h, residuals):
    """With layer normalisation: two launches a step, then one product for each weight and for x; returns as
    `gru_variant_reference.backward`."""
    dgates, dstates, previous, carry, dh = _gradient_arrays(problem, device, grad_h)
    dproducts = device.empty(dgates.shape, problem.dtype)
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
    dsums, of_gains, grad_bias = dgates, (None, None), None
    if problem.normalized:
        of_gains = row_launching.gain_gradients(problem, device, residuals, dgates, dstates)
        dsums = row_launching.normalize_backward(problem, device, residuals, dgates)
    if problem.use_bias:
        both = [launching.bias_gradient(problem, device, grads) for grads in (dgates, dstates)]
        grad_bias = device.array_module.stack(both)
    grad_x, grad_weight = launching.input_gradients(problem, device, dsums, residuals)
    grad_recurrent_weight = launching.state_weight_gradient(problem, device, previous, dproducts, residuals)
    return grad_x, grad_weight, grad_recurrent_weight, grad_bias, dh, None, None, None, *of_gains, None, None
