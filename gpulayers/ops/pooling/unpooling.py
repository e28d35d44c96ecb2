"""Positions of maxima, and max unpooling. Array code on NumPy and CuPy alike.

A position is counted row by row over the spatial dimensions of its image, as in PyTorch.
"""

import math

import numpy as np

from .. import arrays
from ..spatial import spatial_tuple, split_shape


def indices_of_taps(problem, argmax):
    """The positions in the image of the taps that `max_pool_with_argmax` names."""
    device, window = arrays.device_of(argmax), problem.window
    rank, first = window.rank, 1 if problem.data_format == "channels_last" else 2
    position, rest = 0, argmax.astype(np.int64)
    inside = True
    for axis in range(rank):
        after = math.prod(window.size[axis + 1 :])
        tap, rest = rest // after, rest % after
        shape = [1] * (rank + 2)
        shape[first + axis] = window.output_size[axis]
        starts = np.arange(window.output_size[axis]) * window.strides[axis] - window.pad_low[axis]
        place = device.asarray(starts.reshape(shape)) + tap * window.dilation[axis]
        inside = inside & (place >= 0) & (place < window.input_size[axis])
        position = position * window.input_size[axis] + place
    return arrays.array_module(argmax).where(inside, position, -1)


def max_unpool(y, indices, output_size, *, data_format="channels_last"):
    """Zeros, with each value of y at its position; of several for one position the last of y counts.

    Args:
        y: (batch, spatial..., channels), or channels first, a float dtype.
        indices: of y's shape, integers in [-1, positions of the output); values at -1 are left out.
        output_size: of the result, an integer or one a spatial dimension.
        data_format: "channels_last" or "channels_first".

    Returns:
        The result, in the dtype and the format of y. Deterministic.

    Raises:
        TypeError, ValueError: dtypes, devices, shapes or sizes that do not fit.
        IndexError: an index out of range.
    """
    y, flat, chosen, shape = _resolve(y, indices, output_size, data_format, "y")
    result = arrays.device_of(y).zeros((math.prod(shape),), y.dtype)
    result[flat[chosen]] = y.reshape(-1)[chosen]
    return result.reshape(shape)


def max_unpool_backward(grad_output, indices, *, data_format="channels_last"):
    """The gradient of `max_unpool` to y: what lies at each value's position, 0 for those that did not count.

    Args:
        grad_output: of the result's shape, a float dtype.
        indices: as in the forward.
        data_format: as in the forward.
    """
    grad_output, indices = arrays.take(grad_output, "grad_output"), arrays.take(indices, "indices")
    _, spatial, _ = split_shape(grad_output.shape, data_format, "grad_output")
    like = arrays.device_of(grad_output).zeros(indices.shape, grad_output.dtype)
    y, flat, chosen, shape = _resolve(like, indices, spatial, data_format, "grad_output")
    if tuple(shape) != tuple(grad_output.shape):
        raise ValueError(f"grad_output must have shape {shape}. Received: {tuple(grad_output.shape)}")
    grad = y.reshape(-1)
    grad[chosen] = grad_output.reshape(-1)[flat[chosen]]
    return grad.reshape(y.shape)


def _resolve(y, indices, output_size, data_format, name):
    """(y, the element of the output for each of y's, the elements of y that count, the output's shape)."""
    y, indices = arrays.take(y, name), arrays.take(indices, "indices")
    arrays.common_device(y=y, indices=indices)
    arrays.float_dtype(y.dtype, name)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers. Received: {indices.dtype}")
    if tuple(indices.shape) != tuple(y.shape):
        raise ValueError(f"indices must have shape {tuple(y.shape)}. Received: {tuple(indices.shape)}")
    batch, spatial, channels = split_shape(y.shape, data_format, name)
    sizes = spatial_tuple(output_size, len(spatial), "output_size")
    positions, xp, device = math.prod(sizes), arrays.array_module(y), arrays.device_of(y)
    if indices.size and not (int(indices.min()) >= -1 and int(indices.max()) < positions):
        wrong = indices.min() if int(indices.min()) < -1 else indices.max()
        raise IndexError(f"indices must lie in [-1, {positions}). Received: {int(wrong)}")
    index = indices.astype(np.int64)
    images, of_channel = np.arange(batch), np.arange(channels)
    if data_format == "channels_last":
        images = images.reshape(-1, *(1,) * (len(spatial) + 1))
        flat = (device.asarray(images) * positions + index) * channels + device.asarray(of_channel)
        shape = (batch, *sizes, channels)
    else:
        planes = images[:, None] * channels + of_channel
        planes = planes.reshape(batch, channels, *(1,) * len(spatial))
        flat = device.asarray(planes) * positions + index
        shape = (batch, channels, *sizes)
    flat = flat.reshape(-1)
    # A stable sort, and of each run of equals the last.
    order = xp.argsort(xp.where(index.reshape(-1) < 0, -1, flat), kind="stable")
    ordered = xp.where(index.reshape(-1) < 0, -1, flat)[order]
    last = xp.ones(ordered.shape, bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return y, flat, order[last & (ordered >= 0)], shape
