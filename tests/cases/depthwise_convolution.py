"""Depthwise convolutions that drive every test of the operation. `filters` are those of all channels."""

import numpy as np

from gpulayers import ops

from .convolution import FORMATS, Case

CASES = [
    Case("same 3x3, vectors", (2, 6, 7, 8), (3, 3), 8, padding="same", groups=8, activation="relu"),
    Case("no vectors", (2, 5, 9, 3), (3, 3), 3, padding="same", groups=3),
    Case("several filters", (2, 6, 5, 4), (3, 2), 12, padding="same", groups=4, activation="tanh"),
    Case("strided", (2, 9, 8, 8), (3, 3), 8, strides=2, padding="same", groups=8, bias=False),
    Case("strided 1d", (2, 21, 6), (4,), 12, strides=3, padding=2, groups=6, activation="sigmoid"),
    Case("1d", (3, 17, 8), (5,), 8, groups=8),
    Case("dilated", (1, 9, 10, 5), (3, 3), 5, padding="same", dilation=(1, 2), groups=5),
    Case("stride is the dilation", (1, 11, 13, 8), (3, 3), 8, 2, padding=2, dilation=2, groups=8),
    Case("stride beyond the input", (2, 3, 2), (2,), 4, strides=5, groups=2),
    Case("far padding", (2, 3, 4, 2), (2, 3), 2, padding=((4, 0), (5, 7)), groups=2),
    Case("3d", (1, 4, 5, 3, 8), (2, 3, 2), 8, (1, 2, 1), padding="same", groups=8),
    Case("many taps", (1, 7, 8, 2), (5, 4), 4, padding="same", groups=2),
    Case("many channels", (1, 3, 3, 136), (2, 2), 136, padding="same", groups=136, bias=False),
    Case("chunks of pixels", (2, 700, 2), (3,), 2, padding="same", groups=2),
    Case("no images", (0, 4, 5, 3), (3, 3), 3, groups=3),
]


def weight_shape(case):
    return (*case.window, case.channels, case.filters // case.channels)


def geometry(case):
    return {"strides": case.strides, "padding": case.padding, "dilation_rate": case.dilation}


def run(case, device, dtype):
    """Calls every function of the operation once in each data format, on zeros."""
    weight = device.zeros(weight_shape(case), dtype)
    bias = device.zeros((case.filters,), dtype) if case.bias else None
    for data_format in FORMATS:
        options = {**geometry(case), "data_format": data_format}
        x = device.zeros(case.in_format(case.input, data_format), dtype)
        y = ops.depthwise_conv(x, weight, bias, **options, activation=case.activation)
        grad = device.asarray(np.zeros(y.shape, dtype))
        ops.depthwise_conv_backward_input(grad, weight, x.shape, **options)
        ops.depthwise_conv_backward_weight(x, grad, weight.shape, **options)
        ops.conv_backward_bias(grad, data_format=data_format)
