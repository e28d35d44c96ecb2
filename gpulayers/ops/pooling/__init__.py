"""Pooling over 1 to 3 spatial dimensions, in windows and global.

Arrays are (batch, spatial..., channels) for `data_format="channels_last"` and (batch, channels, spatial...)
for "channels_first", of a float dtype of the library. NaN propagates: a window that holds one gives NaN.
Padding never wins a maximum and never counts in an average; a window that lies wholly in the padding, which
only explicit padding can make, has the maximum -inf and the average 0, and passes no gradient on.
"""

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from . import global_kernels, global_reference, kernels, reference
from .adaptive import (
    adaptive_average_pool,
    adaptive_average_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
    adaptive_max_pool_with_argmax,
)
from .problem import GlobalPoolingProblem, PoolingProblem
from .unpooling import indices_of_taps, max_unpool, max_unpool_backward

__all__ = [
    "adaptive_average_pool",
    "adaptive_average_pool_backward",
    "adaptive_max_pool",
    "adaptive_max_pool_backward",
    "adaptive_max_pool_with_argmax",
    "average_pool",
    "average_pool_backward",
    "global_average_pool",
    "global_average_pool_backward",
    "global_max_pool",
    "global_max_pool_backward",
    "global_max_pool_with_argmax",
    "max_pool",
    "max_pool_backward",
    "max_pool_with_argmax",
    "max_pool_with_indices",
    "max_unpool",
    "max_unpool_backward",
]

MAX_FORWARD = Operation(
    "pooling.max_forward",
    PoolingProblem,
    [kernels.max_forward, numpy_implementation(reference.max_forward)],
)
MAX_WITH_ARGMAX = Operation(
    "pooling.max_with_argmax",
    PoolingProblem,
    [kernels.max_with_argmax, numpy_implementation(reference.max_with_argmax)],
)
MAX_BACKWARD = Operation(
    "pooling.max_backward",
    PoolingProblem,
    [kernels.max_backward, numpy_implementation(reference.max_backward)],
)
AVERAGE_FORWARD = Operation(
    "pooling.average_forward",
    PoolingProblem,
    [kernels.average_forward, numpy_implementation(reference.average_forward)],
)
AVERAGE_BACKWARD = Operation(
    "pooling.average_backward",
    PoolingProblem,
    [kernels.average_backward, numpy_implementation(reference.average_backward)],
)
GLOBAL_MAX = Operation(
    "pooling.global_max",
    GlobalPoolingProblem,
    [global_kernels.max_forward, numpy_implementation(global_reference.max_forward)],
)
GLOBAL_MAX_WITH_ARGMAX = Operation(
    "pooling.global_max_with_argmax",
    GlobalPoolingProblem,
    [global_kernels.max_with_argmax, numpy_implementation(global_reference.max_with_argmax)],
)
GLOBAL_MAX_BACKWARD = Operation(
    "pooling.global_max_backward",
    GlobalPoolingProblem,
    [global_kernels.max_backward, numpy_implementation(global_reference.max_backward)],
)
GLOBAL_AVERAGE = Operation(
    "pooling.global_average",
    GlobalPoolingProblem,
    [global_kernels.average_forward, numpy_implementation(global_reference.average_forward)],
)
GLOBAL_AVERAGE_BACKWARD = Operation(
    "pooling.global_average_backward",
    GlobalPoolingProblem,
    [global_kernels.average_backward, numpy_implementation(global_reference.average_backward)],
)


def max_pool(x, pool_size, *, strides=None, padding="valid", dilation_rate=1, data_format="channels_last"):
    """The largest value of each window.

    Args:
        x: (batch, spatial..., channels), or channels first; 1 to 3 spatial dimensions.
        pool_size: taps of the window, an integer or one a spatial dimension.
        strides: between windows; default: pool_size.
        padding: "valid", "same", an integer for all sides, or a pair (before, after) a spatial dimension. It
            may be larger than the window.
        dilation_rate: between the taps of a window.
        data_format: "channels_last" or "channels_first".

    Returns:
        The windows' maxima, in the dtype and the format of x.

    Raises:
        TypeError: x is not an array of a float dtype.
        ValueError: arguments that do not fit, or a window larger than the padded input.
    """
    x = arrays.take(x, "x")
    options = (pool_size, strides, padding, dilation_rate, data_format)
    problem = PoolingProblem.resolve(x.shape, x.dtype, *options)
    return MAX_FORWARD(problem, arrays.device_of(x), arrays.contiguous(x))


