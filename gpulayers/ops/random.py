"""Random numbers: one seed for the process, a stream of seeds drawn from it, and dropout."""

import operator
import random as python_random
import secrets

import numpy as np

from . import arrays

_stream = {"seed": secrets.randbits(32), "drawn": 0}


def set_random_seed(seed):
    """Makes what follows repeatable: initial weights, shuffling and dropout; seeds `random` and
    `numpy.random` too.

    Raises:
        TypeError, ValueError: not an integer in [0, 2**32).
    """
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"The seed must be an integer. Received: {seed!r}") from None
    if not 0 <= seed < 2**32:
        raise ValueError(f"The seed must lie in [0, 2**32). Received: {seed}")
    python_random.seed(seed)
    np.random.seed(seed)
    _stream.update(seed=seed, drawn=0)


def next_seed():
    """The next seed of the process's stream."""
    _stream["drawn"] += 1
    state = np.random.SeedSequence((_stream["seed"], _stream["drawn"])).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def checked_seed(seed):
    """The seed as an int, or None.

    Raises:
        ValueError: no integer of at least 0.
    """
    if seed is not None and (not isinstance(seed, (int, np.integer)) or seed < 0):
        raise ValueError(f"seed must be an integer of at least 0, or None. Received: {seed!r}")
    return None if seed is None else int(seed)


def host_generator(seed=None):
    """A NumPy generator from the seed, or from the process's stream."""
    return np.random.Generator(np.random.Philox(next_seed() if seed is None else seed))


def dropout(x, rate, generator, noise_shape=None):
    """Zeroes a random share of the elements and scales the others by 1 / (1 - rate).

    Args:
        x: a float array.
        rate: the share, in [0, 1].
        generator: of `Device.random_generator`, on the array's device.
        noise_shape: the shape of the draw, broadcast to x; default: that of x.

    Returns:
        (y, keep): keep is the factor's boolean part, for `dropout_backward`.
    """
    shape = x.shape if noise_shape is None else noise_shape
    keep = kept(generator, shape, rate)
    return dropout_backward(x, keep, rate), keep


def kept(generator, shape, rate):
    """A bool array that is False for a random share `rate` of its elements."""
    return generator.random(shape, dtype=np.float32) >= np.float32(rate)


def normal(generator, shape, mean, stddev):
    """Normal numbers, float32."""
    drawn = generator.standard_normal(shape, dtype=np.float32)
    drawn *= np.float32(stddev)
    drawn += np.float32(mean)
    return drawn


def dropout_backward(grad_output, keep, rate):
    """The gradient to the input of `dropout`, and its forward for a given draw."""
    result = grad_output * keep.astype(grad_output.dtype)
    if rate < 1:
        result *= grad_output.dtype.type(1 / (1 - rate))
    return result


class Draws:
    """A generator that is made on the device of the first array it serves.

    Args:
        seed: an integer, or None for the next of the process's stream.
    """

    def __init__(self, seed=None):
        seed = checked_seed(seed)
        self._seed = next_seed() if seed is None else seed
        self._generators = {}

    def generator(self, array):
        device = arrays.device_of(array)
        if device not in self._generators:
            self._generators[device] = device.random_generator(self._seed)
        return self._generators[device]
