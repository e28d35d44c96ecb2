"""What the launchers of the recurrent cells share: tiles, template arguments, one launch a step, gradients
of weights."""

import dataclasses
import enum

import numpy as np

from ... import jit
from .problem import ACTIVATIONS

THREADS = 256
ROW_THREADS = 512  # as in cuda/recurrent/rows.cuh


class CellActivation(enum.Enum):
    """As in cuda/recurrent/cell.cuh."""

    TANH = "tanh"
    SIGMOID = "sigmoid"
    RELU = "relu"
    LINEAR = "linear"
    HARD_SIGMOID = "hard_sigmoid"


@dataclasses.dataclass(frozen=True)
class CellConfig:
    units: int  # hidden units a block
    rows_a_thread: int  # sequences a thread

    @property
    def rows(self):
        """Sequences a block."""
        return THREADS // self.units * self.rows_a_thread

    def grid(self, problem, columns=None):
        """For a thread a unit, or a thread a column of another row."""
        return -(-(columns or problem.units) // self.units), -(-problem.batch // self.rows), 1

    @property
    def block(self):
        return self.units, THREADS // self.units, 1


SMALL, LARGE = CellConfig(units=16, rows_a_thread=1), CellConfig(units=32, rows_a_thread=4)


def cell_config(problem, device):
    """Large tiles where they still give every multiprocessor a block and fit static shared memory, else small
    ones."""
    if problem.recurrent_scaled and problem.dtype.itemsize == 8:
        return SMALL
    columns, rows, _ = LARGE.grid(problem)
    return LARGE if columns * rows >= device.multiprocessors else SMALL


@dataclasses.dataclass(frozen=True)
class CellGeometry:
    batch: np.int32
    steps: np.int32
    units: np.int32
    go_backwards: np.int32

    @classmethod
    def of(cls, problem):
        return cls(problem.batch, problem.steps, problem.units, problem.go_backwards)


def unsupported(problem, device):
    """Why the kernels of one step do not take the problem, or None."""
    for activation in problem.activations:
        if activation not in ACTIVATIONS:
            return f"the kernels know the activations {', '.join(ACTIVATIONS)}, not {activation}"
    rows = cell_config(problem, device).grid(problem)[1]
    return f"a batch of {problem.batch} needs {rows} rows of blocks, over 65535" if rows > 65535 else None


def step_kernel(problem, device, file, name, *flags, columns=None, activates=True):
    """`launch(step, *operands)`: a kernel of one step; it takes the operands, the geometry and the step.

    Args:
        flags: further template arguments.
        columns: of what it writes; default: the units.
        activates: whether the activations are template arguments.
    """
    config = cell_config(problem, device)
    activations = map(CellActivation, problem.activations) if activates else ()
    kernel = device.kernel(
        file, name, (problem.dtype, config.units, config.rows_a_thread, *activations, *flags)
    )
    geometry, grid = jit.as_structure(CellGeometry.of(problem)), config.grid(problem, columns)

    def launch(step, *operands):
        kernel(grid, config.block, (*operands, geometry, np.int32(step)))

    return launch


def row_kernel(problem, device, file, name):
    """As `step_kernel`, for a kernel in which a block owns a sequence and a thread its units."""
    kernel = device.kernel(file, name, (problem.dtype, *map(CellActivation, problem.activations)))
    geometry = jit.as_structure(CellGeometry.of(problem))
    block = (min(ROW_THREADS, -(-problem.units // 32) * 32),)

    def launch(step, *operands):
        kernel((problem.batch,), block, (*operands, geometry, np.int32(step)))

    return launch


def handed_through(problem, device, *states):
    """What comes out of a sequence in which nothing happens: copies of the states h and c, zeros for None."""
    shapes = problem.state_shape, problem.cell_shape
    return [device.zeros(at, problem.dtype) if s is None else s.copy() for s, at in zip(states, shapes)]


def input_products(problem, device, x, weight, scale):
    """x W of all steps, (batch * steps, columns)."""
    if scale is None:
        return device.matmul(_rows(problem, x), weight)
    parts = [device.matmul(_rows(problem, x * f), weight[:, c]) for c, f in _by_gate(problem, scale)]
    return device.array_module.concatenate(parts, axis=1)


def _rows(problem, array):
    return array.reshape(problem.batch * problem.steps, array.shape[-1])


def _by_gate(problem, scale):
    """Pairs (columns of a gate, its factors (batch, 1, n))."""
    units = problem.units
    return [(slice(g * units, (g + 1) * units), scale[:, None, g]) for g in range(scale.shape[1])]


def product(device, a, b):
    """a @ b, where nothing may be added up or nothing may come out."""
    if a.shape[0] and a.shape[1] and b.shape[1]:
        return device.matmul(a, b)
    return device.zeros((a.shape[0], b.shape[1]), a.dtype)


def weight_gradient(problem, device, a, dgates, scale):
    """The gradient to the weight whose operand was a (batch, steps, n), from dgates (batch * steps, columns):
    those of all gates, or of the first ones, which scale is of too."""
    if scale is None:
        return product(device, _rows(problem, a).T, dgates)
    parts = [product(device, _rows(problem, a * f).T, dgates[:, c]) for c, f in _by_gate(problem, scale)]
    return device.array_module.concatenate(parts, axis=1)


def input_gradients(problem, device, dgates, residuals):
    """(grad_x, grad_weight) from the gradients (batch * steps, columns) along the time of x."""
    weight, scale, shape = residuals.weight, residuals.input_scale, residuals.x.shape
    if scale is None:
        grad_x = product(device, dgates, weight.T).reshape(shape)
    else:
        grad_x = sum(
            product(device, dgates[:, c], weight[:, c].T).reshape(shape) * f
            for c, f in _by_gate(problem, scale)
        )
    return grad_x, weight_gradient(problem, device, residuals.x, dgates, scale)


def state_weight_gradient(problem, device, previous, dgates, residuals):
    """The gradient to the recurrent weight, from the states before each step, (batch * steps, size)."""
    previous = previous.reshape(problem.output_shape)
    return weight_gradient(problem, device, previous, dgates, residuals.recurrent_scale)


def bias_gradient(problem, device, dgates):
    """(columns,) from (batch * steps, columns); None without a bias."""
    return _column_sums(problem, device, "recurrent_bias_backward", dgates) if problem.use_bias else None


def gain_gradient(problem, device, dgates, normal):
    """(columns,): the gradient to a gain, from dgates and the normalised values, (batch * steps, columns)."""
    return _column_sums(problem, device, "recurrent_gain_backward", dgates, normal)


def _column_sums(problem, device, name, *operands):
    rows, columns = operands[0].shape
    sums = device.empty((columns,), problem.dtype)
    kernel = device.kernel("recurrent/bias.cu", name, (problem.dtype,))
    kernel((-(-columns // 32),), (32, 32), (*operands, sums, np.int64(rows), np.int32(columns)))
    return sums
