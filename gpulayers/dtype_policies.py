"""Dtype policies at Keras's path: see `DTypePolicy`."""

import numpy as np

from . import config
from .config import DTypePolicy

FloatDTypePolicy = DTypePolicy
_CLASS_NAMES = ("DTypePolicy", "FloatDTypePolicy", "Policy")  # in configurations; the last one of Keras 2

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]


def get(identifier):
    """The DTypePolicy of a name, a dtype, a configuration, or a policy itself; of None the one in force.

    Raises:
        ValueError: an unknown name or configuration, or a dtype in which the library does not compute.
    """
    if identifier is None:
        return config.dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    if isinstance(identifier, dict):
        values = identifier.get("config")
        if identifier.get("class_name") not in _CLASS_NAMES or not isinstance(values, dict):
            raise ValueError(f"dtype must be the configuration of a DTypePolicy. Received: {identifier!r}")
        return DTypePolicy.from_config(values)
    try:
        return DTypePolicy(np.dtype(identifier).name)
    except (TypeError, ValueError):
        raise ValueError(
            f"dtype must be a name, a dtype or a DTypePolicy. Received: {identifier!r}"
        ) from None


def serialize(policy):
    """The policy's configuration, as Keras writes it; None stays."""
    if policy is None:
        return None
    if not isinstance(policy, DTypePolicy):
        raise TypeError(f"A DTypePolicy is expected. Received: {policy!r}")
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }


deserialize = get
