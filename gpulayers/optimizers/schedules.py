"""Learning rates that depend on the step, by Keras's names."""

import math

from ..arguments import flag, number, real
from ..registry import Registry, deserializer, serialize_object


class LearningRateSchedule:
    """A function of the step, counted from 0, for an optimizer's `learning_rate`."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must define get_config()")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _text(value, name):
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string. Received: {value!r}")
    return value


def _numbers(value, name):
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} must be a list of numbers. Received: {value!r}")
    return [real(entry, name) for entry in value]


def _positive(value, name):
    return number(value, name, positive=True)


def _at_least_one(value, name):
    return real(value, name, least=1)


def _real_or_none(value, name):
    return None if value is None else real(value, name)


_CHECKS = {  # argument -> `check(value, name)`
    "initial_learning_rate": real,
    "end_learning_rate": real,
    "warmup_target": _real_or_none,
    "decay_steps": _positive,
    "first_decay_steps": _positive,
    "warmup_steps": number,
    "decay_rate": number,
    "power": number,
    "alpha": real,
    "t_mul": _at_least_one,  # shorter and shorter ones would never reach a later step
    "m_mul": real,
    "boundaries": _numbers,
    "values": _numbers,
    "staircase": flag,
    "cycle": flag,
    "name": _text,
}


class _Decay(LearningRateSchedule):
    """A schedule whose configuration is its constructor's arguments, kept under their names."""

    arguments = ()

    def _keep(self, **values):
        for name, value in values.items():
            setattr(self, name, _CHECKS[name](value, name))
        self.arguments = tuple(values)

    def get_config(self):
        return {name: getattr(self, name) for name in self.arguments}


class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate^(step / decay_steps); with staircase the exponent is whole."""

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"
    ):
        self._keep(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            decay_rate=decay_rate,
            staircase=staircase,
            name=name,
        )

    def __call__(self, step):
        passed = real(step, "step") / self.decay_steps
        try:
            share = self.decay_rate ** (math.floor(passed) if self.staircase else passed)
        except OverflowError:  # a rate above 1
            share = math.inf
        return self.initial_learning_rate * share


class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); with staircase the quotient is whole."""

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"
    ):
        self._keep(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            decay_rate=decay_rate,
            staircase=staircase,
            name=name,
        )

    def __call__(self, step):
        passed = real(step, "step") / self.decay_steps
        return self.initial_learning_rate / (
            1 + self.decay_rate * (math.floor(passed) if self.staircase else passed)
        )


class PiecewiseConstantDecay(_Decay):
    """values[i] up to and including step boundaries[i], the last value after the last boundary."""

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        self._keep(boundaries=boundaries, values=values, name=name)
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "There must be one value more than boundaries. "
                f"Received: {len(boundaries)} boundaries, {len(values)} values"
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"boundaries must be in ascending order. Received: {boundaries!r}")

    def __call__(self, step):
        step = real(step, "step")
        passed = sum(step > int(boundary) for boundary in self.boundaries)
        return self.values[passed]


class PolynomialDecay(_Decay):
    """From initial_learning_rate to end_learning_rate within decay_steps, as (1 - step / decay_steps)^power;
    with `cycle` decay_steps is multiplied so that the step stays below it."""

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self._keep(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            end_learning_rate=end_learning_rate,
            power=power,
            cycle=cycle,
            name=name,
        )

    def __call__(self, step):
        steps, step = self.decay_steps, real(step, "step")
        if self.cycle:
            steps *= 1 if step == 0 else math.ceil(step / steps)
        left = 1 - min(step, steps) / steps
        height = self.initial_learning_rate - self.end_learning_rate
        return height * left**self.power + self.end_learning_rate


class CosineDecay(_Decay):
    """Half a cosine from initial_learning_rate to its share alpha (Loshchilov and Hutter 2017); before it,
    with warmup_target, a straight line from initial_learning_rate to that, whence the cosine falls."""

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self._keep(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            alpha=alpha,
            name=name,
            warmup_target=warmup_target,
            warmup_steps=warmup_steps,
        )

    def __call__(self, step):
        start, step = self.initial_learning_rate, real(step, "step")
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start, step = self.warmup_target, step - self.warmup_steps
        wave = 0.5 * (1 + math.cos(math.pi * min(step, self.decay_steps) / self.decay_steps))
        return start * ((1 - self.alpha) * wave + self.alpha)


class CosineDecayRestarts(_Decay):
    """Cosine decays one after the other, each t_mul times as long and starting at m_mul times the height."""

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"
    ):
        self._keep(
            initial_learning_rate=initial_learning_rate,
            first_decay_steps=first_decay_steps,
            t_mul=t_mul,
            m_mul=m_mul,
            alpha=alpha,
            name=name,
        )

    def __call__(self, step):
        passed, restarts, length = real(step, "step") / self.first_decay_steps, 0, 1.0
        while passed >= length:
            passed, restarts, length = passed - length, restarts + 1, length * self.t_mul
        wave = 0.5 * self.m_mul**restarts * (1 + math.cos(math.pi * passed / length))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


_REGISTRY = Registry(
    "learning rate schedule",
    LearningRateSchedule,
    [
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        CosineDecay,
        CosineDecayRestarts,
    ],
)

deserialize = deserializer(_REGISTRY.get)
serialize = serialize_object
