"""The record of a training run."""

from .callback import Callback


class History(Callback):
    """What `fit` returns.

    Attributes:
        epoch: the epochs' numbers.
        history: name -> list of values, one an epoch.
    """

    def __init__(self):
        self.epoch, self.history = [], {}

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
