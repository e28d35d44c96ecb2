"""BatchNormalization."""

from .. import initializers
from ..arguments import flag, real
from ..ops import arrays, normalization
from ..ops.axes import positive_axes
from ..ops.spatial import integer
from .layer import Layer


class BatchNormalization(Layer):
    """Each channel with mean 0 and variance 1, then scaled and shifted.

    In training the statistics are the batch's own, and the moving ones take a step towards them; in
    inference, and while the layer is not trainable, the moving ones are used and stay.

    Args:
        axis: the channels.
        momentum: what the moving statistics keep at each step.
        epsilon: added to the variance.
        center, scale: whether there is a beta, and a gamma.
        beta_initializer ... gamma_constraint: as in Keras.
        renorm, renorm_clipping, renorm_momentum: batch renormalisation (S. Ioffe, 2017): in training the
            result is corrected by constants towards what the moving statistics would give; the clipping is a
            dict of "rmin", "rmax" and "dmax".
        synchronized: ignored: there is one device.

    Shapes: gamma, beta, moving_mean, moving_variance (channels,). A mask, of one axis less than the input,
    says which positions count in the statistics.
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = integer(axis, "axis", least=-(2**31))
        self.momentum, self.epsilon = real(momentum, "momentum"), real(epsilon, "epsilon", 0)
        self.center, self.scale = flag(center, "center"), flag(scale, "scale")
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.set_weight_arguments("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.set_weight_arguments("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.renorm, self.synchronized = flag(renorm, "renorm"), flag(synchronized, "synchronized")
        self.renorm_clipping = _checked_clipping(renorm_clipping)
        if self.renorm_clipping is None and self.renorm:
            self.renorm_clipping = {}  # as in Keras's configurations
        self.renorm_momentum = real(renorm_momentum, "renorm_momentum")
        self.gamma = self.beta = None

    def build(self, input_shape):
        (axis,) = positive_axes(self.axis, len(input_shape))
        size = input_shape[axis]
        if size is None or axis == 0:
            raise ValueError(
                f"{self.name} needs a known number of channels along axis {self.axis}, not the batch. "
                f"Received: shape {tuple(input_shape)}"
            )
        if self.scale:
            self.gamma = self.weight_of("gamma", (size,))
        if self.center:
            self.beta = self.weight_of("beta", (size,))
        statistics = {"moving_mean": self.moving_mean_initializer}
        statistics["moving_variance"] = self.moving_variance_initializer
        if self.renorm:

            def deviation(shape, dtype=None):
                return self.moving_variance_initializer(shape, dtype=dtype) ** 0.5

            statistics["moving_stddev"] = statistics["renorm_stddev"] = deviation
            statistics["renorm_mean"] = self.moving_mean_initializer
        for name in ("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"):
            if name in statistics:
                setattr(self, name, self.add_weight((size,), statistics[name], trainable=False, name=name))

    @property
    def fixed_axes(self):
        return (self.axis,)

    def forward(self, x, mask=None, training=True):
        (axis,) = positive_axes(self.axis, x.ndim)
        shape = tuple(size if other == axis else 1 for other, size in enumerate(x.shape))
        if x.shape[axis] != self.moving_mean.shape[0]:
            raise ValueError(
                f"{self.name} was built for {self.moving_mean.shape[0]} channels. "
                f"Received: shape {tuple(x.shape)}"
            )
        factor = term = None
        if training and self.trainable and x.size:
            axes = tuple(other for other in range(x.ndim) if other != axis)
            result = normalization.normalize_moments(x, axes, self.epsilon, self._checked_mask(mask, x))
            if self.renorm:
                factor, term = self._correction(result, shape)
            self._update(result)
        else:
            mean, variance = (v.value.reshape(shape) for v in (self.moving_mean, self.moving_variance))
            result = normalization.normalize_constants(x, (), mean, variance, self.epsilon)
        values = result.values if factor is None else result.values * factor + term
        gamma, beta = (None if v is None else v.value for v in (self.gamma, self.beta))
        y = normalization.scale_and_shift(values, gamma, beta, shape, self.compute_dtype)

        def backward(grad_output):
            grads = normalization.scale_and_shift_backward(grad_output, values, gamma, shape)
            for variable, grad in zip((self.gamma, self.beta), grads[1:]):
                if variable is not None and variable.trainable:
                    variable.add_grad(grad.reshape(variable.shape))
            grad_values = grads[0] if factor is None else grads[0] * factor
            return result.backward(grad_values).astype(x.dtype, copy=False)

        return y, backward

    def _checked_mask(self, mask, x):
        if mask is None:
            return None
        mask = arrays.take(mask, "mask")
        xp = arrays.array_module(x)
        try:
            if mask.ndim != x.ndim - 1:
                raise ValueError
            return xp.broadcast_to(mask.astype(bool)[..., None], x.shape)
        except ValueError:
            raise ValueError(
                f"mask must be of shape {tuple(x.shape[:-1])}. Received: shape {tuple(mask.shape)}"
            ) from None

    def _correction(self, result, shape):
        """Batch renormalisation's r and d."""
        xp = arrays.array_module(result.values)
        mean, stddev = (v.value.reshape(shape) for v in (self.renorm_mean, self.renorm_stddev))
        stddev = xp.maximum(stddev.astype(result.values.dtype), self.epsilon**0.5)
        factor, term = 1 / (result.inverse * stddev), (result.mean - mean) / stddev
        clipping = self.renorm_clipping or {}
        factor = xp.clip(factor, clipping.get("rmin", 0), clipping.get("rmax", float("inf")))
        limit = clipping.get("dmax", float("inf"))
        return factor, xp.clip(term, -limit, limit)

    def _update(self, result):
        mean, variance = result.mean.reshape(-1), result.variance.reshape(-1)
        _step(self.moving_mean, mean, self.momentum)
        if not self.renorm:
            _step(self.moving_variance, variance, self.momentum)
            return
        stddev = (variance + self.epsilon) ** 0.5
        _step(self.renorm_mean, mean, self.renorm_momentum)
        _step(self.renorm_stddev, stddev, self.renorm_momentum)
        _step(self.moving_stddev, stddev, self.momentum)
        squared = self.moving_stddev.value.astype(stddev.dtype) ** 2 - self.epsilon
        self.moving_variance.value[...] = squared * (squared > 0)


def _step(variable, value, momentum):
    old = variable.value.astype(value.dtype, copy=False)
    variable.value[...] = old * momentum + value * (1 - momentum)


def _checked_clipping(clipping):
    if isinstance(clipping, (dict, type(None))) and not clipping:
        return None
    if not isinstance(clipping, dict) or not set(clipping) <= {"rmin", "rmax", "dmax"}:
        raise ValueError(f"renorm_clipping must be a dict of rmin, rmax and dmax. Received: {clipping!r}")
    clipping = {name: real(value, name, 0) for name, value in clipping.items() if value is not None}
    if clipping.get("rmin", 0) > clipping.get("rmax", float("inf")):
        raise ValueError(f"rmin must be at most rmax. Received: renorm_clipping={clipping}")
    return clipping
