"""Automatic names: "dense", "dense_1", ... as in Keras."""

import collections

from ..registry import snake_case

_used = collections.Counter()


def automatic_name(kind):
    """The next free name for an object of that class name."""
    prefix = snake_case(kind)
    _used[prefix] += 1
    number = _used[prefix] - 1
    return prefix if number == 0 else f"{prefix}_{number}"


def clear_session():
    """Starts the numbering anew."""
    _used.clear()
