"""One step of a training, an evaluation or a prediction: a batch through the model, its loss and metrics."""

import warnings

import numpy as np

from ..layers.calling import scaled_penalties
from ..ops import arrays
from .objectives import loss_terms, placed_metrics, total_loss


class Steps:
    """The part of a Trainer that works on one batch."""

    _metric_requests, _loss_mean, _terms, _placed = (None, None), None, None, None

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
        self._record(loss, penalties, x, y, outputs, sample_weight, masks)
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
        return self.losses

    def _lay_out(self, y, outputs):
        """At the first batch: which loss and which metrics belong to which output."""
        if self._terms is not None:
            return
        names = self.output_labels
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
            if y[at] is None:
                raise ValueError(f"y is needed for the metric {placed.key}. Received: y=None")
            placed.update(y[at], outputs[at], None if sample_weight is None else sample_weight[at], masks[at])

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
