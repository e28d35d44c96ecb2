"""Settings at Keras's path `backend`."""

import collections

from .config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from .layers.names import clear_session
from .layers.symbolic import SymbolicTensor
from .ops import arrays

__all__ = [
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

_numbers = collections.Counter()


def get_uid(prefix=""):
    """1 for the first call with a prefix, 2 for the second, and so on."""
    if not isinstance(prefix, str):
        raise TypeError(f"prefix must be a string. Received: {prefix!r}")
    _numbers[prefix] += 1
    return _numbers[prefix]


def is_keras_tensor(x):
    """Whether x is symbolic: what `Input` makes and layers called on it give."""
    return isinstance(x, SymbolicTensor)


def standardize_dtype(dtype):
    """The name of a dtype; `floatx()` for None.

    Raises:
        ValueError: no dtype.
    """
    return floatx() if dtype is None else arrays.any_dtype(dtype, "dtype").name


def is_float_dtype(dtype):
    """Whether numbers of that dtype are floating-point numbers."""
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype):
    """Whether numbers of that dtype are integers."""
    return standardize_dtype(dtype).startswith(("int", "uint"))
