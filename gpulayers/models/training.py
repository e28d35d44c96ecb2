"""compile, fit, evaluate and predict."""

import warnings

import numpy as np

from .. import losses, optimizers
from ..callbacks import CallbackList, History, ProgressBar
from ..callbacks.progress import is_terminal
from ..metrics import Mean
from ..ops import arrays, random
from ..ops.spatial import integer
from .batches import Data, DataBatches, GivenBatches, Passes, arranged, class_weighted, is_batches, required
from .objectives import check_losses, check_metrics, loss_terms, placed_metrics, total_loss


class Trainer:
    """The training half of a model; `self` is also a Layer with `run` and `check_inputs`."""

    optimizer = loss = loss_weights = None
    _metric_requests, _loss_mean, _terms, _placed = (None, None), None, None, None

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
            loss: a name or a Loss for all outputs, or a list or dict with one an output (None: none). None
                for a model that only predicts.
            loss_weights: factors of the losses in their sum, laid out as these.
            metrics: a list of names, Metrics or functions f(y_true, y_pred), or for several outputs a list or
                dict of these; "accuracy" takes its form from the shapes.
            weighted_metrics: the same, computed with the sample weights.
            run_eagerly, steps_per_execution, jit_compile, auto_scale_loss: of Keras; they change nothing here.
                For float16 wrap the optimizer in a LossScaleOptimizer.

        Raises:
            ValueError: unknown names, or a loss without a reduction.
        """
        self.optimizer = optimizers.get(optimizer)
        check_losses(loss)
        check_metrics([metrics, weighted_metrics])
        one = not isinstance(loss, (list, tuple, dict)) and loss not in ("crossentropy", "ce")
        self.loss = losses.get(loss) if one else loss
        self.loss_weights, self._metric_requests = loss_weights, (metrics, weighted_metrics)
        self._terms = self._placed = None
        self._loss_mean = Mean(name="loss")

    @property
    def metrics(self):
        """The loss's mean, the metrics and the means of several losses, once a batch has told their forms."""
        means = [term.mean for term in self._terms or () if term.mean is not None]
        return ([self._loss_mean] if self._loss_mean else []) + [p.metric for p in self._placed or ()] + means

    @property
    def metrics_names(self):
        """The keys of the logs, in the order of `evaluate`'s list."""
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
            shuffle: new order of the samples each epoch; "batch": of the batches alone.
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
        self._require_loss("fit")
        steps_per_epoch = _steps(steps_per_epoch, "steps_per_epoch")
        validation_steps = _steps(validation_steps, "validation_steps")
        epochs, initial_epoch = integer(epochs, "epochs"), integer(initial_epoch, "initial_epoch")
        if shuffle not in (True, False, "batch"):
            raise ValueError(f"shuffle must be True, False or 'batch'. Received: {shuffle!r}")
        generator = random.host_generator() if shuffle else None
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
            data = self._data(x, required(y), sample_weight, class_weight)
            if data.samples == 0:
                raise ValueError("fit needs at least one sample. Received: x with none")
            if validation is None and validation_split:
                if not 0 < validation_split < 1:
                    raise ValueError(f"validation_split must lie in [0, 1). Received: {validation_split!r}")
                data, held_out = data.split(validation_split)
                validation = self._in_batches(held_out, validation_batch_size, validation_steps)
            source = self._in_batches(data, batch_size, steps_per_epoch, generator, shuffle == "batch")
        passes = Passes(source, steps_per_epoch)
        history = History()
        run = self._callbacks(callbacks, verbose, passes.known, epochs, [history])
        self.stop_training, self.history, logs = False, history, {}
        with run:
            run.call("on_train_begin")
            for epoch in range(initial_epoch, epochs):
                run.call("on_epoch_begin", epoch)
                found = self._train_epoch(passes, run)
                if found is None:
                    warnings.warn("The data has ended, and so does the training", stacklevel=2)
                    break
                logs = found
                if validation is not None and _validates(validation_freq, epoch + 1):
                    found = self._evaluate(Passes(validation, validation_steps), self._test_hooks(run))
                    logs |= {f"val_{name}": value for name, value in found.items()}
                run.call("on_epoch_end", epoch, dict(logs))
                if self.stop_training:
                    break
            self.optimizer.finalize_variable_values(self.trainable_weights)
            run.call("on_train_end", dict(logs))
        return history

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
        self._require_loss("evaluate")
        steps = _steps(steps, "steps")
        source = self._source(
            x, batch_size, steps, lambda: self._data(x, required(y), sample_weight), "evaluate"
        )
        passes = Passes(source, steps)
        run = self._callbacks(callbacks, verbose, passes.known, 1)
        with run:
            return _returned(self._evaluate(passes, run), return_dict)

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
            return self.packed(_on_host(self._predict_step(source.data.x)))
        parts = []
        with run:
            run.call("on_predict_begin")
            for step, batch in enumerate(passes):
                run.call("on_predict_batch_begin", step)
                parts.append(_on_host(self._predict_step(batch.x)))
                run.batch_end("predict", step, lambda: {"outputs": self.packed(parts[-1])})
            run.call("on_predict_end")
        if not parts:
            raise ValueError("Batches to predict were expected. Received: data that has ended")
        if isinstance(parts[0], list):
            return self.packed([np.concatenate(outputs) for outputs in zip(*parts)])
        return self.packed(np.concatenate(parts))

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step on one batch; returns as `evaluate`, of this and the batches since `reset_metrics`."""
        self._require_loss("train_on_batch")
        data = self._data(x, required(y), sample_weight, class_weight)
        self._check_data(data, data.samples)
        self._train_step(data)
        return _returned(self._results(), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `train_on_batch`, without training."""
        self._require_loss("test_on_batch")
        data = self._data(x, required(y), sample_weight)
        self._check_data(data, data.samples)
        self._test_step(data)
        return _returned(self._results(), return_dict)

    def predict_on_batch(self, x):
        """The outputs for one batch, as NumPy."""
        data = self._data(x)
        self._check_data(data, data.samples)
        return self.packed(_on_host(self._predict_step(data.x)))

    def reset_metrics(self):
        """Starts the means anew."""
        for metric in self.metrics:
            metric.reset_state()

    # Steps

    def _train_step(self, data):
        x, y, sample_weight = (self._moved(part) for part in data.parts())
        outputs, backward, masks = self._run_flat(x, True, differentiate=True)
        penalties = self._penalties()
        scale = self.optimizer.loss_scale()
        self._lay_out(y, outputs)
        loss, grads = total_loss(self._terms, y, outputs, sample_weight, masks, True, scale)
        backward(grads)
        variables = self.trainable_weights
        for variable in variables:
            if variable.regularizer is not None:
                grad = variable.regularizer.gradient(variable.value)
                variable.add_grad(grad if scale == 1 else grad * grad.dtype.type(scale))
        self._record(loss, penalties, x, y, outputs, sample_weight, masks)
        self.optimizer.apply(variables)

    def _test_step(self, data):
        x, y, sample_weight = (self._moved(part) for part in data.parts())
        outputs, _, masks = self._run_flat(x, False, differentiate=False)
        penalties = self._penalties()
        self._lay_out(y, outputs)
        loss, _ = total_loss(self._terms, y, outputs, sample_weight, masks, False)
        self._record(loss, penalties, x, y, outputs, sample_weight, masks)

    def _predict_step(self, x):
        x = self._moved(x)
        return self.run(x if len(x) > 1 else x[0], None, False, differentiate=False)[0]

    def _run_flat(self, x, training, differentiate):
        """(outputs, backward of their gradients, masks), lists of all outputs."""
        output, backward, mask = self.run(x if len(x) > 1 else x[0], None, training, differentiate)
        if isinstance(output, list):
            return output, lambda grads: backward(grads, input_gradient=False), mask
        return [output], lambda grads: backward(grads[0], input_gradient=False), [mask]

    def _penalties(self):
        """Of the last call's outputs and of the weights."""
        return self.losses + [
            v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None
        ]

    def _lay_out(self, y, outputs):
        """At the first batch: which loss and which metrics belong to which output."""
        if self._terms is not None:
            return
        names = self.output_names
        shapes = [(p.shape if t is None else t.shape, p.shape) for t, p in zip(y, outputs)]
        self._terms = loss_terms(
            self.loss, self.loss_weights, names, shapes, in_given_order=self._output_keys is not None
        )
        self._placed = placed_metrics(*self._metric_requests, names, shapes)

    def _record(self, loss, penalties, x, y, outputs, sample_weight, masks):
        for penalty in penalties:
            loss = loss + penalty
        self._loss_mean.update_state(loss, sample_weight=len(x[0]))
        for placed in self._placed:
            at = placed.output
            weight = sample_weight[at] if placed.weighted and sample_weight is not None else None
            if y[at] is None:
                raise ValueError(f"y is needed for the metric {placed.key}. Received: y=None")
            placed.metric.update_state(y[at], outputs[at], weight, masks[at])

    def _results(self):
        """The logs in Keras's order: the loss, metrics under their own names, single losses, the rest."""
        if self._loss_mean is None:
            return {}
        found = {"loss": self._loss_mean.result()}
        placed = {p.key: p for p in self._placed or ()}
        found |= {key: p.metric.result() for key, p in placed.items() if key == p.metric.name}
        found |= {t.mean.name: t.mean.result() for t in self._terms or () if t.mean is not None}
        return found | {key: placed[key].metric.result() for key in sorted(set(placed) - set(found))}

    def _train_epoch(self, batches, run):
        """The logs of one pass over the batches, or of its part until `stop_training` was set; None where
        there was no batch."""
        self.reset_metrics()
        step = None
        for step, batch in enumerate(batches):
            run.call("on_train_batch_begin", step)
            self._train_step(batch)
            run.batch_end("train", step, self._results)
            if self.stop_training:
                break
        return None if step is None else self._results()

    def _evaluate(self, batches, run):
        self.reset_metrics()
        step = None
        run.call("on_test_begin")
        for step, batch in enumerate(batches):
            run.call("on_test_batch_begin", step)
            self._test_step(batch)
            run.batch_end("test", step, self._results)
        if step is None:
            raise ValueError("Batches to evaluate were expected. Received: data that has ended")
        logs = self._results()
        run.call("on_test_end", dict(logs))
        return logs

    # Data

    def _data(self, x, y=None, sample_weight=None, class_weight=None):
        """The Data of a model's inputs, labels and weights."""
        rank = len(self._input_shapes[0]) if self.built else None
        x = arranged(x, self.input_names, "x", rank)
        names = self.output_names
        first = y[0] if isinstance(y, (list, tuple)) and y else None
        wrapped = arrays.is_array(first) and first.ndim and len(first) == len(x[0]) > 1
        y = arranged(y, names, "y", first.ndim if wrapped else None)
        sample_weight = arranged(sample_weight, names, "sample_weight")
        return Data(x, y, class_weighted(y, sample_weight, class_weight))

    def _batch(self, batch, class_weight=None):
        """The Data of a batch x, (x, y) or (x, y, sample_weight)."""
        batch = tuple(batch) if isinstance(batch, (list, tuple)) else (batch,)
        if not 1 <= len(batch) <= 3:
            raise ValueError(
                f"A batch must be x, (x, y) or (x, y, sample_weight). Received: {len(batch)} parts"
            )
        data = self._data(*batch, *[None] * (3 - len(batch)), class_weight)
        self._check_data(data, None)
        return data

    def _in_batches(self, data, batch_size, steps, *order):
        """The DataBatches of a Data, checked."""
        if batch_size is None:
            batch_size = max(1, -(-data.samples // steps)) if steps else 32
        batch_size = integer(batch_size, "batch_size", least=1)
        self._check_data(data, batch_size)
        return DataBatches(data, batch_size, *order)

    def _source(self, x, batch_size, steps, make_data, needing_samples=None):
        """Something to iterate over in batches, checked."""
        if is_batches(x):
            source = GivenBatches(x, self._batch)
            self._check_data(source.peek(), None)
            return source
        data = make_data()
        if data.samples == 0 and needing_samples:
            raise ValueError(f"{needing_samples} needs at least one sample. Received: x with none")
        return self._in_batches(data, batch_size, steps)

    def _validation(self, given, batch_size, steps):
        """The batches of `fit`'s validation_data; None stays."""
        if given is None:
            return None
        if is_batches(given):
            return self._source(given, batch_size, steps, None)
        if not isinstance(given, (list, tuple)) or len(given) not in (2, 3):
            raise ValueError(
                "validation_data must be (x, y), (x, y, sample_weight) or batches. "
                f"Received: {type(given).__name__}"
            )
        return self._in_batches(self._data(*given), batch_size, steps)

    # Checks and helpers

    def _moved(self, parts):
        """The arrays on the model's device; types are left to the layers and the loss."""
        device = self.device or arrays.default_device()
        return parts and [
            part if part is None or arrays.device_of(part) is device else device.asarray(part)
            for part in parts
        ]

    def _require_loss(self, method):
        if self.loss is None:
            raise ValueError(
                f"compile(optimizer, loss) must be called first. Received: {method} of a model without a loss"
            )

    def _check_data(self, data, batch_size):
        """Builds the model if need be and checks the data's shape at once, before any batch.

        Args:
            batch_size: of the batches to be made of the data; None where the data is one batch.
        """
        shape = tuple(data.x[0].shape)
        if not self.built:
            self.build((min(batch_size or shape[0], shape[0]), *shape[1:]))
        fixed = self._input_shapes[0][0]
        if fixed is not None and ((batch_size or shape[0]) != fixed or shape[0] % fixed):
            raise ValueError(
                f"{self.name} has a fixed batch size of {fixed}: batch_size and a multiple of it in "
                "samples are expected. "
                f"Received: batch_size={batch_size}, {shape[0]} samples"
            )
        self.check_inputs([part[: fixed or 1] for part in data.x])

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
        return CallbackList([*given, *first, *shown], self, params)

    def _test_hooks(self, run):
        """The run's callbacks without its progress bar, for validation within an epoch."""
        others = [callback for callback in run.callbacks if not isinstance(callback, ProgressBar)]
        return CallbackList(others, self, others[0].params)


def _steps(steps, name):
    return None if steps is None else integer(steps, name, least=1)


def _validates(frequency, epoch):
    """Whether an epoch, counted from 1, ends with a validation."""
    if isinstance(frequency, (list, tuple, set)):
        return epoch in frequency
    return epoch % integer(frequency, "validation_freq", least=1) == 0


def _returned(logs, return_dict):
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _on_host(output):
    return [_on_host(part) for part in output] if isinstance(output, list) else arrays.to_numpy(output)
