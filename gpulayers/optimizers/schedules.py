"""Learning rates that depend on the step, by Keras's names."""

import math

from ..registry import Registry, serialize_object


class LearningRateSchedule:
    """A function of the step, counted from 0, for an optimizer's `learning_rate`."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def get_config(self):
        raise NotImplementedError(f"{type(self).__name__} must define get_config()")

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class _Decay(LearningRateSchedule):
    """A schedule whose configuration is its constructor's arguments, kept under their names."""

    arguments = ()

    def _keep(self, **values):
        for name, value in values.items():
            if name.endswith("decay_steps") and not value > 0:
                raise ValueError(f"{name} must be above 0. Received: {value!r}")
            setattr(self, name, value)
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
        passed = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(passed) if self.staircase else passed
        )


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
        passed = step / self.decay_steps
        return self.initial_learning_rate / (
            1 + self.decay_rate * (math.floor(passed) if self.staircase else passed)
        )


class PiecewiseConstantDecay(_Decay):
    """values[i] up to and including step boundaries[i], the last value after the last boundary."""

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "There must be one value more than boundaries. "
                f"Received: {len(boundaries)} boundaries, {len(values)} values"
            )
        self._keep(boundaries=list(boundaries), values=list(values), name=name)

    def __call__(self, step):
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
        steps = self.decay_steps
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
        start = self.initial_learning_rate
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
        passed, restarts, length = step / self.first_decay_steps, 0, 1.0
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


def deserialize(config, custom_objects=None):
    """The schedule of a configuration; custom_objects: {class name: class} of schedules of one's own."""
    name = config.get("class_name") if isinstance(config, dict) else None
    custom = (custom_objects or {}).get(name)
    return custom.from_config(config["config"]) if custom else _REGISTRY.get(config)


serialize = serialize_object
