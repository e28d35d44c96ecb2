"""Data as batches."""

import numpy as np

from ..ops import arrays


def as_data(value, name):
    """The value as an array with a sample axis; NumPy and CuPy arrays pass, the rest goes through
    numpy.asarray.

    Raises:
        TypeError: a generator, a mapping, or data without numbers.
        ValueError: no sample axis.
    """
    if not arrays.is_array(value):
        if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
            value = arrays.take(value, name)
        elif hasattr(value, "__next__") or isinstance(value, (dict, set, str, bytes)) or value is None:
            raise TypeError(f"{name} must be an array or a list of numbers. Received: {type(value).__name__}")
        else:
            try:
                value = np.asarray(value)
            except ValueError:
                raise ValueError(
                    f"{name} must be a rectangular array. Received: rows of different lengths"
                ) from None
    if value.dtype not in arrays.FLOAT_DTYPES and value.dtype.kind not in "iub":
        raise TypeError(f"{name} must hold numbers. Received: dtype {value.dtype}")
    if value.ndim < 1:
        raise ValueError(f"{name} must have a sample axis. Received: a single number")
    return value


class Data:
    """Inputs, labels and weights of the same samples.

    Args:
        x: the inputs; y: labels or None; sample_weight: one number a sample (or element), or None.

    Raises:
        ValueError: different numbers of samples.
    """

    def __init__(self, x, y=None, sample_weight=None):
        self.x = as_data(x, "x")
        self.y = None if y is None else as_data(y, "y")
        self.sample_weight = None if sample_weight is None else as_data(sample_weight, "sample_weight")
        self.samples = len(self.x)
        for name, part in (("y", self.y), ("sample_weight", self.sample_weight)):
            if part is not None and len(part) != self.samples:
                raise ValueError(
                    f"x and {name} must hold as many samples. Received: {self.samples} and {len(part)}"
                )

    def parts(self):
        return self.x, self.y, self.sample_weight

    def split(self, share):
        """(all but the last share of the samples, that last share)."""
        at = int(self.samples * (1 - share))
        if not 0 < at < self.samples:
            raise ValueError(
                f"validation_split={share} of {self.samples} samples leaves none to train on or none to "
                "validate. "
                f"Received: {self.samples} samples"
            )
        first = Data(*(None if part is None else part[:at] for part in self.parts()))
        return first, Data(*(None if part is None else part[at:] for part in self.parts()))

    def steps(self, batch_size):
        return -(-self.samples // batch_size)

    def batches(self, batch_size, generator=None):
        """Tuples (x, y, sample_weight) of up to batch_size samples; shuffled by the NumPy generator if
        given."""
        order = None if generator is None else generator.permutation(self.samples)
        for start in range(0, self.samples, batch_size):
            stop = start + batch_size
            chosen = slice(start, stop) if order is None else order[start:stop]
            yield tuple(None if part is None else _rows(part, chosen) for part in self.parts())


def _rows(part, chosen):
    if isinstance(chosen, slice):
        return part[chosen]
    return part[arrays.device_of(part).asarray(chosen)]


def required(y):
    """The labels, or a ValueError if there are none."""
    if y is None:
        raise ValueError("y is needed: the labels of x. Received: y=None")
    return y


def validation_of(validation_data):
    """The Data of `fit`'s validation_data; None stays."""
    if validation_data is None:
        return None
    if not isinstance(validation_data, (list, tuple)) or len(validation_data) not in (2, 3):
        raise ValueError(
            "validation_data must be (x, y) or (x, y, sample_weight). "
            f"Received: {type(validation_data).__name__}"
        )
    return Data(*validation_data)


def class_weighted(y, sample_weight, class_weight):
    """The sample weights that class weights stand for."""
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        raise ValueError("Either class_weight or sample_weight can be given. Received: both")
    labels = np.asarray(arrays.to_numpy(y))
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    labels = labels.reshape(len(labels), -1)[:, 0].astype(np.int64)
    weights = np.ones(len(labels), np.float32)
    for number, weight in class_weight.items():
        weights[labels == number] = weight
    return weights
