"""What CuPy has of NumPy: the emulated device offers no more than a real one."""

import functools
import inspect


@functools.cache
def in_cupy(name):
    """(whether CuPy has a function of that name, its signature or None); without CuPy all is well."""
    try:
        import cupy
    except ImportError:
        return True, None
    try:
        return hasattr(cupy, name), inspect.signature(getattr(cupy, name, None))
    except (TypeError, ValueError):  # a ufunc or a type
        return hasattr(cupy, name), None


def check_call(name, args, kwargs):
    """Raises TypeError for a call that NumPy takes and CuPy does not."""
    known, signature = in_cupy(name)
    if not known:
        raise TypeError(f"CuPy has no function {name}")
    if signature:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"cupy.{name}{signature}: {error}") from None
