"""What one run of a recurrent cell over a sequence is: validation, shapes, work."""

import dataclasses
from typing import ClassVar

import numpy as np

from ...arguments import flag
from ..activation import Activation
from ..activations import ACTIVATIONS as EVERY
from ..arrays import accumulation_dtype, same_dtype

# The order of the gates in weights, biases and what is computed from them; the enumerations in
# cuda/recurrent/cell.cuh.
GATES = ("input", "forget", "cell", "output")
GRU_GATES = ("update", "reset", "candidate")
SIMPLE_RNN_GATES = ("state",)

ACTIVATIONS = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid")  # that the kernels know


def _known_activation(given, name):
    """The name of a known activation, or an `Activation` of one's own."""
    if isinstance(given, Activation):
        known = EVERY.get(given.name)
        return given.name if known is given else given
    if not isinstance(given, str) or given not in EVERY:
        known = ", ".join([*ACTIVATIONS, *sorted(set(EVERY) - set(ACTIVATIONS))])
        raise ValueError(f"{name} must be one of {known}, or an Activation. Received: {given!r}")
    return given


@dataclasses.dataclass(frozen=True)
class SequenceProblem:
    """`batch` sequences of `steps` vectors of `input_dim` through a cell of `units`.

    Attributes:
        batch, steps, input_dim, units: x is (batch, steps, input_dim), the outputs (batch, steps, units).
        dtype: of every array but the mask.
        use_bias, masked: whether there is a bias, a mask.
        go_backwards: the last time step is processed first.
        activation: of what the cell puts out.
        training: whether the forward keeps what the backward needs.
        input_scaled, recurrent_scaled: whether dropout scales each gate's input, or state, by factors of its
            own.
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
    training: bool = False
    input_scaled: bool = False
    recurrent_scaled: bool = False

    kind: ClassVar[str] = None  # "An LSTM"
    gates: ClassVar[tuple] = ()

    @classmethod
    def resolve(
        cls,
        x,
        weight,
        recurrent_weight,
        bias=None,
        mask=None,
        input_scale=None,
        recurrent_scale=None,
        *,
        bias_shape=None,
        projection=None,
        extensions=None,
        activation="tanh",
        go_backwards=False,
        training=False,
        **named,
    ):
        """The problem of these arrays, or a ValueError/TypeError.

        Args:
            bias_shape: in gates, (4,) or (2, 3); default: one bias a column.
            projection: (units, size): h has `size` numbers; default: as many as units.
            extensions: {name: (array or None, shape)} of further operands, as (3, "units").
            **named: initial states, and further fields of the problem.
        """
        states = {name: value for name, value in named.items() if name.startswith("initial_")}
        options = {name: value for name, value in named.items() if name not in states}
        extensions = extensions or {}
        floats = dict(x=x, weight=weight, recurrent_weight=recurrent_weight, bias=bias, projection=projection)
        floats |= states | {name: array for name, (array, _) in extensions.items()}
        dtype = same_dtype(**floats, input_scale=input_scale, recurrent_scale=recurrent_scale)
        if x.ndim != 3:
            raise ValueError(f"x must have shape (batch, steps, input_dim). Received: {x.shape}")
        batch, steps, input_dim = map(int, x.shape)
        if projection is not None and (projection.ndim != 2 or projection.shape[1] < 1):
            raise ValueError(f"projection must have shape (units, size). Received: {tuple(projection.shape)}")
        rows = recurrent_weight if projection is None else projection
        units = int(rows.shape[0]) if rows.ndim else 0
        if units < 1 or input_dim < 1:
            raise ValueError(
                f"{cls.kind} needs at least one unit and one input. "
                f"Received: x of shape {x.shape}, recurrent_weight of shape {recurrent_weight.shape}"
            )
        gates = len(cls.gates)
        columns = "units" if gates == 1 else f"{gates} * units"
        sizes = dict(batch=batch, steps=steps, input_dim=input_dim, units=units) | {columns: gates * units}
        size = "units" if projection is None else "size"
        sizes[size] = units if projection is None else int(projection.shape[1])
        expected = {
            "weight": (weight, ("input_dim", "columns")),
            "recurrent_weight": (recurrent_weight, ("size", "columns")),
            "projection": (projection, ("units", "size")),
            "bias": (bias, (*(bias_shape or (gates,))[:-1], "columns")),
            "mask": (mask, ("batch", "steps")),
            "input_scale": (input_scale, ("batch", gates, "input_dim")),
            "recurrent_scale": (recurrent_scale, ("batch", gates, "size")),
        }
        widths = {"initial_h": "size", "initial_c": "units"}
        expected |= {name: (state, ("batch", widths[name])) for name, state in states.items()}
        for name, (array, shape) in (expected | extensions).items():
            words = [{"columns": columns, "size": size}.get(part, part) for part in shape]
            meaning = "(" + ", ".join(map(str, words)) + ("," if len(words) == 1 else "") + ")"
            shape = tuple(sizes.get(word, word) for word in words)
            if array is not None and tuple(array.shape) != shape:
                raise ValueError(
                    f"{name} must have shape {meaning} = {shape}. Received: {tuple(array.shape)}"
                )
        if mask is not None and mask.dtype != np.bool_:
            raise TypeError(f"mask must be of dtype bool. Received: {mask.dtype}")
        activation = _known_activation(activation, "activation")
        if "recurrent_activation" in options:
            given = options["recurrent_activation"]
            options["recurrent_activation"] = _known_activation(given, "recurrent_activation")
        return cls(
            batch,
            steps,
            input_dim,
            units,
            dtype,
            bias is not None,
            mask is not None,
            flag(go_backwards, "go_backwards"),
            activation,
            flag(training, "training"),
            input_scale is not None,
            recurrent_scale is not None,
            **options,
        )

    @property
    def columns(self):
        """Of the weights: all gates of all units."""
        return len(self.gates) * self.units

    @property
    def activations(self):
        """All that a step applies."""
        return (self.activation,)

    @property
    def weight_count(self):
        """Numbers in all weights."""
        return (self.input_dim + self.units + self.use_bias) * self.columns

    @property
    def kept_bytes(self):
        """What training keeps of one step of one sequence, beyond the outputs."""
        return 0

    @property
    def drawn_count(self):
        """Numbers of one step of one sequence that say how much of the new states is taken."""
        return 0

    @property
    def size(self):
        """Of h: the units, unless they are projected."""
        return self.units

    @property
    def output_shape(self):
        return self.batch, self.steps, self.size

    @property
    def state_shape(self):
        """Of h."""
        return self.batch, self.size

    @property
    def cell_shape(self):
        """Of c."""
        return self.batch, self.units

    def flops(self):
        """Of the products of the forward; the backward has twice as many."""
        return 2 * self.batch * self.steps * (self.input_dim + self.units) * self.columns

    def bytes_moved(self):
        """The least bytes of the forward: weights, x and factors in, outputs out; in training what is kept
        too."""
        rows, item = self.batch * self.steps, self.dtype.itemsize
        kept = self.kept_bytes if self.training else 0
        factors = self.input_dim * self.input_scaled + self.size * self.recurrent_scaled
        factors *= self.batch * len(self.gates)
        moved = rows * ((self.input_dim + self.size + self.drawn_count) * item + kept)
        return (self.weight_count + factors) * item + moved


@dataclasses.dataclass(frozen=True)
class LSTMProblem(SequenceProblem):
    """An LSTM over sequences.

    Attributes:
        activation: of the cell's input and of its state; recurrent_activation: of the three gates.
    """

    recurrent_activation: str = "sigmoid"
    kind, gates = "An LSTM", GATES

    @property
    def activations(self):
        return self.activation, self.recurrent_activation

    @property
    def kept_bytes(self):
        return self.columns * self.dtype.itemsize + self.units * accumulation_dtype(self.dtype).itemsize


@dataclasses.dataclass(frozen=True)
class GRUProblem(SequenceProblem):
    """A gated recurrent unit over sequences.

    Attributes:
        activation: of the candidate; recurrent_activation: of the two gates.
        reset_after: the reset gate scales the candidate's product with the state, not the state.
    """

    recurrent_activation: str = "sigmoid"
    reset_after: bool = True
    kind, gates = "A GRU", GRU_GATES

    @property
    def activations(self):
        return self.activation, self.recurrent_activation

    @property
    def kept_bytes(self):
        return (self.columns + self.units) * self.dtype.itemsize


@dataclasses.dataclass(frozen=True)
class SimpleRNNProblem(SequenceProblem):
    """A fully connected recurrent cell over sequences."""

    kind, gates = "A simple RNN", SIMPLE_RNN_GATES


@dataclasses.dataclass(frozen=True, eq=False)
class Residuals:
    """What the forward of a training step keeps for the backward: its operands (not copied) and, in a layout
    known only to the implementations on that kind of device, the activated gates and a further array a cell:
    an LSTM's states c, a GRU's `inner` (h R + bias of the candidate, or r h)."""

    problem: SequenceProblem
    x: object
    weight: object
    recurrent_weight: object
    initial_h: object
    mask: object
    input_scale: object
    recurrent_scale: object
    outputs: object
    bias: object = None
    initial_c: object = None
    gates: object = None
    cells: object = None
    inner: object = None
