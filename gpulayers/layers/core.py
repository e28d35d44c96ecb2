"""Dense, Activation and Dropout."""

from .. import activations
from ..arguments import flag, real
from ..ops import dense, random
from ..ops.activations import activate
from ..ops.spatial import integer
from .layer import Layer


class Dense(Layer):
    """activation(x @ kernel + bias) along the last axis.

    Args:
        units: size of the output's last axis.
        activation: a name or an Activation.
        use_bias: whether to add a bias.
        kernel_initializer ... bias_constraint: as in Keras.

    Shapes: (..., inputs) -> (..., units); kernel (inputs, units), bias (units,).
    """

    supports_masking = True
    skips_input_gradient = True
    unsupported = ("lora_rank", "lora_alpha", "quantization_config")

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = integer(units, "units", least=1)
        self.activation = activations.get(activation)
        self.use_bias = flag(use_bias, "use_bias")
        self.set_weight_arguments("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.set_weight_arguments("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.kernel = self.bias = None

    def build(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Dense needs inputs (batch, ..., size) of a known last size. Received: {tuple(input_shape)}"
            )
        self.kernel = self.weight_of("kernel", (input_shape[-1], self.units))
        if self.use_bias:
            self.bias = self.weight_of("bias", (self.units,))

    def forward(self, x, training=True):
        kernel = self.cast(self.kernel)
        product = dense.dense(x, kernel, self.cast(self.bias))
        y, activation_backward = activate(self.activation, product)

        def backward(grad_output, input_gradient=True):
            grad_output = activation_backward(grad_output)
            if self.kernel.trainable:
                self.kernel.add_grad(dense.dense_backward_weight(x, grad_output))
            if self.use_bias and self.bias.trainable:
                self.bias.add_grad(dense.dense_backward_bias(grad_output))
            return dense.dense_backward_input(grad_output, kernel) if input_gradient else None

        return y, backward

    @property
    def fixed_axes(self):
        return (-1,)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Activation(Layer):
    """An activation function as a layer.

    Args:
        activation: a name or an Activation.
    """

    supports_masking = True

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def forward(self, x, training=True):
        y = self.activation(x)
        saved = y if self.activation.from_output else x
        return y, lambda grad_output: self.activation.backward(grad_output, saved)


class Dropout(Layer):
    """In training, zeroes a random share of the elements and scales the others by 1 / (1 - rate).

    Args:
        rate: the share, in [0, 1].
        noise_shape: the shape of the random draw, broadcast to the input; None stands for the input's size.
        seed: of this layer's draws; default: from the process's stream.
    """

    supports_masking = True

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = real(rate, "rate", 0, 1), seed
        self.noise_shape = checked_noise_shape(noise_shape)
        self._draws = random.Draws(seed)

    def forward(self, x, training=True):
        if not training or self.rate == 0:
            return x, lambda grad_output: grad_output
        y, keep = random.dropout(x, self.rate, self._draws.generator(x), self._noise_shape(x.shape))
        return y, lambda grad_output: random.dropout_backward(grad_output, keep, self.rate)

    def _noise_shape(self, shape):
        if self.noise_shape is None:
            return None
        if len(self.noise_shape) != len(shape):
            raise ValueError(
                f"noise_shape must have {len(shape)} sizes for this input. Received: {self.noise_shape}"
            )
        drawn = tuple(size if wanted is None else wanted for wanted, size in zip(self.noise_shape, shape))
        if any(wanted not in (1, size) for wanted, size in zip(drawn, shape)):
            raise ValueError(
                f"noise_shape must broadcast to the input's {tuple(shape)}. Received: {self.noise_shape}"
            )
        return drawn


def checked_noise_shape(noise_shape):
    """The shape as a tuple of integers and None, or a TypeError/ValueError; None stays."""
    if noise_shape is None:
        return None
    if not isinstance(noise_shape, (tuple, list)):
        raise TypeError(f"noise_shape must be a tuple of sizes or None. Received: {noise_shape!r}")
    return tuple(None if size is None else integer(size, "A size of noise_shape", 1) for size in noise_shape)
