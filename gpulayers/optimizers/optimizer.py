"""The base class of optimizers."""

import inspect
import re
import reprlib

import numpy as np

from ..arguments import count, flag, full_signature, number, share
from ..layers.names import automatic_name
from ..ops import arrays
from ..ops.optimizers import Clip, blend
from ..registry import serialize_object
from ..variable import Variable
from . import gradients, schedules


class Optimizer:
    """Changes variables by their gradients.

    A subclass names its states in `slots` and writes `update(value, grad, state, step)`, in place. float16
    and bfloat16 variables are updated in float32, with the state kept in float32. One that takes row-sparse
    gradients, which are not in Keras, also writes `update_rows`: it changes the rows alone that such a
    gradient has, and so does weight_decay. Constraints and averages still pass over the whole variable.

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
        built: whether the variables are known, from `build` or the first `apply` on.
        variables: Variables: the count of calls of `apply`, the learning rate unless it is a schedule or
            function, averages, sums of gradients, and the states.
    """

    slots = ()
    takes_row_sparse = False  # whether there is update_rows
    apart = ()  # slots that come behind the others in `variables`, as in Keras

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        cls.__signature__ = full_signature(cls, Optimizer)

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
        **unknown,
    ):
        if unknown:
            names = list(inspect.signature(type(self)).parameters)
            raise TypeError(f"{type(self).__name__} takes the arguments {names}. Received: {unknown}")
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"name must be a string that is not empty. Received: {name!r}")
        self.name = automatic_name(type(self).__name__) if name is None else name
        self._calls = Variable(np.zeros((), np.int64), "iteration")
        self._learning_rate, self._rate = None, Variable(np.zeros(()), "learning_rate")
        self.learning_rate = learning_rate
        self.weight_decay = None if weight_decay is None else number(weight_decay, "weight_decay")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: number(value, key) for key, value in clips.items() if value is not None}
        if len(given) > 1:
            raise ValueError(
                f"At most one of clipnorm, clipvalue and global_clipnorm can be given. Received: {given}"
            )
        self.clipnorm, self.clipvalue, self.global_clipnorm = (given.get(key) for key in clips)
        self.use_ema, self.ema_momentum = (
            flag(use_ema, "use_ema"),
            share(ema_momentum, "ema_momentum", closed=True),
        )
        self.ema_overwrite_frequency = count(
            ema_overwrite_frequency, "ema_overwrite_frequency", 1, optional=True
        )
        self.loss_scale_factor = (
            None
            if loss_scale_factor is None
            else number(loss_scale_factor, "loss_scale_factor", positive=True)
        )
        self.gradient_accumulation_steps = count(
            gradient_accumulation_steps, "gradient_accumulation_steps", 2, optional=True
        )
        self.built = False
        self._states = {}  # variable -> its states, in the order of slots
        self._sums, self._averages = {}, {}  # variable -> sum of gradients; -> moving average
        self._undecayed = frozenset(), ()  # variables, and patterns of names

    @property
    def iterations(self):
        """Updates so far, a Variable: the calls of `apply`. With gradient_accumulation_steps a number."""
        return self.updates if self.gradient_accumulation_steps else self._calls

    @property
    def updates(self):
        """The iterations as an int."""
        return int(self._calls.value) // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self):
        """The rate of the step to come: a Variable; of a schedule or function a number."""
        return self._rate if self._learning_rate is None else self.rate

    @property
    def rate(self):
        """The learning rate as a float; a schedule counts calls of `apply`."""
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            return float(rate(int(self._calls.value)))
        return float(self._rate.value) if rate is None else number(rate(), "The learning rate")

    @learning_rate.setter
    def learning_rate(self, value):
        if isinstance(self._learning_rate, schedules.LearningRateSchedule) and not callable(value):
            raise TypeError(
                "The learning rate is a schedule, which a number cannot replace. "
                f"Received: learning_rate={value!r}"
            )
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if callable(value):
            self._learning_rate = value
        else:
            value = value.numpy() if isinstance(value, Variable) else value
            self._rate.value[...] = number(value, "learning_rate")
            self._learning_rate = None

    @property
    def variables(self):
        own = [self._calls] + ([self._rate] if self._learning_rate is None else [])
        own += [*self._averages.values(), *self._sums.values()]
        states = self._states.values()
        apart = [self.slots.index(slot) for slot in self.apart if slot in self.slots]
        own += [state for group in states for number, state in enumerate(group) if number not in apart]
        return own + [group[number] for number in apart for group in states]

    @property
    def averages(self):
        """{Variable: the Variable that holds its moving average}; empty without use_ema."""
        return self._averages

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leaves variables out of the weight decay.

        Args:
            var_list: Variables; var_names: regular expressions, searched for in the names.
        """
        variables = gradients.checked_variables(() if var_list is None else var_list)
        self._undecayed = frozenset(variables), tuple(gradients.checked_patterns(var_names, "var_names"))

    def _keeps(self, variable):
        excluded, names = self._undecayed
        return variable in excluded or any(re.search(name, variable.name) for name in names)

    def build(self, variables):
        """Makes the states of the variables that will be changed; once."""
        if self.built:
            return
        variables = gradients.checked_variables(variables)

        for variable in variables:
            if self.use_ema:
                self._averages[variable] = self.beside(variable, "average")
            if self.gradient_accumulation_steps:
                self._sums[variable] = self.beside(variable, "gradient_accumulator")
            self._states[variable] = self.states_of(variable)
        self.built = True

    def beside(self, variable, name, start=0.0, shape=None):
        """A new Variable on the device of another, of its shape and accumulation type."""
        device, dtype = arrays.device_of(variable.value), arrays.accumulation_dtype(variable.dtype)
        array = device.zeros(variable.shape if shape is None else shape, dtype)
        if start:
            array[...] = start
        return Variable(array, f"{variable.path.replace('/', '_')}_{name}", trainable=False)

    def states_of(self, variable):
        """New states for a variable: a list of Variables."""
        return [self.beside(variable, slot, self.initial_state(slot)) for slot in self.slots]

    def apply(self, grads, trainable_variables=None):
        """One step.

        Args:
            grads: a list of arrays of the variables' shapes or RowSparseGradients, or None for those that
                stay; or in place of both arguments a list of Variables, whose `grad` is taken and cleared.
            trainable_variables: a list of Variables; default: those of `build`.

        Raises:
            ValueError: no gradients at all, other shapes, or variables that `build` or the first call did not
                know.
            TypeError: what is no array or Variable, or a row-sparse gradient that the optimizer cannot take.
        """
        pairs, clear = gradients.paired(grads, trainable_variables, self._states if self.built else None)
        if not pairs:
            return
        gradients.check_row_sparse(pairs, self)
        self.build([variable for variable, _ in pairs])
        known = gradients.given(pairs, self._states)
        self.apply_scaled(known, 1.0 if self.loss_scale_factor is None else 1 / self.loss_scale_factor)
        for variable, _ in pairs if clear else ():
            variable.grad = None

    def apply_gradients(self, grads_and_vars):
        """One step from pairs (gradient, Variable); returns the iterations."""
        listed = hasattr(grads_and_vars, "__iter__") and getattr(grads_and_vars, "ndim", 1)
        pairs = list(grads_and_vars) if listed else [grads_and_vars]
        if any(not isinstance(pair, (list, tuple)) or len(pair) != 2 for pair in pairs):
            received = reprlib.repr(grads_and_vars)
            raise TypeError(f"Pairs (gradient, Variable) are expected. Received: {received}")
        self.apply([grad for grad, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply_scaled(self, known, scale):
        """One step from pairs (Variable, gradient), the gradients to be multiplied by scale; for optimizers
        that wrap others."""
        variables, grads = map(list, zip(*known))
        if self.gradient_accumulation_steps:
            grads, scale = self._accumulate(variables, grads, scale), 1.0
        if grads is not None:
            self._step(variables, grads, scale)
            self._clear_sums()
        if self.use_ema:
            self._average()
        for variable in variables:
            if variable.constraint is not None:
                variable.value[...] = _constrained(variable)
        self._calls.value += 1

    def scale_loss(self, loss):
        """The loss times the factor that gradients are expected to carry."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list):
        """At the end of a training: replaces the variables by their averages, where those are kept."""
        for variable in gradients.checked_variables(var_list):
            if variable in self._averages:
                variable.value[...] = self._averages[variable].value

    def set_weights(self, weights):
        """Copies arrays into `variables`, in their order; all fit or none is changed.

        Raises:
            ValueError: not built, or arrays of another number or shape.
        """
        if not isinstance(weights, (list, tuple)):
            raise TypeError(f"{self.name} takes a list of arrays. Received: {type(weights).__name__}")
        variables = self.variables
        weights = [arrays.numbers(array, f"A weight of {self.name}") for array in weights]
        shapes = [array.shape for array in weights]
        if not self.built or shapes != [variable.shape for variable in variables]:
            expected = [variable.shape for variable in variables] if self.built else "a call of build first"
            raise ValueError(f"{self.name} expects arrays of the shapes {expected}. Received: {shapes}")
        for variable, array in zip(variables, weights):
            variable.assign(array)

    def update(self, value, grad, state, step):
        """Changes value and state in place; grad may be overwritten; step counts from 1."""
        raise NotImplementedError(f"{type(self).__name__} must define update(value, grad, state, step)")

    def update_all(self, values, grads, states, decays, step, clip):
        """One step of all variables of one type; in place.

        Args:
            values, grads: lists of arrays; states: list of lists of arrays, float32 (float64 for float64).
            decays: for each value the share of itself that it first loses.
            step: counts from 1.
            clip: what is done to the gradients first, a Clip.
        """
        for index, (value, grad, state, decay) in enumerate(zip(values, grads, states, decays)):
            wide = value.astype(arrays.accumulation_dtype(value.dtype), copy=False)
            if decay:
                wide -= wide * wide.dtype.type(decay)
            self.update(wide, clip.treated(grad.astype(wide.dtype), index), state, step)
            if wide is not value:
                value[...] = wide

    def update_rows(self, value, grad, state, decay, step, clip):
        """One step of the rows of one variable that a gradient has; in place.

        Args:
            value: an array; grad: its RowSparseGradient; state: a list of arrays.
            decay, step, clip: as of `update_all`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define update_rows to take row-sparse gradients"
        )

    def decay_of(self, variable):
        """The weight decay of a variable that is not excluded from it; None for none."""
        return self.weight_decay

    def initial_state(self, slot):
        """The number that a state starts with."""
        return 0.0

    def _step(self, variables, grads, scale):
        factor, rate = None, self.rate
        elements = [gradients.elements(grad) for grad in grads]
        if self.global_clipnorm:
            factor = gradients.global_factor(elements, self.global_clipnorm, scale)
        for group in gradients.by_type(variables, grads):
            values = [variables[number].value for number in group]
            chosen = [grads[number] for number in group]
            states = [[state.value for state in self._states[variables[number]]] for number in group]
            decays = [
                0.0 if self._keeps(variable) else rate * (self.decay_of(variable) or 0.0)
                for variable in (variables[number] for number in group)
            ]
            factors = gradients.factors([elements[number] for number in group], self.clipnorm, scale, factor)
            clip = Clip(scale, factors, self.clipvalue or None)
            if not gradients.is_row_sparse(chosen[0]):
                self.update_all(values, chosen, states, decays, self.updates + 1, clip)
                continue
            for index, operands in enumerate(zip(values, chosen, states, decays)):
                self.update_rows(*operands, self.updates + 1, clip.of(index))

    def _accumulate(self, variables, grads, scale):
        """The mean of the gradients where this step makes an update; else None."""
        steps = self.gradient_accumulation_steps
        update = not (int(self._calls.value) + 1) % steps
        part = 1 / steps if update else 1.0
        for group in gradients.by_type(variables, grads):
            sums = [self._sums[variables[number]].value for number in group]
            blend([grads[number] for number in group], sums, keep=part, share=scale * part)
        return [self._sums[variable].value for variable in variables] if update else None

    def _clear_sums(self):
        sums = [variable.value for variable in self._sums.values()]
        for group in gradients.by_type(list(self._sums), sums):
            chosen = [sums[number] for number in group]
            blend(chosen, chosen, keep=0.0, share=0.0)

    def _average(self):
        keep, frequency = self.ema_momentum if self.updates else 0.0, self.ema_overwrite_frequency
        overwrite = bool(frequency) and (self.updates + 1) % frequency == 0
        variables = list(self._averages)
        values = [variable.value for variable in variables]
        for group in gradients.by_type(variables, values):
            averages = [self._averages[variables[number]].value for number in group]
            chosen = [values[number] for number in group]
            blend(chosen, averages, keep=keep, share=1 - keep, overwrite=overwrite)

    def get_config(self):
        """The arguments by name, ready for JSON.

        Raises:
            ValueError: the learning rate is a function, which has no configuration.
        """
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            rate = serialize_object(rate)
        elif callable(rate):
            raise ValueError(f"A function as learning rate has no configuration. Received: {rate!r}")
        else:
            rate = self.rate
        names = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum")
        names += ("ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps")
        return {"name": self.name, "learning_rate": rate} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new optimizer of that configuration; custom_objects: {class name: class} of schedules of one's
        own."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = schedules.deserialize(config["learning_rate"], custom_objects)
        return cls(**config)


def _constrained(variable):
    """The variable's value as its constraint makes it, or a ValueError for another shape."""
    value = variable.constraint(variable.value)
    if getattr(value, "shape", None) != variable.value.shape:
        shape = f"shape {tuple(value.shape)}" if hasattr(value, "shape") else type(value).__name__
        raise ValueError(
            f"The constraint of {variable.path} must return its shape {variable.shape}. Received: {shape}"
        )
    return value
