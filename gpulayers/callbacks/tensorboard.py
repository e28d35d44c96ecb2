"""TensorBoard."""

import os
import time

import numpy as np

from ..arguments import count, flag
from .callback import Callback


class TensorBoard(Callback):
    """Writes the logs for TensorBoard, by Keras's names and folders: "epoch_loss" into log_dir/train and
    log_dir/validation, with update_freq also "batch_loss", after each evaluation
    "evaluation_loss_vs_iterations".

    Args:
        log_dir: the folder.
        histogram_freq: epochs between histograms of the weights; 0: none.
        write_graph: of Keras; a model here has no graph of operations to be written.
        write_images, profile_batch, embeddings_freq, embeddings_metadata: of Keras; only their defaults.
        write_steps_per_second: whether the speed is written too.
        update_freq: "epoch", "batch", or a number of batches between two that are written.

    Raises:
        ImportError: tensorboardX is not installed.
        ValueError, TypeError: what Keras has beyond that.
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        for name, value in (
            ("write_images", write_images),
            ("profile_batch", profile_batch),
            ("embeddings_freq", embeddings_freq),
            ("embeddings_metadata", embeddings_metadata),
        ):
            if value:
                raise ValueError(f"{name} is not supported. Received: {name}={value!r}")
        try:
            import tensorboardX
        except ImportError:
            raise ImportError(
                "TensorBoard needs the package tensorboardX: pip install 'gpulayers[tensorboard]'"
            ) from None
        self._writer_class = tensorboardX.SummaryWriter
        self.log_dir, self.histogram_freq = os.fspath(log_dir), count(histogram_freq, "histogram_freq", 0)
        update_freq = 1 if update_freq == "batch" else update_freq
        self.update_freq = update_freq if update_freq == "epoch" else count(update_freq, "update_freq", 1)
        self.write_steps_per_second = flag(write_steps_per_second, "write_steps_per_second")
        self._writers, self._batches, self._tested = {}, 0, 0

    def _write(self, kind, name, value, step):
        if np.ndim(value) == 0:
            self._writer(kind).add_scalar(name, value, step)

    def _writer(self, kind):
        if kind not in self._writers:
            self._writers[kind] = self._writer_class(os.path.join(self.log_dir, kind))
        return self._writers[kind]

    def close(self):
        """Closes the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def due(self, batch):
        """Whether the logs of a batch are wanted."""
        return self.update_freq != "epoch"

    def on_train_begin(self, logs=None):
        self._batches = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_started, self._iterations = time.monotonic(), self.model.optimizer.updates

    def on_train_batch_begin(self, batch, logs=None):
        self._batches += 1
        self._batch_started = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        if self._batches % self.update_freq:
            return
        if self.write_steps_per_second:
            speed = 1 / max(time.monotonic() - self._batch_started, 1e-9)
            self._write("train", "batch_steps_per_second", speed, self._batches)
        for name, value in (logs or {}).items():
            self._write("train", f"batch_{name}", value, self._batches)

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        if logs:
            logs["learning_rate"] = self.model.optimizer.rate
            if self.write_steps_per_second:
                steps = self.model.optimizer.updates - self._iterations
                logs["steps_per_second"] = steps / max(time.monotonic() - self._epoch_started, 1e-9)
        for name, value in logs.items():
            of_validation = name.startswith("val_")
            kind, name = ("validation", name.removeprefix("val_")) if of_validation else ("train", name)
            self._write(kind, f"epoch_{name}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for variable in self.model.weights:
                self._writer("train").add_histogram(f"{variable.path}/histogram", variable.numpy(), epoch)

    def on_test_end(self, logs=None):
        if self.model.optimizer is not None:
            for name, value in (logs or {}).items():
                iterations = self.model.optimizer.updates
                self._write("validation", f"evaluation_{name}_vs_iterations", value, iterations)

    def on_train_end(self, logs=None):
        self.close()
