"""The base class of optimizers."""

import math
import re

from ..layers.names import automatic_name
from ..ops import arrays
from ..registry import serialize_object
from . import schedules


class Optimizer:
    """Changes variables by their gradients.

    A subclass names its state arrays in `slots` and writes `update(value, grad, state, step)`, in
    place. float16 and bfloat16 variables are updated in float32, with the state kept in float32.

    Args:
        learning_rate: a number of at least 0, which may be changed at any time, a LearningRateSchedule, or a
            function without arguments.
        weight_decay: each step first shrinks every variable by weight_decay * learning_rate.
        clipnorm: the largest norm of a variable's gradient.
        clipvalue: the largest absolute element of a gradient.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: keep a moving average of each variable, which replaces it at the end of a training.
        ema_momentum: share of the old average in the new one.
        ema_overwrite_frequency: steps between replacements during the training, or None.
        loss_scale_factor: factor of the loss, by which the gradients are divided.
        gradient_accumulation_steps: steps whose gradients' mean makes one update; at least 2.
        name: default: the class name, numbered.

    Attributes:
        iterations: updates so far; without gradient_accumulation_steps these are the calls of `apply`.
    """

    slots = ()

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
    ):
        self._calls = 0  # of apply
        self._learning_rate = None
        self.learning_rate = learning_rate
        self.weight_decay = None if weight_decay is None else number(weight_decay, "weight_decay")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: number(value, key) for key, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(
                f"At most one of clipnorm, clipvalue and global_clipnorm can be given. Received: {given}"
            )
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(key) for key in clips)
        self.use_ema, self.ema_momentum = bool(use_ema), share(ema_momentum, "ema_momentum", closed=True)
        self.ema_overwrite_frequency = _count(ema_overwrite_frequency, "ema_overwrite_frequency", 1)
        self.loss_scale_factor = (
            None if loss_scale_factor is None else number(loss_scale_factor, "loss_scale_factor")
        )
        self.gradient_accumulation_steps = _count(
            gradient_accumulation_steps, "gradient_accumulation_steps", 2
        )
        self.name = name or automatic_name(type(self).__name__)
        self._states = {}  # variable -> its state arrays, in the order of slots
        self._accumulated, self._averages = {}, {}  # variable -> sum of gradients; -> moving average
        self._undecayed = lambda variable: False

    @property
    def iterations(self):
        return self._calls // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self):
        """The rate of the step to come; a schedule counts calls of `apply`."""
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            return float(rate(self._calls))
        return float(rate()) if callable(rate) else rate

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(self._learning_rate, schedules.LearningRateSchedule) and not callable(value):
            raise TypeError(
                "The learning rate is a schedule, which a number cannot replace. "
                f"Received: learning_rate={value!r}"
            )
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        self._learning_rate = value if callable(value) else number(value, "learning_rate")

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leaves variables out of the weight decay.

        Args:
            var_list: Variables; var_names: regular expressions, searched for in the names.
        """
        excluded, names = set(var_list or ()), list(var_names or ())
        self._undecayed = lambda variable: (
            variable in excluded or any(re.search(name, variable.name) for name in names)
        )

    def apply(self, variables):
        """One step for every variable whose `grad` is not None; the gradients are cleared."""
        everything = list(variables)
        variables = [variable for variable in everything if variable.grad is not None]
        grads = [
            variable.grad.astype(arrays.accumulation_dtype(variable.dtype), copy=False)
            for variable in variables
        ]
        if self.loss_scale_factor is not None:
            grads = [grad / grad.dtype.type(self.loss_scale_factor) for grad in grads]
        if self.gradient_accumulation_steps:
            grads = self._accumulate(variables, grads)
        if grads is not None:
            self._step(variables, self._clipped(grads))
        if self.use_ema:
            self._average(everything)
        for variable in variables:
            if variable.constraint is not None:
                variable.value[...] = variable.constraint(variable.value)
            variable.grad = None
        self._calls += 1

    def loss_scale(self):
        """The factor that gradients are expected to carry."""
        return 1.0 if self.loss_scale_factor is None else self.loss_scale_factor

    def finalize_variable_values(self, variables):
        """At the end of a training: replaces the variables by their averages, where those are kept."""
        for variable in variables if self.use_ema else ():
            if variable in self._averages:
                variable.value[...] = self._averages[variable]

    def apply_gradients(self, pairs):
        """One step from pairs (gradient, variable), as in Keras."""
        pairs = list(pairs)
        for grad, variable in pairs:
            variable.grad = grad
        self.apply([variable for _, variable in pairs])

    def update(self, value, grad, state, step):
        """Changes value and state in place; grad may be overwritten; step counts from 1."""
        raise NotImplementedError

    def update_all(self, values, grads, states, decays, step):
        """One step of all variables; in place.

        Args:
            values: list of arrays; grads: list of arrays, and states: list of lists of arrays, float32
                (float64 for float64).
            decays: for each value the share of itself that it first loses.
            step: counts from 1.
        """
        for value, grad, state, decay in zip(values, grads, states, decays):
            wide = self._wide(value)
            if decay:
                wide -= wide * wide.dtype.type(decay)
            self.update(wide, grad, state, step)
            if wide is not value:
                value[...] = wide

    def initial_state(self, slot):
        """The number that a state array starts with."""
        return 0.0

    def _step(self, variables, grads):
        for variable, grad in zip(variables, grads):
            if variable not in self._states:
                xp = arrays.array_module(grad)
                self._states[variable] = [
                    xp.full(grad.shape, self.initial_state(slot), grad.dtype) for slot in self.slots
                ]
        grads = [arrays.array_module(v.value).asarray(grad) for v, grad in zip(variables, grads)]
        decay = (self.weight_decay or 0.0) * self.learning_rate
        decays = [0.0 if self._undecayed(variable) else decay for variable in variables]
        states = [self._states[variable] for variable in variables]
        groups = {}  # by type: the kernels take one
        for number, variable in enumerate(variables):
            groups.setdefault(variable.dtype, []).append(number)
        lists = [variable.value for variable in variables], grads, states, decays
        for numbers in groups.values():
            chosen = ([items[number] for number in numbers] for items in lists)
            self.update_all(*chosen, self.iterations + 1)

    def _accumulate(self, variables, grads):
        """The mean of the gradients where this step makes an update; else None."""
        steps = self.gradient_accumulation_steps
        sums = [
            grad + self._accumulated[variable] if variable in self._accumulated else grad.copy()
            for variable, grad in zip(variables, grads)
        ]
        if (self._calls + 1) % steps:
            self._accumulated.update(zip(variables, sums))
            return None
        self._accumulated.clear()
        return [total / total.dtype.type(steps) for total in sums]

    def _average(self, variables):
        keep = self.ema_momentum if self.iterations else 0.0
        for variable in variables:
            value = self._wide(variable.value)
            average = self._averages.get(variable)
            if average is None:
                average = arrays.array_module(value).zeros_like(value)
            self._averages[variable] = keep * average + (1 - keep) * value
        if self.ema_overwrite_frequency and (self.iterations + 1) % self.ema_overwrite_frequency == 0:
            self.finalize_variable_values(variables)

    def _wide(self, array):
        return array.astype(arrays.accumulation_dtype(array.dtype), copy=False)

    def _clipped(self, grads):
        if self.clipvalue:
            return [grad.clip(-self.clipvalue, self.clipvalue) for grad in grads]
        if self.clipnorm:
            return [_scaled(grad, self.clipnorm, _norm([grad])) for grad in grads]
        if self.global_clipnorm:
            norm = _norm(grads)
            return [_scaled(grad, self.global_clipnorm, norm) for grad in grads]
        return grads

    def get_config(self):
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            rate = serialize_object(rate)
        elif callable(rate):
            raise ValueError(f"A function as learning rate has no configuration. Received: {rate!r}")
        names = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum")
        names += ("ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps")
        return {"name": self.name, "learning_rate": rate} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _norm(grads):
    """The norm of all gradients together, on their device."""
    xp = arrays.array_module(grads[0])
    return xp.sqrt(sum((grad * grad).sum() for grad in grads))


def _scaled(grad, limit, norm):
    xp = arrays.array_module(grad)
    return grad * (grad.dtype.type(limit) / xp.maximum(norm, grad.dtype.type(limit)))


def number(value, name):
    """The value as a float of at least 0, or a TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number. Received: {value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0. Received: {value!r}")
    return float(value)


def share(value, name, closed=False):
    """The value as a float in [0, 1), or [0, 1], or a ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1]. Received: {value!r}")
    if value == 1 and not closed:
        raise ValueError(f"{name} must lie in [0, 1). Received: {value!r}")
    return float(value)


def _count(value, name, least):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}. Received: {value!r}")
    return value
