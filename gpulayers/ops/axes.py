"""Axes of an array: counted from the front, and checked."""

from .spatial import integer


def positive_axis(axis, rank, name="axis"):
    """The axis counted from the front.

    Raises:
        TypeError, ValueError: no integer, or out of range.
    """
    number = integer(axis, name, -(2**31))
    if not -rank <= number < rank:
        raise ValueError(f"{name} must lie in [{-rank}, {rank}) for an input of rank {rank}. Received: {axis!r}")
    return number % rank


def positive_axes(axes, rank):
    """The axes, one or several, counted from the front and sorted.

    Raises:
        TypeError, ValueError: not integers, out of range, or one that occurs twice.
    """
    given = axes if isinstance(axes, (tuple, list)) else (axes,)
    given = [integer(axis, "axis", -(2**31)) for axis in given]
    inside = given and all(-rank <= axis < rank for axis in given)
    if not inside or len({axis % rank for axis in given}) < len(given):
        raise ValueError(f"axis must name different axes of an input of rank {rank}. Received: {axes!r}")
    return tuple(sorted(axis % rank for axis in given))
