"""Data as batches."""

import warnings

import numpy as np

from ..arguments import real
from ..ops import arrays
from ..ops.spatial import integer


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


def arranged(value, names, what, ranks=()):
    """The arrays of a model's inputs, labels or weights, one a name; None stays.

    Args:
        value: an array or a list of numbers for one name; for several a list, tuple or dict of them, whose
            entries may be None.
        names: of the inputs or outputs.
        what: "x", "y" or "sample_weight".
        ranks: of the one array, where known: a list of one such array is then taken for that array.

    Raises:
        ValueError, TypeError: another structure, or what is no array.
    """
    if value is None and what != "x":
        return None
    if isinstance(value, dict):
        missing = [name for name in names if name not in value]
        # Outputs without a loss need no labels.
        if missing and (what == "x" or not set(value) < set(names) or not value) or not names:
            raise ValueError(f"{what} as a dict needs the keys {list(names)}. Received: {sorted(value)}")
        value = [value.get(name) for name in names]
    elif len(names) <= 1:
        wrapped = isinstance(value, (list, tuple)) and len(value) == 1 and arrays.is_array(value[0])
        value = [value[0] if wrapped and value[0].ndim in ranks else value]
    elif not isinstance(value, (list, tuple)) or len(value) != len(names):
        if what == "sample_weight" and not isinstance(value, (list, tuple)):
            value = [value] * len(names)
        else:
            found = f"{len(value)} parts" if isinstance(value, (list, tuple)) else type(value).__name__
            raise ValueError(f"{what} must be a list or dict for {list(names)}. Received: {found}")
    titles = [what if len(names) <= 1 else f"{what} of {name}" for name in (names or [""])]
    optional = what != "x"
    return [None if part is None and optional else as_data(part, title) for part, title in zip(value, titles)]


class Data:
    """Inputs, labels and weights of the same samples.

    Args:
        x: list of the inputs' arrays; y: list of the outputs' labels or None; sample_weight: the same, one
            number a sample (or element). Entries of the last two may be None.

    Raises:
        ValueError: different numbers of samples.
    """

    def __init__(self, x, y=None, sample_weight=None):
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.samples = len(x[0])
        for name, group in (("the other inputs", x), ("y", y), ("sample_weight", sample_weight)):
            for part in group or ():
                if part is not None and len(part) != self.samples:
                    raise ValueError(
                        f"x and {name} must hold as many samples. Received: {self.samples} and {len(part)}"
                    )

    def parts(self):
        return self.x, self.y, self.sample_weight

    def rows(self, chosen):
        """The Data of a slice or of an array of positions."""
        return Data(
            *(
                group and [None if part is None else _rows(part, chosen) for part in group]
                for group in self.parts()
            )
        )

    def weigh_classes(self, class_weight):
        """Sets the sample weights that class weights, {class number: weight}, stand for; None changes nothing.

        Raises:
            ValueError, TypeError: there are sample weights already, or several outputs, or no such dict.
        """
        if class_weight is None:
            return
        if self.sample_weight is not None:
            raise ValueError("Either class_weight or sample_weight can be given. Received: both")
        if self.y is None or len(self.y) != 1 or self.y[0] is None:
            found = "no labels" if self.y is None or len(self.y) == 1 else f"{len(self.y)} outputs"
            raise ValueError(f"class_weight needs the labels of a model with one output. Received: {found}")
        if not isinstance(class_weight, dict):
            raise TypeError(f"class_weight must be a dict. Received: {type(class_weight).__name__}")
        labels = np.asarray(arrays.to_numpy(self.y[0]))
        if labels.ndim > 1:
            labels = labels.argmax(axis=-1) if labels.shape[-1] > 1 else labels[..., 0]
        labels = labels.reshape(len(labels), -1)[:, 0].round().astype(np.int64)
        weights = np.ones(len(labels), np.float32)
        for number, weight in class_weight.items():
            number = real(number, "A class number of class_weight")
            weights[labels == number] = real(weight, "A weight of class_weight")
        self.sample_weight = [weights]

    def split(self, share):
        """(all but the last share of the samples, that last share)."""
        at = int(self.samples * (1 - share))
        if not 0 < at < self.samples:
            raise ValueError(
                f"validation_split={share} of {self.samples} samples leaves none to train on or none to "
                "validate. "
                f"Received: {self.samples} samples"
            )
        return self.rows(slice(0, at)), self.rows(slice(at, None))


