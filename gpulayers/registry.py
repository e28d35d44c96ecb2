"""Objects by name: what stands behind `initializer="glorot_uniform"`, `optimizer="adam"` and their
configs."""

import contextlib
import re
import reprlib

from .custom_objects import CustomObjectScope, get_registered_name, of_node


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
    if not hasattr(value, "get_config"):
        raise TypeError(f"An object with get_config() is expected. Received: {value!r}")
    kind = type(value)
    own = kind.__module__.startswith("gpulayers.")
    return {
        "module": _keras_module(kind) if own else None,
        "class_name": kind.__name__,
        "config": value.get_config(),
        "registered_name": None if own else get_registered_name(kind),
    }


def _keras_module(kind):
    part, *rest = kind.__module__.split(".")[1:]
    if part != "models":
        return "keras.optimizers.schedules" if rest == ["schedules"] else f"keras.{part}"
    return "keras.src.models.functional" if kind.__name__ == "Functional" else "keras"


def deserializer(get):
    """The function `deserialize(config, custom_objects=None)` of a module with that `get`."""

    def deserialize(config, custom_objects=None):
        """As `get`; custom_objects: {name: class} of classes of one's own that are not registered."""
        with CustomObjectScope(custom_objects):
            return get(config)

    return deserialize


def checked_config(config):
    """The configuration, or a TypeError where it is no dict of arguments."""
    if not isinstance(config, dict) or any(not isinstance(name, str) for name in config):
        raise TypeError(f"A configuration must be a dict of arguments. Received: {config!r}")
    return config


@contextlib.contextmanager
def reading(what, config):
    """While it lasts, errors that do not tell what was received become a TypeError or ValueError that does."""
    try:
        yield
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        if "Received" in str(error):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        text = f"No {what} can be made of the configuration: {reason}. Received: {reprlib.repr(config)}"
        raise kind(text) from error


def from_config(cls, config):
    """`cls.from_config(config)`.

    Raises:
        TypeError, ValueError: the configuration is no dict, or lacks arguments or has unknown ones.
    """
    with reading(cls.__name__, config):
        return cls.from_config(checked_config(config))


class Registry:
    """Finds objects of one base class.

    Args:
        what: the word used in errors: "initializer".
        base: the base class.
        classes: known by their names: exact, in snake case and in lower case.
        aliases: further names.
    """

    def __init__(self, what, base, classes, aliases=()):
        self.what, self.base = what, base
        self.classes = {
            name: cls
            for cls in classes
            for name in (cls.__name__, snake_case(cls.__name__), cls.__name__.lower())
        }
        self.classes.update(aliases)

    def add(self, classes):
        """Makes further classes known: a dict by name."""
        self.classes.update(classes)

    def get(self, identifier):
        """The object of a name, a class, a config, or an object itself; None stays None. Objects of one's own
        (see `custom_objects`) go before the library's.

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
            node = identifier if isinstance(identifier, dict) else {"class_name": name}
            custom = of_node(node)
            if isinstance(custom, type) and issubclass(custom, self.base):
                return from_config(custom, config)
            found = self.classes.get(name) or self.classes.get(name.lower())
            if found is not None:
                return from_config(found, config)
        known = ", ".join(sorted({snake_case(cls.__name__) for cls in self.classes.values()}))
        raise ValueError(
            f"The {self.what} must be one of {known}, or an object of it. Received: {identifier!r}"
        )
