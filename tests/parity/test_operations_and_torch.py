"""Operations against PyTorch in float64, over random configurations, forward and backward."""

import numpy as np
import pytest

from gpulayers import ops
from tests.tolerances import assert_close

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
functional = torch.nn.functional

SEEDS = range(60)


def to_torch(array, channels):
    """A channels_last array as a torch leaf with channels first."""
    array = np.moveaxis(array, -1, 1) if channels == "channels_last" else array
    return torch.tensor(np.ascontiguousarray(array), requires_grad=True)


def from_torch(tensor, channels):
    array = tensor.detach().numpy()
    return np.moveaxis(array, 1, -1) if channels == "channels_last" else array


def weight_to_torch(weight):
    """(*kernel, in, out) -> (out, in, *kernel)."""
    order = (weight.ndim - 1, weight.ndim - 2, *range(weight.ndim - 2))
    return torch.tensor(np.ascontiguousarray(weight.transpose(order)), requires_grad=True)


def weight_from_torch(weight):
    array = weight.detach().numpy()
    return array.transpose((*range(2, array.ndim), 1, 0))


def explicit_padding(padding, size, kernel, stride, dilation):
    """Low and high padding of one axis, written down from the definition of each kind."""
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach - 1, 0
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2
    return padding


def torch_pad(x, pads, value=0.0):
    return functional.pad(x, [side for pair in reversed(pads) for side in pair], value=value)


@pytest.mark.parametrize("seed", SEEDS)
def test_convolution(seed):
    draw = np.random.default_rng(seed)
    rank = int(draw.integers(1, 4))
    groups = int(draw.choice([1, 1, 2, 3]))
    channels_in, filters = groups * int(draw.integers(1, 5)), groups * int(draw.integers(1, 5))
    kernel, strides, dilation = (tuple(map(int, draw.integers(1, 4, rank))) for _ in range(3))
    size = tuple(int(draw.integers((k - 1) * d + 1, (k - 1) * d + 8)) for k, d in zip(kernel, dilation))
    kinds = ["valid", "same", "explicit"] + (["causal"] if rank == 1 else [])
    padding = str(draw.choice(kinds))
    if padding == "explicit":
        padding = tuple((int(low), int(high)) for low, high in draw.integers(0, 5, (rank, 2)))
    data_format = str(draw.choice(["channels_last", "channels_first"]))
    batch = int(draw.integers(1, 4))

    x = draw.standard_normal((batch, *size, channels_in))
    x = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if data_format == "channels_first" else x
    weight = draw.standard_normal((*kernel, channels_in // groups, filters))
    bias = draw.standard_normal(filters)
    options = dict(strides=strides, padding=padding, dilation_rate=dilation, groups=groups, data_format=data_format)
    y = ops.conv(x, weight, bias, **options)

    tx, tw, tb = to_torch(x, data_format), weight_to_torch(weight), torch.tensor(bias, requires_grad=True)
    kinds = padding if isinstance(padding, tuple) else (padding,) * rank
    pads = [explicit_padding(*axis) for axis in zip(kinds, size, kernel, strides, dilation)]
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    ty = convolve(torch_pad(tx, pads), tw, tb, stride=strides, dilation=dilation, groups=groups)
    expected = from_torch(ty, data_format)
    terms = weight[..., 0].size + y.size
    assert_close(y, expected, terms, 50, what=f"y of {options}")

    grad = draw.standard_normal(y.shape)
    ty.backward(to_torch(grad, data_format).detach())
    backward_input = ops.conv_backward_input(grad, weight, x.shape, **options)
    backward_weight = ops.conv_backward_weight(x, grad, weight.shape, **options)
    backward_bias = ops.conv_backward_bias(grad, data_format=data_format)
    assert_close(backward_input, from_torch(tx.grad, data_format), terms, 50, what="grad_input")
    assert_close(backward_weight, weight_from_torch(tw.grad), terms, 50, what="grad_weight")
    assert_close(backward_bias, tb.grad.numpy(), terms, 50, what="grad_bias")


@pytest.mark.parametrize("seed", SEEDS)
def test_pooling(seed):
    draw = np.random.default_rng(seed)
    rank = int(draw.integers(1, 4))
    window = tuple(map(int, draw.integers(1, 5, rank)))
    strides = tuple(map(int, draw.integers(1, 4, rank)))
    size = tuple(int(draw.integers(k, k + 7)) for k in window)
    padding = str(draw.choice(["valid", "same"]))
    data_format = str(draw.choice(["channels_last", "channels_first"]))
    channels = int(draw.integers(1, 6))
    shape = (2, *size, channels) if data_format == "channels_last" else (2, channels, *size)
    x = draw.permutation(np.prod(shape)).reshape(shape).astype(np.float64)  # no ties: any choice of a maximum agrees
    options = dict(strides=strides, padding=padding, data_format=data_format)
    pads = [explicit_padding(padding, *axis, 1) for axis in zip(size, window, strides)]
    maximum = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1]
    average = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)[rank - 1]

    tx = to_torch(x, data_format)
    ty = maximum(torch_pad(tx, pads, -np.inf), window, stride=strides)
    y, argmax = ops.max_pool_with_argmax(x, window, **options)
    np.testing.assert_array_equal(y, from_torch(ty, data_format))
    np.testing.assert_array_equal(ops.max_pool(x, window, **options), y)
    grad = draw.integers(-3, 4, y.shape).astype(np.float64)
    ty.backward(to_torch(grad, data_format).detach())
    grad_input = ops.max_pool_backward(grad, argmax, x.shape, window, **options)
    np.testing.assert_array_equal(grad_input, from_torch(tx.grad, data_format))

    tx = to_torch(x, data_format)
    inside = average(torch_pad(torch.ones_like(tx), pads), window, stride=strides)  # share of the window inside the input
    ty = average(torch_pad(tx, pads), window, stride=strides) / inside
    y = ops.average_pool(x, window, **options)
    assert_close(y, from_torch(ty, data_format), x.size, what="average")
    ty.backward(to_torch(grad, data_format).detach())
    grad_input = ops.average_pool_backward(grad, x.shape, window, **options)
    assert_close(grad_input, from_torch(tx.grad, data_format), x.size, 50, what="grad of the average")


