"""Automatic names: "dense", "dense_1", ... as in Keras."""

import collections

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
