"""Recurrent layers."""

from .. import activations, constraints, initializers, ops, regularizers
from ..ops import arrays, random
from ..ops.recurrent_dropout import lstm_with_recurrent_dropout
from ..ops.spatial import integer
from .layer import Layer


class _ForgetBias(initializers.Initializer):
    """Ones for the forget gate, another initializer's values for the other three."""

    def __init__(self, others):
        self.others = others

    def __call__(self, shape, dtype=None):
        units = shape[0] // 4
        bias = initializers.Ones()(shape, dtype)
        forget = ops.recurrent.GATES.index("forget")
        for gate in range(4):
            if gate != forget:
                bias[gate * units : (gate + 1) * units] = self.others((units,), dtype)
        return bias


class LSTM(Layer):
    """A long short-term memory over a sequence.

    Args:
        units: size of the state.
        activation, recurrent_activation: names or Activations of the cell and of the gates.
        unit_forget_bias: the forget gate's bias starts at 1.
        dropout: the share of each input's features that is zeroed in training, drawn once a call for all its
            steps.
        recurrent_dropout: the same for the state on its way into the gates; the sequence is then computed
            step by step.
        seed: of the dropout.
        return_sequences: return the output of every step, not of the last.
        return_state: return a list [output, h, c].
        go_backwards: process the last step first; the outputs are in the order of processing.
        stateful: start each call from the states the last call left; needs a fixed batch size.
        unroll, use_cudnn: of Keras; they change nothing here.
        zero_output_for_mask: masked steps put out zeros rather than the output before.
        kernel_initializer ... bias_constraint: as in Keras.

    Shapes: (batch, steps, inputs) -> (batch, units), or (batch, steps, units); kernel (inputs, 4 * units),
        recurrent_kernel (units, 4 * units), bias (4 * units,). mask (batch, steps): a masked step holds the
        state and repeats the output.
    """

    supports_masking = True
    skips_input_gradient = True

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
        zero_output_for_mask=False,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = integer(units, "units", least=1)
        self.activation, self.recurrent_activation = map(activations.get, (activation, recurrent_activation))
        self.use_bias, self.unit_forget_bias = bool(use_bias), bool(unit_forget_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
                raise ValueError(f"{name} must be a number in [0, 1]. Received: {rate!r}")
        self.dropout, self.recurrent_dropout, self.seed = dropout, recurrent_dropout, seed
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll, self.zero_output_for_mask = bool(unroll), bool(zero_output_for_mask)
        self.kernel = self.recurrent_kernel = self.bias = None
        self.states = None  # what a stateful layer carries on: [h, c]
        self._draws = random.Draws(seed)

    def build(self, input_shape):
        if isinstance(input_shape, list):  # [x, h, c]
            input_shape = input_shape[0]
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise ValueError(
                f"LSTM takes inputs (batch, steps, size) of a known size. Received: {tuple(input_shape)}"
            )
        if self.stateful and input_shape[0] is None:
            raise ValueError(
                "A stateful LSTM needs a fixed batch size: give the model an Input with batch_size. "
                f"Received: {tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            (input_shape[-1], 4 * self.units),
            self.kernel_initializer,
            True,
            self.kernel_regularizer,
            self.kernel_constraint,
            "kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, 4 * self.units),
            self.recurrent_initializer,
            True,
            self.recurrent_regularizer,
            self.recurrent_constraint,
            "recurrent_kernel",
        )
        if self.use_bias:
            bias = _ForgetBias(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer
            self.bias = self.add_weight(
                (4 * self.units,), bias, True, self.bias_regularizer, self.bias_constraint, "bias"
            )

    def forward(self, x, initial_state=None, mask=None, training=True):
        """The pair; called with `initial_state` [h, c], the backward returns [grad_x, grad_h, grad_c]."""
        if isinstance(x, list):
            x, *initial_state = x
        given = initial_state is not None
        h, c = self._first_states(x, initial_state)
        dropped, keep = x, None
        if training and self.dropout:
            features = (x.shape[0], 1, x.shape[-1])
            dropped, keep = random.dropout(x, self.dropout, self._draws.generator(x), features)
        options = dict(
            initial_h=h,
            initial_c=c,
            mask=mask,
            go_backwards=self.go_backwards,
            activation=self.activation.name,
            recurrent_activation=self.recurrent_activation.name,
        )
        outputs, last_h, last_c, sequence_backward = self._sequence(dropped, options, training)
        if self.stateful:
            self.states = [last_h.copy(), last_c.copy()]
        output = outputs if self.return_sequences else last_h
        shown = self._shown(mask, x.dtype)
        output = output if shown is None else output * shown

        def backward(grad_output, input_gradient=True):
            grads = list(grad_output) if self.return_state else [grad_output, None, None]
            if shown is not None and grads[0] is not None:
                grads[0] = grads[0] * shown
            grad_x, *grad_weights, grad_h, grad_c = sequence_backward(*self._of_states(*grads))
            for variable, grad in zip((self.kernel, self.recurrent_kernel, self.bias), grad_weights):
                if variable is not None and variable.trainable:
                    variable.add_grad(grad)
            if keep is not None:
                grad_x = random.dropout_backward(grad_x, keep, self.dropout)
            return [grad_x, grad_h, grad_c] if given else grad_x

        return ([output, last_h, last_c] if self.return_state else output), backward

    def _sequence(self, x, options, training):
        """(outputs, h, c, backward) of the whole sequence."""
        weights = (self.kernel.value, self.recurrent_kernel.value, self.bias.value if self.use_bias else None)
        if training and self.recurrent_dropout and x.shape[1]:
            ones = arrays.array_module(x).ones((x.shape[0], self.units), x.dtype)
            factor, _ = random.dropout(ones, self.recurrent_dropout, self._draws.generator(x))
            return lstm_with_recurrent_dropout(x, *weights, factor, **options)
        *found, residuals = ops.lstm(x, *weights, **options, training=training)

        def backward(*grads):
            kept = residuals if training else ops.lstm(x, *weights, **options, training=True)[3]
            return ops.lstm_backward(*grads, kept)

        return *found, backward

    def _shown(self, mask, dtype):
        """The factor that zeroes the outputs of masked steps, or None."""
        if mask is None or not self.zero_output_for_mask:
            return None
        shown = mask.astype(dtype)[:, :, None]
        shown = shown[:, ::-1] if self.go_backwards else shown
        return shown if self.return_sequences else shown[:, -1:].sum(axis=1)

    def _first_states(self, x, initial_state):
        if initial_state is None:
            if self.stateful and self.states is not None and self.states[0].shape[0] != x.shape[0]:
                raise ValueError(
                    f"{self.name} is stateful with batch size {self.states[0].shape[0]}; call "
                    f"reset_state() before another. Received: batch size {x.shape[0]}"
                )
            return self.states if self.stateful and self.states is not None else (None, None)
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        if len(states) != 2:
            raise ValueError(f"initial_state must be the two arrays [h, c]. Received: {len(states)}")
        return [self.convert_input(arrays.take(state, "initial_state")) for state in states]

    def _of_states(self, grad_output, grad_h, grad_c):
        """The gradients to all outputs, to the last h and to the last c."""
        if self.return_sequences:
            return grad_output, grad_h, grad_c
        if grad_output is not None and grad_h is not None:
            grad_h = grad_output + grad_h
        return None, (grad_output if grad_h is None else grad_h), grad_c

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        if len(input_shape) != 3:
            raise ValueError(f"LSTM takes inputs (batch, steps, size). Received: {tuple(input_shape)}")
        state = (input_shape[0], self.units)
        output = (*input_shape[:2], self.units) if self.return_sequences else state
        return [output, state, state] if self.return_state else output

    def compute_mask(self, inputs, mask=None):
        output = mask if self.return_sequences else None
        return [output, None, None] if self.return_state else output

    def reset_state(self):
        """Forgets the states that a stateful layer carries on: the next call starts from zeros."""
        self.states = None

    @property
    def input_dim(self):
        return None if self.kernel is None else self.kernel.shape[0]
