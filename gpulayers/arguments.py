"""Checks of arguments that are numbers, and signatures that pass arguments on."""

import inspect
import math


def _is_number(value):
    return not isinstance(value, (bool, str)) and (
        isinstance(value, (int, float)) or (hasattr(value, "__float__") and getattr(value, "ndim", 0) == 0)
    )


def number(value, name, positive=False):
    """The value as a float of at least 0, or above 0, or a TypeError or ValueError."""
    if not _is_number(value):
        raise TypeError(f"{name} must be a number. Received: {value!r}")
    if not 0 <= float(value) < math.inf or positive and not float(value):
        least = "above 0" if positive else "of at least 0"
        raise ValueError(f"{name} must be a finite number {least}. Received: {value!r}")
    return float(value)


def share(value, name, closed=False):
    """The value as a float in [0, 1), or [0, 1], or a ValueError."""
    if not _is_number(value) or not 0 <= float(value) <= 1:
        raise ValueError(f"{name} must lie in [0, 1]. Received: {value!r}")
    if value == 1 and not closed:
        raise ValueError(f"{name} must lie in [0, 1). Received: {value!r}")
    return float(value)


def count(value, name, least):
    """The value as an integer of at least `least`, or a ValueError; None stays."""
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        raise ValueError(f"{name} must be an integer of at least {least}. Received: {value!r}")
    return int(value)


def full_signature(cls, base):
    """The constructor's signature with the parameters that its *arguments and **kwargs pass on."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    own = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return inspect.Signature(own)
    common = list(inspect.signature(base.__init__).parameters.values())[2:-1]
    names = [p.name for p in own]
    return inspect.Signature(own + [p for p in common if p.name not in names])
