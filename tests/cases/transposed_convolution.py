"""Transposed convolutions that drive every test of the operation."""

import dataclasses

import numpy as np

from gpulayers import ops

from .convolution import FORMATS


@dataclasses.dataclass(frozen=True)
class TransposedCase:
    """A transposed convolution.

    Attributes:
        input: (n, *spatial, channels), whatever the data format.
        window, filters: the weights are (*window, filters / groups, channels).
    """

    name: str
    input: tuple
    window: tuple
    filters: int
    strides: object = 1
    padding: object = "valid"
    output_padding: object = None
    dilation: object = 1
    groups: int = 1
    activation: str = None
    bias: bool = True

    @property
    def rank(self):
        return len(self.window)

    @property
    def weight(self):
        return (*self.window, self.filters // self.groups, self.input[-1])

    @property
    def geometry(self):
        return {
            "strides": self.strides,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "dilation_rate": self.dilation,
            "groups": self.groups,
        }

    def in_format(self, shape, data_format):
        """A channels_last shape in the data format."""
        return shape if data_format == "channels_last" else (shape[0], shape[-1], *shape[1:-1])


CASES = [
    TransposedCase("1d", (2, 5, 3), (3,), 4, strides=2),
    TransposedCase("1d same", (2, 5, 3), (4,), 2, 3, "same", activation="sigmoid"),
    TransposedCase("stride beyond the window", (2, 4, 3, 2), (2, 1), 3, strides=(3, 2), activation="relu"),
    TransposedCase("same, stride beyond the window", (1, 4, 3, 2), (2, 1), 3, (3, 4), "same"),
    TransposedCase("doubling", (2, 4, 5, 8), (4, 4), 6, 2, "same", activation="tanh"),
    TransposedCase("odd window", (1, 3, 4, 3), (3, 5), 2, 2, "same", bias=False),
    TransposedCase("output padding", (1, 3, 4, 3), (3, 2), 2, (2, 3), "valid", (1, 2)),
    TransposedCase("same with output padding", (1, 3, 4, 3), (3, 4), 2, (3, 2), "same", 1, activation="relu"),
    TransposedCase("dilated", (1, 4, 3, 2), (3, 2), 3, 1, "same", dilation=(2, 3)),
    TransposedCase("strides and dilation", (1, 4, 3, 2), (3, 2), 3, (2, 3), "valid", dilation=(3, 2)),
    TransposedCase("pairs", (1, 5, 4, 3), (3, 4), 2, 2, ((1, 2), (0, 3)), (1, 0)),
    TransposedCase("grouped", (2, 3, 4, 6), (3, 2), 9, 2, "same", groups=3),
    TransposedCase("depthwise", (2, 3, 4, 8), (3, 3), 8, 2, "same", groups=8, activation="relu"),
    TransposedCase("depthwise, several channels a filter", (2, 6, 6), (3,), 3, 1, 1, groups=3),
    TransposedCase("3d", (1, 2, 3, 2, 3), (2, 3, 2), 4, (1, 2, 2), "same"),
    TransposedCase("no images", (0, 3, 3, 2), (2, 2), 3),
]


def run(case, device, dtype):
    """Calls every function of the operation once in each data format, on zeros."""
    weight = device.zeros(case.weight, dtype)
    bias = device.zeros((case.filters,), dtype) if case.bias else None
    for data_format in FORMATS:
        options = {**case.geometry, "data_format": data_format}
        x = device.zeros(case.in_format(case.input, data_format), dtype)
        y = ops.conv_transpose(x, weight, bias, **options, activation=case.activation)
        grad = device.asarray(np.zeros(y.shape, dtype))
        ops.conv_transpose_backward_input(grad, weight, x.shape, **options)
        ops.conv_transpose_backward_weight(x, grad, case.weight, **options)
