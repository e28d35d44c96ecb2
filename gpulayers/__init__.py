"""Neural-network layers for CuPy arrays, with NumPy where there is no GPU.

Names and semantics are Keras's; the kernels under cuda/ are this project's own.
"""

import importlib

from .config import (
    DTypePolicy,
    float32_precision,
    floatx,
    image_data_format,
    set_device,
    set_float32_precision,
    set_floatx,
    set_image_data_format,
)

__version__ = "0.1.0"

_SUBMODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "regularizers",
    "saving",
    "utils",
)
_NAMES = {  # imported at first use, so that `import gpulayers` stays fast
    "Initializer": "initializers",
    "Input": "layers",
    "KerasTensor": "layers.symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variable",
    "check_gradients": "layers.gradient_check",
    "explain": "ops",
    "set_random_seed": "ops.random",
}


def version():
    """The library's version."""
    return __version__


def device():
    """The name of the device of new weights: "gpu" or "cpu"."""
    from .ops import arrays

    return arrays.default_device().name


def __getattr__(name):
    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _NAMES:
        value = getattr(importlib.import_module(f".{_NAMES[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_SUBMODULES, *_NAMES})
