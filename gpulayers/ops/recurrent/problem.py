"""What one run of an LSTM over a sequence is: validation, shapes, work."""

import dataclasses

import numpy as np

from ..arrays import accumulation_dtype, same_dtype

# The order of the gates in weights, biases and what is computed from them; `Gate` in cuda/recurrent/cell.cuh.
GATES = ("input", "forget", "cell", "output")

ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid")


@dataclasses.dataclass(frozen=True)
class LSTMProblem:
    """`batch` sequences of `steps` vectors of `input_dim` through a cell of `units`.

    Attributes:
        batch, steps, input_dim, units: x is (batch, steps, input_dim), the outputs (batch, steps, units).
        dtype: of every array but the mask.
        use_bias, masked: whether there is a bias, a mask.
        go_backwards: the last time step is processed first.
        activation: of the cell's input and of its state; recurrent_activation: of the three gates.
        training: whether the forward keeps what the backward needs.
    """

    batch: int
    steps: int
    input_dim: int
    units: int
    dtype: np.dtype
    use_bias: bool = True
    masked: bool = False
    go_backwards: bool = False
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    training: bool = False

    @classmethod
    def resolve(
        cls,
        x,
        weight,
        recurrent_weight,
        bias=None,
        initial_h=None,
        initial_c=None,
        mask=None,
        go_backwards=False,
        activation="tanh",
        recurrent_activation="sigmoid",
        training=False,
    ):
        """The problem of these arrays, or a ValueError/TypeError."""
        floats = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias)
        dtype = same_dtype(**floats, initial_h=initial_h, initial_c=initial_c)
        if x.ndim != 3:
            raise ValueError(f"x must have shape (batch, steps, input_dim). Received: {x.shape}")
        batch, steps, input_dim = map(int, x.shape)
        units = int(recurrent_weight.shape[0]) if recurrent_weight.ndim else 0
        if units < 1 or input_dim < 1:
            raise ValueError(
                "An LSTM needs at least one unit and one input. "
                f"Received: x of shape {x.shape}, recurrent_weight of shape {recurrent_weight.shape}"
            )
        columns = len(GATES) * units
        expected = {
            "weight": (weight, (input_dim, columns), "(input_dim, 4 * units)"),
            "recurrent_weight": (recurrent_weight, (units, columns), "(units, 4 * units)"),
            "bias": (bias, (columns,), "(4 * units,)"),
            "initial_h": (initial_h, (batch, units), "(batch, units)"),
            "initial_c": (initial_c, (batch, units), "(batch, units)"),
            "mask": (mask, (batch, steps), "(batch, steps)"),
        }
        for name, (array, shape, meaning) in expected.items():
            if array is not None and tuple(array.shape) != shape:
                raise ValueError(
                    f"{name} must have shape {meaning} = {shape}. Received: {tuple(array.shape)}"
                )
        if mask is not None and mask.dtype != np.bool_:
            raise TypeError(f"mask must be of dtype bool. Received: {mask.dtype}")
        for name, value in (("activation", activation), ("recurrent_activation", recurrent_activation)):
            if value not in ACTIVATIONS:
                raise ValueError(f"{name} must be one of {', '.join(ACTIVATIONS)}. Received: {value!r}")
        return cls(
            batch,
            steps,
            input_dim,
            units,
            dtype,
            bias is not None,
            mask is not None,
            bool(go_backwards),
            activation,
            recurrent_activation,
            bool(training),
        )

    @property
    def columns(self):
        """Of the weights: all gates of all units."""
        return len(GATES) * self.units

    @property
    def output_shape(self):
        return self.batch, self.steps, self.units

    @property
    def state_shape(self):
        return self.batch, self.units

    def flops(self):
        """Of the products of the forward; the backward has twice as many."""
        return 2 * self.batch * self.steps * (self.input_dim + self.units) * self.columns

    def bytes_moved(self):
        """The least bytes of the forward: weights and x in, outputs out; in training gates and states too."""
        rows, item = self.batch * self.steps, self.dtype.itemsize
        weights = (self.input_dim + self.units + self.use_bias) * self.columns * item
        kept = self.columns * item + self.units * accumulation_dtype(self.dtype).itemsize
        return weights + rows * ((self.input_dim + self.units) * item + (kept if self.training else 0))


@dataclasses.dataclass(frozen=True, eq=False)
class LSTMResiduals:
    """What the forward of a training step keeps for the backward: its operands (not copied) and, in a layout
    known only to the implementations on that kind of device, the activated gates and the cell states."""

    problem: LSTMProblem
    x: object
    weight: object
    recurrent_weight: object
    initial_h: object
    initial_c: object
    mask: object
    outputs: object
    gates: object
    cells: object
