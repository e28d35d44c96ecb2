"""Process-wide settings: the default device, float type, data format and float32 precision."""

import os

_FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
_settings = {
    "device": None,
    "floatx": "float32",
    "image_data_format": "channels_last",
    "float32_precision": "ieee",
}


def _choose(setting, value, allowed):
    if value not in allowed:
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
    _choose("floatx", name, _FLOAT_TYPES)


def floatx():
    """The default float type's name."""
    return _settings["floatx"]


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
