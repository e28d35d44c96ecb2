"""Layers that disturb their input in training: SpatialDropout, GaussianNoise and their like."""

import math

from ..arguments import real
from ..ops import random
from ..ops.activations import SELU_ALPHA, SELU_SCALE
from .core import Dropout, checked_noise_shape
from .layer import Layer
from .shapes import layer_data_format, split


class _SpatialDropout(Dropout):
    """Dropout of whole channels.

    Args:
        rate: the share of channels, in [0, 1].
        data_format: "channels_last" or "channels_first"; default `gpulayers.image_data_format()`.
        seed: of this layer's draws; default: from the process's stream.
    """

    rank = None

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        del self.noise_shape  # not an argument here
        self.data_format = layer_data_format(data_format)

    def get_config(self):
        values = super().get_config()
        if self.trainable:
            del values["trainable"]  # an argument that Keras's layers do not have
        return values

    def _noise_shape(self, shape):
        batch, spatial, channels = split(self, shape)
        ones = (1,) * len(spatial)
        return (batch, *ones, channels) if self.data_format == "channels_last" else (batch, channels, *ones)

    def forward(self, x, training=True):
        split(self, x.shape)
        return super().forward(x, training)


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of (batch, steps, channels).

    Args:
        rate: the share of channels, in [0, 1].
        seed: of this layer's draws; default: from the process's stream.
    """

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, "channels_last", seed, name, dtype, **kwargs)

    def get_config(self):
        values = super().get_config()
        del values["data_format"]
        return values


class SpatialDropout2D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    rank = 2


class SpatialDropout3D(_SpatialDropout):
    __doc__ = _SpatialDropout.__doc__
    rank = 3


class _Noise(Layer):
    """y = x * factor + term in training, with factor and term drawn anew."""

    supports_masking = True

    def _draw(self, x, generator):
        """(factor or None, term or None), float32."""
        raise NotImplementedError

    def forward(self, x, training=True):
        if not training or self._share == 0:
            return x, lambda grad_output: grad_output
        factor, term = self._draw(x, self._draws.generator(x))
        factor = None if factor is None else factor.astype(x.dtype)
        y = x if factor is None else x * factor
        y = y if term is None else y + term.astype(x.dtype)
        return y, lambda grad_output: grad_output if factor is None else grad_output * factor


class GaussianNoise(_Noise):
    """Adds normal noise in training.

    Args:
        stddev: the noise's standard deviation, in [0, 1].
        seed: of this layer's draws; default: from the process's stream.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.stddev = self._share = real(stddev, "stddev", 0, 1)
        self.seed, self._draws = seed, random.Draws(seed)

    def _draw(self, x, generator):
        return None, random.normal(generator, x.shape, 0, self.stddev)


class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and standard deviation sqrt(rate / (1 - rate)) in training.

    Args:
        rate: in [0, 1).
        seed: of this layer's draws; default: from the process's stream.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = self._share = _rate_below_one(rate)
        self.seed, self._draws = seed, random.Draws(seed)

    def _draw(self, x, generator):
        return random.normal(generator, x.shape, 1, math.sqrt(self.rate / (1 - self.rate))), None


class AlphaDropout(_Noise):
    """Dropout for inputs of mean 0 and variance 1, which it keeps: dropped elements become SELU's limit.

    Args:
        rate: in [0, 1).
        noise_shape: the shape of the random draw, broadcast to the input; None stands for the input's size.
        seed: of this layer's draws; default: from the process's stream.

    Source: G. Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = self._share = _rate_below_one(rate)
        self.noise_shape = checked_noise_shape(noise_shape)
        self.seed, self._draws = seed, random.Draws(seed)

    _noise_shape = Dropout._noise_shape

    def _draw(self, x, generator):
        limit = -SELU_ALPHA * SELU_SCALE
        keep = random.kept(generator, self._noise_shape(x.shape) or x.shape, self.rate)
        scale = ((1 - self.rate) * (1 + self.rate * limit**2)) ** -0.5
        return scale * keep, scale * limit * (1 - keep - self.rate)


def _rate_below_one(rate):
    rate = real(rate, "rate", 0, 1)
    if rate == 1:
        raise ValueError("rate must be below 1. Received: 1.0")
    return rate
