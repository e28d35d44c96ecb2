"""RNN: any recurrent cell over a sequence."""

import inspect

from ..arguments import flag
from ..ops import arrays
from .built_in_cell import BuiltInCell
from .calling import checked_shape, converted, float_dtypes
from .layer import Layer
from .stacked_cells import StackedRNNCells, flatten, pack
from .step_loop import run_steps


class RNN(Layer):
    """A recurrent cell over a sequence.

    A cell of one's own is a `Layer` with `state_size` (an integer, or a list of them) and
    `forward(inputs, states, training)`, which takes inputs (batch, size) and a list of states, and returns
    the pair `[output, *states], backward`; `backward([grad_output, *grad_states])` returns `[grad_inputs,
    *grad_states]`. It may have `output_size` (default: the first state's) and
    `get_initial_state(batch_size)` (default: zeros). The library's own cells run whole sequences at once,
    others step after step.

    Args:
        cell: a cell, or a list of cells, which become `StackedRNNCells`.
        return_sequences: return the output of every step, not of the last.
        return_state: return a list [output, *states].
        go_backwards: process the last step first; the outputs are in the order of processing.
        stateful: start each call from the states the last call left; needs a fixed batch size.
        unroll: of Keras; it changes nothing here.
        zero_output_for_mask: masked steps put out zeros rather than the output before.

    Shapes: (batch, steps, ...) -> (batch, units), or (batch, steps, units). mask (batch, steps), or
        (batch, steps, 1), of any dtype: a masked step, False or 0, holds the states and repeats the output.
    """

    supports_masking = True
    skips_input_gradient = True

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        cell = StackedRNNCells(cell, dtype=kwargs.get("dtype")) if isinstance(cell, (list, tuple)) else cell
        if not callable(getattr(cell, "forward", None)) or getattr(cell, "state_size", None) is None:
            raise ValueError(f"cell must have a method `forward` and a `state_size`. Received: {cell!r}")
        sizes = flatten(cell.state_size)
        if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError(
                f"state_size must be an integer, or a list of them. Received: {cell.state_size!r}"
            )
        self.cell = cell
        self.return_sequences, self.return_state = (
            flag(return_sequences, "return_sequences"),
            flag(return_state, "return_state"),
        )
        self.go_backwards, self.stateful = flag(go_backwards, "go_backwards"), flag(stateful, "stateful")
        self.unroll, self.zero_output_for_mask = (
            flag(unroll, "unroll"),
            flag(zero_output_for_mask, "zero_output_for_mask"),
        )
        self.states = None  # what a stateful layer carries on: a flat list
        self._cell_trains = "training" in inspect.signature(cell.forward).parameters

    @property
    def state_size(self):
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, input_shape):
        if isinstance(checked_shape(self, input_shape)[0], (list, tuple)):  # [x, *states]
            input_shape = input_shape[0]
        self._check(input_shape)
        if self.stateful and input_shape[0] is None:
            raise ValueError(
                f"A stateful {type(self).__name__} needs a fixed batch size: give the model an Input with "
                f"batch_size. Received: {tuple(input_shape)}"
            )
        if isinstance(self.cell, Layer):
            self.cell.build((input_shape[0], *input_shape[2:]))

    @property
    def fixed_axes(self):
        return (-1,)

    def forward(self, x, initial_state=None, mask=None, training=True):
        """The pair; called with `initial_state`, the backward returns [grad_x, *grad_states]."""
        if isinstance(x, list):
            x, *initial_state = x
        given = initial_state is not None
        if mask is not None:
            mask = self._checked_mask(mask, x)
        x = self._to_cell(x)
        states = self._first_states(x, initial_state)
        taken = [arrays.take(state, "initial_state") for state in flatten(initial_state)] if given else []
        dtypes = float_dtypes(taken)
        for cell in flatten([self.cell.cells if isinstance(self.cell, StackedRNNCells) else self.cell]):
            if isinstance(cell, BuiltInCell):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()
        outputs, last, sequence_backward = self._sequence(x, states, mask, training)
        if self.stateful:
            self.states = [state.copy() for state in last]
        last = [state.astype(self.compute_dtype, copy=False) for state in last]
        output = outputs if self.return_sequences else self._last(outputs, last)
        output = output.astype(self.compute_dtype, copy=False)
        shown = self._shown(mask, output)
        output = output if shown is None else output * shown

        def backward(grad_output, input_gradient=True):
            grads = flatten(grad_output) if self.return_state else [grad_output, *[None] * len(last)]
            grads = [None if grad is None else self._to_cell(grad) for grad in grads]
            grad, *grad_states = grads
            if shown is not None and grad is not None:
                grad = grad * shown
            if not self.return_sequences:
                grad, grad_states = self._spread(grad, grad_states, outputs)
            grad_x, grad_states = sequence_backward(grad, grad_states)
            return [grad_x, *converted(grad_states, dtypes)] if given else grad_x

        if not self.return_state:
            return output, backward
        form = initial_state if given else getattr(self.cell, "state_form", self.state_size)
        return [output, *pack(form if isinstance(form, (list, tuple)) else [form], last)], backward

    def _sequence(self, x, states, mask, training):
        if getattr(self.cell, "has_sequence", False):
            return self.cell.sequence(x, states, mask, self.go_backwards, training)
        return run_steps(
            self.cell, x, states, mask, self.go_backwards, training if self._cell_trains else None
        )

    def _last(self, outputs, last):
        """The last output, which is the first state of the library's cells: of no steps it is the initial
        one."""
        if getattr(self.cell, "has_sequence", False):
            return last[self._position]
        return outputs[:, -1]

    @property
    def _position(self):
        """Which of the flat states is the output of a cell that has `sequence`."""
        cells = self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]
        return len(flatten([cell.state_size for cell in cells[:-1]]))

    def _spread(self, grad, grad_states, outputs):
        """The gradients to all outputs and to the last states, given that to the last output."""
        if grad is None:
            return None, grad_states
        if getattr(self.cell, "has_sequence", False):
            grad_states = list(grad_states)
            known = grad_states[self._position]
            grad_states[self._position] = grad if known is None else grad + known
            return None, grad_states
        spread = arrays.array_module(outputs).zeros(outputs.shape, grad.dtype)
        spread[:, -1] = grad
        return spread, grad_states

    def _to_cell(self, array):
        return array.astype(getattr(self.cell, "compute_dtype", self.compute_dtype), copy=False)

    @staticmethod
    def _checked_mask(mask, x):
        mask = arrays.take(mask, "mask").astype(bool, copy=False)  # of numbers: what is not 0
        if mask.ndim == 3 and mask.shape[2] == 1:
            mask = mask[:, :, 0]
        if tuple(mask.shape) != tuple(x.shape[:2]):
            wanted = tuple(x.shape[:2])
            raise ValueError(f"mask must have shape (batch, steps) = {wanted}. Received: {tuple(mask.shape)}")
        return mask

    def _shown(self, mask, output):
        """The factor that zeroes the outputs of masked steps, or None."""
        if mask is None or not self.zero_output_for_mask:
            return None
        shown = mask[:, ::-1] if self.go_backwards else mask
        shown = shown if self.return_sequences else shown[:, -1]
        return shown.astype(output.dtype).reshape(*shown.shape, *[1] * (output.ndim - shown.ndim))

    def _first_states(self, x, initial_state):
        """The flat list of states before the first step; None stands for zeros where the cell takes it so."""
        sizes = flatten(self.cell.state_size)
        if initial_state is None:
            if self.stateful and self.states is not None:
                if self.states[0].shape[0] != x.shape[0]:
                    raise ValueError(
                        f"{self.name} is stateful with batch size {self.states[0].shape[0]}; call "
                        f"reset_state() before another. Received: batch size {x.shape[0]}"
                    )
                return self.states
            if getattr(self.cell, "has_sequence", False):
                return [None] * len(sizes)
            if hasattr(self.cell, "get_initial_state"):
                return flatten(self.cell.get_initial_state(batch_size=x.shape[0]))
            xp = arrays.array_module(x)
            return [xp.zeros((x.shape[0], size), x.dtype) for size in sizes]
        states = flatten(initial_state if isinstance(initial_state, (list, tuple)) else [initial_state])
        if len(states) != len(sizes):
            raise ValueError(
                f"initial_state must be {len(sizes)} arrays (batch, size). Received: {len(states)}"
            )
        states = [self._to_cell(self.convert_input(arrays.take(state, "initial_state"))) for state in states]
        for state, size in zip(states, sizes):
            wanted = (x.shape[0], size)
            if tuple(state.shape) != wanted:
                raise ValueError(f"initial_state must have shape {wanted}. Received: {tuple(state.shape)}")
        return states

    def get_initial_state(self, batch_size):
        """The states of a sequence that starts anew."""
        if hasattr(self.cell, "get_initial_state"):
            states = self.cell.get_initial_state(batch_size=batch_size)
            return list(states) if isinstance(states, (list, tuple)) else [states]
        device = self.device or arrays.default_device()
        return [device.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]

    def _check(self, input_shape):
        if len(input_shape) < 3 or (isinstance(self.cell, BuiltInCell) and len(input_shape) != 3):
            raise ValueError(
                f"{type(self).__name__} takes inputs (batch, steps, size). Received: {tuple(input_shape)}"
            )
        if input_shape[-1] is None and isinstance(self.cell, BuiltInCell) and not self.cell.built:
            raise ValueError(
                f"{type(self).__name__} takes inputs (batch, steps, size) of a known size. "
                f"Received: {tuple(input_shape)}"
            )

    def compute_output_shape(self, input_shape, initial_state_shape=None):
        """The shapes of what is returned; those of initial states change nothing."""
        if isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        self._check(input_shape)
        batch, sizes = input_shape[0], flatten(self.cell.state_size)
        size = getattr(self.cell, "output_size", None)
        size = sizes[0] if size is None else size
        output = (*input_shape[:2], size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        form = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        return [output, *pack(form, [(batch, size) for size in sizes])]

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        output = mask if self.return_sequences else None
        return [output, *[None] * len(flatten(self.state_size))] if self.return_state else output

    def run(self, inputs, mask, training, differentiate):
        output, backward, output_mask = super().run(inputs, mask, training, differentiate)
        # Within a model the outputs are a flat list.
        return (flatten(output) if self.return_state else output), backward, output_mask

    def reset_state(self):
        """Forgets the states that a stateful layer carries on: the next call starts from zeros."""
        super().reset_state()
        self.states = None

    def reset_states(self):
        """`reset_state`, by its older name."""
        self.reset_state()

    @classmethod
    def from_config(cls, config):
        from . import deserialize

        config = dict(config)
        if isinstance(config.get("cell"), dict):
            config["cell"] = deserialize(config["cell"])
        return cls(**config)
