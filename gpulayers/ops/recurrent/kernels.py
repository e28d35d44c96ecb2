"""Launchers of cuda/recurrent."""

import dataclasses
import enum

import numpy as np

from ... import jit
from ..arrays import accumulation_dtype
from ..dispatch import cuda_implementation

_FILE = "recurrent/lstm_cell.cu"
_THREADS = 256


class CellActivation(enum.Enum):
    """As in cuda/recurrent/cell.cuh."""

    TANH = "tanh"
    SIGMOID = "sigmoid"
    RELU = "relu"
    LINEAR = "linear"
    HARD_SIGMOID = "hard_sigmoid"


@dataclasses.dataclass(frozen=True)
class LSTMCellConfig:
    units: int  # hidden units a block
    rows_a_thread: int  # sequences a thread

    @property
    def rows(self):
        """Sequences a block."""
        return _THREADS // self.units * self.rows_a_thread

    def grid(self, problem):
        return -(-problem.units // self.units), -(-problem.batch // self.rows), 1

    @property
    def block(self):
        return self.units, _THREADS // self.units, 1


SMALL, LARGE = LSTMCellConfig(units=16, rows_a_thread=1), LSTMCellConfig(units=32, rows_a_thread=4)


def lstm_cell_config(problem, device):
    """Large tiles where they still give every multiprocessor a block, else small ones."""
    columns, rows, _ = LARGE.grid(problem)
    return LARGE if columns * rows >= device.multiprocessors else SMALL


@dataclasses.dataclass(frozen=True)
class LSTMGeometry:
    batch: np.int32
    steps: np.int32
    units: np.int32
    go_backwards: np.int32

    @classmethod
    def of(cls, problem):
        return cls(problem.batch, problem.steps, problem.units, problem.go_backwards)


def _template(problem, config):
    activations = CellActivation(problem.activation), CellActivation(problem.recurrent_activation)
    return (problem.dtype, config.units, config.rows_a_thread, *activations)


def _grid_problem(problem, device):
    """Why the grid of one step cannot be launched, or None."""
    rows = lstm_cell_config(problem, device).grid(problem)[1]
    return f"a batch of {problem.batch} needs {rows} rows of blocks, over 65535" if rows > 65535 else None


def _handed_through(problem, device, *states):
    """What comes out of a sequence in which nothing happens: copies of the states, zeros for None."""
    return [device.zeros(problem.state_shape, problem.dtype) if s is None else s.copy() for s in states]


def _product(device, a, b):
    """a @ b, where nothing may be added up or nothing may come out."""
    if a.shape[0] and a.shape[1] and b.shape[1]:
        return device.matmul(a, b)
    return device.zeros((a.shape[0], b.shape[1]), a.dtype)


@cuda_implementation(_FILE, _grid_problem)
def cell_forward(problem, device, x, weight, recurrent_weight, bias, initial_h, initial_c, mask):
    """One product for the inputs of all steps, then one launch a step; returns (outputs, h, c, gates, cells).

    gates (batch, steps, 4 * units): activated, along the time of x; cells (batch, steps, units) in the
    accumulation dtype: the state after each step, in the order of processing.
    """
    batch, steps, units = problem.batch, problem.steps, problem.units
    accumulate = accumulation_dtype(problem.dtype)
    outputs = device.empty(problem.output_shape, problem.dtype)
    if batch == 0 or steps == 0:
        return outputs, *_handed_through(problem, device, initial_h, initial_c), None, None
    gates = device.matmul(x.reshape(batch * steps, problem.input_dim), weight)
    cells = device.empty((batch, steps if problem.training else 1, units), accumulate)
    h, c = (device.empty(problem.state_shape, problem.dtype) for _ in range(2))

    config = lstm_cell_config(problem, device)
    kernel = device.kernel(_FILE, "lstm_cell_forward", (*_template(problem, config), problem.training))
    geometry = jit.as_structure(LSTMGeometry.of(problem))
    operands = (gates, recurrent_weight, bias, initial_h, initial_c, mask, outputs, cells, h, c, geometry)
    for step in range(steps):
        kernel(config.grid(problem), config.block, (*operands, np.int32(step)))
    return outputs, h, c, *((gates, cells) if problem.training else (None, None))


@cuda_implementation(_FILE, _grid_problem)
def cell_backward(problem, device, grad_outputs, grad_h, grad_c, residuals):
    """One launch a step, then one product for each weight and for x; returns as `reference.backward`."""
    batch, steps, units, columns = problem.batch, problem.steps, problem.units, problem.columns
    accumulate = accumulation_dtype(problem.dtype)
    dgates = device.empty((batch * steps, columns), problem.dtype)
    previous = device.empty((batch * steps, units), problem.dtype)

    if batch == 0 or steps == 0:
        dh, dc = _handed_through(problem, device, grad_h, grad_c)
    else:
        dh, dc = (device.empty(problem.state_shape, problem.dtype) for _ in range(2))
        carry_h, carry_c = (device.empty(problem.state_shape, accumulate) for _ in range(2))
        config = lstm_cell_config(problem, device)
        kernel = device.kernel(_FILE, "lstm_cell_backward", _template(problem, config))
        geometry = jit.as_structure(LSTMGeometry.of(problem))
        kept = residuals.gates, residuals.cells, residuals.outputs, residuals.recurrent_weight
        kept += residuals.initial_h, residuals.initial_c, residuals.mask
        results = dgates, carry_h, carry_c, previous, dh, dc
        operands = (*kept, grad_outputs, grad_h, grad_c, *results, geometry)
        for step in range(steps - 1, -2, -1):  # -1: before the first step, where the initial states are
            kernel(config.grid(problem), config.block, (*operands, np.int32(step)))

    rows = batch * steps
    grad_x = _product(device, dgates, residuals.weight.T).reshape(batch, steps, problem.input_dim)
    grad_weight = _product(device, residuals.x.reshape(rows, problem.input_dim).T, dgates)
    grad_recurrent_weight = _product(device, previous.T, dgates)
    grad_bias = _bias_gradient(problem, device, dgates) if problem.use_bias else None
    return grad_x, grad_weight, grad_recurrent_weight, grad_bias, dh, dc


def _bias_gradient(problem, device, dgates):
    grad_bias = device.empty((problem.columns,), problem.dtype)
    kernel = device.kernel("recurrent/lstm_bias.cu", "lstm_bias_backward", (problem.dtype,))
    sizes = np.int64(problem.batch * problem.steps), np.int32(problem.columns)
    kernel((-(-problem.columns // 32),), (32, 32), (dgates, grad_bias, *sizes))
    return grad_bias
