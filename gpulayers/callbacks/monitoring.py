"""Callbacks that watch a value of the logs: EarlyStopping, ReduceLROnPlateau, TerminateOnNaN."""

import math
import warnings

from ..arguments import count, flag, number, real
from .callback import Callback, checked_verbose


class MonitorCallback(Callback):
    """Watches one value of the logs.

    Args:
        monitor: its name, "val_loss".
        mode: "min", "max", or "auto": losses should fall, metrics go where they are better.
        baseline: a value that must be passed first.
        min_delta: smaller changes are none.
    """

    def __init__(self, monitor="val_loss", mode="auto", baseline=None, min_delta=0):
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a value in the logs. Received: {monitor!r}")
        if not isinstance(mode, str) or mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be 'auto', 'min' or 'max'. Received: {mode!r}")
        self.monitor, self.mode = monitor, mode
        self.best = None if baseline is None else real(baseline, "The value to be passed")
        self.min_delta = abs(real(min_delta, "min_delta"))
        self._sign = {"min": -1, "max": 1}.get(mode)

    def value_of(self, logs):
        """The watched value, or None with a warning."""
        if self._sign is None:
            self._sign = self._direction()
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not among {sorted(logs or {})}",
                stacklevel=2,
            )
        return value

    def _direction(self):
        """1 where the value should grow, -1 where it should fall, by the metric of that name."""
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return -1
        directions = {key: metric.direction for key, metric in self.model.metrics_by_key().items()}
        if directions.get(name) is None:
            raise ValueError(
                f"{type(self).__name__} needs mode 'min' or 'max' for what is no loss or known metric. "
                f"Received: monitor={self.monitor!r}, mode='auto'"
            )
        return 1 if directions[name] == "up" else -1

    def is_better(self, value, than):
        """Whether the value is better than another by more than min_delta."""
        if than is None:
            return True
        value = value - self._sign * self.min_delta
        return value > than if self._sign > 0 else value < than


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
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose = count(patience, "patience", 0), checked_verbose(verbose)
        self.baseline = baseline if baseline is None else real(baseline, "baseline")
        self.restore_best_weights = flag(restore_best_weights, "restore_best_weights")
        self.start_from_epoch = count(start_from_epoch, "start_from_epoch", 0)
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights = None

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
            if self.verbose:
                best = self.best_epoch + 1
                print(f"Restoring model weights from the end of the best epoch: {best}.", flush=True)
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
        if not number(factor, "factor") < 1:
            raise ValueError(f"factor must be below 1. Received: {factor!r}")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor, self.patience, self.verbose = (
            factor,
            count(patience, "patience", 0),
            checked_verbose(verbose),
        )
        self.cooldown, self.min_lr = count(cooldown, "cooldown", 0), number(min_lr, "min_lr")
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs=None):
        self.wait = self.cooldown_counter = 0
        self.best = None

    def in_cooldown(self):
        """Whether nothing is counted."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch, logs=None):
        optimizer, logs = self.model.optimizer, {} if logs is None else logs
        logs["learning_rate"] = optimizer.rate
        value = self.value_of(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and optimizer.rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.rate * self.factor, self.min_lr)
                if self.verbose:
                    rate = optimizer.rate
                    print(
                        f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.",
                        flush=True,
                    )
                self.cooldown_counter, self.wait = self.cooldown, 0


class TerminateOnNaN(Callback):
    """Ends the training at a loss that is NaN or infinite.

    Args:
        raise_error: by a RuntimeError rather than after the batch.
    """

    def __init__(self, raise_error=False):
        self.raise_error = flag(raise_error, "raise_error")

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"The loss must be finite. Received: {loss} at batch {batch}")
            print(f"Batch {batch}: Invalid loss, terminating training", flush=True)
            self.model.stop_training = True
