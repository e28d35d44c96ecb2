"""Nonsense in the place of arguments, and what may come of it."""

import inspect
import warnings

import numpy as np

from gpulayers import config


class Thing:
    """No argument of anything."""

    def __repr__(self):
        return "<a thing>"


def values():
    """name -> a fresh value."""
    return {
        "None": None,
        "True": True,
        "-1": -1,
        "0": 0,
        "7": 7,
        "1.5": 1.5,
        "-0.5": -0.5,
        "nan": float("nan"),
        "inf": float("inf"),
        "10**30": 10**30,
        "an empty string": "",
        "a string": "nonsense",
        "a name and a space": "relu ",
        "bytes": b"x",
        "[]": [],
        "()": (),
        "{}": {},
        "five sizes": (1, 2, 3, 4, 5),
        "(-1, 2)": (-1, 2),
        "(1.5, 2)": (1.5, 2),
        "[None]": [None],
        "['a']": ["a"],
        "rows of different lengths": [[1], [2, 3]],
        "a thing": Thing(),
        "a class": Thing,
        "int": int,
        "a function": lambda *arguments, **keywords: None,
        "a matrix": np.ones((2, 3), np.float32),
        "an empty array": np.zeros(0, np.float32),
        "strings": np.array(["a", "b"]),
        "objects": np.array([None, Thing()], dtype=object),
        "complex numbers": np.ones((2, 3), complex),
        "dates": np.array(["2020-01-01"], dtype="M8[D]"),
        "an array without axes": np.array(2),
        "a NumPy float": np.float32(0.5),
        "a set": {1, 2},
        "a range": range(3),
        "a config": {"class_name": "Nope", "config": {}},
        "a module": np,
        "an exception": ValueError("x"),
        "1j": 1j,
    }


def settings():
    """The state of the package that a wrong call must leave alone."""
    policy = config.dtype_policy().name
    return config.floatx(), config.image_data_format(), config.float32_precision(), config.epsilon(), policy


def arguments(function):
    """The names of a function's or constructor's parameters, those of `Layer` left out."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def outcome(call, **given):
    """What is wrong with how the call ends, or None: it may succeed, or raise a ValueError, TypeError or
    IndexError that tells what was received."""
    before = settings()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(**given)
        except (ValueError, TypeError, IndexError) as error:
            if type(error) not in (ValueError, TypeError, IndexError) or "Received" not in str(error):
                return f"{type(error).__name__}: {error}"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    if settings() != before:
        return f"settings changed to {settings()}"
    said = [warning for warning in caught if issubclass(warning.category, RuntimeWarning)]
    return f"RuntimeWarning: {said[0].message}" if said else None


def findings(call, valid, names, skipped=()):
    """What is wrong with the calls in which one of the named arguments is nonsense.

    Args:
        call: it takes keyword arguments, makes what they ask for and uses it.
        valid: arguments with which it succeeds.
        names: the arguments to replace, one at a time.
        skipped: pairs (argument, name of a value) that are left out.
    """
    call(**valid)
    found = []
    for name in names:
        for label, value in values().items():
            if (name, label) in skipped:
                continue
            wrong = outcome(call, **{**valid, name: value})
            if wrong:
                found.append(f"{name}={label}: {wrong}")
    return found
