"""Checks of arguments that are numbers, and signatures that pass arguments on."""

import inspect
import math
import operator


def _kind(value):
    """The kind of the dtype of an array without axes or of a NumPy number, else None."""
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", None) if getattr(value, "ndim", 0) == 0 else "array"


def _is_number(value):
    if isinstance(value, (bool, str, type)):
        return False
    of_numbers = _kind(value) in (None, "f", "i", "u", "V")  # that of bfloat16 is V
    return isinstance(value, (int, float)) or hasattr(value, "__float__") and of_numbers


def _float(value):
    try:
        return float(value)
    except OverflowError:  # an integer that no float holds
        return math.inf


def flag(value, name):
    """The value as a bool; 0, 1 and None stand for one too.

    Raises:
        ValueError: anything else: the string "False" is no False.
    """
    if value is True or value is False:
        return value
    if value is None or (isinstance(value, int) or _kind(value) in ("b", "i", "u")) and value in (0, 1):
        return bool(value)
    raise ValueError(f"{name} must be True or False. Received: {value!r}")


def real(value, name, least=None, most=None):
    """The value as a finite float from `least` to `most`, or a TypeError or ValueError."""
    if not _is_number(value):
        raise TypeError(f"{name} must be a number. Received: {value!r}")
    found = _float(value)
    if not math.isfinite(found) or least is not None and found < least or most is not None and found > most:
        limits = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        raise ValueError(f"{name} must be {' and '.join(limits) or 'a finite number'}. Received: {value!r}")
    return found


def number(value, name, positive=False):
    """The value as a float of at least 0, or above 0, or a TypeError or ValueError."""
    if not _is_number(value):
        raise TypeError(f"{name} must be a number. Received: {value!r}")
    found = _float(value)
    if not 0 <= found < math.inf or positive and not found:
        least = "above 0" if positive else "of at least 0"
        raise ValueError(f"{name} must be a finite number {least}. Received: {value!r}")
    return found


def share(value, name, closed=False):
    """The value as a float in [0, 1), or [0, 1], or a ValueError."""
    if not _is_number(value) or not 0 <= _float(value) <= 1:
        raise ValueError(f"{name} must lie in [0, 1]. Received: {value!r}")
    if value == 1 and not closed:
        raise ValueError(f"{name} must lie in [0, 1). Received: {value!r}")
    return float(value)


def count(value, name, least, optional=False):
    """The value as an integer of at least `least` that 64 bits hold, or a ValueError; None stays if
    `optional`."""
    if value is None and optional:
        return None
    try:
        found = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = None
    if found is None or not least <= found < 2**63:
        raise ValueError(f"{name} must be an integer of at least {least}. Received: {value!r}")
    return found


def full_signature(cls, base):
    """The constructor's signature with the parameters that its *arguments and **kwargs pass on."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    own = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return inspect.Signature(own)
    common = list(inspect.signature(base.__init__).parameters.values())[2:-1]
    names = [p.name for p in own]
    return inspect.Signature(own + [p for p in common if p.name not in names])
