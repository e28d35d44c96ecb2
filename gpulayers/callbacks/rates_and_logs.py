"""LearningRateScheduler and CSVLogger."""

import csv
import inspect
import os

import numpy as np

from ..arguments import flag
from .callback import Callback, checked_path, checked_verbose


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: `schedule(epoch, learning_rate)` or `schedule(epoch)`, which returns the new rate.
        verbose: 1 prints it.
    """

    def __init__(self, schedule, verbose=0):
        if not callable(schedule):
            raise TypeError(f"schedule must be a function of the epoch. Received: {schedule!r}")
        self.schedule, self.verbose = schedule, checked_verbose(verbose)

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        try:
            two = len(inspect.signature(self.schedule).parameters) > 1
        except ValueError:  # of a function that is not Python's
            two = False
        rate = self.schedule(epoch, optimizer.rate) if two else self.schedule(epoch)
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)):
            raise TypeError(f"The schedule must return a number. Received: {rate!r}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.rate


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a file.

    Args:
        filename: the file; separator: between values; append: go on with the file rather than replace it.
    """

    def __init__(self, filename, separator=",", append=False):
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"separator must be one character. Received: {separator!r}")
        self.filename, self.separator = checked_path(filename, "filename"), separator
        self.append = flag(append, "append")
        self._file = self._writer = None

    def on_train_begin(self, logs=None):
        going_on = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._file = open(self.filename, "a" if self.append else "w", newline="")
        self._header, self._writer, self._keys = not going_on, None, None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self._writer is None:
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in self._keys):  # a later epoch may be validated
                self._keys += [f"val_{key}" for key in self._keys]
            names = ["epoch", *self._keys]
            self._writer = csv.DictWriter(self._file, names, delimiter=self.separator)
            if self._header:
                self._writer.writeheader()
        row = {key: _shown(logs.get(key, "NA")) for key in self._keys}
        self._writer.writerow({"epoch": epoch} | row)
        self._file.flush()

    def on_train_end(self, logs=None):
        self.close()

    def close(self):
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _shown(value):
    if isinstance(value, (list, tuple)) or isinstance(value, np.ndarray) and value.ndim:
        return f'"[{", ".join(map(str, value))}]"'
    return value
