"""Several recurrent cells as one."""

from ..ops import arrays
from ..registry import serialize_object
from .layer import Layer


def flatten(structure):
    """The items of nested lists, in order."""
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in flatten(part)]
    return [structure]


def pack(structure, items):
    """The items in the nesting of `structure`."""
    items = iter(items)

    def packed(part):
        return [packed(inner) for inner in part] if isinstance(part, (list, tuple)) else next(items)

    return packed(structure)


class StackedRNNCells(Layer):
    """Cells one on top of the other: the output of each is the input of the next.

    `output, states = cells(inputs, states)`: states a list of each cell's states; in `forward` and its
    backward they are a flat list, as of any cell.

    Args:
        cells: a list of cells.
    """

    supports_masking = True

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(f"cells must be a list of at least one cell. Received: {cells!r}")
        for cell in cells:
            if not callable(getattr(cell, "forward", None)) or getattr(cell, "state_size", None) is None:
                raise ValueError(
                    f"Every cell must have a method `forward` and a `state_size`. Received: {cell!r}"
                )
        self.cells = list(cells)

    @property
    def state_size(self):
        return [cell.state_size for cell in self.cells]

    @property
    def state_form(self):
        """How the states are nested where the caller gave none: as `get_initial_state` nests them."""
        return [
            flatten(cell.state_size) if hasattr(cell, "get_initial_state") else cell.state_size
            for cell in self.cells
        ]

    @property
    def output_size(self):
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        """A list of each cell's initial states."""
        states = []
        for cell in self.cells:
            if hasattr(cell, "get_initial_state"):
                states.append(cell.get_initial_state(batch_size=batch_size))
            else:
                zeros = [
                    arrays.default_device().zeros((batch_size, size), self.compute_dtype)
                    for size in flatten(cell.state_size)
                ]
                states.append(zeros)
        return states

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer):
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def __call__(self, inputs, states, training=False):
        """The pair (output, states), the states a list of each cell's."""
        output, *after = self.forward(inputs, states, training=training)[0]
        return output, pack(states, after)

    def forward(self, inputs, states, training=True):
        output, after, backwards = inputs, [], []
        for cell, part in zip(self.cells, self._parts(flatten(states))):
            (output, *new), cell_backward = cell.forward(output, part, training=training)
            after += new
            backwards.append(cell_backward)

        def backward(grads):
            grad, *grad_states = grads
            found = []
            for cell_backward, part in reversed(list(zip(backwards, self._parts(grad_states)))):
                grad, *before = cell_backward([grad, *part])
                found = before + found
            return [grad, *found]

        return [output, *after], backward

    def _parts(self, states):
        """The flat states cut into those of each cell."""
        parts = []
        for cell in self.cells:
            count = len(flatten(cell.state_size))
            parts.append(states[:count])
            states = states[count:]
        return parts

    @property
    def has_sequence(self):
        """Whether every cell runs whole sequences at once."""
        return type(self).forward is StackedRNNCells.forward and all(
            getattr(cell, "has_sequence", False) for cell in self.cells
        )

    def sequence(self, x, states, mask=None, go_backwards=False, training=True):
        """As of the cells: each over the whole sequence, in turn."""
        after, backwards = [], []
        for cell, part in zip(self.cells, self._parts(states)):
            x, new, cell_backward = cell.sequence(x, part, mask, go_backwards, training)
            after += new
            backwards.append(cell_backward)
            if go_backwards:  # from here on the sequence is in the order of processing
                mask, go_backwards = None if mask is None else mask[:, ::-1], False

        def backward(grad, grad_states):
            found = []
            for cell_backward, part in reversed(list(zip(backwards, self._parts(grad_states)))):
                grad, before = cell_backward(grad, part)
                found = before + found
            return grad, found

        return x, after, backward

    def get_config(self):
        return super().get_config() | {"cells": [serialize_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config):
        from . import deserialize

        return cls(**{**config, "cells": [deserialize(cell) for cell in config["cells"]]})


def _output_size(cell):
    size = getattr(cell, "output_size", None)
    return flatten(cell.state_size)[0] if size is None else size
