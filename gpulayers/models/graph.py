"""Layers in order, each with the values it reads and writes: forward along the list, backward against it."""

import collections
import dataclasses

from ..layers.layer import Layer


@dataclasses.dataclass(frozen=True)
class Node:
    """One call of a layer. A value is known by its number.

    Attributes:
        layer: the layer called.
        inputs, outputs: numbers of the values read and written.
        listed: whether the layer takes its inputs as a list even where there is one.
        states: how many of the inputs, the last ones, are initial states, which have no masks.
        training: the value used where the run has none.
    """

    layer: Layer
    inputs: tuple
    outputs: tuple
    listed: bool = False
    states: int = 0
    training: bool = None


class Graph:
    """Nodes in an order in which every value is written before it is read.

    Args:
        nodes: the calls.
        inputs, outputs: numbers of the values that come in and go out.
    """

    def __init__(self, nodes, inputs, outputs):
        self.nodes, self.inputs, self.outputs = tuple(nodes), tuple(inputs), tuple(outputs)
        self._reads = collections.Counter(number for node in self.nodes for number in node.inputs)
        self._reads.update(self.outputs)

    def run(self, inputs, masks, training, differentiate):
        """Calls the layers.

        Args:
            inputs: arrays, one a value of `self.inputs`; masks: the same, None for none.
            training: passed to the layers; None for that of each node, or False.
            differentiate: whether to return a backward; otherwise nothing is kept.

        Returns:
            (outputs, output masks, backward or None, losses): lists; `backward(grads, input_gradient)`
            returns the gradients to the inputs.
        """
        values, masks = dict(zip(self.inputs, inputs)), dict(zip(self.inputs, masks))
        unread, calls, losses = self._reads.copy(), [], []
        for node in self.nodes:
            layer = node.layer
            x = _one_or_list([values[number] for number in node.inputs], node.listed)
            masked = node.inputs[: len(node.inputs) - node.states]
            mask = _one_or_list([masks[number] for number in masked], node.listed and not node.states)
            mode = bool(node.training) if training is None else training
            # As in Keras, a layer that is given initial states too does not see the mask, but passes it on.
            y, backward, output_mask = layer.run(x, None if node.states else mask, mode, differentiate)
            if node.states:
                output_mask = layer.compute_mask(x, mask)
            losses += layer.all_penalties()
            if differentiate:
                calls.append((node, backward))
            several = len(node.outputs) > 1
            values.update(zip(node.outputs, y if several else [y]))
            masks.update(zip(node.outputs, (output_mask or [None] * len(y)) if several else [output_mask]))
            for number in node.inputs:
                unread[number] -= 1
                if not unread[number]:
                    values.pop(number, None)
        outputs = [values[number] for number in self.outputs]
        return (
            outputs,
            [masks[number] for number in self.outputs],
            self._backward(calls) if differentiate else None,
            losses,
        )

    def _backward(self, calls):
        def backward(grads, input_gradient=True):
            wanted = set(self.inputs) if input_gradient else set()
            for node, _ in calls:
                if node.layer.trainable_weights or wanted.intersection(node.inputs):
                    wanted.update(node.outputs)
            gathered = {}
            for number, grad in zip(self.outputs, grads):
                _add(gathered, number, grad)
            for node, layer_backward in reversed(calls):
                grad = [gathered.pop(number, None) for number in node.outputs]
                if all(part is None for part in grad) or not wanted.intersection(node.outputs):
                    continue
                grads = layer_backward(
                    _one_or_list(grad), input_gradient=bool(wanted.intersection(node.inputs))
                )
                for number, part in zip(node.inputs, grads if isinstance(grads, list) else [grads]):
                    if number in wanted:
                        _add(gathered, number, part)
            repeated = [number in self.inputs[at + 1 :] for at, number in enumerate(self.inputs)]
            return [None if twice else gathered.get(n) for twice, n in zip(repeated, self.inputs)]

        return backward


def _add(gathered, number, grad):
    if grad is not None:
        known = gathered.get(number)
        gathered[number] = grad if known is None else known + grad


def _one_or_list(items, listed=False):
    return items[0] if len(items) == 1 and not listed else items
