"""Optimizers whose step looks at a variable as a whole, some array operations each: Lamb (You et al. 2019),
Adafactor (Shazeer and Stern 2018) and Muon (Jordan et al. 2024)."""

import math
import re

from ..arguments import count, flag, number, real, share
from ..ops import arrays
from . import gradients
from .adam_variants import TwoBetas
from .optimizer import Optimizer


def _root_mean_square(xp, x):
    return xp.sqrt((x * x).mean())


class Lamb(TwoBetas):
    """Adam's direction u, its averages m and v made unbiased; w -= learning_rate * |w| / |u| * u, with the
    quotient of norms 1 where one of them is 0."""

    slots = ("momentum", "velocity")

    def update(self, value, grad, state, step):
        xp = arrays.array_module(value)
        momentum, velocity = state
        momentum += (grad - momentum) * (1 - self.beta_1)
        velocity += (grad * grad - velocity) * (1 - self.beta_2)
        root = xp.sqrt(velocity / (1 - self.beta_2**step)) + self.epsilon
        change = momentum / (1 - self.beta_1**step) / root
        norms = xp.sqrt((value * value).sum()), xp.sqrt((change * change).sum())
        useful = (norms[0] > 0) & (norms[1] > 0)
        ratio = xp.where(useful, norms[0] / xp.where(useful, norms[1], 1), 1).astype(value.dtype)
        value -= ratio * self.rate * change


class Adafactor(Optimizer):
    """g / sqrt(v), v for matrices the product of moving averages of g^2's means over rows and over columns;
    its root mean square is kept within clip_threshold, and that of the weights sets the size of the step.

    Args:
        relative_step: of Keras, where it changes nothing either: the rate is at most 1 / sqrt(t) in any case.
    """

    slots = ("velocity",)

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        *arguments,
        **kwargs,
    ):
        super().__init__(learning_rate, *arguments, **kwargs)
        self.beta_2_decay, self.relative_step = (
            real(beta_2_decay, "beta_2_decay", most=0),
            flag(relative_step, "relative_step"),
        )
        self.epsilon_1, self.epsilon_2 = number(epsilon_1, "epsilon_1"), number(epsilon_2, "epsilon_2")
        self.clip_threshold = number(clip_threshold, "clip_threshold", positive=True)

    def states_of(self, variable):
        shape = variable.shape
        shapes = (
            (shape[:-1], (*shape[:-2], shape[-1])) if len(shape) >= 2 else ((), ())
        )  # not used, as in Keras
        factors = [self.beside(variable, "", shape=factor_shape) for factor_shape in shapes]
        for factor in factors:
            factor.name = variable.name
        return factors + super().states_of(variable)

    def update(self, value, grad, state, step):
        xp = arrays.array_module(value)
        rate = min(self.rate, 1 / math.sqrt(step))
        size = xp.maximum(value.dtype.type(self.epsilon_2), _root_mean_square(xp, value))
        kept, square = 1 - step**self.beta_2_decay, grad * grad + value.dtype.type(self.epsilon_1)
        rows, columns, velocity = state
        if value.ndim >= 2:
            for axis, factor in ((-1, rows), (-2, columns)):
                factor *= kept
                factor += (1 - kept) * square.mean(axis=axis)
            rows = rows / rows.mean(axis=-1, keepdims=True)
            xp.multiply(rows[..., :, None], columns[..., None, :], out=velocity)
        else:
            velocity *= kept
            velocity += (1 - kept) * square
        change = grad / xp.sqrt(velocity)
        change = change / xp.maximum(value.dtype.type(1), _root_mean_square(xp, change) / self.clip_threshold)
        value -= size * rate * change

    def get_config(self):
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return super().get_config() | {name: getattr(self, name) for name in names}


