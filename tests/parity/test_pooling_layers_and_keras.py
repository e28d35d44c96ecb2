"""All pooling layers against Keras: random configurations over the whole signature, positional or by name."""

import inspect
import os

import numpy as np
import pytest

import gpulayers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
NAMES = "Max Average GlobalMax GlobalAverage AdaptiveMax AdaptiveAverage".split()
KINDS = [f"{name}Pooling{rank}D" for name in NAMES for rank in (1, 2, 3)]
CONFIGURATIONS = 14  # of each kind


def drawn(kind, generator):
    """(positional arguments, arguments by name, input) of a random configuration."""
    rank = int(kind[-2])

    def sizes(low, high):
        if generator.random() < 0.4:
            return int(generator.integers(low, high + 1))
        return tuple(int(size) for size in generator.integers(low, high + 1, rank))

    parameters = inspect.signature(getattr(keras.layers, kind).__init__).parameters
    known = [name for name in parameters if name not in ("self", "name", "kwargs")]
    choices = {
        "pool_size": lambda: sizes(1, 4),
        "output_size": lambda: sizes(1, 4),
        "strides": lambda: None if generator.random() < 0.4 else sizes(1, 4),
        "padding": lambda: ["valid", "same"][generator.integers(2)],
        "data_format": lambda: [None, "channels_last", "channels_first"][generator.integers(3)],
        "keepdims": lambda: bool(generator.random() < 0.5),
    }
    chosen = {name: choices[name]() for name in known}
    spatial = [int(size) for size in generator.integers(4, 10 if rank < 3 else 7, rank)]
    if kind.startswith("Average") and uneven(spatial, chosen["pool_size"], chosen["strides"]):
        chosen["padding"] = "valid"  # Keras on PyTorch pads the odd element with a copy
    values = list(chosen.values())
    positional = int(generator.integers(len(known) + 1))
    named = dict(zip(known[positional:], values[positional:]))
    if generator.random() < 0.3:
        named["dtype"] = "float64"
    first = chosen["data_format"] == "channels_first"
    shape = (2, 3, *spatial) if first else (2, *spatial, 3)
    x = generator.standard_normal(shape).astype(np.float32)
    x = x.astype(named.get("dtype", "float32"))
    return values[:positional], named, np.round(x) if generator.random() < 0.3 else x


def uneven(spatial, pool_size, strides):
    """Whether "same" pads one element more on one side of some axis."""
    strides = pool_size if strides is None else strides
    pairs = (np.broadcast_to(sizes, len(spatial)) for sizes in (pool_size, strides))
    return any(
        (-(-n // s) - 1) * s + k - n > 0 and ((-(-n // s) - 1) * s + k - n) % 2
        for n, k, s in zip(spatial, *pairs)
    )


def shares_ties(kind, x):
    """Whether elements may be equal, among which Keras's global maxima share the gradient and its padded ones
    choose otherwise than the first."""
    return "Max" in kind and len(np.unique(x)) < x.size


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
@pytest.mark.parametrize("kind", KINDS)
def test_layer(kind, seed):
    positional, named, x = drawn(kind, np.random.default_rng([KINDS.index(kind), seed]))
    theirs, ours = (getattr(library.layers, kind)(*positional, **named) for library in (keras, gpulayers))
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor)
    y, backward = ours.forward(x)
    assert y.shape == tuple(expected.shape) and str(expected.dtype).endswith(str(y.dtype))
    tolerance = 2e-6  # means in other orders; Keras forms some of float64 in float32
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
    grad = np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)
    expected.backward(torch.tensor(grad))
    if not shares_ties(kind, x):
        largest = max(1.0, abs(tensor.grad.numpy()).max())
        np.testing.assert_allclose(backward(grad) / largest, tensor.grad.numpy() / largest, atol=2e-6)
    for shape in (x.shape, (None, *x.shape[1:])):
        assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))
    config, known = ours.get_config(), theirs.get_config()
    assert set(config) == set(known)
    again = [type(layer).from_config(layer.get_config())(x) for layer in (theirs, ours)]
    crossed = [type(theirs).from_config(config)(x), type(ours).from_config(known)(x)]
    for result in (*again, *crossed):
        np.testing.assert_allclose(result, y, rtol=tolerance, atol=tolerance)
