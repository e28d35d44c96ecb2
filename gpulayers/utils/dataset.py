"""A base class for data that comes in numbered batches."""

from ..arguments import flag
from ..ops.spatial import integer


class PyDataset:
    """Numbered batches for `fit`, `evaluate` and `predict`. A subclass writes `__len__`, the number of batches,
    and `__getitem__(number)`, which returns x, (x, y) or (x, y, sample_weight); if need be also
    `on_epoch_end()`, which is called after each pass.

    Args:
        workers, use_multiprocessing, max_queue_size: of Keras; batches are made one after the other here.
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = integer(workers, "workers")
        self.use_multiprocessing, self.max_queue_size = (
            flag(use_multiprocessing, "use_multiprocessing"),
            max_queue_size,
        )

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(number of the batch)")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__} must define __len__()")

    @property
    def num_batches(self):
        return len(self)

    def on_epoch_begin(self):
        """Called before each pass."""

    def on_epoch_end(self):
        """Called after each pass."""


def unpack_x_y_sample_weight(data):
    """(x, y, sample_weight) of a batch x, (x,), (x, y) or (x, y, sample_weight), None for what it lacks; for
    a `train_step` of one's own.

    Raises:
        ValueError: more parts.
    """
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(f"A batch is x, (x, y) or (x, y, sample_weight). Received: {len(parts)} parts")
    return (*parts, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The batch of these parts, as `fit` takes it from a generator; the inverse of
    `unpack_x_y_sample_weight`."""
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
