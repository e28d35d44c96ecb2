"""Identity, ActivityRegularization, Masking and Rescaling."""

import numpy as np

from .. import config, regularizers
from ..ops import arrays
from .layer import Layer


class Identity(Layer):
    """The input itself."""

    supports_masking = True
    converts_integers = False

    def forward(self, x, training=True):
        return x, lambda grad_output: grad_output


class ActivityRegularization(Layer):
    """The input itself, with a penalty on it.

    Args:
        l1, l2: of `regularizers.L1L2`.
    """

    supports_masking = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1, l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def forward(self, x, training=True):
        return x, lambda grad_output: grad_output

    def get_config(self):
        values = super().get_config()
        del values["activity_regularizer"]
        return values


class Masking(Layer):
    """Masks, and zeroes, the steps all of whose elements are `mask_value`.

    Args:
        mask_value: a number, or an array broadcast to the input.
    """

    supports_masking = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):  # as Keras writes arrays
            config_of_value = mask_value.get("config")
            mask_value = config_of_value.get("value") if isinstance(config_of_value, dict) else mask_value
        self.mask_value = _checked(mask_value, "mask_value")

    def _differs(self, x):
        if x.ndim < 1:
            raise ValueError(f"{self.name} takes inputs with a last axis. Received: shape {x.shape}")
        value = _on_device_of(x, self.mask_value, "mask_value")
        return (x != value).any(axis=-1)

    def forward(self, x, training=True):
        kept = self._differs(x)[..., None]
        xp, zero = arrays.array_module(x), x.dtype.type(0)
        return xp.where(kept, x, zero), lambda grad_output: xp.where(kept, grad_output, zero)

    def compute_mask(self, inputs, mask=None):
        return self._differs(inputs)


class Rescaling(Layer):
    """x * scale + offset.

    Args:
        scale, offset: numbers, or arrays or lists broadcast to the input.
    """

    supports_masking = True

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = _checked(scale, "scale"), _checked(offset, "offset")

    def forward(self, x, training=True):
        scale = np.asarray(self.scale)
        if scale.ndim and config.image_data_format() == "channels_first":
            scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
        scale, offset = _on_device_of(x, scale, "scale"), _on_device_of(x, self.offset, "offset")
        return x * scale + offset, lambda grad_output: grad_output * scale

    def get_config(self):
        values = super().get_config()
        values.update(scale=np.asarray(self.scale).tolist(), offset=np.asarray(self.offset).tolist())
        return values


def _checked(value, name):
    """The value itself, or a TypeError where it is no number and no array of numbers."""
    try:
        if np.asarray(value).dtype.kind in "iuf":
            return value
    except ValueError:  # rows of different lengths
        pass
    raise TypeError(f"{name} must be a number or an array of numbers. Received: {value!r}")


def _on_device_of(x, value, name):
    """The value as an array like x that broadcasts to it, or a ValueError."""
    value = np.asarray(value)
    if value.ndim > x.ndim or any(n not in (1, size) for n, size in zip(value.shape[::-1], x.shape[::-1])):
        raise ValueError(f"{name} must broadcast to {tuple(x.shape)}. Received: shape {value.shape}")
    return arrays.device_of(x).asarray(value).astype(x.dtype)
