"""Launchers of cuda/recurrent/gru_cell.cu and gru_reset_before.cu."""

import numpy as np

from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from . import launching
from .problem import GRU_GATES

_AFTER, _BEFORE = "recurrent/gru_cell.cu", "recurrent/gru_reset_before.cu"


def _needs(reset_after, why):
    def reason(problem, device):
        if problem.reset_after is not reset_after:
            return why
        return launching.unsupported(problem, device)

    return reason


_reset_after = _needs(True, "for the reset gate after the product with the recurrent weight")
_reset_before = _needs(False, "for the reset gate before the product with the recurrent weight")


def _arrays(problem, device, x, weight, initial_h, input_scale, keeps):
    """(outputs, h, gates, inner) before the first step; h is the initial one where no step follows."""
    batch, steps, units = problem.batch, problem.steps, problem.units
    outputs = device.empty(problem.output_shape, problem.dtype)
    if batch == 0 or steps == 0:
        return outputs, *launching.handed_through(problem, device, initial_h), None, None
    gates = launching.input_products(problem, device, x, weight, input_scale)
    inner = device.empty((batch, steps if keeps else 1, units), problem.dtype)
    return outputs, device.empty(problem.state_shape, problem.dtype), gates, inner


def steps_forward(
    problem,
    device,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    mask,
    input_scale,
    scale,
    update=None,
    taken=1.0,
    zoneout=False,
):
    """One product for the inputs of all steps, then one launch a step; returns (outputs, h, gates, inner).

    gates (batch, steps, 3 * units): activated, along the time of x; inner (batch, steps, units), along the
    time of x: the candidate's h R + bias; both None where there is no step.

    Args:
        update, taken: of zoneout: an array or None, and a number; read where there is zoneout.
    """
    keeps = problem.training or problem.recurrent_scaled  # one kernel for dropout, which is of training
    outputs, h, gates, inner = _arrays(problem, device, x, weight, initial_h, input_scale, keeps)
    if gates is not None:
        launch = launching.step_kernel(
            problem, device, _AFTER, "gru_cell_forward", keeps, problem.recurrent_scaled, zoneout
        )
        taken = accumulation_dtype(problem.dtype).type(taken)
        options = recurrent_weight, bias, initial_h, mask, scale, update, taken
        for step in range(problem.steps):
            launch(step, gates, *options, outputs, inner, h)
    return outputs, h, gates, inner


@cuda_implementation(_AFTER, _reset_after)
def cell_forward(problem, device, *operands):
    """As `steps_forward`; gates and inner are None unless training."""
    outputs, h, *kept = steps_forward(problem, device, *operands)
    return outputs, h, *(kept if problem.training else (None, None))


@cuda_implementation(_BEFORE, _reset_before)
def reset_before_forward(
    problem, device, x, weight, recurrent_weight, bias, initial_h, mask, input_scale, scale
):
    """As `cell_forward`, with two launches a step: the gates, then the candidate; inner is r h, h with the
    candidate's factors."""
    keeps = problem.training or problem.recurrent_scaled  # one kernel for dropout, which is of training
    outputs, h, gates, inner = _arrays(problem, device, x, weight, initial_h, input_scale, keeps)
    if gates is not None:
        options = problem, device, _BEFORE
        of_gates = launching.step_kernel(*options, "gru_gates_forward", keeps, problem.recurrent_scaled)
        of_candidate = launching.step_kernel(*options, "gru_candidate_forward", keeps)
        for step in range(problem.steps):
            of_gates(step, gates, recurrent_weight, bias, initial_h, mask, scale, outputs, inner)
            of_candidate(step, gates, recurrent_weight, bias, initial_h, mask, inner, outputs, h)
    return outputs, h, *((gates, inner) if problem.training else (None, None))


def gradient_arrays(problem, device, grad_h):
    """(dgates, previous, carry, dh): dh is handed through where there is no step."""
    rows = problem.batch * problem.steps
    dgates = device.empty((rows, problem.columns), problem.dtype)
    previous = device.empty((rows, problem.units), problem.dtype)
    carry = device.empty(problem.state_shape, accumulation_dtype(problem.dtype))
    dh = (
        device.empty(problem.state_shape, problem.dtype)
        if rows
        else launching.handed_through(problem, device, grad_h)[0]
    )
    return dgates, previous, carry, dh