def _rows(part, chosen):
    if isinstance(chosen, slice):
        return part[chosen]
    return part[arrays.device_of(part).asarray(chosen)]


class DataBatches:
    """The batches of arrays.

    Args:
        data: a Data.
        batch_size: samples a batch; the last one may be smaller.
        generator: NumPy's, for a new order of the samples at each pass; None for none.
        whole: only within each batch, as Keras's shuffle="batch".
    """

    def __init__(self, data, batch_size, generator=None, whole=False):
        self.data, self.batch_size, self.generator, self.whole = data, batch_size, generator, whole

    def __len__(self):
        return -(-self.data.samples // self.batch_size)

    def __iter__(self):
        samples, size = self.data.samples, self.batch_size
        order = None
        if self.generator is not None and self.whole:
            parts = (range(start, min(start + size, samples)) for start in range(0, samples, size))
            order = np.concatenate([self.generator.permutation(part) for part in parts])
        elif self.generator is not None:
            order = self.generator.permutation(samples)
        for start in range(0, samples, size):
            chosen = slice(start, start + size)
            yield self.data.rows(chosen if order is None else order[chosen])


def is_batches(x):
    """Whether x gives batches, rather than being data: a generator, an iterable, or a sequence object."""
    if isinstance(x, (list, tuple, dict, str, bytes, set)) or arrays.is_array(x):
        return False
    if hasattr(x, "__array__") or hasattr(x, "__dlpack__"):
        return False
    return hasattr(x, "__iter__") or hasattr(x, "__getitem__")


class GivenBatches:
    """The batches that somebody's object gives.

    Args:
        source: an iterator, an iterable of batches, or an object with `__len__` and `__getitem__(number)`,
            whose `on_epoch_end` is called after each pass.
        convert: makes a Data of one batch.
        generator: NumPy's, for a new order of a numbered source's batches at each pass; None for none.
    """

    def __init__(self, source, convert, generator=None):
        self.source, self.convert, self.generator = source, convert, generator
        self._numbered = hasattr(source, "__len__") and hasattr(source, "__getitem__")
        self.first = None  # a batch taken to see its shape

    def peek(self):
        """The first batch, which is given again.

        Raises:
            ValueError: there is none.
        """
        if self.first is None:
            self._started = self._batches()
            self.first = next(self._started, None)
            if self.first is None:
                raise ValueError(f"Batches were expected. Received: an empty {type(self.source).__name__}")
        return self.first

    def _batches(self):
        if self._numbered:
            numbers = range(len(self.source))
            order = numbers if self.generator is None else self.generator.permutation(len(numbers))
            return (self.convert(self.source[int(number)]) for number in order)
        return map(self.convert, iter(self.source))

    def __iter__(self):
        if self.first is not None:
            first, self.first = self.first, None
            yield first
            yield from self._started
        else:
            yield from self._batches()
        if hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


class Passes:
    """Passes over batches, each of a number of steps.

    Args:
        batches: something to iterate over, time and again if it can.
        steps: of a pass; None: all batches. With a number the next pass goes on where this one ended.
    """

    def __init__(self, batches, steps=None):
        self.batches, self.steps, self._running = batches, steps, None
        source = batches.source if isinstance(batches, GivenBatches) else batches
        self.known = steps or (len(source) if hasattr(source, "__len__") else None)

    def __iter__(self):
        """One pass.

        Warns:
            UserWarning: the batches end before the steps.
        """
        if self.steps is None:
            yield from self.batches
            return
        for step in range(self.steps):
            batch = None if self._running is None else next(self._running, None)
            if batch is None and (self._running is None or step == 0):
                self._running = iter(self.batches)
                batch = next(self._running, None)
            if batch is None:
                if step:
                    warnings.warn(f"The data ended after {step} of {self.steps} steps", stacklevel=2)
                self._running = None
                return
            yield batch


def check_frequency(frequency):
    """Raises ValueError or TypeError for what is no `validation_freq`."""
    if isinstance(frequency, (list, tuple, set)):
        for epoch in frequency:
            integer(epoch, "An epoch of validation_freq", least=1)
    else:
        integer(frequency, "validation_freq", least=1)


def validates(frequency, epoch):
    """Whether an epoch, counted from 1, ends with a validation."""
    return epoch in frequency if isinstance(frequency, (list, tuple, set)) else epoch % frequency == 0


def required(y):
    """The labels, or a ValueError if there are none."""
    if y is None:
        raise ValueError("y is needed: the labels of x. Received: y=None")
    return y
