"""One step of a training, an evaluation or a prediction: a batch through the model, its loss and metrics."""

import warnings

import numpy as np

from ..layers.calling import scaled_penalties
from ..ops import arrays
from . import structures
from .batches import arranged
from .objectives import loss_terms, placed_metrics, total_loss


class Steps:
    """The part of a Trainer that works on one batch."""

    _metric_requests, _loss_mean, _terms, _placed = (None, None), None, None, None

    def train_step(self, data):
        """One step on a batch; a subclass may write its own.

        Args:
            data: x, (x, y) or (x, y, sample_weight), arrays on the model's device.

        Returns:
            The logs, a dict.
        """
        self._train_step(self._batch(data))
        return self.get_metrics_result()

    def test_step(self, data):
        """As `train_step`, without training."""
        self._test_step(self._batch(data))
        return self.get_metrics_result()

    def predict_step(self, data):
        """The outputs for a batch (see `train_step`), on the model's device."""
        return self.packed(self._predict_step(self._batch(data).x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of the losses of given outputs, with the penalties of the last call: an array
        without axes.

        Raises:
            ValueError: there is nothing to add up.
        """
        y, y_pred, sample_weight = self._laid_out(y, y_pred, sample_weight)
        loss, _ = total_loss(self._terms, y, y_pred, sample_weight, [None] * len(y_pred), False)
        return self._with_penalties(loss, self._penalties())

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Takes outputs into the metrics; returns `get_metrics_result()`."""
        self._measure(*self._laid_out(y, y_pred, sample_weight), [None] * len(self.output_names))
        return self.get_metrics_result()

    def get_metrics_result(self):
        """{name: number} of the loss and all metrics."""
        return self._results()

    def _laid_out(self, y, y_pred, sample_weight):
        y_pred = structures.flatten(y_pred)
        y, sample_weight = (
            arranged(self._flat_labels(part, what), self.output_labels, what)
            for part, what in ((y, "y"), (sample_weight, "sample_weight"))
        )
        self._lay_out(y, y_pred)
        return y, list(y_pred), sample_weight

    def _trained(self, data):
        """Trains on a batch; the logs where a subclass gives them, else None: they are read when wanted."""
        if type(self).train_step is Steps.train_step:
            return self._train_step(data)
        return self._own_logs(self.train_step(self._given(data)), "train_step")

    def _tested(self, data):
        """As `_trained`, without training."""
        if type(self).test_step is Steps.test_step:
            return self._test_step(data)
        return self._own_logs(self.test_step(self._given(data)), "test_step")

    def _predicted(self, data):
        """The outputs for a batch, a list where there are several."""
        if type(self).predict_step is Steps.predict_step:
            return self._predict_step(data.x)
        found = self.predict_step(self._given(data))
        return structures.flatten(found) if structures.is_nested(found) else found

    def _own_logs(self, logs, name):
        if not isinstance(logs, dict):
            raise TypeError(f"{name} must return a dict of logs. Received: {type(logs).__name__}")
        return logs

    def _given(self, data):
        """The arrays of a batch as a subclass's step takes them."""
        parts = [
            part[0] if part is not None and len(part) == 1 else part
            for part in (self._moved(part) for part in data.parts())
        ]
        while len(parts) > 1 and parts[-1] is None:
            parts.pop()
        return tuple(parts) if len(parts) > 1 else parts[0]

    def _train_step(self, data):
        x, y, sample_weight = (self._moved(part) for part in data.parts())
        outputs, backward, masks = self._run_flat(x, True, differentiate=True)
        penalties = self._penalties()
        scale = self.optimizer.scale_loss(1.0)
        self._lay_out(y, outputs)
        # A scale that adapts finds its bound by overflow: no reason to warn.
        quiet = {} if scale == 1 else {"over": "ignore", "invalid": "ignore"}
        with scaled_penalties(scale), np.errstate(**quiet):
            loss, grads = total_loss(self._terms, y, outputs, sample_weight, masks, True, scale)
            backward(grads)
        variables = self.trainable_weights
        for variable in variables:
            if variable.regularizer is not None:
                grad = variable.regularizer.gradient(variable.value)
                variable.add_grad(grad if scale == 1 else grad * grad.dtype.type(scale))
        self._record(self._with_penalties(loss, penalties), x, y, outputs, sample_weight, masks)
        if variables:
            self.optimizer.apply(variables)
        else:
            for variable in self.weights:  # of layers that are trained, within a model that is not
                variable.grad = None
            warnings.warn(f"{self.name} has no trainable weights", stacklevel=2)

    def _test_step(self, data):
        x, y, sample_weight = (self._moved(part) for part in data.parts())
        outputs, _, masks = self._run_flat(x, False, differentiate=False)
        penalties = self._penalties()
        self._lay_out(y, outputs)
        loss, _ = total_loss(self._terms, y, outputs, sample_weight, masks, False)
        self._record(self._with_penalties(loss, penalties), x, y, outputs, sample_weight, masks)

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
        return self.losses

    def _lay_out(self, y, outputs):
        """At the first batch: which loss and which metrics belong to which output."""
        if self._terms is not None:
            return
        names = self.output_labels
        y = y or [None] * len(outputs)
        shapes = [(p.shape if t is None else t.shape, p.shape) for t, p in zip(y, outputs)]
        structure = structures.pack(self._output_structure, range(len(names)))
        self._terms = loss_terms(self.loss, self.loss_weights, structure, names, shapes)
        self._placed = placed_metrics(*self._metric_requests, structure, names, shapes)

    def _with_penalties(self, loss, penalties):
        if not self._terms and not penalties:
            raise ValueError(f"{self.name} has no loss to compute: give compile one. Received: loss=None")
        for penalty in penalties:
            loss = loss + penalty
        return loss

    def _record(self, loss, x, y, outputs, sample_weight, masks):
        self._loss_mean.update_state(loss, sample_weight=len(x[0]))
        self._measure(y, outputs, sample_weight, masks)

    def _measure(self, y, outputs, sample_weight, masks):
        for placed in self._placed:
            at = placed.output
            if y is None or y[at] is None:
                raise ValueError(f"y is needed for the metric {placed.key}. Received: y=None")
            placed.update(y[at], outputs[at], None if sample_weight is None else sample_weight[at], masks[at])

    def metrics_by_key(self):
        """{name in the logs: Metric}, once a batch has told their forms."""
        return {placed.key: placed.metric for placed in self._placed or ()}

    def _results(self):
        """The logs in Keras's order: the loss, metrics under their own names, single losses, the rest."""
        if self._loss_mean is None:
            return {}
        found = {"loss": self._loss_mean.result()}
        placed = {p.key: p for p in self._placed or ()}
        found |= {key: p.metric.result() for key, p in placed.items() if key == p.metric.name}
        found |= {t.mean.name: t.mean.result() for t in self._terms or () if t.mean is not None}
        return found | {key: placed[key].metric.result() for key in sorted(set(placed) - set(found))}

    def _moved(self, parts):
        """The arrays on the model's device; types are left to the layers and the loss."""
        device = self.device or arrays.default_device()
        return parts and [
            part if part is None or arrays.device_of(part) is device else device.asarray(part)
            for part in parts
        ]


def on_host(output):
    """The arrays of a list or an array as NumPy's."""
    return [on_host(part) for part in output] if isinstance(output, list) else arrays.to_numpy(output)
