"""What the library's own recurrent cells share: weights, dropout, a step, and whole sequences."""

from .. import activations, constraints, initializers, regularizers
from ..arguments import flag
from ..ops import arrays, random
from ..ops.spatial import integer
from . import cell_variants
from .layer import Layer

_CONVERSIONS = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
    "activation": activations.get,
}


def _rate(value, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number in [0, 1]. Received: {value!r}")
    return value


class BuiltInCell(Layer):
    """What the library's own cells share: weights, dropout, and whole sequences in one operation.

    `output, states = cell(inputs, states)`: inputs (batch, size), states an array or a list of arrays
    (batch, units). `[output, *states], backward = cell.forward(inputs, states)`; `[grad_inputs,
    *grad_states] = backward([grad_output, *grad_states])`.

    In training, dropout is drawn at the first step and kept until `reset_dropout_mask()` and
    `reset_recurrent_dropout_mask()`, which a recurrent layer calls before each sequence.

    Args:
        arguments: the subclass's, by name.
        **kwargs: of `Layer`.
    """

    supports_masking = True
    gates = 1
    drops_all = False  # whether a dropout of 1 drops everything, rather than nothing

    def __init__(self, arguments, **kwargs):
        kwargs.pop("implementation", None)  # see the layers
        super().__init__(**kwargs)
        self.units = integer(arguments.pop("units"), "units", least=1)
        for name, value in arguments.items():
            convert = _CONVERSIONS.get(name.rpartition("_")[2])
            if convert is not None:
                value = convert(value)
            elif name in ("dropout", "recurrent_dropout"):
                value = _rate(value, name)
            elif name in cell_variants.DEFAULTS:
                value = cell_variants.checked(name, value)
            elif name != "seed":
                value = flag(value, name)
            setattr(self, name, value)
        self.kernel = self.recurrent_kernel = self.bias = None
        self.variant_weights = {}  # of extensions beyond Keras
        self._draws = random.Draws(self.seed)
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()

    @property
    def state_size(self):
        return self.units

    @property
    def output_size(self):
        return self.units

    def bias_shape(self):
        """The shape of the bias, and its initializer."""
        return (self.gates * self.units,), self.bias_initializer

    def build(self, input_shape):
        columns = self.gates * self.units
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                f"{self.name} takes inputs (batch, size) of a known size. Received: {tuple(input_shape)}"
            )
        self.kernel = self.weight_of("kernel", (input_shape[-1], columns))
        self.recurrent_kernel = self.weight_of("recurrent", (self.output_size, columns), "recurrent_kernel")
        if self.use_bias:
            shape, initializer = self.bias_shape()
            self.bias = self.add_weight(
                shape,
                initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        if cell_variants.is_variant(self):
            self.variant_weights = cell_variants.add_weights(self)

    def get_initial_state(self, batch_size=None):
        """Zeros, an array a state."""
        device = self.device or arrays.default_device()
        batch_size = integer(batch_size, "batch_size")
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [device.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    # One step

    def __call__(self, inputs, states, training=False):
        """The pair (output, states), the states in the form they were given in."""
        output, *after = self.forward(inputs, states, training=training)[0]
        return output, (after if isinstance(states, (list, tuple)) else after[0])

    def forward(self, inputs, states, training=True):
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        outputs, after, sequence_backward = self.sequence(inputs[:, None], states, training=training)

        def backward(grads):
            grad_output, *grad_states = grads
            grad_outputs = None if grad_output is None else grad_output[:, None]
            grad_x, grad_states = sequence_backward(grad_outputs, grad_states)
            return [grad_x[:, 0], *grad_states]

        return [outputs[:, 0], *after], backward

    def compute_output_shape(self, input_shape, states_shape=None):
        state = (input_shape[0], self.output_size)
        return state, (state if states_shape is None else states_shape)

    # Whole sequences

    @property
    def has_sequence(self):
        """Whether `sequence` does what `forward` does at every step: not where a subclass has another
        forward."""
        return type(self).forward is BuiltInCell.forward

    def sequence(self, x, states, mask=None, go_backwards=False, training=True):
        """All steps of x (batch, steps, size).

        Returns:
            (outputs, states, backward): outputs in the order of processing; `backward(grad_outputs,
            grad_states)` returns (grad_x, list of grad_states) and adds to the gradients of the weights.
        """
        if cell_variants.is_variant(self):
            return cell_variants.run_variant(self, x, states, mask, go_backwards, training)
        dropped, keep, scales = self.dropped(x, states[0], training)
        options = dict(
            zip(("initial_h", "initial_c"), states), mask=mask, go_backwards=go_backwards, **scales
        )
        options["activation"] = self.activation
        variables = self.kernel, self.recurrent_kernel, self.bias
        weights = [self.cast(variable) for variable in variables]
        outputs, *after, residuals = self._operation(dropped, *weights, training=training, **options)

        def backward(grad_outputs, grad_states):
            kept = residuals
            if kept is None:
                kept = self._operation(dropped, *weights, training=True, **options)[-1]
            results = self._operation_backward(grad_outputs, *grad_states, kept)
            grad_x, *grad_weights = results[:4]
            for variable, grad in zip(variables, grad_weights):
                if variable is not None and variable.trainable:
                    variable.add_grad(grad)
            return grad_x if keep is None else grad_x * keep, list(results[4:])

        return outputs, after, backward

    def _operation(self, *operands, **options):
        raise NotImplementedError

    def _operation_backward(self, *operands):
        raise NotImplementedError

    def dropped(self, x, h, training):
        """(x after dropout, its factor or None, the factors of each gate): one draw for all gates, or one
        each where there is dropout of the state."""
        if not training or not (self._drops(self.dropout) or self._drops(self.recurrent_dropout)):
            return x, None, {}
        xp = arrays.array_module(x)
        inputs = x[:, 0] if x.shape[1] else xp.empty((x.shape[0], x.shape[2]), x.dtype)
        if not self.recurrent_dropout:
            keep = self.get_dropout_mask(inputs)[:, None]
            return x * keep, keep, {}
        scales = {}
        if self._drops(self.recurrent_dropout):
            scales["recurrent_scale"] = self.get_recurrent_dropout_mask(inputs if h is None else h)
        if self._drops(self.dropout):
            scales["input_scale"] = self.get_dropout_mask(inputs)
        return x, None, {name: xp.stack(scale, axis=1) for name, scale in scales.items()}

    def _drops(self, rate):
        return rate > 0 and (rate < 1 or self.drops_all)

    def get_config(self):
        return cell_variants.without_defaults(super().get_config())

    # Dropout, drawn once a sequence

    def get_dropout_mask(self, step_input):
        """The factors (batch, size) of the inputs; a list of them, one a gate, where the state is dropped
        too."""
        if self.dropout and self._dropout_mask is None:
            self._dropout_mask = self._draw(step_input, step_input.shape, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input):
        """The factors (batch, units) of the state, a list of one a gate."""
        if self.recurrent_dropout and self._recurrent_dropout_mask is None:
            shape = (step_input.shape[0], self.output_size)
            self._recurrent_dropout_mask = self._draw(step_input, shape, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def generator(self, like):
        """The random numbers of this cell on the device of an array."""
        return self._draws.generator(like)

    def _draw(self, like, shape, rate):
        ones = arrays.array_module(like).ones(shape, self.compute_dtype)
        generator = self.generator(like)
        if not self.recurrent_dropout:
            return random.dropout(ones, rate, generator)[0]
        return [random.dropout(ones, rate, generator)[0] for _ in range(self.gates)]

    def reset_dropout_mask(self):
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self):
        self._recurrent_dropout_mask = None
