"""The losses and metrics of a compiled model, laid out over its outputs as Keras does."""

import dataclasses
import inspect

from .. import losses
from ..losses.loss import Loss
from ..metrics import Mean, Metric, formed_by_shapes, resolve
from ..metrics import get as get_metric


def leaves(value):
    """The single requests in lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in leaves(part)]
    return [] if value is None else [value]


def check_losses(loss, loss_weights=None):
    """Raises ValueError for unknown losses, those that do not reduce to a number, and weights that are none."""
    for leaf in leaves(loss):
        found = None if losses.formed_by_shapes(leaf) else losses.as_loss(leaf)
        if found is not None and found.reduction in (None, "none"):
            raise ValueError(
                f"A loss to train with must reduce to one number. Received: reduction={found.reduction!r}"
            )
    for weight in leaves(loss_weights):
        if isinstance(weight, (bool, str)) or not hasattr(weight, "__float__"):
            raise ValueError(f"loss_weights must be numbers. Received: {loss_weights!r}")


def check_metrics(metrics, weighted_metrics):
    """Raises ValueError for unknown metrics and for what is no list or dict of them."""
    for name, request in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        if request is not None and not isinstance(request, (list, tuple, dict)):
            raise ValueError(f"{name} must be a list or dict. Received: {request!r}")
        for leaf in leaves(request):
            if not formed_by_shapes(leaf):
                get_metric(leaf)


@dataclasses.dataclass(eq=False)
class Term:
    """A loss of one output, its share of the total and, among several, its own mean.

    Attributes:
        output: position of the output.
        loss: a Loss.
        weight: its factor, or None.
        name: of the output.
        mean: a Mean, or None.
    """

    output: int
    loss: Loss
    weight: float
    name: str
    mean: Mean = None


def _by_output(request, names, what):
    """The request's part for each output: of a list or dict with an entry an output."""
    if isinstance(request, dict):
        unknown = set(request) - set(names)
        if unknown:
            raise ValueError(f"{what} may name the outputs {list(names)}. Received: {sorted(unknown)}")
        return [request.get(name) for name in names]
    if not isinstance(request, (list, tuple)) or len(request) != len(names):
        raise ValueError(f"{what} needs an entry for each of {list(names)}. Received: {request!r}")
    return list(request)


def loss_terms(loss, loss_weights, names, shapes, in_given_order=False):
    """The Terms of `compile`'s loss.

    Args:
        loss, loss_weights: as given to `compile`.
        names: of the outputs.
        shapes: pairs (labels' shape, predictions' shape), one an output.
        in_given_order: whether the terms are in the order of a dict of losses rather than of the outputs.

    Raises:
        ValueError: entries that do not match the outputs.
    """
    if loss is None:
        return []
    if isinstance(loss, dict) and not in_given_order and set(loss) != set(names):
        raise ValueError(f"loss needs an entry for each of {list(names)}. Received: {sorted(loss)}")
    spread = isinstance(loss, (list, tuple, dict))
    by_output = list(enumerate(_by_output(loss, names, "loss") if spread else [loss] * len(names)))
    spread = isinstance(loss_weights, (list, tuple, dict))
    weights = _by_output(loss_weights, names, "loss_weights") if spread else [loss_weights] * len(names)
    terms = [
        Term(output, losses.resolve(leaf, *shapes[output]), weight, names[output])
        for (output, leaf), weight in zip(by_output, weights)
        if leaf is not None
    ]
    if in_given_order and isinstance(loss, dict):
        terms.sort(key=lambda term: list(loss).index(term.name))
    if len(terms) > 1:
        for term in terms:
            term.mean = Mean(name=f"{term.name}_loss")
    return terms


def total_loss(terms, y, outputs, sample_weight, masks, differentiate, scale=1.0):
    """(the weighted sum of the terms, the gradients to the outputs or None).

    Args:
        y, sample_weight: lists, or None; outputs, masks: lists of the outputs' arrays and masks.
        scale: factor of the gradients.
    """
    total, grads = 0.0, [None] * len(outputs)
    for term in terms:
        at = term.output
        given = (
            None if y is None else y[at],
            outputs[at],
            None if sample_weight is None else sample_weight[at],
            masks[at],
        )
        if given[0] is None:
            raise ValueError(f"y is needed for the loss of {term.name}. Received: y=None")
        factor = 1.0 if term.weight is None else term.weight
        if differentiate:
            loss, grad = term.loss.forward(*given, scale=scale * factor)
            grads[at] = grad if grads[at] is None else grads[at] + grad
        else:
            loss = term.loss(*given)
        if term.mean is not None:
            term.mean.update_state(loss, sample_weight=len(outputs[at]))
        total = total + (loss if term.weight is None else loss * factor)
    return total, grads


@dataclasses.dataclass(eq=False)
class PlacedMetric:
    """A metric of one output.

    Attributes:
        key: its name in logs.
        metric: the Metric; output: position of the output; weighted: whether sample weights count for it.
    """

    key: str
    metric: Metric
    output: int
    weighted: bool

    def __post_init__(self):
        self._takes_mask = "mask" in inspect.signature(self.metric.update_state).parameters

    def update(self, y, output, sample_weight, mask):
        """Takes in a batch: the sample weights if they count, the mask if the metric knows masks."""
        keywords = {"sample_weight": sample_weight} if self.weighted and sample_weight is not None else {}
        if mask is not None and self._takes_mask:
            keywords["mask"] = mask
        self.metric.update_state(y, output, **keywords)


def placed_metrics(metrics, weighted_metrics, names, shapes):
    """The PlacedMetrics of `compile`'s metrics and weighted metrics, with Keras's names.

    Raises:
        ValueError: entries that do not match the outputs.
    """
    found, used = [], {}
    for request, weighted in ((metrics, False), (weighted_metrics, True)):
        if request is None or request == [] or request == {}:
            continue
        one = len(names) == 1
        parts = [leaves(request)] if one else _by_output(request, names, "metrics")
        for output, part in enumerate(parts):
            prefix = "" if one else f"{names[output]}_"
            for leaf in leaves(part):
                metric = resolve(leaf, *shapes[output])
                key = prefix + metric.name
                if weighted and key in used:
                    key = f"{prefix}weighted_{metric.name}"
                number = used.get(key, 0)
                used[key] = number + 1
                found.append(PlacedMetric(f"{key}_{number}" if number else key, metric, output, weighted))
    return found
