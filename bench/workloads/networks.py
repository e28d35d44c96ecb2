"""Networks for inference, written once and run with any library: ResNet-50 and MobileNetV2 with their batch
normalisation folded into the convolutions, as they are deployed.

A network is a function of a backend and an input. The backend has
    conv(x, filters, size, strides, padding, groups, activation), max_pool(x, size, strides, padding),
    add(x, y, activation), global_average_pool(x), dense(x, units).
The order of the calls numbers the weights.
"""

import math

import numpy as np

from gpulayers import ops
from gpulayers.ops import dense as dense_ops
from gpulayers.ops.convolution.problem import ConvolutionProblem

CLASSES = 1000


def resnet50(backend, x):
    """He et al., Deep residual learning, 2015; strides in the 3x3 convolutions."""
    x = backend.conv(x, 64, 7, 2, 3, activation="relu")
    x = backend.max_pool(x, 3, 2, 1)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            shortcut = x if block else backend.conv(x, 4 * width, 1, strides, 0)
            y = backend.conv(x, width, 1, 1, 0, activation="relu")
            y = backend.conv(y, width, 3, strides, 1, activation="relu")
            y = backend.conv(y, 4 * width, 1, 1, 0)
            x = backend.add(y, shortcut, activation="relu")
    return backend.dense(backend.global_average_pool(x), CLASSES)


def mobilenet_v2(backend, x):
    """Sandler et al., Inverted residuals and linear bottlenecks, 2018; with ReLU for ReLU6."""
    x = backend.conv(x, 32, 3, 2, 1, activation="relu")
    channels = 32
    settings = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    for expansion, filters, blocks, first_strides in settings:
        for block in range(blocks):
            strides, width = (1 if block else first_strides), channels * expansion
            y = x if expansion == 1 else backend.conv(x, width, 1, 1, 0, activation="relu")
            y = backend.conv(y, width, 3, strides, 1, groups=width, activation="relu")
            y = backend.conv(y, filters, 1, 1, 0)
            x = backend.add(y, x) if strides == 1 and channels == filters else y
            channels = filters
    x = backend.conv(x, 1280, 1, 1, 0, activation="relu")
    return backend.dense(backend.global_average_pool(x), CLASSES)


NETWORKS = {"ResNet-50": resnet50, "MobileNetV2": mobilenet_v2}


def _output_size(size, window, strides, padding):
    return (size + 2 * padding - window) // strides + 1


class Shapes:
    """The backend that computes shapes; `weights` are those of the layers, `flops` and `bytes` the work.

    Args:
        dtype: of the arrays.
    """

    def __init__(self, dtype):
        self.dtype, self.weights, self.flops, self.bytes = np.dtype(dtype), [], 0, 0

    def conv(self, x, filters, size, strides, padding, groups=1, activation=None):
        batch, height, width, channels = x
        shape = (size, size, channels // groups, filters)
        self.weights.append(shape)
        keywords = dict(strides=strides, padding=padding, groups=groups, activation=activation)
        problem = ConvolutionProblem.resolve(x, shape, self.dtype, **keywords)
        self.flops, self.bytes = self.flops + problem.flops(), self.bytes + problem.bytes_moved()
        return (batch, *(_output_size(n, size, strides, padding) for n in (height, width)), filters)

    def max_pool(self, x, size, strides, padding):
        batch, height, width, channels = x
        y = (batch, *(_output_size(n, size, strides, padding) for n in (height, width)), channels)
        self.bytes += (math.prod(x) + math.prod(y)) * self.dtype.itemsize
        return y

    def add(self, x, y, activation=None):
        self.bytes += 3 * math.prod(x) * self.dtype.itemsize
        return x

    def global_average_pool(self, x):
        self.bytes += math.prod(x) * self.dtype.itemsize
        return x[0], x[-1]

    def dense(self, x, units):
        self.weights.append((x[1], units))
        self.flops += 2 * x[0] * x[1] * units
        self.bytes += x[1] * units * self.dtype.itemsize
        return x[0], units


class Ours:
    """This library's operations.

    Args:
        weights: a pair (weight, bias) a layer.
    """

    def __init__(self, weights):
        self.weights = iter(weights)

    def conv(self, x, filters, size, strides, padding, groups=1, activation=None):
        return ops.conv(
            x, *next(self.weights), strides=strides, padding=padding, groups=groups, activation=activation
        )

    def max_pool(self, x, size, strides, padding):
        return ops.max_pool(x, size, strides=strides, padding=padding)

    def add(self, x, y, activation=None):
        from gpulayers import activations

        x += y
        return activations.get(activation)(x, out=x) if activation else x

    def global_average_pool(self, x):
        return ops.global_average_pool(x)

    def dense(self, x, units):
        return dense_ops.dense(x, *next(self.weights))


class Formula:
    """NumPy in float64, straight from the formulas: what results are checked with."""

    def __init__(self, weights):
        self.weights = iter(weights)

    def conv(self, x, filters, size, strides, padding, groups=1, activation=None):
        weight, bias = next(self.weights)
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[
            :, ::strides, ::strides
        ]
        n, p, q, channels = windows.shape[:4]
        if groups == channels:
            y = np.einsum("npqcrs,rsc->npqc", windows, weight[:, :, 0])
        else:
            columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(n * p * q, -1)
            y = (columns @ weight.reshape(-1, filters)).reshape(n, p, q, filters)
        y = y + bias
        return np.maximum(y, 0) if activation == "relu" else y

    def max_pool(self, x, size, strides, padding):
        pads = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        x = np.pad(x, pads, constant_values=-np.inf)
        return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))[
            :, ::strides, ::strides
        ].max((-2, -1))

    def add(self, x, y, activation=None):
        return np.maximum(x + y, 0) if activation == "relu" else x + y

    def global_average_pool(self, x):
        return x.mean(axis=(1, 2))

    def dense(self, x, units):
        weight, bias = next(self.weights)
        return x @ weight + bias
