"""compile, fit, evaluate and predict."""

import numpy as np

from .. import losses, optimizers
from ..callbacks import CallbackList, History, ProgressBar
from ..callbacks.progress import is_terminal
from ..metrics import FORMED_BY_SHAPES, Mean, resolve
from ..metrics import get as get_metric
from ..ops import arrays, random
from ..ops.spatial import integer
from .batches import Data, class_weighted, required, validation_of


class Trainer:
    """The training half of a model; `self` is also a Layer with `run` and `check_inputs`."""

    optimizer = loss = None
    _metrics, _metric_requests, _loss_mean = (), ((), ()), None

    def compile(self, optimizer="rmsprop", loss=None, *, metrics=None, weighted_metrics=None):
        """Says how to train.

        Args:
            optimizer: a name or an Optimizer.
            loss: a name or a Loss; None for a model that only predicts.
            metrics: a list of names, Metrics or functions f(y_true, y_pred); "accuracy" takes its form from
                the shapes.
            weighted_metrics: the same, computed with the sample weights.

        Raises:
            ValueError: unknown names, or a loss without a reduction.
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = losses.get(loss)
        if self.loss is not None and self.loss.reduction in (None, "none"):
            raise ValueError(
                f"A loss to train with must reduce to one number. Received: reduction={self.loss.reduction!r}"
            )
        self._metric_requests = tuple(_listed(request) for request in (metrics, weighted_metrics))
        for request in sum(self._metric_requests, []):
            if request not in FORMED_BY_SHAPES:
                get_metric(request)  # unknown names are found out at once
        self._metrics, self._loss_mean = None, Mean(name="loss")

    @property
    def metrics(self):
        """The loss's mean and the metrics, once a batch has told their forms."""
        return ([self._loss_mean] if self._loss_mean else []) + [metric for metric, _ in self._metrics or ()]

    @property
    def metrics_names(self):
        return [metric.name for metric in self.metrics]

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains.

        Args:
            x, y: inputs and labels: arrays or lists of numbers, moved to the model's device batch by batch.
            batch_size: samples a step; default 32.
            epochs: passes over the data, counted from 0; `initial_epoch` is the first one run.
            verbose: 0 silent; 1 a progress bar in a terminal, else a line an epoch; 2 a line an epoch; "auto"
                is 1 in a terminal, else 2.
            callbacks: Callback objects.
            validation_split: the last share of the samples, taken before shuffling, to validate on.
            validation_data: (x, y) or (x, y, sample_weight) to validate on.
            shuffle: new order of the samples each epoch.
            class_weight: {class number: weight}.
            sample_weight: one number a sample.
            validation_batch_size, validation_freq: batch size of, and epochs between, validations.

        Returns:
            A History: `history.history["loss"]` and so on, one value an epoch.

        Raises:
            RuntimeError: `compile` was not called with a loss.
            ValueError, TypeError: data that does not fit the model.
        """
        self._require_loss("fit")
        batch_size = 32 if batch_size is None else integer(batch_size, "batch_size", least=1)
        epochs, initial_epoch = integer(epochs, "epochs"), integer(initial_epoch, "initial_epoch")
        data = Data(x, required(y), class_weighted(y, sample_weight, class_weight))
        if data.samples == 0:
            raise ValueError("fit needs at least one sample. Received: x with none")
        validation = validation_of(validation_data)
        if validation is None and validation_split:
            if not 0 < validation_split < 1:
                raise ValueError(f"validation_split must lie in [0, 1). Received: {validation_split!r}")
            data, validation = data.split(validation_split)
        self._check_data(data, batch_size)
        validation_batch_size = integer(validation_batch_size or batch_size, "validation_batch_size", least=1)
        if validation is not None:
            self._check_data(validation, validation_batch_size)
        generator = random.host_generator() if shuffle else None
        history = History()
        run = self._callbacks(callbacks, verbose, data.steps(batch_size), epochs, [history])
        self.stop_training, self.history, logs = False, history, {}
        with run:
            run.call("on_train_begin")
            for epoch in range(initial_epoch, epochs):
                run.call("on_epoch_begin", epoch)
                logs = self._train_epoch(data.batches(batch_size, generator), run)
                if validation is not None and (epoch + 1) % validation_freq == 0:
                    found = self._evaluate(validation, validation_batch_size, self._test_hooks(run))
                    logs |= {f"val_{name}": value for name, value in found.items()}
                run.call("on_epoch_end", epoch, dict(logs))
                if self.stop_training:
                    break
            run.call("on_train_end", dict(logs))
        return history

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        callbacks=None,
        return_dict=False,
    ):
        """The loss and the metrics on data, without training.

        Returns:
            The loss, or a list [loss, *metrics], or with `return_dict` a dict.

        Raises:
            As `fit`.
        """
        self._require_loss("evaluate")
        batch_size = 32 if batch_size is None else integer(batch_size, "batch_size", least=1)
        data = Data(x, required(y), sample_weight)
        if data.samples == 0:
            raise ValueError("evaluate needs at least one sample. Received: x with none")
        self._check_data(data, batch_size)
        run = self._callbacks(callbacks, verbose, data.steps(batch_size), 1)
        with run:
            return _returned(self._evaluate(data, batch_size, run), return_dict)

    def predict(self, x, batch_size=None, verbose="auto", callbacks=None):
        """The outputs for data, as one NumPy array (a list of them for several outputs).

        Raises:
            ValueError, TypeError: data that does not fit the model.
        """
        batch_size = 32 if batch_size is None else integer(batch_size, "batch_size", least=1)
        data = Data(x)
        self._check_data(data, batch_size)
        run = self._callbacks(callbacks, verbose, data.steps(batch_size), 1)
        if data.samples == 0:
            return _on_host(self._predict_step(data.x))
        parts = []
        with run:
            run.call("on_predict_begin")
            for step, (batch, _, _) in enumerate(data.batches(batch_size)):
                run.call("on_predict_batch_begin", step)
                parts.append(_on_host(self._predict_step(batch)))
                run.batch_end("predict", step, lambda: {"outputs": parts[-1]})
            run.call("on_predict_end")
        if isinstance(parts[0], list):
            return [np.concatenate(outputs) for outputs in zip(*parts)]
        return np.concatenate(parts)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step on one batch; returns as `evaluate`, of this and the batches since `reset_metrics`."""
        self._require_loss("train_on_batch")
        data = Data(x, required(y), class_weighted(y, sample_weight, class_weight))
        self._check_data(data, data.samples)
        self._train_step(*data.parts())
        return _returned(self._results(), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `train_on_batch`, without training."""
        self._require_loss("test_on_batch")
        data = Data(x, required(y), sample_weight)
        self._check_data(data, data.samples)
        self._test_step(*data.parts())
        return _returned(self._results(), return_dict)

    def predict_on_batch(self, x):
        """The outputs for one batch, as NumPy."""
        data = Data(x)
        self._check_data(data, data.samples)
        return _on_host(self._predict_step(data.x))

    def reset_metrics(self):
        """Starts the means anew."""
        for metric in self.metrics:
            metric.reset_state()

    # Steps

    def _train_step(self, x, y, sample_weight):
        x, y, sample_weight = self._moved(x, y, sample_weight)
        output, backward, mask = self.run(x, None, True, differentiate=True)
        penalties = self._penalties()
        loss, grad = self.loss.forward(y, output, sample_weight, mask)
        backward(grad, input_gradient=False)
        variables = self.trainable_weights
        for variable in variables:
            if variable.regularizer is not None:
                variable.add_grad(variable.regularizer.gradient(variable.value))
        self._record(loss, penalties, x, y, output, sample_weight, mask)
        self.optimizer.apply(variables)

    def _test_step(self, x, y, sample_weight):
        x, y, sample_weight = self._moved(x, y, sample_weight)
        output, _, mask = self.run(x, None, False, differentiate=False)
        penalties = self._penalties()
        loss = self.loss(y, output, sample_weight, mask)
        self._record(loss, penalties, x, y, output, sample_weight, mask)

    def _predict_step(self, x):
        (x,) = self._moved(x)
        return self.run(x, None, False, differentiate=False)[0]

    def _penalties(self):
        """Of the last call's outputs and of the weights."""
        return self.losses + [
            v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None
        ]

    def _record(self, loss, penalties, x, y, output, sample_weight, mask):
        for penalty in penalties:
            loss = loss + penalty
        self._loss_mean.update_state(loss, sample_weight=len(x))
        if self._metrics is None:
            self._metrics = self._resolved_metrics(y.shape, output.shape)
        for metric, weighted in self._metrics:
            metric.update_state(y, output, sample_weight if weighted else None, mask)

    def _resolved_metrics(self, true_shape, predicted_shape):
        """Pairs (metric, whether the sample weights count for it), with names made unique as in Keras."""
        found, used = [], {}
        for requests, weighted in zip(self._metric_requests, (False, True)):
            for request in requests:
                metric = resolve(request, true_shape, predicted_shape)
                if weighted and metric.name in used:
                    metric.name = f"weighted_{metric.name}"
                number = used.get(metric.name, 0)
                used[metric.name] = number + 1
                metric.name = f"{metric.name}_{number}" if number else metric.name
                found.append((metric, weighted))
        return found

    def _results(self):
        return {metric.name: metric.result() for metric in self.metrics}

    def _train_epoch(self, batches, run):
        """The logs of one pass over the batches, or of its part until `stop_training` was set."""
        self.reset_metrics()
        for step, batch in enumerate(batches):
            run.call("on_train_batch_begin", step)
            self._train_step(*batch)
            run.batch_end("train", step, self._results)
            if self.stop_training:
                break
        return self._results()

    def _evaluate(self, data, batch_size, run):
        self.reset_metrics()
        run.call("on_test_begin")
        for step, batch in enumerate(data.batches(batch_size)):
            run.call("on_test_batch_begin", step)
            self._test_step(*batch)
            run.batch_end("test", step, self._results)
        logs = self._results()
        run.call("on_test_end", dict(logs))
        return logs

    # Checks and helpers

    def _moved(self, *parts):
        """The arrays on the model's device; types are left to the layers and the loss."""
        device = self.device or arrays.default_device()
        return tuple(
            part if part is None or arrays.device_of(part) is device else device.asarray(part)
            for part in parts
        )

    def _require_loss(self, method):
        if self.loss is None:
            raise RuntimeError(
                f"compile(optimizer, loss) must be called before {method}. Received: a model without a loss"
            )

    def _check_data(self, data, batch_size):
        """Builds the model if need be and checks the data's shape at once, before any batch."""
        shape = tuple(data.x.shape)
        if not self.built:
            self.build((min(batch_size, shape[0]), *shape[1:]))
        fixed = self._input_shapes[0][0]
        if fixed is not None and (batch_size != fixed or shape[0] % fixed):
            raise ValueError(
                f"{self.name} has a fixed batch size of {fixed}: batch_size and a multiple of it in "
                "samples are expected. "
                f"Received: batch_size={batch_size}, {shape[0]} samples"
            )
        self.check_inputs([data.x[: fixed or 1]])

    def _callbacks(self, callbacks, verbose, steps, epochs, first=()):
        if isinstance(callbacks, CallbackList):
            return callbacks
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"verbose must be 'auto', 0, 1 or 2. Received: {verbose!r}")
        verbose = (1 if is_terminal() else 2) if verbose == "auto" else int(verbose)
        given = (
            [] if callbacks is None else callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
        )
        shown = [ProgressBar(verbose)] if verbose else []
        params = {"verbose": verbose, "epochs": epochs, "steps": steps}
        return CallbackList([*first, *given, *shown], self, params)

    def _test_hooks(self, run):
        """The run's callbacks without its progress bar, for validation within an epoch."""
        others = [callback for callback in run.callbacks if not isinstance(callback, ProgressBar)]
        return CallbackList(others, self, others[0].params)


def _listed(request):
    return [] if request is None else list(request) if isinstance(request, (list, tuple)) else [request]


def _returned(logs, return_dict):
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _on_host(output):
    return [_on_host(part) for part in output] if isinstance(output, list) else arrays.to_numpy(output)
