"""Initial values of weights, by Keras's names. Drawn on the host, so that a seed means the same on every
device."""

import math

import numpy as np

from .. import config
from ..arguments import number, real
from ..ops import arrays, random
from ..ops.axes import positive_axis
from ..ops.spatial import integer, sizes
from ..registry import Registry, deserializer, serialize_object

_TRUNCATED_STANDARD_DEVIATION = 0.87962566103423978  # of a standard normal cut at two standard deviations


class Initializer:
    """Called as `initializer(shape, dtype=None)`; returns a NumPy array.

    A subclass writes `__call__` and `get_config`.
    """

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def clone(self):
        return type(self).from_config(self.get_config())


def _dtype(dtype):
    return arrays.float_dtype(config.floatx() if dtype is None else dtype, "dtype")


def _any_dtype(dtype):
    """As `_dtype`, for initializers that can fill integers too."""
    found = arrays.any_dtype(config.floatx() if dtype is None else dtype, "dtype")
    return found if found.kind in "iub" else _dtype(found)


def _sizes(shape):
    """The shape as a tuple of integers of at least 0, or a TypeError or ValueError."""
    return tuple(integer(size, "A size of the shape") for size in sizes(shape, "shape"))


class Zeros(Initializer):
    def __call__(self, shape, dtype=None):
        return np.zeros(_sizes(shape), _any_dtype(dtype))


class Ones(Initializer):
    def __call__(self, shape, dtype=None):
        return np.ones(_sizes(shape), _any_dtype(dtype))


class Constant(Initializer):
    """All elements `value`, or an array broadcast to the shape."""

    def __init__(self, value=0.0):
        try:
            held = arrays.to_numpy(value)
        except ValueError:  # rows of different lengths
            held = None
        if held is None or held.dtype not in arrays.FLOAT_DTYPES and held.dtype.kind not in "iub":
            raise TypeError(f"value must be a number or an array of numbers. Received: {value!r}")
        self.value = value if held.ndim else held.item()

    def __call__(self, shape, dtype=None):
        shape, value = _sizes(shape), arrays.to_numpy(self.value)
        try:
            return np.broadcast_to(value, shape).astype(_any_dtype(dtype))
        except ValueError:
            raise ValueError(
                f"value must broadcast to the weight's shape {shape}. Received: shape {value.shape}"
            ) from None

    def get_config(self):
        return {"value": arrays.to_numpy(self.value).tolist()}


class Identity(Initializer):
    """`gain` on the diagonal of a matrix."""

    def __init__(self, gain=1.0):
        self.gain = real(gain, "gain")

    def __call__(self, shape, dtype=None):
        shape = _sizes(shape)
        if len(shape) != 2:
            raise ValueError(f"Identity initializes matrices only. Received: shape {tuple(shape)}")
        return (self.gain * np.eye(*shape)).astype(_dtype(dtype))

    def get_config(self):
        return {"gain": self.gain}


class _Random(Initializer):
    """With `seed=None` every call draws anew from the process's stream; with a seed every call gives the
    same."""

    seed = None

    def __call__(self, shape, dtype=None):
        dtype, shape = _dtype(dtype), _sizes(shape)
        drawn = arrays.accumulation_dtype(dtype)
        drawn = self._draw(random.host_generator(self.seed), shape, drawn)
        return np.asarray(drawn).astype(dtype, copy=False)

    def _draw(self, generator, shape, dtype):
        raise NotImplementedError


def _truncated_normal(generator, shape, mean, stddev, dtype):
    values = generator.standard_normal(shape, dtype)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.standard_normal(int(outside.sum()), dtype)
        outside = np.abs(values) > 2
    return values * dtype.type(stddev) + dtype.type(mean)


class RandomUniform(_Random):
    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval, self.maxval = real(minval, "minval"), real(maxval, "maxval")
        self.seed = random.checked_seed(seed)

    def _draw(self, generator, shape, dtype):
        return generator.random(shape, dtype) * dtype.type(self.maxval - self.minval) + dtype.type(
            self.minval
        )

    def get_config(self):
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormal(_Random):
    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean, self.stddev = real(mean, "mean"), number(stddev, "stddev")
        self.seed = random.checked_seed(seed)

    def _draw(self, generator, shape, dtype):
        return generator.standard_normal(shape, dtype) * dtype.type(self.stddev) + dtype.type(self.mean)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """A normal distribution cut at two standard deviations."""

    def _draw(self, generator, shape, dtype):
        return _truncated_normal(generator, shape, self.mean, self.stddev, dtype)


def compute_fans(shape, input_axes=None, output_axes=None):
    """(fan_in, fan_out) of a weight of that shape: of a kernel (..., inputs, outputs), or the products of the
    sizes of the axes given."""
    if input_axes is not None and output_axes is not None:
        return tuple(
            math.prod(shape[positive_axis(axis, len(shape), "An axis")] for axis in axes)
            for axes in (input_axes, output_axes)
        )
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


