"""Sequences of different lengths as one array."""

import numpy as np

from ..ops import arrays
from ..ops.spatial import integer


def _choice(name, value):
    if not isinstance(value, str) or value not in ("pre", "post"):
        raise ValueError(f"{name} must be 'pre' or 'post'. Received: {value!r}")


def _cast(values, dtype=None, name="A sequence"):
    """The values as an array, or a TypeError or ValueError where they do not fit the dtype."""
    try:
        with np.errstate(invalid="raise"):
            return np.asarray(values).astype(dtype) if dtype is not None else np.asarray(values)
    except (TypeError, ValueError, OverflowError, FloatingPointError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must fit dtype {dtype}: {error}. Received: {values!r}") from None


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Brings sequences to one length: `[[1, 2, 3, 4], [5]]` with maxlen 3 becomes `[[2, 3, 4], [0, 0, 5]]`.

    Args:
        sequences: a list of sequences; their elements are numbers, or arrays that all have one shape.
        maxlen: length of the result; default: that of the longest sequence.
        dtype: of the result; numbers are cast to it. `object` for strings.
        padding: "pre" or "post": where the value is put in sequences that are too short.
        truncating: "pre" or "post": which end of sequences that are too long is cut off.
        value: what is put in.

    Returns:
        A NumPy array of shape (len(sequences), maxlen, *shape of an element).

    Raises:
        ValueError: not a list of sequences, elements of different shapes, or a bad argument.
    """
    _choice("padding", padding)
    _choice("truncating", truncating)
    maxlen = None if maxlen is None else integer(maxlen, "maxlen")
    listed = hasattr(sequences, "__len__") and getattr(sequences, "ndim", 1)
    if not listed or isinstance(sequences, (str, bytes, dict, set)):
        raise ValueError(f"sequences must be a list of sequences. Received: {type(sequences).__name__}")
    dtype = arrays.any_dtype(dtype, "dtype")
    if isinstance(value, str) and dtype.kind not in "OUS":
        raise ValueError(
            f"A string as padding value needs dtype=object. Received: dtype {dtype}, value {value!r}"
        )
    for position, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__") or not getattr(sequence, "ndim", 1):
            raise ValueError(
                f"Every element of sequences must be a sequence. Received: {sequence!r} at {position}"
            )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    element_shape = next((_cast(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    filling = _cast(value, dtype, "value")
    if filling.ndim and filling.shape != element_shape:
        raise ValueError(f"value must be one number. Received: {value!r}")
    padded = np.full((len(sequences), maxlen, *element_shape), filling, dtype)
    for position, sequence in enumerate(sequences):
        if not len(sequence) or not maxlen:
            continue
        kept = _cast(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype)
        if kept.shape[1:] != element_shape:
            raise ValueError(
                f"The elements of all sequences must have shape {element_shape}, as the first has. "
                f"Received: {kept.shape[1:]} in sequence {position}"
            )
        where = slice(0, len(kept)) if padding == "post" else slice(maxlen - len(kept), maxlen)
        padded[position, where] = kept
    return padded
