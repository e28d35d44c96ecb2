"""Shapes of reshaped arrays."""

import math

from .spatial import integer


def resolve_reshape(sizes, target):
    """The sizes after a reshape; one -1 in the target stands for what is left over.

    Args:
        sizes: of one sample; None for unknown ones.
        target: the wanted sizes.

    Raises:
        ValueError: the numbers of elements differ, or several -1.
    """
    target = tuple(size if size == -1 else integer(size, "A size of target_shape") for size in target)
    if target.count(-1) > 1:
        raise ValueError(f"At most one size of target_shape can be -1. Received: {target}")
    if None in sizes:
        return tuple(None if size == -1 else size for size in target)
    count, known = math.prod(sizes), math.prod(size for size in target if size != -1)
    if -1 in target:
        if known == 0 or count % known:
            raise ValueError(
                f"{count} elements do not divide into shape {target}. Received: an input of {tuple(sizes)}"
            )
        return tuple(count // known if size == -1 else size for size in target)
    if count != known:
        raise ValueError(
            f"Shape {target} holds {known} elements. Received: an input of {tuple(sizes)}, {count} elements"
        )
    return target


def flat_size(sizes):
    """The number of elements of those sizes; None if one of them is unknown."""
    return None if None in sizes else math.prod(sizes)
