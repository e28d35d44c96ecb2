"""Launchers of the LSTM with extensions: lstm_extended.cu, lstm_rows.cu, state.cu and projection.cu of
cuda/recurrent."""

import numpy as np

from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation
from . import launching, row_launching

_EXTENDED, _ROWS, _PROJECTION = (
    f"recurrent/{name}.cu" for name in ("lstm_extended", "lstm_rows", "projection")
)


def _without_rows(problem, device):
    if problem.normalized:
        return "layer normalisation needs whole rows"
    return launching.unsupported(problem, device)


def _without_rows_or_projection(problem, device):
    return "a projection" if problem.projection_size else _without_rows(problem, device)


def _updates(problem, update_h, update_c):
    """What the kernels take of the partial updates."""
    wide = accumulation_dtype(problem.dtype).type
    return update_h, update_c, wide(problem.taken_h), wide(problem.taken_c)


class _Sequence:
    """The arrays of a forward, and its projection; keeps: every step's."""

    def __init__(self, problem, device, keeps):
        self.problem = problem
        batch, length, units = problem.batch, problem.steps if keeps else 1, problem.units
        self.outputs = device.empty(problem.output_shape, problem.dtype)
        self.cells = device.empty((batch, length, units), accumulation_dtype(problem.dtype))
        self.h = device.empty(problem.state_shape, problem.dtype)
        self.c = device.empty(problem.cell_shape, problem.dtype)
        self.inside = None
        if problem.projection_size:
            self.inside = device.empty((batch, length, units), problem.dtype)
            options = "recurrent_projection_forward", keeps
            self._project = launching.step_kernel(
                problem, device, _PROJECTION, *options, columns=problem.size, activates=False
            )

    def project(self, step, projection, initial_h, mask, update_h):
        problem = self.problem
        if projection is not None:
            taken, size = accumulation_dtype(problem.dtype).type(problem.taken_h), np.int32(problem.size)
            operands = self.inside, projection, initial_h, mask, update_h, taken, self.outputs, self.h, size
            self._project(step, *operands)


def _nothing(problem, device, initial_h, initial_c):
    states = launching.handed_through(problem, device, initial_h, initial_c)
    return device.empty(problem.output_shape, problem.dtype), *states, {}


@cuda_implementation(_EXTENDED, _without_rows)
def extended_forward(
    problem,
    device,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    initial_c,
    mask,
    peephole,
    projection,
    input_gain,
    recurrent_gain,
    state_gain,
    state_shift,
    input_scale,
    scale,
    update_h,
    update_c,
):
    """One product for the inputs of all steps, then a launch a step, and one for its projection; returns
    (outputs, h, c, kept).

    kept: gates (batch * steps, 4 * units) activated, inside (batch, steps, units) what is projected, both
    along the time of x; cells (batch, steps, units) in the accumulation dtype, in the order of processing.
    """
    if problem.batch == 0 or problem.steps == 0:
        return _nothing(problem, device, initial_h, initial_c)
    keeps = problem.training or problem.recurrent_scaled  # one kernel for dropout, which is of training
    of = _Sequence(problem, device, keeps)
    gates = launching.input_products(problem, device, x, weight, input_scale)
    launch = launching.step_kernel(
        problem, device, _EXTENDED, "lstm_extended_forward", keeps, problem.recurrent_scaled
    )
    operands = recurrent_weight, bias, initial_h, initial_c, mask, scale, peephole
    operands += _updates(problem, update_h, update_c)
    results = of.outputs, of.inside, of.cells, of.h, of.c, np.int32(problem.size)
    for step in range(problem.steps):
        launch(step, gates, *operands, *results)
        of.project(step, projection, initial_h, mask, update_h)
    return of.outputs, of.h, of.c, dict(gates=gates, cells=of.cells, inside=of.inside)


