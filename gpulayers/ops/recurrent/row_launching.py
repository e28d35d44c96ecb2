"""What the launchers of recurrent cells with layer normalisation share: cuda/recurrent/state.cu and
normalize.cu."""

import numpy as np

from ..arrays import accumulation_dtype
from . import launching
from .variant_problem import EPSILON

_STATE, _NORMALIZE = "recurrent/state.cu", "recurrent/normalize.cu"
_THREADS = 256


def epsilon(problem):
    """That of the normalisations, as kernels take it."""
    return accumulation_dtype(problem.dtype).type(EPSILON)


def state_product(problem, device, recurrent_weight, initial_h, scale):
    """`launch(step, outputs, sums)`: sums becomes h R of the step."""
    gates, size = len(problem.gates), np.int32(problem.size)
    kernel = launching.step_kernel(
        problem, device, _STATE, "recurrent_state_product", gates, problem.recurrent_scaled, activates=False
    )
    return lambda step, outputs, sums: kernel(step, recurrent_weight, initial_h, scale, outputs, sums, size)


def state_backward(problem, device, grad_outputs, grad_h, residuals):
    """`launch(step, dproducts, carry, previous, dnew, kept_dnew, dh)`: from the gradients of the step after
    to that of a step's h."""
    of, taken = residuals, accumulation_dtype(problem.dtype).type(problem.taken_h)
    kernel = launching.step_kernel(
        problem,
        device,
        _STATE,
        "recurrent_state_backward",
        problem.recurrent_scaled,
        columns=problem.size,
        activates=False,
    )
    operands = of.recurrent_weight, of.initial_h, of.mask, of.recurrent_scale, of.update_h, taken
    operands += of.outputs, grad_outputs, grad_h
    sizes = np.int32(len(problem.gates)), np.int32(problem.size)
    return lambda step, dproducts, *results: kernel(step, dproducts, *operands, *results, *sizes)


def normalize(problem, device, sums):
    """Normalises the rows of sums in place; returns 1 / deviation of each, or None unless training."""
    rows, columns = sums.shape
    wide = accumulation_dtype(problem.dtype)
    inverse = device.empty((rows,), wide) if problem.training else None
    kernel = device.kernel(_NORMALIZE, "recurrent_normalize_forward", (problem.dtype,))
    kernel((rows,), (_THREADS,), (sums, inverse, epsilon(problem), np.int32(columns)))
    return inverse


def normalize_backward(problem, device, residuals, dgates):
    """The gradients to x W, (batch * steps, columns), from those behind its normalisation."""
    rows, columns = dgates.shape
    dsums = device.empty(dgates.shape, problem.dtype)
    if rows:
        kernel = device.kernel(_NORMALIZE, "recurrent_normalize_backward", (problem.dtype,))
        kept = residuals.kept["normal"], residuals.kept["inverse"], residuals.input_gain
        kernel((rows,), (_THREADS,), (dgates, *kept, dsums, np.int32(columns)))
    return dsums


def gain_gradients(problem, device, residuals, dgates, dstates):
    """The gradients to the gains of x W and of h R."""
    if not len(dgates):
        return tuple(device.zeros((problem.columns,), problem.dtype) for _ in range(2))
    kept = residuals.kept["normal"], residuals.kept["recurrent_normal"]
    return tuple(
        launching.gain_gradient(problem, device, grads, normal)
        for grads, normal in zip((dgates, dstates), kept)
    )
