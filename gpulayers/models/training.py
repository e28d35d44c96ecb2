"""compile, fit, evaluate and predict."""

import warnings

import numpy as np

from .. import optimizers
from ..arguments import count, flag, share
from ..callbacks.callback import CallbackList, numbers_of
from ..metrics import Mean
from ..ops import random
from ..ops.spatial import integer
from .batches import DataBatches, GivenBatches, Passes, check_frequency, is_batches, required, validates
from .objectives import check_losses, check_metrics
from .sources import Sources
from .steps import Steps, on_host


class Trainer(Steps, Sources):
    """The training half of a model; `self` is also a Layer with `run` and `fitted`."""

    optimizer = loss = loss_weights = None
    compiled = stop_training = stop_evaluating = stop_predicting = False

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Says how to train.

        Args:
            optimizer: a name or an Optimizer.
            loss: a name, a Loss or a function for all outputs, or a list or dict with one an output (None:
                none). A function f(y_true, y_pred) returns a pair, see `losses.Loss`. None for a model that
                only predicts, or is trained on its regularizers alone.
            loss_weights: factors of the losses in their sum, laid out as these.
            metrics: a list of names, Metrics or functions f(y_true, y_pred), or for several outputs a list or
                dict of such lists; "accuracy" takes its form from the shapes.
            weighted_metrics: the same, computed with the sample weights.
            run_eagerly, steps_per_execution, jit_compile: of Keras; they change nothing here.
            auto_scale_loss: whether under the model's policy "mixed_float16" the optimizer is wrapped in a
                LossScaleOptimizer.

        Raises:
            ValueError: unknown names, or a loss without a reduction.
        """
        made = optimizers.get(optimizer)
        if made is None:
            raise ValueError(f"An optimizer is needed. Received: optimizer={optimizer!r}")
        scaled = flag(auto_scale_loss, "auto_scale_loss") and self.dtype_policy.name == "mixed_float16"
        if scaled and not isinstance(made, optimizers.LossScaleOptimizer):
            made = optimizers.LossScaleOptimizer(made, name="loss_scale_optimizer")
        flag(run_eagerly, "run_eagerly")
        count(steps_per_execution, "steps_per_execution", 1, optional=True)
        if not isinstance(jit_compile, str) or jit_compile != "auto":
            flag(jit_compile, "jit_compile")
        check_losses(loss, loss_weights)
        check_metrics(metrics, weighted_metrics)
        self.optimizer, self.loss = made, loss
        self.loss_weights, self._metric_requests = loss_weights, (metrics, weighted_metrics)
        self._terms = self._placed = None
        self._loss_mean, self.compiled, self.stop_training = Mean(name="loss"), True, False

    @property
    def metrics(self):
        """The loss's mean, the metrics and the means of several losses, once a batch has told their forms."""
        means = [term.mean for term in self._terms or () if term.mean is not None]
        return ([self._loss_mean] if self._loss_mean else []) + [p.metric for p in self._placed or ()] + means

    @property
    def metrics_names(self):
        """The keys of the logs."""
        return list(self._results())

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
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains.

        Args:
            x: an array or list of numbers, or for several inputs a list or dict of them, moved to the model's
                device batch by batch. Or batches x, (x, y) or (x, y, sample_weight): a generator, an
                iterable, or an object with `__len__`, `__getitem__(number)` and, if need be, `on_epoch_end`.
            y: labels, laid out like the outputs; none with batches.
            batch_size: samples a step; default 32, or with steps given that which makes them all the data.
            epochs: passes over the data, counted from 0; `initial_epoch` is the first one run.
            verbose: 0 silent; 1 a progress bar in a terminal, else a line an epoch; 2 a line an epoch; "auto"
                is 1 in a terminal, else 2.
            callbacks: Callback objects.
            validation_split: the last share of the samples, taken before shuffling, to validate on.
            validation_data: (x, y) or (x, y, sample_weight) to validate on, or batches.
            shuffle: new order of the samples each epoch; "batch": within each batch alone.
            class_weight: {class number: weight}.
            sample_weight: one number a sample; for several outputs also a list or dict.
            steps_per_epoch: steps of an epoch; the next one goes on where it ended. Default: all the data.
            validation_steps, validation_batch_size: the same for a validation, from the start each time.
            validation_freq: epochs between validations, or a list of epochs counted from 1.

        Returns:
            A History: `history.history["loss"]` and so on, one value an epoch.

        Raises:
            ValueError, TypeError: `compile` was not called with a loss, or data that does not fit the model.
        """
        self._require_compiled("fit")
        check_frequency(validation_freq)
        validation_split = share(validation_split, "validation_split")
        steps_per_epoch = _steps(steps_per_epoch, "steps_per_epoch")
        validation_steps = _steps(validation_steps, "validation_steps")
        epochs, initial_epoch = integer(epochs, "epochs"), integer(initial_epoch, "initial_epoch")
        if isinstance(shuffle, str) and shuffle != "batch":
            raise ValueError(f"shuffle must be True, False or 'batch'. Received: {shuffle!r}")
        shuffle = shuffle if isinstance(shuffle, str) else flag(shuffle, "shuffle")
        generator = random.host_generator() if shuffle else None
        count(validation_batch_size, "validation_batch_size", 1, optional=True)
        validation_batch_size = batch_size if validation_batch_size is None else validation_batch_size
        validation = self._validation(validation_data, validation_batch_size, validation_steps)
        if is_batches(x):
            for name, value in (("y", y), ("sample_weight", sample_weight)):
                if value is not None:
                    raise TypeError(
                        f"Batches bring their own {name}. Received: {name}={type(value).__name__}"
                    )
            if validation_split:
                raise ValueError(f"validation_split needs arrays. Received: x of type {type(x).__name__}")
            source = GivenBatches(x, lambda batch: self._batch(batch, class_weight), generator)
            self._check_data(source.peek(), None)
        else:
            data = self._data(x, self._labels(y), sample_weight)
            if data.samples == 0:
                raise ValueError("fit needs at least one sample. Received: x with none")
            if validation is None and validation_split:
                data, held_out = data.split(validation_split)
                validation = self._in_batches(held_out, validation_batch_size, validation_steps)
            data.weigh_classes(class_weight)  # of the training alone
            source = self._in_batches(data, batch_size, steps_per_epoch, generator, shuffle == "batch")
        passes = Passes(source, steps_per_epoch)
        run = self._callbacks(callbacks, verbose, passes.known, epochs, add_history=True)
        self.stop_training, logs = False, {}
        with run:
            run.on_train_begin()
            for epoch in range(initial_epoch, epochs):
                run.on_epoch_begin(epoch)
                found = self._train_epoch(passes, run)
                if found is None:
                    warnings.warn("The data has ended, and so does the training", stacklevel=2)
                    break
                logs = found
                if validation is not None and validates(validation_freq, epoch + 1):
                    found = self._evaluate(Passes(validation, validation_steps), run)
                    logs |= {f"val_{name}": value for name, value in found.items()}
                run.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            if epochs > 0:
                self.optimizer.finalize_variable_values(self.trainable_weights)
            run.on_train_end(logs)
        return self.history

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """The loss and the metrics on data (see `fit`), without training.

        Args:
            steps: how many batches are used; default: all.

        Returns:
            The loss, or a list [loss, *metrics], or with `return_dict` a dict.

        Raises:
            As `fit`.
        """
        self._require_compiled("evaluate")
        steps, return_dict = _steps(steps, "steps"), flag(return_dict, "return_dict")
        source = self._source(
            x, batch_size, steps, lambda: self._data(x, self._labels(y), sample_weight), "evaluate"
        )
        passes = Passes(source, steps)
        run = self._callbacks(callbacks, verbose, passes.known, 1)
        with run:
            return self._returned(self._evaluate(passes, run), return_dict)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for data (see `fit`; of batches the inputs are used), as one NumPy array; a list or
        dict of them for several outputs.

        Raises:
            ValueError, TypeError: data that does not fit the model.
        """
        steps = _steps(steps, "steps")
        source = self._source(x, batch_size, steps, lambda: self._data(x))
        passes = Passes(source, steps)
        run = self._callbacks(callbacks, verbose, passes.known, 1)
        if isinstance(source, DataBatches) and source.data.samples == 0:
            return self.packed(on_host(self._predicted(source.data)))
        parts = []
        with run:
            self.stop_predicting = False
            run.on_predict_begin()
            for step, batch in enumerate(passes):
                run.on_predict_batch_begin(step)
                parts.append(on_host(self._predicted(batch)))
                run.on_predict_batch_end(step, lambda: {"outputs": self.packed(parts[-1])})
                if self.stop_predicting:
                    break
            run.on_predict_end()
        if not parts:
            raise ValueError("Batches to predict were expected. Received: data that has ended")
        if isinstance(parts[0], list):
            return self.packed([np.concatenate(outputs) for outputs in zip(*parts)])
        return self.packed(np.concatenate(parts))

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step on one batch; returns as `evaluate`, of this batch alone."""
        self._require_compiled("train_on_batch")
        data = self._data(x, self._labels(y), sample_weight, class_weight)
        return self._one_batch(data, self._trained, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `train_on_batch`, without training."""
        self._require_compiled("test_on_batch")
        return self._one_batch(self._data(x, self._labels(y), sample_weight), self._tested, return_dict)

    def predict_on_batch(self, x):
        """The outputs for one batch, as NumPy."""
        data = self._data(x)
        self._check_data(data, data.samples)
        return self.packed(on_host(self._predicted(data)))

    def reset_metrics(self):
        """Starts the means anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _returned(self, logs, return_dict):
        """The logs, or their values as Keras lists them: the loss, what bears a metric's name, the rest by
        name; a metric and a weighted one of one name stand there twice."""
        if return_dict:
            return numbers_of(logs)
        names = [metric.name for metric in self.metrics]
        found = [logs[name] for name in names if name in logs]
        found += [logs[name] for name in sorted(set(logs) - set(names))]
        return found[0] if len(found) == 1 else found

    # Passes

    def _one_batch(self, data, step, return_dict):
        return_dict = flag(return_dict, "return_dict")
        self._check_data(data, data.samples)
        self.reset_metrics()
        logs = step(data)
        return self._returned(self._results() if logs is None else logs, return_dict)

    def _train_epoch(self, batches, run):
        """The logs of one pass over the batches, or of its part until `stop_training` was set; None where
        there was no batch."""
        self.reset_metrics()
        step = None
        for step, batch in enumerate(batches):
            run.on_train_batch_begin(step)
            logs = self._trained(batch)
            run.on_train_batch_end(step, self._results if logs is None else logs)
            if self.stop_training:
                break
        return None if step is None else self._results() if logs is None else dict(logs)

    def _evaluate(self, batches, run):
        self.reset_metrics()
        step, self.stop_evaluating = None, False
        run.on_test_begin()
        for step, batch in enumerate(batches):
            run.on_test_batch_begin(step)
            logs = self._tested(batch)
            run.on_test_batch_end(step, self._results if logs is None else logs)
            if self.stop_evaluating:
                break
        if step is None:
            raise ValueError("Batches to evaluate were expected. Received: data that has ended")
        logs = self._results() if logs is None else dict(logs)
        run.on_test_end(logs)
        return logs

    def _require_compiled(self, method):
        if not self.compiled:
            raise ValueError(
                f"compile(optimizer, loss) must be called first. Received: {method} of a model without a loss"
            )

    def _labels(self, y):
        """The labels, which a loss or metric needs."""
        needed = self.loss is not None or any(self._metric_requests)
        return required(y) if needed and type(self).train_step is Steps.train_step else y

    def _callbacks(self, callbacks, verbose, steps, epochs, add_history=False):
        if isinstance(callbacks, CallbackList):
            if callbacks.model is None:
                callbacks.set_model(self)
            return callbacks
        if not isinstance(verbose, (str, int, np.integer)) or verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"verbose must be 'auto', 0, 1 or 2. Received: {verbose!r}")
        params = {"verbose": verbose, "epochs": epochs, "steps": steps}
        return CallbackList(callbacks, add_history, verbose != 0, self, **params)


def _steps(steps, name):
    return None if steps is None else integer(steps, name, least=1)
