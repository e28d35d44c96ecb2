"""Classes and functions of one's own, by the names under which configurations know them."""

import inspect

_registered = {}  # name -> object
_names = {}  # object -> name
_scopes = []  # dicts of the scopes that are open, the innermost last


def register_keras_serializable(package="Custom", name=None):
    """A decorator that makes a class or function known to `deserialize` and `from_config` as "package>name".

    Args:
        package: the first part of the name.
        name: the second part; default: the object's own.

    Raises:
        TypeError: no class and no function, or a class without `get_config`.
    """

    def register(decorated):
        if inspect.isclass(decorated) and not hasattr(decorated, "get_config"):
            raise TypeError(f"A registered class needs get_config(). Received: {decorated!r}")
        own = getattr(decorated, "__name__", None) if name is None else name
        if not isinstance(own, str) or not isinstance(package, str):
            raise TypeError(f"A class or function with a name is expected. Received: {decorated!r}")
        _registered[f"{package}>{own}"], _names[decorated] = decorated, f"{package}>{own}"
        return decorated

    return register


def get_registered_name(obj):
    """The name under which the object was registered; else its own."""
    if not hasattr(obj, "__name__"):
        raise TypeError(f"A class or function is expected. Received: {obj!r}")
    return _names.get(obj) or obj.__name__


def get_registered_object(name, custom_objects=None, module_objects=None):
    """The object of that name: of an open `CustomObjectScope`, registered, or in one of the dicts; or None."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string. Received: {name!r}")
    given = [_checked(objects) for objects in (custom_objects, module_objects)]
    for known in (*reversed(_scopes), _registered, *given):
        if name in known:
            return known[name]
    return None


def _checked(objects):
    """The dict, {} for None, or a TypeError."""
    if not isinstance(objects, (dict, type(None))):
        raise TypeError(f"custom_objects must be a dict. Received: {objects!r}")
    return {} if objects is None else objects


def get_custom_objects():
    """The dict of all registered objects by name; what is put in is registered."""
    return _registered


class CustomObjectScope:
    """While it is open, configurations find these objects: `with CustomObjectScope({"Mine": Mine}): ...`.

    Args:
        custom_objects: {name: class or function}, or None.
    """

    def __init__(self, custom_objects=None):
        self.custom_objects = dict(_checked(custom_objects))

    def __enter__(self):
        _scopes.append(self.custom_objects)
        return self

    def __exit__(self, *error):
        _scopes.pop()


custom_object_scope = CustomObjectScope


def of_node(node):
    """The custom object that a node {"class_name", "registered_name"} names, or None."""
    for key in ("registered_name", "class_name"):
        name = node.get(key)
        found = get_registered_object(name) if isinstance(name, str) else None
        if found is not None:
            return found
    return None
