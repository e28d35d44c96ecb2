"""Lists, tuples and dicts, nested at will, as models take and give them. A dict's order is that of its sorted
keys."""


def is_nested(value):
    return isinstance(value, (list, tuple, dict))


def parts_of(value):
    """The parts of a list or tuple, or of a dict in its order."""
    return [value[key] for key in sorted(value)] if isinstance(value, dict) else list(value)


def is_flat(structure):
    """Whether it is a leaf, or holds leaves alone."""
    return not is_nested(structure) or not any(map(is_nested, parts_of(structure)))


def flatten(value):
    """The leaves."""
    return [leaf for part in parts_of(value) for leaf in flatten(part)] if is_nested(value) else [value]


def pack(structure, leaves):
    """The structure with other leaves, given in its order; the keys of its dicts are sorted, as Keras's."""
    return _packed(structure, iter(leaves))


def _packed(structure, leaves):
    if isinstance(structure, dict):
        return {key: _packed(structure[key], leaves) for key in sorted(structure)}
    if not is_nested(structure):
        return next(leaves)
    made = [_packed(part, leaves) for part in structure]
    return type(structure)(*made) if hasattr(structure, "_fields") else type(structure)(made)


def leaves_up_to(structure, value, what):
    """What stands in `value` at the leaves of the structure; lists and tuples are alike.

    Raises:
        ValueError: another structure.
    """
    if not is_nested(structure):
        return [value]
    if isinstance(structure, dict):
        fits = isinstance(value, dict) and set(value) == set(structure)
    else:
        fits = isinstance(value, (list, tuple)) and len(value) == len(structure)
    if not fits:
        raise ValueError(f"{what} must be laid out as {skeleton(structure)}. Received: {skeleton(value)}")
    pairs = zip(parts_of(structure), parts_of(value))
    return [leaf for inner, part in pairs for leaf in leaves_up_to(inner, part, what)]


def skeleton(structure):
    """The structure with "." for leaves, for messages."""
    return pack(structure, ["."] * len(flatten(structure)))
