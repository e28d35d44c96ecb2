"""Launchers of cuda/recurrent/lstm_cell.cu."""

from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from . import launching

_FILE = "recurrent/lstm_cell.cu"


@cuda_implementation(_FILE, launching.unsupported)
def cell_forward(
    problem, device, x, weight, recurrent_weight, bias, initial_h, initial_c, mask, input_scale, scale
):
    """One product for the inputs of all steps, then one launch a step; returns (outputs, h, c, gates, cells).

    gates (batch, steps, 4 * units): activated, along the time of x; cells (batch, steps, units) in the
    accumulation dtype: the state after each step, in the order of processing.
    """
    batch, steps, units = problem.batch, problem.steps, problem.units
    outputs = device.empty(problem.output_shape, problem.dtype)
    if batch == 0 or steps == 0:
        return outputs, *launching.handed_through(problem, device, initial_h, initial_c), None, None
    keeps = problem.training or problem.recurrent_scaled  # one kernel for dropout, which is of training
    gates = launching.input_products(problem, device, x, weight, input_scale)
    cells = device.empty((batch, steps if keeps else 1, units), accumulation_dtype(problem.dtype))
    h, c = (device.empty(problem.state_shape, problem.dtype) for _ in range(2))
    launch = launching.step_kernel(
        problem, device, _FILE, "lstm_cell_forward", keeps, problem.recurrent_scaled
    )
    for step in range(steps):
        launch(step, gates, recurrent_weight, bias, initial_h, initial_c, mask, scale, outputs, cells, h, c)
    return outputs, h, c, *((gates, cells) if problem.training else (None, None))


@cuda_implementation(_FILE, launching.unsupported)
def cell_backward(problem, device, grad_outputs, grad_h, grad_c, residuals):
    """One launch a step, then one product for each weight and for x; returns as `reference.backward`."""
    rows, units = problem.batch * problem.steps, problem.units
    dgates = device.empty((rows, problem.columns), problem.dtype)
    previous = device.empty((rows, units), problem.dtype)
    if rows == 0:
        dh, dc = launching.handed_through(problem, device, grad_h, grad_c)
    else:
        accumulate = accumulation_dtype(problem.dtype)
        dh, dc = (device.empty(problem.state_shape, problem.dtype) for _ in range(2))
        carry_h, carry_c = (device.empty(problem.state_shape, accumulate) for _ in range(2))
        kept = residuals.gates, residuals.cells, residuals.outputs, residuals.recurrent_weight
        kept += residuals.initial_h, residuals.initial_c, residuals.mask, residuals.recurrent_scale
        results = dgates, carry_h, carry_c, previous, dh, dc
        launch = launching.step_kernel(problem, device, _FILE, "lstm_cell_backward", problem.recurrent_scaled)
        for step in range(
            problem.steps - 1, -2, -1
        ):  # -1: before the first step, where the initial states are
            launch(step, *kept, grad_outputs, grad_h, grad_c, *results)

    grad_x, grad_weight = launching.input_gradients(problem, device, dgates, residuals)
    grad_recurrent_weight = launching.state_weight_gradient(problem, device, previous, dgates, residuals)
    return (
        grad_x,
        grad_weight,
        grad_recurrent_weight,
        launching.bias_gradient(problem, device, dgates),
        dh,
        dc,
    )
