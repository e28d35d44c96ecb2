"""Recurrent cells: the weights of a recurrent layer, and what one step does with them."""

from .. import initializers, ops
from . import cell_variants
from .built_in_cell import BuiltInCell

_NO_ARGUMENTS = ("self", "kwargs", "__class__")


class ForgetBias(initializers.Initializer):
    """Ones for the forget gate, another initializer's values for the other three."""

    def __init__(self, others):
        if others is None:
            raise ValueError("unit_forget_bias needs a bias_initializer. Received: bias_initializer=None")
        self.others = others

    def __call__(self, shape, dtype=None):
        units = shape[0] // 4
        bias = initializers.Ones()(shape, dtype)
        forget = ops.recurrent.GATES.index("forget")
        for gate in range(4):
            if gate != forget:
                bias[gate * units : (gate + 1) * units] = self.others((units,), dtype)
        return bias


class SimpleRNNCell(BuiltInCell):
    """A step of `SimpleRNN`: h = activation(x W + h R + bias). Arguments: those of Keras."""

    drops_all = True

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        arguments = {name: value for name, value in locals().items() if name not in _NO_ARGUMENTS}
        super().__init__(arguments, **kwargs)

    def _operation(self, *operands, **options):
        return ops.simple_rnn(*operands, **options)

    def _operation_backward(self, *operands):
        return ops.simple_rnn_backward(*operands)


class GRUCell(BuiltInCell):
    """A step of `GRU`; gate order z, r, h. Arguments: those of Keras, and those of `GRU` beyond Keras."""

    gates = 3

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        *,
        layer_normalization=False,
        zoneout=0.0,
        **kwargs,
    ):
        arguments = {name: value for name, value in locals().items() if name not in _NO_ARGUMENTS}
        super().__init__(arguments, **kwargs)
        if cell_variants.is_variant(self) and not self.reset_after:
            raise ValueError(
                "Layer normalisation and zoneout need reset_after=True. Received: reset_after=False"
            )

    def bias_shape(self):
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,), self.bias_initializer

    def _operation(self, *operands, **options):
        options |= dict(recurrent_activation=self.recurrent_activation, reset_after=self.reset_after)
        return ops.gru(*operands, **options)

    def _operation_backward(self, *operands):
        return ops.gru_backward(*operands)


class LSTMCell(BuiltInCell):
    """A step of `LSTM`; states [h, c]; gate order i, f, c, o. Arguments: those of Keras, and those of `LSTM`
    beyond Keras."""

    gates = 4

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
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        *,
        layer_normalization=False,
        zoneout=0.0,
        peepholes=False,
        projection_size=None,
        **kwargs,
    ):
        arguments = {name: value for name, value in locals().items() if name not in _NO_ARGUMENTS}
        super().__init__(arguments, **kwargs)

    @property
    def state_size(self):
        return [self.output_size, self.units]

    @property
    def output_size(self):
        return self.projection_size or self.units

    def bias_shape(self):
        shape, initializer = super().bias_shape()
        return shape, ForgetBias(initializer) if self.unit_forget_bias else initializer

    def _operation(self, *operands, **options):
        return ops.lstm(*operands, recurrent_activation=self.recurrent_activation, **options)

    def _operation_backward(self, *operands):
        return ops.lstm_backward(*operands)
