"""Convolution and its gradients as loops in float64, straight from the formula."""

import math

import numpy as np

FUNCTIONS = {
    None: lambda value: value,
    "relu": lambda value: np.where(value < 0, 0, value),
    "tanh": np.tanh,
    "sigmoid": lambda value: 0.5 * (1 + np.tanh(0.5 * value)),
}


def per_axis(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def pad_pairs(case):
    """(before, after) for each spatial dimension."""
    pairs = []
    steps = zip(
        case.input[1:-1], case.window, per_axis(case.strides, case.rank), per_axis(case.dilation, case.rank)
    )
    for size, taps, stride, dilation in steps:
        reach = dilation * (taps - 1) + 1
        if case.padding == "same":
            total = max(0, (math.ceil(size / stride) - 1) * stride + reach - size)
            pairs.append((math.floor(total / 2), math.ceil(total / 2)))
        elif case.padding == "causal":
            pairs.append((reach - 1, 0))
        elif case.padding == "valid":
            pairs.append((0, 0))
        elif isinstance(case.padding, int):
            pairs.append((case.padding, case.padding))
        else:
            pairs.append(case.padding[len(pairs)])
    return pairs


def output_shape(case):
    """channels_last."""
    sizes = []
    strides, dilations = per_axis(case.strides, case.rank), per_axis(case.dilation, case.rank)
    for axis, (before, after) in enumerate(pad_pairs(case)):
        last = case.input[1 + axis] + before + after - dilations[axis] * (case.window[axis] - 1) - 1
        sizes.append(last // strides[axis] + 1)
    return (case.input[0], *sizes, case.filters)


def meetings(case):
    """(output position, tap, input position) for all that meet inside the input."""
    strides, dilations = per_axis(case.strides, case.rank), per_axis(case.dilation, case.rank)
    pads = pad_pairs(case)
    for out in np.ndindex(*output_shape(case)[1:-1]):
        for tap in np.ndindex(*case.window):
            place = tuple(o * s + t * d - p[0] for o, s, t, d, p in zip(out, strides, tap, dilations, pads))
            if all(0 <= i < size for i, size in zip(place, case.input[1:-1])):
                yield out, tap, place


def group_slices(case):
    """(channels, filters) of each group."""
    channels, filters = case.channels // case.groups, case.filters // case.groups
    for group in range(case.groups):
        yield slice(group * channels, (group + 1) * channels), slice(group * filters, (group + 1) * filters)


def forward(case, x, weight, bias):
    """The output before the activation. All arrays here are channels_last."""
    x, weight = x.astype(np.float64), weight.astype(np.float64)
    y = np.zeros(output_shape(case))
    for out, tap, place in meetings(case):
        for channels, filters in group_slices(case):
            y[(slice(None), *out, filters)] += (
                x[(slice(None), *place, channels)] @ weight[(*tap, slice(None), filters)]
            )
    return y if bias is None else y + bias.astype(np.float64)


def backward_input(case, grad_output, weight):
    dy, weight = grad_output.astype(np.float64), weight.astype(np.float64)
    dx = np.zeros(case.input)
    for out, tap, place in meetings(case):
        for channels, filters in group_slices(case):
            dx[(slice(None), *place, channels)] += (
                dy[(slice(None), *out, filters)] @ weight[(*tap, slice(None), filters)].T
            )
    return dx


def backward_weight(case, x, grad_output):
    x, dy = x.astype(np.float64), grad_output.astype(np.float64)
    dw = np.zeros(case.weight)
    for out, tap, place in meetings(case):
        for channels, filters in group_slices(case):
            dw[(*tap, slice(None), filters)] += (
                x[(slice(None), *place, channels)].T @ dy[(slice(None), *out, filters)]
            )
    return dw


def backward_bias(case, grad_output):
    return grad_output.astype(np.float64).sum(axis=tuple(range(case.rank + 1)))


class Data:
    """Arrays of a case (channels_last) and what the loops make of them: (values, sums of magnitudes)."""

    def __init__(self, case, dtype, integers, seed=0):
        generator = np.random.default_rng(seed)

        def draw(shape):
            values = generator.integers(-2, 3, shape) if integers else generator.standard_normal(shape)
            return values.astype(dtype)

        self.case = case
        self.x, self.weight, self.grad_output = draw(case.input), draw(case.weight), draw(output_shape(case))
        self.bias = draw((case.filters,)) if case.bias else None
        absolute_bias = None if self.bias is None else np.abs(self.bias)
        x, weight, dy = np.abs(self.x), np.abs(self.weight), np.abs(self.grad_output)
        self.linear = forward(case, self.x, self.weight, self.bias)
        self.y = FUNCTIONS[case.activation](self.linear), forward(case, x, weight, absolute_bias)
        self.grad_input = (
            backward_input(case, self.grad_output, self.weight),
            backward_input(case, dy, weight),
        )
        self.grad_weight = backward_weight(case, self.x, self.grad_output), backward_weight(case, x, dy)
        self.grad_bias = backward_bias(case, self.grad_output), backward_bias(case, dy)
        pixels = math.prod(output_shape(case)[:-1])
        taps = math.prod(case.window)
        self.terms = {
            "y": taps * case.weight[-2] + 1,
            "grad_input": taps * case.filters // case.groups,
            "grad_weight": pixels,
            "grad_bias": pixels,
        }


def computed(data, device, data_format):
    """{name: result} of every function, run in the data format, given back as channels_last."""
    from gpulayers import ops

    case = data.case

    def there(array):
        if array is None or data_format == "channels_last" or array.ndim != case.rank + 2:
            return None if array is None else device.asarray(array)
        return device.asarray(np.ascontiguousarray(np.moveaxis(array, -1, 1)))

    def back(array):
        array = device.to_numpy(array)
        return array if data_format == "channels_last" else np.moveaxis(array, 1, -1)

    x, dy, weight = there(data.x), there(data.grad_output), device.asarray(data.weight)
    kind = dict(**case.geometry, data_format=data_format)
    bias = None if data.bias is None else device.asarray(data.bias)
    with case.pretending(device):
        return {
            "y": back(ops.conv(x, weight, bias, **kind, activation=case.activation)),
            "grad_input": back(ops.conv_backward_input(dy, weight, x.shape, **kind)),
            "grad_weight": device.to_numpy(ops.conv_backward_weight(x, dy, case.weight, **kind)),
            "grad_bias": device.to_numpy(ops.conv_backward_bias(dy, data_format=data_format)),
        }
