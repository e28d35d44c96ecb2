"""A recurrent layer in both directions of time."""

from ..ops import arrays
from ..registry import serialize_object
from .calling import checked_shape
from .layer import Layer

MERGE_MODES = ("sum", "mul", "ave", "concat", None)
_SAME = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """A recurrent layer that reads the sequence forwards, and another that reads it backwards.

    Args:
        layer: a recurrent layer; both directions are new layers of its configuration.
        merge_mode: "concat", "sum", "mul", "ave", or None for a list of both outputs.
        weights: the first values of the weights of both layers, the forward layer's first.
        backward_layer: the layer that reads backwards, in place of one like `layer`.

    Shapes: (batch, steps, size) -> as of the layers, merged; the outputs of both lie along the input's time.
        With return_state: [output, *forward states, *backward states]. `initial_state` holds the states of
        the forward layer, then those of the backward layer. Where sequences are returned, masked steps put
        out zeros.
    """

    supports_masking = True
    skips_input_gradient = True

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        for name, given in (("layer", layer), ("backward_layer", backward_layer)):
            if given is not None or name == "layer":
                if not isinstance(given, Layer) or any(not hasattr(given, attribute) for attribute in _SAME):
                    raise ValueError(f"{name} must be a recurrent layer. Received: {given!r}")
        if not (merge_mode is None or isinstance(merge_mode, str)) or merge_mode not in MERGE_MODES:
            known = ", ".join(map(repr, MERGE_MODES))
            raise ValueError(f"merge_mode must be one of {known}. Received: {merge_mode!r}")
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward")
        self.backward_layer = (
            _copy(layer, "backward", go_backwards=True) if backward_layer is None else backward_layer
        )
        self._check_pair()
        for each in (self.forward_layer, self.backward_layer):
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = each.return_sequences
        self.merge_mode = merge_mode
        if weights is not None and not isinstance(weights, (list, tuple)):
            raise TypeError(f"weights must be a list of arrays. Received: {weights!r}")
        self._first_weights = list(weights) if weights else None

    def _check_pair(self):
        first, second = self.forward_layer, self.backward_layer
        if first.go_backwards == second.go_backwards:
            raise ValueError(
                "The two layers must read in different directions. "
                f"Received: go_backwards={first.go_backwards} of both"
            )
        for name in _SAME:
            if getattr(first, name) != getattr(second, name):
                raise ValueError(
                    f"The two layers must have the same {name}. "
                    f"Received: {getattr(first, name)} and {getattr(second, name)}"
                )

    @property
    def stateful(self):
        return self.forward_layer.stateful

    @property
    def return_sequences(self):
        return self.forward_layer.return_sequences

    @property
    def return_state(self):
        return self.forward_layer.return_state

    @property
    def go_backwards(self):
        return self.forward_layer.go_backwards

    @property
    def states(self):
        """What both layers carry on, or None."""
        if self.forward_layer.states is None or self.backward_layer.states is None:
            return None
        return [*self.forward_layer.states, *self.backward_layer.states]

    def build(self, input_shape):
        if isinstance(checked_shape(self, input_shape)[0], (list, tuple)):  # [x, *states]
            input_shape = input_shape[0]
        self.forward_layer.build(input_shape)
        self.backward_layer.build(input_shape)
        if self._first_weights is not None:
            half = len(self._first_weights) // 2
            self.forward_layer.set_weights(self._first_weights[:half])
            self.backward_layer.set_weights(self._first_weights[half:])
            self._first_weights = None

    @property
    def fixed_axes(self):
        return (-1,)

    def forward(self, x, initial_state=None, mask=None, training=True):
        """The pair; called with `initial_state`, the backward returns [grad_x, *grad_states]."""
        if isinstance(x, list):
            x, *initial_state = x
        given = initial_state is not None
        states = None, None
        if given:
            half = len(initial_state) // 2
            if len(initial_state) != 2 * half or not half:
                raise ValueError(
                    "initial_state must hold the states of both directions. "
                    f"Received: {len(initial_state)} arrays"
                )
            states = initial_state[:half], initial_state[half:]
        pairs = [
            layer.forward(x, initial_state=state, mask=mask, training=training)
            for layer, state in zip((self.forward_layer, self.backward_layer), states)
        ]
        found = [output if self.return_state else [output] for output, _ in pairs]
        first, second = (parts[0].astype(self.compute_dtype, copy=False) for parts in found)
        second = second[:, ::-1] if self.return_sequences else second
        merged = self._merge(first, second)

        def backward(grad_output, input_gradient=True):
            several = isinstance(grad_output, (list, tuple))
            grads = list(grad_output) if several else [grad_output]
            count = 2 if self.merge_mode is None else 1
            grad_states = grads[count:] or [None] * sum(len(parts) - 1 for parts in found)
            ours = self._split(grads[:count], first, second)
            results = []
            for (_, layer_backward), grad, parts, turned in zip(pairs, ours, found, (False, True)):
                if grad is not None and turned and self.return_sequences:
                    grad = grad[:, ::-1]
                own, grad_states = grad_states[: len(parts) - 1], grad_states[len(parts) - 1 :]
                if grad is None and all(part is None for part in own):
                    grad = arrays.array_module(parts[0]).zeros_like(parts[0])
                result = layer_backward(
                    [grad, *own] if self.return_state else grad, input_gradient=input_gradient
                )
                results.append(result if isinstance(result, list) else [result])
            (grad_x, *forward_states), (other, *backward_states) = results
            grad_x = None if grad_x is None else grad_x + other
            return [grad_x, *forward_states, *backward_states] if given else grad_x

        if not self.return_state:
            return merged, backward
        merged = merged if self.merge_mode is None else [merged]
        return [*merged, *found[0][1:], *found[1][1:]], backward

    def _merge(self, first, second):
        if self.merge_mode == "concat":
            return arrays.array_module(first).concatenate([first, second], axis=-1)
        if self.merge_mode == "sum":
            return first + second
        if self.merge_mode == "ave":
            return (first + second) / first.dtype.type(2)
        if self.merge_mode == "mul":
            return first * second
        return [first, arrays.contiguous(second)]

    def _split(self, grads, first, second):
        """The gradients to the two outputs."""
        if self.merge_mode is None:
            return grads if len(grads) == 2 else [grads[0], None]
        (grad,) = grads
        if grad is None:
            return [None, None]
        if self.merge_mode == "concat":
            return [grad[..., : first.shape[-1]], grad[..., first.shape[-1] :]]
        if self.merge_mode == "mul":
            return [grad * second, grad * first]
        return [grad, grad] if self.merge_mode == "sum" else [grad / grad.dtype.type(2)] * 2

    def reset_states(self):
        """`reset_state`, by its older name."""
        self.reset_state()

    def compute_output_shape(self, input_shape, initial_state_shape=None):
        """The shapes of what is returned; those of initial states change nothing."""
        if isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        shapes = self.forward_layer.compute_output_shape(input_shape)
        others = self.backward_layer.compute_output_shape(input_shape)
        shapes, others = (list(s) if self.return_state else [s] for s in (shapes, others))
        if self.merge_mode is None:
            outputs = [shapes[0], others[0]]
        elif self.merge_mode == "concat":
            outputs = [(*shapes[0][:-1], shapes[0][-1] + others[0][-1])]
        else:
            outputs = [shapes[0]]
        shapes = [*outputs, *shapes[1:], *others[1:]]
        return shapes if len(shapes) > 1 else shapes[0]

    def compute_mask(self, inputs, mask=None):
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        output = mask if self.return_sequences else None
        outputs = [output, output] if self.merge_mode is None else [output]
        if self.return_state:
            both = self.forward_layer.state_size, self.backward_layer.state_size
            outputs += [None] * sum(map(len, both))
        return outputs if len(outputs) > 1 else outputs[0]

    def get_config(self):
        config = super().get_config()
        config.pop("weights", None)
        config["layer"] = serialize_object(self.forward_layer)
        config["backward_layer"] = serialize_object(self.backward_layer)
        return config

    @classmethod
    def from_config(cls, config):
        from . import deserialize

        config = dict(config)
        for name in ("layer", "backward_layer"):
            if isinstance(config.get(name), dict):
                config[name] = deserialize(config[name])
        return cls(**config)


def _copy(layer, direction, **changes):
    config = layer.get_config() | changes
    config["name"] = f"{direction}_{layer.name.removeprefix(direction + '_')}"
    return type(layer).from_config(config)