class VarianceScaling(_Random):
    """Variance `scale / n`, n being the fan of `mode`: "fan_in", "fan_out" or "fan_avg".

    Args:
        scale, mode: see above.
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: see `_Random`.
        input_axes, output_axes: the weight's axes whose sizes make the fans, both or none; by default a
            weight is a kernel (..., inputs, outputs).
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        modes, distributions = (
            ("fan_in", "fan_out", "fan_avg"),
            ("truncated_normal", "untruncated_normal", "uniform"),
        )
        if not isinstance(mode, str) or mode not in modes:
            raise ValueError(f"mode must be one of {modes}. Received: {mode!r}")
        named = isinstance(distribution, str)
        distribution = "truncated_normal" if named and distribution == "normal" else distribution
        if not named or distribution not in distributions:
            raise ValueError(f"distribution must be one of {distributions}. Received: {distribution!r}")
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                "input_axes and output_axes go together. "
                f"Received: input_axes={input_axes!r}, output_axes={output_axes!r}"
            )
        self.scale, self.seed = number(scale, "scale", positive=True), random.checked_seed(seed)
        self.mode, self.distribution = mode, distribution
        self.input_axes, self.output_axes = (
            axes if axes is None else list(sizes(axes, name))
            for axes, name in ((input_axes, "input_axes"), (output_axes, "output_axes"))
        )

    def _draw(self, generator, shape, dtype):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.random(shape, dtype) * dtype.type(2 * limit) - dtype.type(limit)
        if self.distribution == "truncated_normal":
            return _truncated_normal(
                generator, shape, 0, math.sqrt(variance) / _TRUNCATED_STANDARD_DEVIATION, dtype
            )
        return generator.standard_normal(shape, dtype) * dtype.type(math.sqrt(variance))

    @property
    def _axes(self):
        return {"input_axes": self.input_axes, "output_axes": self.output_axes}

    def get_config(self):
        values = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return values | {"seed": self.seed} | self._axes


class _Named(VarianceScaling):
    """A VarianceScaling with scale, mode and distribution fixed."""

    fixed = ()

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.fixed, seed, input_axes, output_axes)

    def get_config(self):
        return {"seed": self.seed} | self._axes


class GlorotUniform(_Named):
    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    fixed = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Random):
    """Orthonormal rows or columns (whichever are fewer) of the weight seen as a matrix (all but last axis,
    last)."""

    def __init__(self, gain=1.0, seed=None):
        self.gain, self.seed = real(gain, "gain"), random.checked_seed(seed)

    def _draw(self, generator, shape, dtype):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal initializes weights of rank 2 and more. Received: shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return (self.gain * (q.T if rows < columns else q)).reshape(shape).astype(dtype)

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed}


_REGISTRY = Registry(
    "initializer",
    Initializer,
    [
        Zeros,
        Ones,
        Constant,
        Identity,
        RandomUniform,
        RandomNormal,
        TruncatedNormal,
        VarianceScaling,
        GlorotUniform,
        GlorotNormal,
        HeUniform,
        HeNormal,
        LecunUniform,
        LecunNormal,
        Orthogonal,
    ],
    {
        "uniform": RandomUniform,
        "normal": RandomNormal,
        "identity": Identity,
        "zero": Zeros,
        "one": Ones,
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
    },
)


class _Function(Initializer):
    """A callable of one's own: `function(shape, dtype=dtype)` returning anything array-like."""

    def __init__(self, function):
        self.function = function

    def __call__(self, shape, dtype=None):
        values = np.asarray(arrays.to_numpy(self.function(tuple(shape), dtype=dtype)))
        if values.shape != tuple(shape):
            raise ValueError(
                f"The initializer must return shape {tuple(shape)}. Received: shape {values.shape}"
            )
        return values.astype(_any_dtype(dtype), copy=False)

    def get_config(self):
        raise ValueError(
            f"An initializer that is a function has no configuration. Received: {self.function!r}"
        )


def get(identifier):
    """The Initializer of a name, an object, a class, a config, a callable `f(shape, dtype)` or an array of
    the values; None stays None.

    Raises:
        ValueError: an unknown name.
    """
    if arrays.is_array(identifier) or isinstance(identifier, np.generic):
        return _Function(lambda shape, dtype=None: identifier)
    if callable(identifier) and not isinstance(identifier, (Initializer, type)):
        return _Function(identifier)
    return _REGISTRY.get(identifier)


deserialize = deserializer(get)
serialize = serialize_object
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal  # Keras's other names
variance_scaling, glorot_uniform, glorot_normal = VarianceScaling, GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
