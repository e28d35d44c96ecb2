"""Files written during a training."""

import os

import numpy as np

from ..arguments import flag
from .callback import checked_path, checked_verbose
from .monitoring import MonitorCallback

_WHOLE, _WEIGHTS = (".keras", ".h5"), ".weights.h5"


class ModelCheckpoint(MonitorCallback):
    """Writes the model, or its weights, during the training.

    Args:
        filepath: may hold "{epoch}" and "{batch}" (from 1) and names of the logs, with formats. The ending
            tells what is written: ".npz" the weights, for `numpy.load`: arrays "0", "1", ... in the order of
            `get_weights()`; ".weights.h5" the weights by `model.save_weights`; ".keras" or ".h5" the whole
            model by `model.save`.
        verbose: 1 prints what happens.
        save_best_only: write only when the watched value is better than ever.
        save_weights_only: whether only the weights are asked for; must fit the ending.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: a value that must be passed first.

    Raises:
        ValueError: another ending, or one that the model cannot write.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = checked_path(filepath, "filepath")
        save_weights_only = flag(save_weights_only, "save_weights_only")
        fits = self.filepath.endswith(".npz")
        fits = fits or self.filepath.endswith(_WEIGHTS if save_weights_only else _WHOLE)
        if not fits or not save_weights_only and self.filepath.endswith(_WEIGHTS):
            raise ValueError(
                "filepath must end in '.npz', with save_weights_only in '.weights.h5', else in '.keras' or "
                "'.h5'. "
                f"Received: {self.filepath!r}, save_weights_only={save_weights_only!r}"
            )
        by_batches = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if not by_batches and not (isinstance(save_freq, str) and save_freq == "epoch"):
            raise ValueError(f"save_freq must be 'epoch' or a number of batches. Received: {save_freq!r}")
        self.verbose, self.save_freq = checked_verbose(verbose), save_freq
        self.save_best_only = flag(save_best_only, "save_best_only")
        self.save_weights_only = save_weights_only
        self._epoch = self._batches = 0

    def set_model(self, model):
        method = "save_weights" if self.save_weights_only else "save"
        if not self.filepath.endswith(".npz") and not hasattr(model, method):
            raise ValueError(f"The model has no {method}(): use '.npz'. Received: {self.filepath!r}")
        super().set_model(model)

    def due(self, batch):
        """Whether the logs of a batch are wanted."""
        if self.save_freq == "epoch":
            return False
        self._batches += 1
        return self._batches % self.save_freq == 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._save(logs, {"batch": batch + 1})

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(logs, {})

    def _save(self, logs, numbers):
        epoch, logs = self._epoch + 1, logs or {}
        try:
            path = self.filepath.format(**{"epoch": epoch} | numbers | logs)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"filepath may name epoch, batch and {sorted(logs)} ({error!r}). Received: {self.filepath!r}"
            ) from None
        if self.save_best_only:
            value = self.value_of(logs)
            if value is not None:
                best = "None" if self.best is None else f"{self.best:.5f}"
                if not self.is_better(value, self.best):
                    self._tell(f"Epoch {epoch}: {self.monitor} did not improve from {best}")
                    return
                self._tell(f"Epoch {epoch}: {self.monitor} improved from {best} to {value:.5f}")
                self.best = value
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        part = f"{path}.part"  # never half a checkpoint under the name
        if path.endswith(".npz"):
            weights = self.model.get_weights()
            with open(part, "wb") as file:
                np.savez(file, **{str(position): array for position, array in enumerate(weights)})
            os.replace(part, path)
        elif self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        self._tell(f"Epoch {epoch}: finished saving model to {path}")

    def _tell(self, text):
        if self.verbose:
            print(f"\n{text}", flush=True)
