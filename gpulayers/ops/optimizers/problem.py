"""What one pass over the arrays of many variables is."""

import dataclasses

import numpy as np

from ..arrays import accumulation_dtype, float_dtype


@dataclasses.dataclass(frozen=True)
class Rule:
    """What the steps of one rule have in common.

    Attributes:
        switches: names of its options that are on or off, in the order of the kernel's template.
        slots: states of a variable with all switches off.
        adding: those of the switches that add a state.
        flops: about, an element.
    """

    switches: tuple = ()
    slots: int = 0
    adding: tuple = ()
    flops: int = 10


RULES = {
    "sgd": Rule(("momentum", "nesterov"), 0, ("momentum",), 6),
    "adam": Rule(("amsgrad",), 2, ("amsgrad",), 14),
    "nadam": Rule((), 2, flops=18),
    "adamax": Rule((), 2, flops=11),
    "lion": Rule((), 1, flops=11),
    "rmsprop": Rule(("momentum", "centered"), 1, ("momentum", "centered"), 12),
    "adagrad": Rule((), 1, flops=8),
    "adadelta": Rule((), 2, flops=17),
    "ftrl": Rule((), 2, flops=40),
    "schedule_free": Rule((), 2, flops=20),
}


@dataclasses.dataclass(frozen=True)
class StepProblem:
    """One step of a rule on variables of one type.

    Attributes:
        rule: a name in RULES.
        sizes: elements of each variable.
        dtype: of the variables; their states have its accumulation type.
        grad_dtype: of the gradients: dtype or its accumulation type.
        switches: a bool for each of the rule's switches.
        contiguous: whether all arrays are.
    """

    rule: str
    sizes: tuple
    dtype: np.dtype
    grad_dtype: np.dtype
    switches: tuple = ()
    contiguous: bool = True

    @classmethod
    def resolve(cls, rule, values, grads, states, **switches):
        """The problem of these lists of arrays, or a ValueError/TypeError."""
        dtype, grad_dtype = float_dtype(values[0].dtype, "values"), grads[0].dtype
        wide, contiguous = accumulation_dtype(dtype), True
        if grad_dtype not in (dtype, wide):
            raise TypeError(f"Gradients must be of {dtype} or {wide}. Received: {grad_dtype}")
        made = cls(rule, (), dtype, grad_dtype, tuple(switches[name] for name in RULES[rule].switches))
        for value, grad, state in zip(values, grads, states, strict=True):
            if value.dtype != dtype or grad.dtype != grad_dtype or any(part.dtype != wide for part in state):
                raise TypeError(
                    f"Values of {dtype} with gradients of {grad_dtype} and states of {wide} are expected. "
                    f"Received: {value.dtype}, {grad.dtype}, {[str(array.dtype) for array in state]}"
                )
            if any(array.shape != value.shape for array in (grad, *state)) or len(state) != made.slots:
                raise ValueError(
                    f"A gradient and {made.slots} states of the value's shape {value.shape} are expected. "
                    f"Received: {grad.shape}, {[array.shape for array in state]}"
                )
            contiguous = contiguous and all(array.flags.c_contiguous for array in (value, grad, *state))
        return dataclasses.replace(made, sizes=tuple(value.size for value in values), contiguous=contiguous)

    @property
    def slots(self):
        """State arrays of a variable."""
        on = dict(zip(RULES[self.rule].switches, self.switches))
        return RULES[self.rule].slots + sum(on[name] for name in RULES[self.rule].adding)

    def flops(self):
        return sum(self.sizes) * RULES[self.rule].flops

    def bytes_moved(self):
        """Values and states in and out, gradients in."""
        states = 2 * self.slots * accumulation_dtype(self.dtype).itemsize
        return sum(self.sizes) * (2 * self.dtype.itemsize + self.grad_dtype.itemsize + states)


@dataclasses.dataclass(frozen=True)
class GradientProblem:
    """A pass over the gradients (or values) of variables of one type.

    Attributes:
        sizes: elements of each; dtype: of all; contiguous: whether all are.
        together: clip_factors: by the norm of all of them rather than that of each.
        overwrite: blend: whether the sources become the results.
        targets: arrays read and written besides, of the accumulation type: 1 for blend.
    """

    sizes: tuple
    dtype: np.dtype
    contiguous: bool = True
    together: bool = False
    overwrite: bool = False
    targets: int = 0

    @classmethod
    def resolve(cls, sources, targets=None, **options):
        """The problem of a list of arrays, or a ValueError/TypeError."""
        dtype = float_dtype(sources[0].dtype, "arrays")
        wide, contiguous = accumulation_dtype(dtype), True
        for number, source in enumerate(sources):
            if source.dtype != dtype:
                raise TypeError(f"Arrays of one type, {dtype}, are expected. Received: {source.dtype}")
            target = None if targets is None else targets[number]
            if target is not None and (target.shape != source.shape or target.dtype != wide):
                raise ValueError(
                    f"A target of shape {source.shape} and {wide} is expected. "
                    f"Received: {target.shape}, {target.dtype}"
                )
            contiguous = contiguous and source.flags.c_contiguous
            contiguous = contiguous and (target is None or target.flags.c_contiguous)
        sizes = tuple(source.size for source in sources)
        return cls(sizes, dtype, contiguous, targets=int(targets is not None), **options)

    def flops(self):
        return 3 * sum(self.sizes)

    def bytes_moved(self):
        """Sources in, and out if overwritten; targets in and out."""
        targets = 2 * self.targets * accumulation_dtype(self.dtype).itemsize
        return sum(self.sizes) * (self.dtype.itemsize * (1 + self.overwrite) + targets)
