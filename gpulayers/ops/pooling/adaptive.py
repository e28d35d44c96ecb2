"""Adaptive pooling: a given number of bins that cover the input, whatever its size.

Bin o of m over n inputs is [floor(o * n / m), ceil((o + 1) * n / m)): bins may share inputs.
"""

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from ..spatial import checked_data_format, sizes
from . import adaptive_kernels as kernels
from . import adaptive_reference as reference
from .adaptive_problem import AdaptivePoolingProblem

ADAPTIVE_MAX = Operation(
    "pooling.adaptive_max",
    AdaptivePoolingProblem,
    [kernels.max_with_argmax, numpy_implementation(reference.max_with_argmax)],
)
ADAPTIVE_MAX_BACKWARD = Operation(
    "pooling.adaptive_max_backward",
    AdaptivePoolingProblem,
    [kernels.max_backward, numpy_implementation(reference.max_backward)],
)
ADAPTIVE_AVERAGE = Operation(
    "pooling.adaptive_average",
    AdaptivePoolingProblem,
    [kernels.average_forward, numpy_implementation(reference.average_forward)],
)
ADAPTIVE_AVERAGE_BACKWARD = Operation(
    "pooling.adaptive_average_backward",
    AdaptivePoolingProblem,
    [kernels.average_backward, numpy_implementation(reference.average_backward)],
)


def adaptive_max_pool(x, output_size, *, data_format="channels_last"):
    """The largest value of each bin.

    Args:
        x: (batch, spatial..., channels), or channels first; 1 to 3 spatial dimensions, a float dtype.
        output_size: bins, an integer or one a spatial dimension.
        data_format: "channels_last" or "channels_first".

    Returns:
        The bins' maxima, in the dtype and the format of x; a bin that holds a NaN gives NaN.

    Raises:
        TypeError, ValueError: a dtype, shape or size that does not fit.
    """
    return adaptive_max_pool_with_argmax(x, output_size, data_format=data_format)[0]


def adaptive_max_pool_with_argmax(x, output_size, *, data_format="channels_last"):
    """`adaptive_max_pool` for training.

    Returns:
        (y, argmax). The argmax has the shape of y and holds the position of the maximum in the image, counted
        row by row over the spatial dimensions: the first NaN if there is one, else the first of equal maxima.
        Its dtype is int32 (int64 from 2**31 positions on).
    """
    x = arrays.take(x, "x")
    problem = AdaptivePoolingProblem.resolve(x.shape, x.dtype, output_size, data_format)
    return ADAPTIVE_MAX(problem, arrays.device_of(x), arrays.contiguous(x))


def adaptive_max_pool_backward(grad_output, argmax, input_shape, *, data_format="channels_last"):
    """The gradient of `adaptive_max_pool` to x: each goes to the position that the maximum came from.

    Args:
        grad_output: of the forward's output shape, a float dtype.
        argmax: from `adaptive_max_pool_with_argmax`.
        input_shape: of x.
        data_format: as in the forward.

    Returns:
        An array of `input_shape`, the dtype of grad_output. Deterministic.

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    grad_output, argmax = arrays.take(grad_output, "grad_output"), arrays.take(argmax, "argmax")
    device = arrays.common_device(grad_output=grad_output, argmax=argmax)
    problem = _of_gradient(grad_output, input_shape, data_format)
    if argmax.dtype != problem.argmax_dtype:
        raise TypeError(f"argmax must be {problem.argmax_dtype}. Received: {argmax.dtype}")
    if tuple(argmax.shape) != problem.output_shape:
        raise ValueError(f"argmax must have shape {problem.output_shape}. Received: {tuple(argmax.shape)}")
    return ADAPTIVE_MAX_BACKWARD(problem, device, arrays.contiguous(grad_output), arrays.contiguous(argmax))


def adaptive_average_pool(x, output_size, *, data_format="channels_last"):
    """The mean of each bin, summed in float32 (float64 for float64).

    Args, Raises:
        As `adaptive_max_pool`.
    """
    x = arrays.take(x, "x")
    problem = AdaptivePoolingProblem.resolve(x.shape, x.dtype, output_size, data_format)
    return ADAPTIVE_AVERAGE(problem, arrays.device_of(x), arrays.contiguous(x))


def adaptive_average_pool_backward(grad_output, input_shape, *, data_format="channels_last"):
    """The gradient of `adaptive_average_pool` to x: each spreads evenly over its bin.

    Args, Returns, Raises:
        As `adaptive_max_pool_backward`.
    """
    grad_output = arrays.take(grad_output, "grad_output")
    problem = _of_gradient(grad_output, input_shape, data_format)
    return ADAPTIVE_AVERAGE_BACKWARD(problem, arrays.device_of(grad_output), arrays.contiguous(grad_output))


def _of_gradient(grad_output, input_shape, data_format):
    """The problem of a backward, whose bins are read off the gradient."""
    rank = len(sizes(input_shape, "input_shape")) - 2
    shape = tuple(grad_output.shape)
    bins = shape[1:-1] if checked_data_format(data_format) == "channels_last" else shape[2:]
    if len(shape) != rank + 2 or rank < 1:
        raise ValueError(
            f"grad_output must have the rank of input_shape {tuple(input_shape)}. Received: {shape}"
        )
    dtype = arrays.float_dtype(grad_output.dtype, "grad_output")
    problem = AdaptivePoolingProblem.resolve(input_shape, dtype, bins, data_format)
    if shape != problem.output_shape:
        raise ValueError(f"grad_output must have shape {problem.output_shape}. Received: {shape}")
    return problem
