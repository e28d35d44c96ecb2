"""Launchers of cuda/recurrent/simple_rnn_cell.cu."""

from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from . import launching

_FILE = "recurrent/simple_rnn_cell.cu"


@cuda_implementation(_FILE, launching.unsupported)
def cell_forward(problem, device, x, weight, recurrent_weight, bias, initial_h, mask, input_scale, scale):
    """One product for the inputs of all steps, then one launch a step; returns (outputs, h, None): the
    outputs are all that the backward needs."""
    outputs = device.empty(problem.output_shape, problem.dtype)
    if problem.batch == 0 or problem.steps == 0:
        return outputs, *launching.handed_through(problem, device, initial_h), None
    sums = launching.input_products(problem, device, x, weight, input_scale)
    h = device.empty(problem.state_shape, problem.dtype)
    launch = launching.step_kernel(
        problem, device, _FILE, "simple_rnn_cell_forward", problem.recurrent_scaled
    )
    for step in range(problem.steps):
        launch(step, sums, recurrent_weight, bias, initial_h, mask, scale, outputs, h)
    return outputs, h, None


@cuda_implementation(_FILE, launching.unsupported)
def cell_backward(problem, device, grad_outputs, grad_h, residuals):
    """One launch a step, then one product for each weight and for x; returns as
    `simple_rnn_reference.backward`."""
    rows = problem.batch * problem.steps
    dsums, previous = (device.empty((rows, problem.units), problem.dtype) for _ in range(2))
    if rows == 0:
        (dh,) = launching.handed_through(problem, device, grad_h)
    else:
        carry = device.empty(problem.state_shape, accumulation_dtype(problem.dtype))
        dh = device.empty(problem.state_shape, problem.dtype)
        kept = residuals.outputs, residuals.recurrent_weight, residuals.initial_h, residuals.mask
        kept += (residuals.recurrent_scale,)
        launch = launching.step_kernel(
            problem, device, _FILE, "simple_rnn_cell_backward", problem.recurrent_scaled
        )
        for step in range(problem.steps - 1, -2, -1):  # -1: before the first step, where the initial state is
            launch(step, *kept, grad_outputs, grad_h, dsums, carry, previous, dh)

    grad_x, grad_weight = launching.input_gradients(problem, device, dsums, residuals)
    grad_recurrent_weight = launching.state_weight_gradient(problem, device, previous, dsums, residuals)
    return grad_x, grad_weight, grad_recurrent_weight, launching.bias_gradient(problem, device, dsums), dh
