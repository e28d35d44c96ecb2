"""The base class of optimizers."""

import math

from ..layers.names import automatic_name
from ..ops import arrays


class Optimizer:
    """Changes variables by their gradients.

    A subclass names its state arrays in `slots` and writes `update(value, grad, state, step)`, in
    place. float16 and bfloat16 variables are updated in float32, with the state kept in float32.

    Args:
        learning_rate: a positive number (or 0); may be changed at any time.
        weight_decay: each step first shrinks every variable by weight_decay * learning_rate.
        clipnorm: the largest norm of a variable's gradient.
        clipvalue: the largest absolute element of a gradient.
        global_clipnorm: the largest norm of all gradients together.
        name: default: the class name, numbered.
    """

    slots = ()

    def __init__(
        self, learning_rate, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, name=None
    ):
        self.learning_rate = learning_rate
        self.weight_decay = None if weight_decay is None else _number(weight_decay, "weight_decay")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: _number(value, key) for key, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(
                f"At most one of clipnorm, clipvalue and global_clipnorm can be given. Received: {given}"
            )
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(key) for key in clips)
        self.name = name or automatic_name(type(self).__name__)
        self.iterations = 0
        self._states = {}  # variable -> its state arrays, in the order of slots

    @property
    def learning_rate(self):
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self._learning_rate = _number(value, "learning_rate")

    def apply(self, variables):
        """One step for every variable whose `grad` is not None; the gradients are cleared."""
        variables = [variable for variable in variables if variable.grad is not None]
        grads = [self._wide(variable.grad) for variable in variables]
        grads = self._clipped(grads)
        for variable, grad in zip(variables, grads):
            value = self._wide(variable.value)
            state = self._states.get(variable)
            if state is None:
                xp = arrays.array_module(value)
                state = self._states[variable] = [xp.zeros(value.shape, value.dtype) for _ in self.slots]
            if self.weight_decay:
                value -= value * (self.weight_decay * self.learning_rate)
            self.update(value, grad, state, self.iterations + 1)
            if value is not variable.value:
                variable.value[...] = value
            if variable.constraint is not None:
                variable.value[...] = variable.constraint(variable.value)
            variable.grad = None
        self.iterations += 1

    def loss_scale(self):
        """The factor that gradients are expected to carry."""
        return 1.0

    def finalize_variable_values(self, variables):
        """At the end of a training: replaces the variables by their averages, where those are kept."""

    def apply_gradients(self, pairs):
        """One step from pairs (gradient, variable), as in Keras."""
        pairs = list(pairs)
        for grad, variable in pairs:
            variable.grad = grad
        self.apply([variable for _, variable in pairs])

    def update(self, value, grad, state, step):
        """Changes value and state in place; grad may be overwritten; step counts from 1."""
        raise NotImplementedError

    def _wide(self, array):
        return array.astype(arrays.accumulation_dtype(array.dtype), copy=False)

    def _clipped(self, grads):
        if self.clipvalue is not None:
            return [grad.clip(-self.clipvalue, self.clipvalue) for grad in grads]
        if self.clipnorm is not None:
            return [_scaled(grad, self.clipnorm, _norm([grad])) for grad in grads]
        if self.global_clipnorm is not None:
            norm = _norm(grads)
            return [_scaled(grad, self.global_clipnorm, norm) for grad in grads]
        return grads

    def get_config(self):
        config = {"name": self.name, "learning_rate": self.learning_rate, "weight_decay": self.weight_decay}
        return config | {
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _norm(grads):
    return math.sqrt(sum(float((grad * grad).sum()) for grad in grads))


def _scaled(grad, limit, norm):
    return grad * grad.dtype.type(limit / norm) if norm > limit else grad


def _number(value, name):
    if isinstance(value, bool) or not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number. Received: {value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0. Received: {value!r}")
    return float(value)