class Muon(Optimizer):
    """For matrices m = momentum * m + g, made orthogonal by ns_steps Newton-Schulz steps
    x = a x + (b A + c A^2) x with A = x x^T; the change is that times learning_rate, rms_rate and the root of
    the longer side. All other variables are updated as by Adam, with learning_rate * adam_lr_ratio.

    Args:
        exclude_layers: regular expressions; variables in whose path one is found are updated as by Adam.
        exclude_embeddings: so are those with "embedding" in their path.
        muon_a, muon_b, muon_c: a, b and c.
        weight_decay: of the matrices; adam_weight_decay: of all other variables.
    """

    slots = ("momentum",)

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.775,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **unknown,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **unknown,
        )
        self.adam_beta_1, self.adam_beta_2 = (
            share(adam_beta_1, "adam_beta_1"),
            share(adam_beta_2, "adam_beta_2"),
        )
        self.adam_weight_decay = (
            None if adam_weight_decay is None else number(adam_weight_decay, "adam_weight_decay")
        )
        self.epsilon, self.adam_lr_ratio = number(epsilon, "epsilon"), number(adam_lr_ratio, "adam_lr_ratio")
        self.muon_a, self.muon_b = real(muon_a, "muon_a"), real(muon_b, "muon_b")
        self.muon_c = real(muon_c, "muon_c")
        self.momentum, self.nesterov = share(momentum, "momentum", closed=True), flag(nesterov, "nesterov")
        self.ns_steps = count(ns_steps, "ns_steps", 0)
        self.rms_rate = None if rms_rate is None else number(rms_rate, "rms_rate")
        self.exclude_layers = gradients.checked_patterns(exclude_layers, "exclude_layers")
        self.exclude_embeddings = flag(exclude_embeddings, "exclude_embeddings")

    def _as_adam(self, variable):
        excluded = self.exclude_embeddings and "embedding" in variable.path.lower()
        excluded = excluded or any(re.search(pattern, variable.path) for pattern in self.exclude_layers)
        return len(variable.shape) != 2 or excluded

    def states_of(self, variable):
        velocity = [self.beside(variable, "velocity")] if self._as_adam(variable) else []
        return super().states_of(variable) + velocity

    def decay_of(self, variable):
        return self.adam_weight_decay if self._as_adam(variable) else self.weight_decay

    def update(self, value, grad, state, step):
        (self._adam if len(state) == 2 else self._muon)(value, grad, state, step)

    def _adam(self, value, grad, state, step):
        momentum, velocity = state
        momentum += (grad - momentum) * (1 - self.adam_beta_1)
        velocity += (grad * grad - velocity) * (1 - self.adam_beta_2)
        alpha = math.sqrt(1 - self.adam_beta_2**step) / (1 - self.adam_beta_1**step)
        alpha *= self.rate * self.adam_lr_ratio
        value -= alpha * momentum / (arrays.array_module(value).sqrt(velocity) + self.epsilon)

    def _muon(self, value, grad, state, step):
        (momentum,) = state
        momentum *= self.momentum
        momentum += grad
        x = grad + self.momentum * momentum if self.nesterov else momentum
        high = x.shape[0] > x.shape[1]
        x = x.T if high else x
        xp, matmul = arrays.array_module(x), arrays.device_of(x).matmul
        x = x / (xp.sqrt((x * x).sum()) + value.dtype.type(1e-7))
        for _ in range(self.ns_steps):
            square = matmul(x, x.T)
            x = self.muon_a * x + matmul(self.muon_b * square + self.muon_c * matmul(square, square), x)
        rate = self.rate
        if self.rms_rate is not None:
            rate *= self.rms_rate * math.sqrt(max(x.shape))
        value -= rate * (x.T if high else x)

    def get_config(self):
        names = ("adam_beta_1", "adam_beta_2", "epsilon", "exclude_layers", "muon_a", "muon_b", "muon_c")
        names += ("adam_lr_ratio", "momentum", "ns_steps", "nesterov", "exclude_embeddings")
        names += ("adam_weight_decay", "rms_rate")
        return super().get_config() | {name: getattr(self, name) for name in names}