@pytest.mark.parametrize("seed", range(12))
def test_lstm(seed):
    draw = np.random.default_rng(seed)
    batch, steps, width, units = map(int, draw.integers(1, 9, 4))
    x = draw.standard_normal((batch, steps, width))
    weight, recurrent = draw.standard_normal((width, 4 * units)), draw.standard_normal((units, 4 * units))
    bias = draw.standard_normal(4 * units)
    h, c = draw.standard_normal((2, batch, units))
    outputs, last_h, last_c, residuals = ops.lstm(x, weight, recurrent, bias, initial_h=h, initial_c=c, training=True)

    layer = torch.nn.LSTM(width, units, batch_first=True, dtype=torch.float64)  # its gates are i, f, c, o as well
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(weight.T))
        layer.weight_hh_l0.copy_(torch.tensor(recurrent.T))
        layer.bias_ih_l0.copy_(torch.tensor(bias))
        layer.bias_hh_l0.zero_()
    tx, th, tc = (torch.tensor(a, requires_grad=True) for a in (x, h[None], c[None]))
    t_outputs, (t_last_h, t_last_c) = layer(tx, (th, tc))
    assert_close(outputs, t_outputs.detach().numpy(), 100, 10, what="outputs")
    assert_close(last_h, t_last_h[0].detach().numpy(), 100, 10, what="h")
    assert_close(last_c, t_last_c[0].detach().numpy(), 100, 10, what="c")

    grads = [draw.standard_normal(a.shape) for a in (outputs, last_h, last_c)]
    loss = (t_outputs * torch.tensor(grads[0])).sum() + (t_last_h[0] * torch.tensor(grads[1])).sum()
    (loss + (t_last_c[0] * torch.tensor(grads[2])).sum()).backward()
    expected = [tx.grad, layer.weight_ih_l0.grad.T, layer.weight_hh_l0.grad.T, layer.bias_ih_l0.grad, th.grad[0], tc.grad[0]]
    names = ["grad_x", "grad_weight", "grad_recurrent_weight", "grad_bias", "grad_initial_h", "grad_initial_c"]
    for name, found, true in zip(names, ops.lstm_backward(*grads, residuals), expected):
        assert_close(found, true.numpy(), 1000, 50, what=name)