def steps_backward(
    problem,
    device,
    grad_outputs,
    grad_h,
    residuals,
    gates,
    inner,
    update=None,
    taken=1.0,
    zoneout=False,
):
    """One launch a step; gates, inner and the rest as of `steps_forward`.

    Returns:
        (dgates, dstates, previous, dh): the gradients to x W and to h R (batch * steps, 3 * units), h before
        each step (batch * steps, units), the gradient to the initial state.
    """
    dgates, previous, carry, dh = gradient_arrays(problem, device, grad_h)
    dstates = device.empty(dgates.shape, problem.dtype)
    if len(dgates):
        kept = gates, inner, residuals.outputs, residuals.recurrent_weight, residuals.initial_h
        kept += residuals.mask, residuals.recurrent_scale
        kept += update, accumulation_dtype(problem.dtype).type(taken)
        launch = launching.step_kernel(
            problem, device, _AFTER, "gru_cell_backward", problem.recurrent_scaled, zoneout
        )
        for step in range(problem.steps - 1, -2, -1):  # -1: before the first step, where the initial state is
            launch(step, *kept, grad_outputs, grad_h, dgates, dstates, carry, previous, dh)
    return dgates, dstates, previous, dh


def bias_gradients(problem, device, dgates, dstates):
    """(2, 3 * units), or None without a bias."""
    if not problem.use_bias:
        return None
    both = [launching.bias_gradient(problem, device, grads) for grads in (dgates, dstates)]
    return device.array_module.stack(both)


@cuda_implementation(_AFTER, _reset_after)
def cell_backward(problem, device, grad_outputs, grad_h, residuals):
    """`steps_backward`, then one product for each weight and for x; returns as `gru_reference.backward`."""
    dgates, dstates, previous, dh = steps_backward(
        problem, device, grad_outputs, grad_h, residuals, residuals.gates, residuals.inner
    )
    grad_x, grad_weight = launching.input_gradients(problem, device, dgates, residuals)
    grad_recurrent_weight = launching.state_weight_gradient(problem, device, previous, dstates, residuals)
    return grad_x, grad_weight, grad_recurrent_weight, bias_gradients(problem, device, dgates, dstates), dh


@cuda_implementation(_BEFORE, _reset_before)
def reset_before_backward(problem, device, grad_outputs, grad_h, residuals):
    """As `cell_backward`, with two launches a step: the candidate and the update gate, then the reset
    gate."""
    dgates, previous, carry, dh = gradient_arrays(problem, device, grad_h)
    units, rows, scale = problem.units, len(dgates), residuals.recurrent_scale
    if rows:
        weight, initial_h, mask = residuals.recurrent_weight, residuals.initial_h, residuals.mask
        options = problem, device, _BEFORE
        of_candidate = launching.step_kernel(*options, "gru_candidate_backward", problem.recurrent_scaled)
        of_reset = launching.step_kernel(*options, "gru_reset_backward", problem.recurrent_scaled)
        kept = residuals.gates, residuals.outputs, weight, initial_h, mask, scale, grad_outputs, grad_h
        for step in range(problem.steps - 1, -2, -1):
            of_candidate(step, *kept, dgates, carry, previous, dh)
            if step >= 0:
                of_reset(step, residuals.gates, weight, mask, scale, previous, dgates, carry)

    grad_x, grad_weight = launching.input_gradients(problem, device, dgates, residuals)
    candidate = GRU_GATES.index("candidate")
    of_gates, of_candidate = dgates[:, : candidate * units], dgates[:, candidate * units :]
    scale = None if scale is None else scale[:, :candidate]
    previous = previous.reshape(problem.output_shape)
    inner = np.zeros((0, units)) if residuals.inner is None else residuals.inner.reshape(rows, units)
    inner = device.asarray(inner, problem.dtype)
    grad_recurrent_weight = device.array_module.concatenate(
        [
            launching.weight_gradient(problem, device, previous, of_gates, scale),
            launching.product(device, inner.T, of_candidate),
        ],
        axis=1,
    )
    grad_bias = launching.bias_gradient(problem, device, dgates)
    return grad_x, grad_weight, grad_recurrent_weight, grad_bias, dh