def max_pool_with_argmax(
    x, pool_size, *, strides=None, padding="valid", dilation_rate=1, data_format="channels_last"
):
    """`max_pool` for training: what `max_pool_backward` needs comes with it.

    Returns:
        (y, argmax). The argmax has the shape of y and holds the number of the window's tap, counted row by
        row, that the maximum came from: the first NaN if there is one, else the first of equal maxima; 0 in a
        window wholly in the padding. Its dtype is the smallest unsigned one that numbers the taps: uint8 up
        to 256.

    Raises:
        As `max_pool`.
    """
    x = arrays.take(x, "x")
    options = (pool_size, strides, padding, dilation_rate, data_format)
    problem = PoolingProblem.resolve(x.shape, x.dtype, *options)
    return MAX_WITH_ARGMAX(problem, arrays.device_of(x), arrays.contiguous(x))


def max_pool_with_indices(
    x, pool_size, *, strides=None, padding="valid", dilation_rate=1, data_format="channels_last"
):
    """`max_pool`, and where in the image each maximum came from.

    Args:
        x ... data_format: as in `max_pool`.

    Returns:
        (y, indices): indices int64, of y's shape, counted row by row over the spatial dimensions; -1 for a
        window wholly in the padding.

    Raises:
        As `max_pool`.
    """
    x = arrays.take(x, "x")
    options = (pool_size, strides, padding, dilation_rate, data_format)
    problem = PoolingProblem.resolve(x.shape, x.dtype, *options)
    y, argmax = MAX_WITH_ARGMAX(problem, arrays.device_of(x), arrays.contiguous(x))
    return y, indices_of_taps(problem, argmax)


def max_pool_backward(
    grad_output,
    argmax,
    input_shape,
    pool_size,
    *,
    strides=None,
    padding="valid",
    dilation_rate=1,
    data_format="channels_last",
):
    """The gradient of `max_pool` to x: each window's gradient goes to the tap that its maximum came from.

    Args:
        grad_output: of the forward's output shape, a float dtype.
        argmax: from `max_pool_with_argmax`.
        input_shape: of x.
        pool_size, strides, padding, dilation_rate, data_format: as in the forward.

    Returns:
        An array of `input_shape`, the dtype of grad_output. Deterministic.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    grad_output, argmax = arrays.take(grad_output, "grad_output"), arrays.take(argmax, "argmax")
    device = arrays.common_device(grad_output=grad_output, argmax=argmax)
    dtype = arrays.float_dtype(grad_output.dtype, "grad_output")
    options = (pool_size, strides, padding, dilation_rate, data_format)
    problem = PoolingProblem.resolve(input_shape, dtype, *options)
    _check_shape(grad_output, "grad_output", problem)
    _check_argmax(argmax, problem)
    return MAX_BACKWARD(problem, device, arrays.contiguous(grad_output), arrays.contiguous(argmax))


def average_pool(x, pool_size, *, strides=None, padding="valid", data_format="channels_last"):
    """The mean of each window's values; padding does not count in the divisor.

    Args, Raises:
        As `max_pool`, without dilation.

    Returns:
        The windows' means, in the dtype and the format of x, summed in float32 (float64 for float64).
    """
    x = arrays.take(x, "x")
    problem = PoolingProblem.resolve(x.shape, x.dtype, pool_size, strides, padding, 1, data_format)
    return AVERAGE_FORWARD(problem, arrays.device_of(x), arrays.contiguous(x))


def average_pool_backward(
    grad_output, input_shape, pool_size, *, strides=None, padding="valid", data_format="channels_last"
):
    """The gradient of `average_pool` to x: each window's gradient spreads evenly over its inputs.

    Args:
        grad_output: of the forward's output shape, a float dtype.
        input_shape: of x.
        pool_size, strides, padding, data_format: as in the forward.

    Returns:
        An array of `input_shape`, the dtype of grad_output. Deterministic.

    Raises:
        TypeError, ValueError: dtypes or shapes that do not fit.
    """
    grad_output = arrays.take(grad_output, "grad_output")
    dtype = arrays.float_dtype(grad_output.dtype, "grad_output")
    problem = PoolingProblem.resolve(input_shape, dtype, pool_size, strides, padding, 1, data_format)
    _check_shape(grad_output, "grad_output", problem)
    return AVERAGE_BACKWARD(problem, arrays.device_of(grad_output), arrays.contiguous(grad_output))


def global_max_pool(x, *, data_format="channels_last", keepdims=False):
    """The largest value of each channel of each image.

    Args:
        x: (batch, spatial..., channels), or channels first; 1 to 3 spatial dimensions.
        data_format: "channels_last" or "channels_first".
        keepdims: keep the spatial dimensions, with size 1.

    Returns:
        (batch, channels), or x's shape with spatial sizes 1; the dtype of x.

    Raises:
        TypeError, ValueError: a dtype or shape that does not fit.
    """
    x = arrays.take(x, "x")
    problem = GlobalPoolingProblem.resolve(x.shape, x.dtype, data_format, keepdims)
    return GLOBAL_MAX(problem, arrays.device_of(x), arrays.contiguous(x))


def global_max_pool_with_argmax(x, *, data_format="channels_last", keepdims=False):
    """`global_max_pool` for training: what `global_max_pool_backward` needs comes with it.

    Returns:
        (y, argmax). The argmax has the shape of y and holds the position of the maximum, counted row by row
        over the spatial dimensions: the first NaN if there is one, else the first of equal maxima. Its dtype
        is int32 (int64 from 2**31 positions on).

    Raises:
        As `global_max_pool`.
    """
    x = arrays.take(x, "x")
    problem = GlobalPoolingProblem.resolve(x.shape, x.dtype, data_format, keepdims)
    return GLOBAL_MAX_WITH_ARGMAX(problem, arrays.device_of(x), arrays.contiguous(x))


def global_max_pool_backward(
    grad_output, argmax, input_shape, *, data_format="channels_last", keepdims=False
):
    """The gradient of `global_max_pool` to x: it goes to the position that the maximum came from.

    Args:
        grad_output: of the forward's output shape, a float dtype.
        argmax: from `global_max_pool_with_argmax`.
        input_shape: of x.
        data_format, keepdims: as in the forward.

    Returns:
        An array of `input_shape`, the dtype of grad_output.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    grad_output, argmax = arrays.take(grad_output, "grad_output"), arrays.take(argmax, "argmax")
    device = arrays.common_device(grad_output=grad_output, argmax=argmax)
    dtype = arrays.float_dtype(grad_output.dtype, "grad_output")
    problem = GlobalPoolingProblem.resolve(input_shape, dtype, data_format, keepdims)
    _check_shape(grad_output, "grad_output", problem)
    _check_argmax(argmax, problem)
    return GLOBAL_MAX_BACKWARD(problem, device, arrays.contiguous(grad_output), arrays.contiguous(argmax))


