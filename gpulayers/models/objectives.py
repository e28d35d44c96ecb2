"""The losses and metrics of a compiled model, laid out over its outputs as Keras does."""

import dataclasses
import inspect

from .. import losses
from ..arguments import real
from ..losses.loss import Loss
from ..metrics import Mean, Metric, formed_by_shapes, resolve
from ..metrics import get as get_metric
from . import structures


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
        real(weight, "Each of loss_weights")


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


def loss_terms(loss, loss_weights, structure, names, shapes):
    """The Terms of `compile`'s loss.

    Args:
        loss, loss_weights: as given to `compile`.
        structure: the positions of the outputs, laid out as the model's outputs.
        names: of the outputs.
        shapes: pairs (labels' shape, predictions' shape), one an output.

    Raises:
        ValueError: entries that do not match the outputs.
    """
    if loss is None:
        return []
    if isinstance(loss, dict) and not isinstance(structure, dict):  # known by the names of the outputs
        if set(loss) != set(names):
            raise ValueError(f"loss needs an entry for each of {list(names)}. Received: {sorted(loss)}")
        if isinstance(loss_weights, dict):
            loss_weights = _by_output(loss_weights, names, "loss_weights")
        loss = _one_or_list([loss[name] for name in names])
        loss_weights = _one_or_list(loss_weights) if isinstance(loss_weights, list) else loss_weights
    if not structures.is_nested(structure) and len(leaves(loss)) > 1:  # of which Keras takes the first alone
        raise ValueError(f"One loss is expected for {names[0]}. Received: {loss!r}")
    if not structures.is_nested(loss):
        loss = structures.pack(structure, [loss] * len(names))
    if len(names) == 1 and isinstance(loss_weights, dict) and not isinstance(loss, dict):
        loss_weights = _by_output(loss_weights, names, "loss_weights")[0]
    terms = []
    for path, at, request, weight in _placed_losses(_weighted(loss, loss_weights), structure, names, ()):
        name = "/".join(map(str, path)) or names[at]
        terms.append(Term(at, losses.resolve(request, *shapes[at]), weight, name))
    if len(terms) > 1:
        for term in terms:
            term.mean = Mean(name=f"{term.name}_loss")
    return terms


@dataclasses.dataclass
class _Weighted:
    loss: object
    weight: object = None


def _weighted(loss, weights):
    """The losses, each with its weight; dicts stay in their order, which the logs show."""
    if isinstance(loss, dict) and isinstance(weights, dict):
        unknown = set(weights) - set(loss)
        if unknown:
            raise ValueError(f"loss_weights may name {sorted(loss)}. Received: {sorted(unknown)}")
        return {key: _weighted(part, weights.get(key)) for key, part in loss.items()}
    given = structures.flatten(weights) if structures.is_nested(weights) else None
    if given is None:
        given = [weights] * len(structures.flatten(loss))
    if len(structures.flatten(loss)) != len(given):
        raise ValueError(
            f"loss_weights must fit {len(structures.flatten(loss))} losses. Received: {weights!r}"
        )
    if isinstance(loss, dict):
        packed = structures.pack(loss, given)
        return {key: _weighted(part, packed[key]) for key, part in loss.items()}
    return structures.pack(loss, map(_Weighted, structures.flatten(loss), given))


def _placed_losses(loss, structure, names, path):
    """(path, position of the output, loss, weight) of each loss, by Keras's rules: a list is one loss an
    output, or several of the same."""
    if isinstance(loss, _Weighted) and structures.is_nested(structure):
        raise ValueError(f"A loss for one output is expected. Received: {loss.loss!r} for {path}")
    if isinstance(loss, _Weighted):
        if loss.loss is not None:
            named = (*path[:-1], names[structure]) if path and isinstance(path[-1], int) else path
            yield named, structure, loss.loss, loss.weight
        return
    listed = isinstance(loss, (list, tuple))
    if listed and structures.is_flat(loss) and len(loss) == len(structures.flatten(structure)):
        loss = structures.pack(structure, loss)
    elif listed and not isinstance(structure, (list, tuple)):  # several of the same outputs
        for part in loss:
            yield from _placed_losses(part, structure, names, path)
        return
    if isinstance(loss, _Weighted):
        yield from _placed_losses(loss, structure, names, path)
        return
    alike = isinstance(loss, dict) == isinstance(structure, dict) and structures.is_nested(structure)
    if isinstance(loss, dict):
        keys = [key for key, part in loss.items() if not isinstance(part, _Weighted) or part.loss is not None]
        alike = alike and set(keys) <= set(structure)
    else:
        keys = range(len(loss))
        alike = alike and len(loss) == len(structure)
    if not alike:
        wanted = structures.pack(structure, [names[at] for at in structures.flatten(structure)])
        raise ValueError(f"The losses must be laid out as {wanted}. Received: {structures.skeleton(loss)}")
    for key in keys:
        yield from _placed_losses(loss[key], structure[key], names, (*path, key))


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


def placed_metrics(metrics, weighted_metrics, structure, names, shapes):
    """The PlacedMetrics of `compile`'s metrics and weighted metrics, with Keras's names; the other arguments
    as of `loss_terms`.

    Raises:
        ValueError: entries that do not match the outputs.
    """
    found, used = [], {}
    for request, weighted in ((metrics, False), (weighted_metrics, True)):
        if request is None or request == [] or request == {}:
            continue
        one = len(names) == 1
        if one:
            parts = [leaves(request)]
        elif structures.is_flat(structure):
            parts = _by_output(request, names, "metrics")
        else:
            parts = structures.leaves_up_to(structure, request, "metrics")
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


def _one_or_list(items):
    return items[0] if len(items) == 1 else items
