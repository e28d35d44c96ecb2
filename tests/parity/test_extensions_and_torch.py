"""What layers take beyond Keras, against PyTorch in float64: strides with dilation, explicit padding, groups
of transposed convolutions, pooling with ceil_mode, dilation and indices, unpooling."""

import numpy as np
import pytest

from gpulayers import layers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
functional = torch.nn.functional
CLOSE = dict(rtol=1e-10, atol=1e-10)  # float64 on both sides, sums in other orders


class Draw:
    """Random choices, and arrays in a layer's data format and in PyTorch's."""

    def __init__(self, *seed):
        self.random = np.random.default_rng(seed)
        self.rank, self.first = int(self.random.integers(1, 4)), bool(self.random.random() < 0.5)
        self.data_format = "channels_first" if self.first else "channels_last"

    def sizes(self, low, high, count=None):
        return tuple(int(size) for size in self.random.integers(low, high + 1, count or self.rank))

    def of_layer(self, array):
        return array if self.first else np.ascontiguousarray(np.moveaxis(array, 1, -1))

    def of_torch(self, array):
        return array if self.first else np.moveaxis(array, -1, 1)


def padded(tensor, pairs):
    return functional.pad(tensor, [size for pair in reversed(pairs) for size in pair])


def torch_function(name, rank):
    return getattr(functional, f"{name}{rank}d")


def kernel_of(layer, rank):
    """(the layer's kernel as a tensor that gathers gradients, the same as PyTorch lays it out)"""
    kernel = torch.tensor(layer.kernel.numpy(), requires_grad=True)
    return kernel, kernel.permute(rank + 1, rank, *range(rank))


def compare(draw, layer, x, expected, leaf, kernel, bias):
    """Output, gradients, inferred shape, and a layer of the same configuration."""
    y, backward = layer.forward(draw.of_layer(x))
    np.testing.assert_allclose(draw.of_torch(y), expected.detach().numpy(), **CLOSE)
    grad = draw.random.standard_normal(expected.shape)
    expected.backward(torch.tensor(grad))
    np.testing.assert_allclose(draw.of_torch(backward(draw.of_layer(grad))), leaf.grad.numpy(), **CLOSE)
    for variable, tensor in ((layer.kernel, kernel), (layer.bias, bias)):
        np.testing.assert_allclose(variable.grad, tensor.grad.numpy(), **CLOSE)
    assert layer.compute_output_shape((None, *draw.of_layer(x).shape[1:])) == (None, *y.shape[1:])
    again = type(layer).from_config(layer.get_config())
    again.build(draw.of_layer(x).shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(draw.of_layer(x)), y)


