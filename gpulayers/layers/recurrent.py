"""Recurrent layers: LSTM, GRU and SimpleRNN."""

from . import cell_variants
from .recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from .rnn import RNN

_NO_ARGUMENTS = ("self", "kwargs", "__class__")
_OF_CELL = (
    "units",
    "activation",
    "recurrent_activation",
    "use_bias",
    "unit_forget_bias",
    "reset_after",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "seed",
    *cell_variants.DEFAULTS,
)
_OF_LAYER = ("activity_regularizer", "return_sequences", "return_state", "go_backwards", "stateful", "unroll")


class CellLayer(RNN):
    """A layer of one of the library's cells; the cell's arguments and weights are the layer's.

    Args:
        cell_class: the cell.
        arguments: of the cell and of `RNN`, by name.
        **kwargs: of `Layer`.
    """

    def __init__(self, cell_class, arguments, **kwargs):
        of_cell = {name: value for name, value in arguments.items() if name in _OF_CELL}
        of_layer = {name: value for name, value in arguments.items() if name in _OF_LAYER}
        name = {"LSTMCell": "lstm_cell", "GRUCell": "gru_cell", "SimpleRNNCell": "simple_rnn_cell"}[
            cell_class.__name__
        ]
        kwargs.pop("implementation", None)  # of older files: a choice among Keras's own algorithms
        of_base = {key: kwargs[key] for key in ("dtype", "trainable") if key in kwargs}
        super().__init__(cell_class(**of_cell, name=name, **of_base), **of_layer, **kwargs)

    def __getattr__(self, name):
        if name in (*_OF_CELL, "kernel", "recurrent_kernel", "bias") and "cell" in self.__dict__:
            return getattr(self.__dict__["cell"], name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def input_dim(self):
        return None if self.cell.kernel is None else self.cell.kernel.shape[0]

    def get_config(self):
        config = super().get_config()
        for name in ("cell", "cell_class", "arguments"):
            config.pop(name, None)
        return cell_variants.without_defaults(config)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class LSTM(CellLayer):
    """A long short-term memory over a sequence.

    Args:
        units: size of the state.
        activation, recurrent_activation: names or Activations of the cell and of the gates.
        unit_forget_bias: the forget gate's bias starts at 1.
        dropout: the share of each input's features that is zeroed in training, drawn once a call for all its
            steps.
        recurrent_dropout: the same for the state, drawn for each gate; the input's dropout is then too.
        seed: of the dropout.
        return_sequences: return the output of every step, not of the last.
        return_state: return a list [output, h, c].
        go_backwards: process the last step first; the outputs are in the order of processing.
        stateful: start each call from the states the last call left; needs a fixed batch size.
        unroll, use_cudnn: of Keras; they change nothing here.
        zero_output_for_mask: masked steps put out zeros rather than the output before.
        kernel_initializer ... bias_constraint: as in Keras.
        layer_normalization, zoneout, peepholes, projection_size: beyond Keras, by name only; see
            `ops.lstm_variant`. Their weights stand behind the others: peephole, projection, input_gain,
            recurrent_gain, state_gain, state_shift. zoneout is the share of each step's new states that is
            not taken: drawn in training, its mean otherwise.

    Shapes: (batch, steps, inputs) -> (batch, units), or (batch, steps, units); kernel (inputs, 4 * units),
        recurrent_kernel (units, 4 * units), bias (4 * units,). mask (batch, steps): a masked step holds the
        state and repeats the output.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        *,
        layer_normalization=False,
        zoneout=0.0,
        peepholes=False,
        projection_size=None,
        **kwargs,
    ):
        super().__init__(LSTMCell, {k: v for k, v in locals().items() if k not in _NO_ARGUMENTS}, **kwargs)


class GRU(CellLayer):
    """A gated recurrent unit over a sequence.

    Args:
        reset_after: apply the reset gate after the product with the recurrent kernel (as cuDNN), with a bias
            of its own.
        return_state: return a list [output, h].
        others: as of `LSTM`; layer_normalization and zoneout as of `ops.gru_variant`, with reset_after only.

    Shapes: as of `LSTM`, with gate order z, r, h: kernel (inputs, 3 * units), recurrent_kernel (units, 3 *
        units), bias (2, 3 * units) with reset_after, else (3 * units,).
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        *,
        layer_normalization=False,
        zoneout=0.0,
        **kwargs,
    ):
        super().__init__(GRUCell, {k: v for k, v in locals().items() if k not in _NO_ARGUMENTS}, **kwargs)


class SimpleRNN(CellLayer):
    """A fully connected recurrent layer: h = activation(x W + h R + bias).

    Args:
        return_state: return a list [output, h].
        others: as of `LSTM`.

    Shapes: as of `LSTM`: kernel (inputs, units), recurrent_kernel (units, units), bias (units,).
    """

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            SimpleRNNCell, {k: v for k, v in locals().items() if k not in _NO_ARGUMENTS}, **kwargs
        )