@cuda_implementation(_ROWS, launching.unsupported)
def rows_forward(
    problem,
    device,
    x,
    weight,
    recurrent_weight,
    bias,
    initial_h,
    initial_c,
    mask,
    peephole,
    projection,
    input_gain,
    recurrent_gain,
    state_gain,
    state_shift,
    input_scale,
    scale,
    update_h,
    update_c,
):
    """With layer normalisation: the inputs of all steps multiplied and normalised, then two launches a step,
    and one for its projection; returns as `extended_forward`.

    kept too: normal, recurrent_normal (batch * steps, 4 * units): x W and h R normalised, inverse (batch *
    steps,) and statistics (batch, steps, 3) of the normalisations, along the time of x.
    """
    if problem.batch == 0 or problem.steps == 0:
        return _nothing(problem, device, initial_h, initial_c)
    rows, wide = problem.batch * problem.steps, accumulation_dtype(problem.dtype)
    of = _Sequence(problem, device, problem.training)
    normal = launching.input_products(problem, device, x, weight, input_scale)
    inverse = row_launching.normalize(problem, device, normal)
    sums = device.empty((problem.batch, problem.columns), wide)
    kept = dict(gates=None, recurrent_normal=None, statistics=None)
    if problem.training:
        kept = {name: device.empty((rows, problem.columns), problem.dtype) for name in kept}
        kept["statistics"] = device.empty((problem.batch, problem.steps, 3), wide)
    multiply = row_launching.state_product(problem, device, recurrent_weight, initial_h, scale)
    launch = launching.row_kernel(problem, device, _ROWS, "lstm_rows_forward")
    operands = bias, initial_h, initial_c, mask, peephole, input_gain, recurrent_gain, state_gain, state_shift
    operands += *_updates(problem, update_h, update_c), row_launching.epsilon(problem)
    results = of.outputs, of.inside, of.cells, of.h, of.c
    for step in range(problem.steps):
        multiply(step, of.outputs, sums)
        statistics = kept["recurrent_normal"], kept["statistics"]
        launch(step, normal, kept["gates"], sums, *operands, *statistics, *results)
        of.project(step, projection, initial_h, mask, update_h)
    kept |= dict(normal=normal, inverse=inverse, cells=of.cells, inside=of.inside)
    return of.outputs, of.h, of.c, kept


@cuda_implementation(_EXTENDED, _without_rows_or_projection)
def extended_backward(problem, device, grad_outputs, grad_h, grad_c, residuals):
    """One launch a step, then one product for each weight and for x; returns as
    `lstm_variant_reference.backward`."""
    rows, wide = problem.batch * problem.steps, accumulation_dtype(problem.dtype)
    dgates = device.empty((rows, problem.columns), problem.dtype)
    previous = device.empty((rows, problem.units), problem.dtype)
    sums = device.zeros((problem.batch, 3, problem.units), wide) if problem.peepholes else None
    if rows == 0:
        dh, dc = launching.handed_through(problem, device, grad_h, grad_c)
    else:
        dh, dc = (device.empty(problem.state_shape, problem.dtype) for _ in range(2))
        carries = [device.empty(problem.state_shape, wide) for _ in range(2)]
        of = residuals
        kept = of.kept["gates"], of.kept["cells"], of.outputs, of.recurrent_weight, of.initial_h, of.initial_c
        kept += of.mask, of.recurrent_scale, of.peephole, *_updates(problem, of.update_h, of.update_c)
        launch = launching.step_kernel(
            problem, device, _EXTENDED, "lstm_extended_backward", problem.recurrent_scaled
        )
        for step in range(
            problem.steps - 1, -2, -1
        ):  # -1: before the first step, where the initial states are
            launch(step, *kept, grad_outputs, grad_h, grad_c, dgates, *carries, previous, sums, dh, dc)
    return _gradients(problem, device, residuals, dgates, dgates, previous, dh, dc, sums)


