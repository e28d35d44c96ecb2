"""Automatic names: "dense", "dense_1", ... as in Keras."""

import collections
import contextlib

from .. import config
from ..registry import snake_case

_used = collections.Counter()


def automatic_name(kind):
    """The next free name for an object of that class name."""
    prefix = snake_case(kind)
    _used[prefix] += 1
    number = _used[prefix] - 1
    return prefix if number == 0 else f"{prefix}_{number}"


def clear_session(free_memory=True):
    """Starts the numbering anew, and forgets the policy of `set_dtype_policy`; free_memory is of Keras and
    changes nothing here."""
    _used.clear()
    config.clear_dtype_policy()


_scopes = []  # names of the layers being built, the innermost last


@contextlib.contextmanager
def name_scope(name):
    """While it is open, weights' paths begin with the name."""
    _scopes.append(name)
    try:
        yield
    finally:
        _scopes.pop()


def path_of(layer_name, *weight_name):
    """The path of a layer or of a weight of it: the names of the layers being built around, and its own."""
    around = _scopes if _scopes and _scopes[-1] == layer_name else [*_scopes, layer_name]
    return "/".join([*around, *weight_name])
