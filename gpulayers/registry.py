"""Objects by name: what stands behind `initializer="glorot_uniform"`, `optimizer="adam"` and their
configs."""

import re


def snake_case(name):
    """Keras's rule: "MaxPooling1D" -> "max_pooling1d", "LSTM" -> "lstm"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def serialize_object(value):
    """Keras's node of an object with `get_config`: {"module", "class_name", "config", "registered_name"};
    None stays."""
    if value is None:
        return None
    kind = type(value)
    module = (
        ".".join(["keras", *kind.__module__.split(".")[1:2]])
        if kind.__module__.startswith("gpulayers.")
        else kind.__module__
    )
    return {
        "module": module,
        "class_name": kind.__name__,
        "config": value.get_config(),
        "registered_name": None,
    }


class Registry:
    """Finds objects of one base class.

    Args:
        what: the word used in errors: "initializer".
        base: the base class.
        classes: known by their names, exact and in snake case.
        aliases: further names.
    """

    def __init__(self, what, base, classes, aliases=()):
        self.what, self.base = what, base
        self.classes = {name: cls for cls in classes for name in (cls.__name__, snake_case(cls.__name__))}
        self.classes.update(aliases)

    def get(self, identifier, custom_objects=None):
        """The object of a name, a class, a config, or an object itself; None stays None.

        Args:
            custom_objects: {name: class}, for configs that name them.

        Raises:
            ValueError: anything else.
        """
        if identifier is None or isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, self.base):
            return identifier()
        name, config = identifier, {}
        if isinstance(identifier, dict):
            name, config = identifier.get("class_name"), identifier.get("config") or {}
        if isinstance(name, str):
            found = (custom_objects or {}).get(name)
            found = found or self.classes.get(name) or self.classes.get(name.lower())
            if found is not None:
                return found.from_config(config) if config else found()
        known = ", ".join(sorted({snake_case(cls.__name__) for cls in self.classes.values()}))
        raise ValueError(
            f"The {self.what} must be one of {known}, or an object of it. Received: {identifier!r}"
        )