@cuda_implementation(_ROWS, launching.unsupported)
def rows_backward(problem, device, grad_outputs, grad_h, grad_c, residuals):
    """With layer normalisation or a projection: two launches a step, and one for its projection, then one
    product for each weight and for x; returns as `lstm_variant_reference.backward`."""
    rows, wide, of, kept = (
        problem.batch * problem.steps,
        accumulation_dtype(problem.dtype),
        residuals,
        residuals.kept,
    )
    dgates = device.empty((rows, problem.columns), problem.dtype)
    dproducts = device.empty(dgates.shape, problem.dtype) if problem.normalized else dgates
    previous = device.empty((rows, problem.size), problem.dtype)
    sums = device.zeros((problem.batch, 3, problem.units), wide) if problem.peepholes else None
    state_sums = device.zeros((problem.batch, 2, problem.units), wide) if problem.normalized else None
    dinside, kept_dnew = device.empty(problem.cell_shape, wide), None
    projected = problem.projection_size is not None
    if projected:
        kept_dnew = device.empty((rows, problem.size), problem.dtype)
    if rows == 0:
        dh, dc = launching.handed_through(problem, device, grad_h, grad_c)
    else:
        dh, dc = (
            device.empty(problem.state_shape, problem.dtype),
            device.empty(problem.cell_shape, problem.dtype),
        )
        carry_h, carry_c = device.empty(problem.state_shape, wide), device.empty(problem.cell_shape, wide)
        hand_back = row_launching.state_backward(problem, device, grad_outputs, grad_h, residuals)
        project = launching.step_kernel(
            problem, device, _PROJECTION, "recurrent_projection_backward", activates=False
        )
        launch = launching.row_kernel(problem, device, _ROWS, "lstm_rows_backward")
        operands = kept["gates"], kept["cells"], of.initial_c, of.mask, of.peephole
        operands += of.recurrent_gain, of.state_gain, of.state_shift, of.update_c
        operands += wide.type(problem.taken_c), kept.get("recurrent_normal"), kept.get("statistics")
        results = dgates, dproducts if problem.normalized else None, carry_c, state_sums, sums, dc
        for step in range(problem.steps - 1, -2, -1):  # -1: before the first step, where the initial state is
            dnew = None if projected else dinside
            hand_back(step, dproducts, carry_h, previous, dnew, kept_dnew, dh)
            if step >= 0 and projected:
                project(step, kept_dnew, of.projection, dinside, np.int32(problem.size))
            if step >= 0:
                launch(step, *operands, dinside, grad_c, *results)
    return _gradients(
        problem, device, residuals, dgates, dproducts, previous, dh, dc, sums, state_sums, kept_dnew
    )


def _gradients(
    problem, device, residuals, dgates, dproducts, previous, dh, dc, sums, state_sums=None, kept_dnew=None
):
    """All gradients, from those of the steps, in the order of `GRADIENTS`."""
    kept, narrow = residuals.kept, problem.dtype
    dsums, of_gains = dgates, [None] * 4
    if problem.normalized:
        of_gains = list(row_launching.gain_gradients(problem, device, residuals, dgates, dgates))
        of_gains += [part.astype(narrow) for part in state_sums.sum(axis=0)]
        dsums = row_launching.normalize_backward(problem, device, residuals, dgates)
    of_projection = None
    if kept_dnew is not None:
        inside = kept["inside"].reshape(-1, problem.units) if len(dgates) else dgates[:, : problem.units]
        of_projection = launching.product(device, inside.T, kept_dnew)
    grad_x, grad_weight = launching.input_gradients(problem, device, dsums, residuals)
    return (
        grad_x,
        grad_weight,
        launching.state_weight_gradient(problem, device, previous, dproducts, residuals),
        launching.bias_gradient(problem, device, dgates),
        dh,
        dc,
        None if sums is None else sums.sum(axis=0).astype(narrow),
        of_projection,
        *of_gains,
    )
