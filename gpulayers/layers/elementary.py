"""Identity, Masking and Rescaling."""

import numpy as np

from .. import config
from ..ops import arrays
from .layer import Layer


class Identity(Layer):
    """The input itself."""

    supports_masking = True
    converts_integers = False

    def forward(self, x, training=True):
        return x, lambda grad_output: grad_output


class Masking(Layer):
    """Masks, and zeroes, the steps all of whose elements are `mask_value`.

    Args:
        mask_value: a number, or an array broadcast to the input.
    """

    supports_masking = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):  # as Keras writes arrays
            mask_value = np.asarray(mask_value.get("config", mask_value).get("value"))
        if np.asarray(mask_value).dtype.kind not in "iufb":
            raise TypeError(f"mask_value must be a number. Received: {mask_value!r}")
        self.mask_value = mask_value

    def _differs(self, x):
        if x.ndim < 1:
            raise ValueError(f"{self.name} takes inputs with a last axis. Received: shape {x.shape}")
        value = arrays.device_of(x).asarray(np.asarray(self.mask_value)).astype(x.dtype)
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
        for name, value in (("scale", scale), ("offset", offset)):
            if np.asarray(value).dtype.kind not in "iuf":
                raise TypeError(f"{name} must be a number or an array of numbers. Received: {value!r}")
        self.scale, self.offset = scale, offset

    def forward(self, x, training=True):
        device = arrays.device_of(x)
        scale, offset = (device.asarray(np.asarray(v)).astype(x.dtype) for v in (self.scale, self.offset))
        if scale.ndim and config.image_data_format() == "channels_first":
            scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
        return x * scale + offset, lambda grad_output: grad_output * scale

    def get_config(self):
        values = super().get_config()
        values.update(scale=np.asarray(self.scale).tolist(), offset=np.asarray(self.offset).tolist())
        return values
