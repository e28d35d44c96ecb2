"""Convolution problems that drive every test of the operation."""

import contextlib
import dataclasses

import numpy as np

from gpulayers import ops

FORMATS = ("channels_last", "channels_first")


@dataclasses.dataclass(frozen=True)
class Case:
    """A convolution.

    Attributes:
        input: (n, *spatial, channels), whatever the data format.
        window, filters: the weights are (*window, channels / groups, filters).
        multiprocessors: what the device pretends to have, so that a small problem gets a large one's tiles.
    """

    name: str
    input: tuple
    window: tuple
    filters: int
    strides: object = 1
    padding: object = "valid"
    dilation: object = 1
    groups: int = 1
    activation: str = None
    bias: bool = True
    multiprocessors: int = None

    @property
    def rank(self):
        return len(self.window)

    @property
    def channels(self):
        return self.input[-1]

    @property
    def weight(self):
        return (*self.window, self.channels // self.groups, self.filters)

    @property
    def geometry(self):
        names = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation}
        return {**names, "groups": self.groups}

    def in_format(self, shape, data_format):
        """A channels_last shape in the data format."""
        return shape if data_format == "channels_last" else (shape[0], shape[-1], *shape[1:-1])

    @contextlib.contextmanager
    def pretending(self, device):
        """The device with the case's number of multiprocessors."""
        true = getattr(device, "multiprocessors", None)
        if self.multiprocessors and true:
            device.multiprocessors = self.multiprocessors
        try:
            yield
        finally:
            if true:
                device.multiprocessors = true


CASES = [
    Case("one element", (1, 1, 1), (1,), 1),
    Case("pointwise", (2, 5, 3, 20), (1, 1), 7, activation="relu"),
    Case("pointwise strided", (2, 7, 6, 5), (1, 1), 3, strides=(2, 3), bias=False),
    Case("first layer", (2, 9, 8, 3), (3, 3), 18, strides=2, padding="same", activation="relu"),
    Case("same 3x3", (2, 6, 7, 8), (3, 3), 16, padding="same", activation="tanh"),
    Case("same even window", (1, 5, 6, 4), (2, 4), 5, padding="same"),
    Case("valid 1d", (3, 17, 6), (5,), 9, activation="sigmoid"),
    Case("causal dilated", (2, 11, 4), (3,), 6, padding="causal", dilation=3),
    Case("same strided 1d", (2, 13, 3), (4,), 35, strides=3, padding="same"),
    Case("3d", (2, 4, 5, 3, 4), (2, 3, 2), 6, padding="same"),
    Case("3d strided and dilated", (1, 5, 7, 6, 3), (2, 2, 3), 4, (1, 2, 3), padding=2, dilation=(2, 1, 1)),
    Case("far padding", (2, 3, 4, 2), (2, 3), 4, padding=((4, 0), (5, 7))),
    Case("strided with far padding", (1, 3, 2, 2), (3, 2), 3, (2, 3), padding=((5, 6), (0, 7)), dilation=2),
    Case("stride and dilation share a factor", (2, 9, 8, 3), (3, 2), 5, (4, 2), padding=3, dilation=(2, 4)),
    Case("stride beyond the window", (2, 8, 9, 3), (2, 1), 4, strides=(3, 4)),
    Case("stride beyond the input", (2, 3, 2), (2,), 3, strides=5),
    Case("window larger than the input", (2, 2, 3, 3), (5, 4), 4, padding="same"),
    Case("grouped", (2, 5, 6, 6), (3, 2), 9, groups=3, padding="same", activation="relu"),
    Case("grouped and strided", (2, 6, 5, 8), (3, 3), 4, groups=2, strides=2, padding=1),
    Case("depthwise", (2, 6, 5, 5), (3, 3), 10, groups=5, padding="same"),
    Case("many taps and channels", (1, 4, 5, 33), (3, 3), 34, padding="same", bias=False),
    Case("narrow tiles, several", (3, 7, 9, 30), (1, 2), 17, padding="same"),
    Case("small tiles, several", (1, 6, 7, 66), (2, 1), 70, padding="same"),
    Case("large tiles", (2, 9, 8, 40), (1, 2), 67, padding="same", multiprocessors=1),
    Case("chunks of pixels", (2, 331, 2), (3,), 4, padding="same"),
    Case("no images", (0, 4, 5, 3), (3, 3), 4),
]


def run(case, device, dtype):
    """Calls every function of the operation once in each data format, on zeros."""
    weight = device.zeros(case.weight, dtype)
    bias = device.zeros((case.filters,), dtype) if case.bias else None
    with case.pretending(device):
        for data_format in FORMATS:
            x = device.zeros(case.in_format(case.input, data_format), dtype)
            y = ops.conv(
                x, weight, bias, **case.geometry, data_format=data_format, activation=case.activation
            )
            grad = device.asarray(np.zeros(y.shape, dtype))
            ops.conv_backward_input(grad, weight, x.shape, **case.geometry, data_format=data_format)
            ops.conv_backward_weight(x, grad, case.weight, **case.geometry, data_format=data_format)
            ops.conv_backward_bias(grad, data_format=data_format)
