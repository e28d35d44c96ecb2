"""Transposed convolution and its gradients as loops in float64: every input adds copies of the kernel."""

import math

import numpy as np

from tests.convolution_loops import FUNCTIONS, per_axis

KNOWN_SIZES = {  # by hand from Keras's definitions: case -> (spatial output, what is cropped in front)
    "1d": ((11,), (0,)),
    "1d same": ((15,), (0,)),
    "stride beyond the window": ((12, 6), (0, 0)),
    "same, stride beyond the window": ((12, 12), (0, 0)),
    "doubling": ((8, 10), (1, 1)),
    "odd window": ((6, 8), (0, 1)),
    "output padding": ((8, 13), (0, 0)),
    "same with output padding": ((8, 7), (0, 1)),
    "dilated": ((4, 3), (2, 1)),
    "strides and dilation": ((13, 9), (0, 0)),
    "pairs": ((9, 7), (1, 0)),
    "grouped": ((6, 8), (0, 0)),
    "depthwise": ((6, 8), (0, 0)),
    "depthwise, several channels a filter": ((6,), (1,)),
    "3d": ((2, 6, 4), (0, 0, 0)),
    "no images": ((4, 4), (0, 0)),
}


def output_shape(case):
    """channels_last."""
    return (case.input[0], *KNOWN_SIZES[case.name][0], case.filters)


def meetings(case):
    """(input position, tap, output position) for all whose output is not cropped."""
    strides, dilations = per_axis(case.strides, case.rank), per_axis(case.dilation, case.rank)
    sizes, crops = KNOWN_SIZES[case.name]
    for place in np.ndindex(*case.input[1:-1]):
        for tap in np.ndindex(*case.window):
            out = tuple(i * s + t * d - c for i, s, t, d, c in zip(place, strides, tap, dilations, crops))
            if all(0 <= o < size for o, size in zip(out, sizes)):
                yield place, tap, out


def group_slices(case):
    """(channels, filters) of each group."""
    channels, filters = case.input[-1] // case.groups, case.filters // case.groups
    for group in range(case.groups):
        yield slice(group * channels, (group + 1) * channels), slice(group * filters, (group + 1) * filters)


def everything(case, x, weight, bias, dy):
    """(y before the activation, dx, dw), all channels_last."""
    y, dx, dw = np.zeros(output_shape(case)), np.zeros(case.input), np.zeros(case.weight)
    for place, tap, out in meetings(case):
        for channels, filters in group_slices(case):
            here, there = (slice(None), *place, channels), (slice(None), *out, filters)
            w = weight[(*tap, slice(None), channels)]
            y[there] += x[here] @ w.T
            dx[here] += dy[there] @ w
            dw[(*tap, slice(None), channels)] += dy[there].T @ x[here]
    return (y if bias is None else y + bias), dx, dw


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
        given = [self.x, self.weight, self.bias, self.grad_output]
        given = [None if array is None else array.astype(np.float64) for array in given]
        values = everything(case, *given)
        sizes = everything(case, *(None if array is None else np.abs(array) for array in given))
        self.y = FUNCTIONS[case.activation](values[0]), sizes[0]
        self.grad_input, self.grad_weight = (values[1], sizes[1]), (values[2], sizes[2])
        taps = math.prod(case.window)
        self.terms = {
            "y": taps * case.input[-1] // case.groups + 1,
            "grad_input": taps * case.filters // case.groups,
            "grad_weight": math.prod(case.input[:-1]),
        }
