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
