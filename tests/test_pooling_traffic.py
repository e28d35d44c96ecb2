"""What the pooling kernels move, from the emulator's counters: each byte once, in whole 32-byte sectors."""

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays

formats = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
BATCH, HEIGHT, WIDTH, CHANNELS = 2, 8, 16, 32


def shape_of(data_format, height=HEIGHT, width=WIDTH):
    if data_format == "channels_last":
        return (BATCH, height, width, CHANNELS)
    return (BATCH, CHANNELS, height, width)


@pytest.fixture
def measured(emulated):
    """Runs f(device); returns {kernel's name: counters}."""

    def run(function):
        emulated.count = True
        function(emulated)
        return {launch.expression.split("<")[0]: launch.report.counters for launch in emulated.launches}

    return run


def assert_read_once(traffic, nbytes):
    assert traffic.bytes[0] == nbytes
    assert traffic.load_efficiency == traffic.reread_factor == 1


def assert_written_once(traffic, nbytes):
    assert traffic.bytes[1] == nbytes
    assert traffic.store_efficiency == 1


@formats
def test_windows_apart(data_format, dtype, measured):
    shape, options = shape_of(data_format), dict(data_format=data_format)
    x_bytes = int(np.prod(shape)) * dtype.itemsize

    def everything(device):
        y, argmax = ops.max_pool_with_argmax(device.zeros(shape, dtype), 2, **options)
        ops.max_pool_backward(y, argmax, shape, 2, **options)
        y = ops.average_pool(device.zeros(shape, dtype), 2, **options)
        ops.average_pool_backward(y, shape, 2, **options)

    found = measured(everything)
    way = "window" if data_format == "channels_last" else "row"
    for operation in ("max_pool", "average_pool"):
        forward = found[f"{operation}_{way}_forward"]
        assert_read_once(forward["x"], x_bytes)
        assert_written_once(forward["y"], x_bytes // 4)
    assert_written_once(found[f"max_pool_{way}_forward"]["argmax"], x_bytes // 4 // dtype.itemsize)

    way = "cell" if data_format == "channels_last" else "window"
    for operation in ("max_pool", "average_pool"):
        backward = found[f"{operation}_{way}_backward"]
        assert_written_once(backward["dx"], x_bytes)
        assert backward["dy"].distinct[0] == x_bytes // 4
        if way == "cell":
            assert_read_once(backward["dy"], x_bytes // 4)
    if way == "cell":
        assert_read_once(found["max_pool_cell_backward"]["argmax"], x_bytes // 4 // dtype.itemsize)


def test_overlapping_windows_read_whole_sectors(dtype, measured):
    """Each of 3 x 3 taps is a load of its own, but no byte of it is wasted."""
    shape = shape_of("channels_last", HEIGHT + 2, WIDTH + 2)

    def everything(device):
        y, argmax = ops.max_pool_with_argmax(device.zeros(shape, dtype), 3, strides=1)
        ops.max_pool_backward(y, argmax, shape, 3, strides=1)

    found = measured(everything)
    forward, backward = found["max_pool_window_forward"], found["max_pool_window_backward"]
    y_bytes = BATCH * HEIGHT * WIDTH * CHANNELS * dtype.itemsize
    assert forward["x"].bytes[0] == backward["dy"].bytes[0] == 9 * y_bytes
    assert forward["x"].load_efficiency == 1 >= backward["dy"].load_efficiency
    assert_written_once(forward["y"], y_bytes)
    assert_written_once(backward["dx"], int(np.prod(shape)) * dtype.itemsize)


@formats
@pytest.mark.parametrize("height", [4, 256])
def test_global_pooling(data_format, height, dtype, measured):
    """The image is read once, and its gradient written once, in one chunk or in several."""
    shape, options = shape_of(data_format, height), dict(data_format=data_format)
    x_bytes = int(np.prod(shape)) * dtype.itemsize

    def everything(device):
        y, argmax = ops.global_max_pool_with_argmax(device.zeros(shape, dtype), **options)
        ops.global_max_pool_backward(y, argmax, shape, **options)

    found = measured(everything)
    way = "columns" if data_format == "channels_last" else "rows"
    forward = found[f"global_pool_{way}_forward"]
    assert_read_once(forward["x"], x_bytes)
    assert_written_once(found["global_pool_spread_backward"]["dx"], x_bytes)
    if "global_pool_combine_forward" in found:
        wide = arrays.accumulation_dtype(dtype).itemsize
        partial = found["global_pool_combine_forward"]["partial_values"]
        assert partial.bytes[0] == forward["partial_values"].bytes[1]
        assert partial.bytes[0] <= x_bytes // dtype.itemsize * wide // 32
    assert ("global_pool_combine_forward" in found) == (height == 256)
