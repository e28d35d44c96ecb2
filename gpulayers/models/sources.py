"""From what users give to `fit`, `evaluate` and `predict` to checked batches."""

from ..ops import arrays
from ..ops.spatial import integer
from . import structures
from .batches import Data, DataBatches, GivenBatches, arranged, is_batches


class Sources:
    """The part of a Trainer that takes data."""

    def _data(self, x, y=None, sample_weight=None, class_weight=None):
        """The Data of a model's inputs, labels and weights."""
        shape = self._input_shapes[0] if self.built else ()
        ranks = (len(shape), len(shape) - 1) if shape[-1:] == (1,) else (len(shape),)
        if not structures.is_flat(self._input_structure):
            x = self._flat_inputs(x)
        x = arranged(x, self.input_labels, "x", ranks)
        names = self.output_labels
        y, sample_weight = self._flat_labels(y, "y"), self._flat_labels(sample_weight, "sample_weight")
        first = y[0] if isinstance(y, (list, tuple)) and y else None
        wrapped = arrays.is_array(first) and first.ndim and len(first) == len(x[0]) > 1
        y = arranged(y, names, "y", (first.ndim,) if wrapped else ())
        sample_weight = arranged(sample_weight, names, "sample_weight")
        data = Data(x, y, sample_weight)
        data.weigh_classes(class_weight)
        return data

    def _flat_labels(self, value, what):
        """Labels or weights of nested outputs as a list; None and one array for all stay."""
        if structures.is_flat(self._output_structure) or not structures.is_nested(value):
            return value
        if isinstance(value, (list, tuple)) and len(value) == len(self.outputs) and structures.is_flat(value):
            return value
        return structures.leaves_up_to(self._output_structure, value, what)

    def _batch(self, batch, class_weight=None):
        """The Data of a batch x, (x, y) or (x, y, sample_weight)."""
        batch = tuple(batch) if isinstance(batch, (list, tuple)) else (batch,)
        if not 1 <= len(batch) <= 3:
            raise ValueError(
                f"A batch must be x, (x, y) or (x, y, sample_weight). Received: {len(batch)} parts"
            )
        data = self._data(*batch, *[None] * (3 - len(batch)), class_weight)
        self._check_data(data, None)
        return data

    def _in_batches(self, data, batch_size, steps, *order):
        """The DataBatches of a Data, checked."""
        if batch_size is None:
            batch_size = max(1, -(-data.samples // steps)) if steps else 32
        batch_size = integer(batch_size, "batch_size", least=1)
        self._check_data(data, batch_size)
        return DataBatches(data, batch_size, *order)

    def _source(self, x, batch_size, steps, make_data, needing_samples=None):
        """Something to iterate over in batches, checked."""
        if is_batches(x):
            source = GivenBatches(x, self._batch)
            self._check_data(source.peek(), None)
            return source
        data = make_data()
        if data.samples == 0 and needing_samples:
            raise ValueError(f"{needing_samples} needs at least one sample. Received: x with none")
        return self._in_batches(data, batch_size, steps)

    def _validation(self, given, batch_size, steps):
        """The batches of `fit`'s validation_data; None stays."""
        if given is None:
            return None
        if is_batches(given):
            return self._source(given, batch_size, steps, None)
        if not isinstance(given, (list, tuple)) or len(given) not in (2, 3):
            raise ValueError(
                "validation_data must be (x, y), (x, y, sample_weight) or batches. "
                f"Received: {type(given).__name__}"
            )
        return self._in_batches(self._data(*given), batch_size, steps)

    def _check_data(self, data, batch_size):
        """Builds the model if need be and checks the data's shape at once, before any batch.

        Args:
            batch_size: of the batches to be made of the data; None where the data is one batch.
        """
        shape = tuple(data.x[0].shape)
        if not self.built:
            self.build((min(batch_size or shape[0], shape[0]), *shape[1:]))
        fixed = self._input_shapes[0][0] if _is_stateful(self) else None
        if fixed is not None and (min(batch_size or shape[0], shape[0]) != fixed or shape[0] % fixed):
            raise ValueError(
                f"{self.name} has a fixed batch size of {fixed}: batch_size and a multiple of it in "
                "samples are expected. "
                f"Received: batch_size={batch_size}, {shape[0]} samples"
            )
        self.fitted([part[: fixed or 1] for part in data.x])


def _is_stateful(layer):
    return getattr(layer, "stateful", False) or any(map(_is_stateful, layer.inner_layers))
