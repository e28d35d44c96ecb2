"""Dense layers: products with a matrix along the last axis."""

from . import arrays


def dense(x, weight, bias=None, activation=None):
    """activation(x @ weight + bias), both applied in place to the product.

    Args:
        x: (..., inputs), a float dtype.
        weight: (inputs, units).
        bias: (units,) or None.
        activation: an `activations.Activation` or None.

    Returns:
        (..., units).

    Raises:
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    device = arrays.common_device(x=x, weight=weight, bias=bias)
    arrays.same_dtype(x=x, weight=weight, bias=bias)
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[0]:
        raise ValueError(
            f"x of shape (..., inputs) and weight of shape (inputs, units) must agree. "
            f"Received: {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    y = device.matmul(_rows(x), weight)
    if bias is not None:
        y += bias
    if activation is not None:
        y = activation(y, out=y)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], weight.shape[1])


def dense_backward_input(grad_output, weight):
    """grad_output (..., units) @ weight.T -> (..., inputs)."""
    device = arrays.common_device(grad_output=grad_output, weight=weight)
    grad = device.matmul(_rows(grad_output), weight.T)
    return grad.reshape(*grad_output.shape[:-1], weight.shape[0])


def dense_backward_weight(x, grad_output):
    """x (..., inputs), grad_output (..., units) -> (inputs, units), summed over the leading axes."""
    device = arrays.common_device(x=x, grad_output=grad_output)
    return device.matmul(_rows(x).T, _rows(grad_output))


def dense_backward_bias(grad_output):
    """grad_output (..., units) -> (units,), summed in float32 (float64 for float64)."""
    dtype = grad_output.dtype
    return _rows(grad_output).sum(axis=0, dtype=arrays.accumulation_dtype(dtype)).astype(dtype, copy=False)


def _rows(array):
    if array.ndim == 2:
        return array
    size = array.shape[-1]
    # An explicit count: -1 cannot be inferred where a dimension is zero.
    count = 1
    for length in array.shape[:-1]:
        count *= length
    return array.reshape(count, size)
