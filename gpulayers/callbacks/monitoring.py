"""Callbacks that watch a value of the logs: EarlyStopping, ReduceLROnPlateau, ModelCheckpoint."""

import math
import os
import warnings

import numpy as np

from .callback import Callback

_GROWING = ("acc", "auc", "precision", "recall", "score", "positives", "cosine_similarity")


class MonitorCallback(Callback):
    """Watches one value of the logs.

    Args:
        monitor: its name, "val_loss".
        mode: "min", "max", or "auto": accuracies and scores should grow, all else should fall.
        min_delta: smaller changes are none.
    """

    def __init__(self, monitor="val_loss", mode="auto", min_delta=0.0):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max'. Received: {mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        grows = mode == "max" or mode == "auto" and any(word in monitor.lower() for word in _GROWING)
        self._sign = 1 if grows else -1

    def value_of(self, logs):
        """The watched value, or None with a warning."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not among {sorted(logs or {})}",
                stacklevel=2,
            )
        return value

    def is_better(self, value, than):
        """Whether the value is better than another by more than min_delta."""
        return than is None or self._sign * (value - than) > self.min_delta


class EarlyStopping(MonitorCallback):
    """Ends the training when the watched value no longer gets better.

    Args:
        patience: epochs without a better value before the end.
        verbose: 1 prints what happens.
        baseline: a value that must be passed.
        restore_best_weights: go back to the weights of the best epoch at the end.
        start_from_epoch: epochs before this one are not watched.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch

    def on_train_begin(self, logs=None):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        value = self.value_of(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.is_better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", flush=True)
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate when the watched value no longer gets better.

    Args:
        factor: below 1; patience: epochs without a better value before it is applied.
        verbose: 1 prints what happens.
        cooldown: epochs after a change in which nothing is counted.
        min_lr: the learning rate does not fall below.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
    ):
        if not factor < 1:
            raise ValueError(f"factor must be below 1. Received: {factor!r}")
        super().__init__(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr

    def on_train_begin(self, logs=None):
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        logs["learning_rate"] = optimizer.learning_rate
        value = self.value_of(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                if self.verbose:
                    print(f"Epoch {epoch + 1}: learning rate {optimizer.learning_rate:g}", flush=True)
                self.cooldown_counter, self.wait = self.cooldown, 0


class ModelCheckpoint(MonitorCallback):
    """Writes the model's weights during the training, as an .npz file that `numpy.load` reads: arrays "0",
    "1", ... in the order of `get_weights()`.

    Args:
        filepath: ends in ".npz"; may hold "{epoch}" (from 1) and names of the logs, with formats.
        verbose: 1 prints what happens.
        save_best_only: write only when the watched value is better than ever.
        save_weights_only: must be true; whole models are not written.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that must be passed first.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=True,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        if not save_weights_only or not self.filepath.endswith(".npz"):
            raise ValueError(
                "A checkpoint holds weights, in a file that ends in '.npz'. "
                f"Received: {self.filepath!r}, save_weights_only={save_weights_only!r}"
            )
        by_batches = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not by_batches:
            raise ValueError(f"save_freq must be 'epoch' or a number of batches. Received: {save_freq!r}")
        self.verbose, self.save_best_only, self.save_freq = verbose, save_best_only, save_freq
        self.best, self._epoch, self._batches = initial_value_threshold, 0, 0

    def due(self, batch):
        """Whether the logs of a batch are wanted."""
        return self.save_freq != "epoch"

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._save(logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(logs)

    def _save(self, logs):
        if self.save_best_only:
            value = self.value_of(logs)
            if value is None or not self.is_better(value, self.best):
                return
            self.best = value
        path = self.filepath.format(epoch=self._epoch + 1, **(logs or {}))
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        weights = self.model.get_weights()
        with open(path + ".part", "wb") as file:  # never half a checkpoint under the name
            np.savez(file, **{str(number): array for number, array in enumerate(weights)})
        os.replace(path + ".part", path)
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: weights written to {path}", flush=True)


class TerminateOnNaN(Callback):
    """Ends the training at a loss that is NaN or infinite."""

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: the loss is {loss}, the training ends", flush=True)
            self.model.stop_training = True
