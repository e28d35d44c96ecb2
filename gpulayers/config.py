"""Process-wide settings: the default device, dtype policy, float type, data format and float32 precision."""

import numbers
import os

FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_settings = {
    "device": None,
    "dtype_policy": None,
    "epsilon": 1e-7,
    "floatx": "float32",
    "image_data_format": "channels_last",
    "float32_precision": "ieee",
}


def _choose(setting, value, allowed):
    if not isinstance(value, str) or value not in allowed:
        expected = ", ".join(repr(name) for name in allowed)
        raise ValueError(f"{setting} must be one of {expected}. Received: {value!r}")
    _settings[setting] = value


def set_device(name):
    """Chooses where new weights live and where models compute: "gpu" or "cpu"."""
    _choose("device", name, ("cpu", "gpu"))


def requested_device():
    """The device asked for by `set_device` or by the environment variable GPULAYERS_DEVICE, or None."""
    if _settings["device"] is None and os.environ.get("GPULAYERS_DEVICE"):
        set_device(os.environ["GPULAYERS_DEVICE"].lower())
    return _settings["device"]


def set_floatx(name):
    """Sets the float type of new layers: "float32", "float16", "bfloat16" or "float64"."""
    _choose("floatx", name, FLOAT_TYPES)


def floatx():
    """The default float type's name."""
    return _settings["floatx"]


def set_epsilon(value):
    """Sets what keeps divisors and logarithms in losses, metrics and constraints off 0: a small number.

    Raises:
        TypeError, ValueError: not a number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"epsilon must be a number. Received: {value!r}")
    if not 0 < value < 1:
        raise ValueError(f"epsilon must lie between 0 and 1. Received: {value}")
    _settings["epsilon"] = float(value)


def epsilon():
    """The small number of `set_epsilon`; 1e-7 by default."""
    return _settings["epsilon"]


class DTypePolicy:
    """The type in which a layer keeps its weights and that in which it computes, as in Keras.

    Args:
        name: "float32", "float64", "float16" or "bfloat16" for both; "mixed_float16" or "mixed_bfloat16" for
            float32 weights and computation in the type of 16 bits; default: as the policy in force.

    Attributes:
        compute_dtype, variable_dtype: names of types.

    Raises:
        TypeError: the name is no string; ValueError: an unknown name.
    """

    quantization_mode = None  # of Keras; there is no quantization here

    def __init__(self, name=None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"A policy's name must be a string. Received: {name!r}")
        if name not in _MIXED and name not in FLOAT_TYPES:
            known = ", ".join([*FLOAT_TYPES, *_MIXED])
            raise ValueError(f"dtype must be one of {known}, or a DTypePolicy. Received: {name!r}")
        self._name = name

    @property
    def name(self):
        return self._name

    @property
    def compute_dtype(self):
        return _MIXED.get(self._name, self._name)

    @property
    def variable_dtype(self):
        return "float32" if self._name in _MIXED else self._name

    def get_config(self):
        return {"name": self._name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and self._name == other._name

    def __hash__(self):
        return hash(self._name)

    def __repr__(self):
        return f'<DTypePolicy "{self._name}">'


def set_dtype_policy(policy):
    """Sets the dtype policy of new layers and models: a name such as "mixed_float16", or a DTypePolicy. It
    goes before `set_floatx`, until `gpulayers.utils.clear_session()`.

    Raises:
        ValueError: neither of the two, or an unknown name.
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(f"policy must be a name or a DTypePolicy. Received: {policy!r}")
    _settings["dtype_policy"] = DTypePolicy(policy) if isinstance(policy, str) else policy


def dtype_policy():
    """The DTypePolicy of new layers: that of `set_dtype_policy`, else that of `floatx()`."""
    return _settings["dtype_policy"] or DTypePolicy(floatx())


def clear_dtype_policy():
    """Forgets the policy of `set_dtype_policy`."""
    _settings["dtype_policy"] = None


def set_image_data_format(name):
    """Sets the default of `data_format`: "channels_last" or "channels_first"."""
    _choose("image_data_format", name, ("channels_last", "channels_first"))


def image_data_format():
    """The default of `data_format`."""
    return _settings["image_data_format"]


def set_float32_precision(name):
    """Sets how float32 products are formed: "ieee" (as the CPU does) or "tf32" (tensor cores, 10-bit mantissa)."""
    _choose("float32_precision", name, ("ieee", "tf32"))


def float32_precision():
    """The current float32 precision."""
    return _settings["float32_precision"]