@pytest.mark.parametrize("seed", range(40))
def test_convolution(seed):
    draw = Draw(1, seed)
    rank, groups = draw.rank, int(draw.random.integers(1, 4))
    channels, filters = (groups * int(draw.random.integers(1, 3)) for _ in range(2))
    kernel_size, strides, dilation = draw.sizes(1, 3), draw.sizes(1, 3), draw.sizes(1, 3)
    spatial = draw.sizes(7, 9 if rank < 3 else 8)
    padding = [1, "same", tuple(draw.sizes(0, 3, 2) for _ in range(rank))][draw.random.integers(3)]
    pairs = [(padding, padding)] * rank if padding == 1 else padding
    if padding == "same":
        reach = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation)]
        totals = [max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(spatial, strides, reach)]
        pairs = [(total // 2, total - total // 2) for total in totals]
    options = dict(data_format=draw.data_format, bias_initializer="random_normal", dtype="float64")
    arguments = dict(strides=strides, padding=padding, dilation_rate=dilation, **options)
    x = draw.random.standard_normal((2, channels, *spatial))
    if rank < 3 and seed % 3 == 0:
        multiplier = int(draw.random.integers(1, 3))
        kind = getattr(layers, f"DepthwiseConv{rank}D")
        layer = kind(kernel_size, depth_multiplier=multiplier, **arguments)
        groups = channels
    else:
        layer = getattr(layers, f"Conv{rank}D")(filters, kernel_size, groups=groups, **arguments)
    layer.build(draw.of_layer(x).shape)
    kernel, weight = kernel_of(layer, rank)
    if groups == channels and "Depthwise" in type(layer).__name__:
        weight = kernel.permute(rank, rank + 1, *range(rank)).reshape(-1, 1, *kernel_size)
    leaf, bias = torch.tensor(x, requires_grad=True), torch.tensor(layer.bias.numpy(), requires_grad=True)
    inputs = padded(leaf, pairs)
    expected = torch_function("conv", rank)(inputs, weight, bias, strides, 0, dilation, groups)
    compare(draw, layer, x, expected, leaf, kernel, bias)


@pytest.mark.parametrize("seed", range(30))
def test_transposed_convolution(seed):
    draw = Draw(2, seed)
    rank, groups = draw.rank, int(draw.random.integers(1, 4))
    channels, filters = (groups * int(draw.random.integers(1, 3)) for _ in range(2))
    kernel_size, strides, dilation = draw.sizes(1, 4), draw.sizes(1, 3), draw.sizes(1, 3)
    padding = [0, 1, tuple(draw.sizes(0, 2, 2) for _ in range(rank))][draw.random.integers(3)]
    pairs = padding if isinstance(padding, tuple) else [(padding, padding)] * rank
    extra = tuple(int(draw.random.integers(stride)) for stride in strides)
    x = draw.random.standard_normal((2, channels, *draw.sizes(4, 6)))
    layer = getattr(layers, f"Conv{rank}DTranspose")(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        output_padding=extra,
        data_format=draw.data_format,
        dilation_rate=dilation,
        groups=groups,
        bias_initializer="random_normal",
        dtype="float64",
    )
    layer.build(draw.of_layer(x).shape)
    kernel, weight = kernel_of(layer, rank)
    leaf, bias = torch.tensor(x, requires_grad=True), torch.tensor(layer.bias.numpy(), requires_grad=True)
    whole = torch_function("conv_transpose", rank)(leaf, weight, None, strides, 0, 0, groups, dilation)
    whole = padded(whole, [(0, size) for size in extra])
    ends = [slice(low, size - high) for (low, high), size in zip(pairs, whole.shape[2:])]
    expected = whole[(slice(None), slice(None), *ends)] + bias.reshape(1, -1, *(1,) * rank)
    compare(draw, layer, x, expected, leaf, kernel, bias)


@pytest.mark.parametrize("seed", range(50))
def test_pooling_and_unpooling(seed):
    draw = Draw(3, seed)
    rank, largest = draw.rank, seed % 5 < 3
    pool_size, strides = draw.sizes(2, 4), draw.sizes(1, 4)
    dilation = draw.sizes(1, 2) if largest and seed % 2 else (1,) * rank
    padding = tuple(int(draw.random.integers(size // 2 + 1)) for size in pool_size)
    ceil, pairs = bool(draw.random.random() < 0.5), tuple((size, size) for size in padding)
    spatial = draw.sizes(7, 10 if rank < 3 else 8)
    x = draw.random.standard_normal((2, 3, *spatial))
    leaf = torch.tensor(x, requires_grad=True)
    options = dict(padding=pairs, data_format=draw.data_format, ceil_mode=ceil, dtype="float64")
    if not largest:
        layer = getattr(layers, f"AveragePooling{rank}D")(pool_size, strides, **options)
        expected = torch_function("avg_pool", rank)(leaf, pool_size, strides, padding, ceil, False)
        y, backward = layer.forward(draw.of_layer(x))
        grad = draw.random.standard_normal(expected.shape)
        given = draw.of_layer(grad)
    else:
        kind = getattr(layers, f"MaxPooling{rank}D")
        layer = kind(pool_size, strides, dilation_rate=dilation, return_indices=True, **options)
        expected, places = torch_function("max_pool", rank)(
            leaf, pool_size, strides, padding, dilation, ceil_mode=ceil, return_indices=True
        )
        (y, indices), backward = layer.forward(draw.of_layer(x))
        np.testing.assert_array_equal(draw.of_torch(indices), places.numpy())
        grad = draw.random.standard_normal(expected.shape)
        given = [draw.of_layer(grad), None]
    np.testing.assert_allclose(draw.of_torch(y), expected.detach().numpy(), **CLOSE)
    expected.backward(torch.tensor(grad))
    np.testing.assert_allclose(draw.of_torch(backward(given)), leaf.grad.numpy(), **CLOSE)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    if largest:
        unpool = getattr(layers, f"MaxUnpooling{rank}D")(
            pool_size, strides, spatial, draw.data_format, dtype="float64"
        )
        spread = torch.zeros(2, 3, int(np.prod(spatial)), dtype=torch.float64)
        spread.scatter_(2, places.reshape(2, 3, -1), expected.detach().reshape(2, 3, -1))
        found = draw.of_torch(unpool([y, indices]))
        np.testing.assert_array_equal(found, spread.reshape(found.shape).numpy())