def global_average_pool(x, *, data_format="channels_last", keepdims=False):
    """The mean of each channel of each image, summed in float32 (float64 for float64).

    Args, Returns, Raises:
        As `global_max_pool`.
    """
    x = arrays.take(x, "x")
    problem = GlobalPoolingProblem.resolve(x.shape, x.dtype, data_format, keepdims)
    return GLOBAL_AVERAGE(problem, arrays.device_of(x), arrays.contiguous(x))


def global_average_pool_backward(grad_output, input_shape, *, data_format="channels_last", keepdims=False):
    """The gradient of `global_average_pool` to x: divided by the number of positions, the same at each.

    Args:
        grad_output: of the forward's output shape, a float dtype.
        input_shape: of x.
        data_format, keepdims: as in the forward.

    Returns:
        An array of `input_shape`, the dtype of grad_output.

    Raises:
        TypeError, ValueError: dtypes or shapes that do not fit.
    """
    grad_output = arrays.take(grad_output, "grad_output")
    dtype = arrays.float_dtype(grad_output.dtype, "grad_output")
    problem = GlobalPoolingProblem.resolve(input_shape, dtype, data_format, keepdims)
    _check_shape(grad_output, "grad_output", problem)
    return GLOBAL_AVERAGE_BACKWARD(problem, arrays.device_of(grad_output), arrays.contiguous(grad_output))


def _check_shape(array, name, problem):
    if tuple(array.shape) != problem.output_shape:
        raise ValueError(f"{name} must have shape {problem.output_shape}. Received: {tuple(array.shape)}")


def _check_argmax(argmax, problem):
    if argmax.dtype != problem.argmax_dtype:
        raise TypeError(f"argmax must be {problem.argmax_dtype}. Received: {argmax.dtype}")
    _check_shape(argmax, "argmax", problem)
