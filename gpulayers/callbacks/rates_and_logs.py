"""LearningRateScheduler and CSVLogger."""

import csv
import inspect
import os

import numpy as np

from .callback import Callback


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: `schedule(epoch, learning_rate)` or `schedule(epoch)`, which returns the new rate.
        verbose: 1 prints it.
    """

    def __init__(self, schedule, verbose=0):
        if not callable(schedule):
            raise TypeError(f"schedule must be a function of the epoch. Received: {schedule!r}")
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        two = len(inspect.signature(self.schedule).parameters) > 1
        rate = self.schedule(epoch, optimizer.learning_rate) if two else self.schedule(epoch)
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)):
            raise TypeError(f"The schedule must return a number. Received: {rate!r}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {rate:g}", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = self.model.optimizer.learning_rate


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a file.

    Args:
        filename: the file; separator: between values; append: go on with the file rather than replace it.
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._file = self._writer = None

    def on_train_begin(self, logs=None):
        going_on = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._file = open(self.filename, "a" if self.append else "w", newline="")
        self._header, self._writer, self._keys = not going_on, None, None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self._writer is None:
            self._keys = sorted(logs)
            names = ["epoch", *self._keys]
            self._writer = csv.DictWriter(self._file, names, delimiter=self.separator, restval="NA")
            if self._header:
                self._writer.writeheader()
        row = {key: logs.get(key, "NA") for key in self._keys}
        self._writer.writerow({"epoch": epoch} | row)
        self._file.flush()

    def on_train_end(self, logs=None):
        self.close()

    def close(self):
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
