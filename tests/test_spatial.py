"""Windows over spatial dimensions: sizes, padding, errors."""

import itertools

import pytest

from gpulayers.ops.spatial import SlidingWindow, integer, join_shape, spatial_tuple, split_shape

resolve = SlidingWindow.resolve


@pytest.mark.parametrize(
    "size, window, strides, padding, dilation, output, low, high",
    [
        (5, 2, 1, "valid", 1, 4, 0, 0),
        (5, 2, 2, "valid", 1, 2, 0, 0),
        (5, 3, 1, "valid", 2, 1, 0, 0),
        (5, 2, 2, "same", 1, 3, 0, 1),
        (5, 3, 2, "same", 1, 3, 1, 1),
        (6, 3, 2, "same", 1, 3, 0, 1),
        (6, 3, 1, "same", 1, 6, 1, 1),
        (6, 4, 1, "same", 1, 6, 1, 2),
        (6, 3, 1, "same", 3, 6, 3, 3),
        (7, 1, 3, "same", 1, 3, 0, 0),
        (2, 5, 1, "same", 1, 2, 2, 2),
        (2, 1, 5, "same", 1, 1, 0, 0),
        (5, 3, 1, "causal", 2, 5, 4, 0),
        (5, 3, 2, "causal", 1, 3, 2, 0),
        (5, 3, 1, 4, 1, 11, 4, 4),
        (5, 3, 2, ((1, 6),), 1, 5, 1, 6),
        (1, 3, 1, [[0, 2]], 1, 1, 0, 2),
    ],
)
def test_known_geometries(size, window, strides, padding, dilation, output, low, high):
    found = resolve((size,), window, strides, padding, dilation, causal_allowed=True)
    assert (found.output_size, found.pad_low, found.pad_high) == ((output,), (low,), (high,))
    assert found.rank == 1 and found.taps == window


def test_dimensions_are_independent():
    found = resolve((7, 8, 9), (1, 2, 3), (1, 2, 1), ((0, 0), (3, 1), (1, 1)), (1, 1, 2))
    assert found == SlidingWindow((7, 8, 9), (7, 6, 7), (1, 2, 3), (1, 2, 1), (1, 1, 2), (0, 3, 1), (0, 1, 1))
    assert found.taps == 6


def test_same_has_the_ceiling_of_size_over_stride():
    for size, window, strides, dilation in itertools.product(
        range(1, 9), range(1, 5), range(1, 6), range(1, 4)
    ):
        found = resolve((size,), window, strides, "same", dilation)
        assert found.output_size == (-(-size // strides),)
        assert 0 <= found.pad_high[0] - found.pad_low[0] <= 1


def test_valid_range_holds_the_outputs_whose_tap_lies_inside():
    for size, window, strides, dilation in itertools.product(
        range(1, 6), range(1, 4), range(1, 4), range(1, 4)
    ):
        for padding in (((6, 2),), ((0, 6),), "same", 9):
            found = resolve((size,), window, strides, padding, dilation)
            low = found.pad_low[0]
            for tap in range(window):
                inside = [
                    o for o in range(found.output_size[0]) if 0 <= o * strides + tap * dilation - low < size
                ]
                assert list(range(*found.valid_range(0, tap))) == inside


def test_lifted():
    two = resolve((5, 6), (2, 3), (2, 1), ((1, 0), (0, 2)), (1, 2))
    assert two.lifted() == SlidingWindow(
        (1, 5, 6), (1, 3, 4), (1, 2, 3), (1, 2, 1), (1, 1, 2), (0, 1, 0), (0, 0, 2)
    )
    assert two.lifted().lifted() == two.lifted()


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (
            ((5,), 6),
            ValueError,
            r"at least as large as the \(dilated\) window. Received: input \(5,\), window \(6,\)",
        ),
        (((5,), 3, 1, "valid", 3), ValueError, r"window \(7,\)"),
        (((5,), 3, 0), ValueError, "strides must be at least 1. Received: 0"),
        (((5,), 3, 1.5), TypeError, "strides must be an integer. Received: 1.5"),
        (((5,), 3, True), TypeError, "strides must be an integer. Received: True"),
        (((5, 5), (3, 3, 3)), ValueError, r"2 integers. Received: \(3, 3, 3\)"),
        (((5, 5), 3, 1, "full"), ValueError, "'valid', 'same', an integer, or 2 pairs .* Received: 'full'"),
        (((5, 5), 3, 1, (1, 2)), ValueError, r"2 pairs .* Received: \(1, 2\)"),
        (((5,), 3, 1, ((1, -2),)), ValueError, "padding must be at least 0. Received: -2"),
        (((5,), 3, 1, -1), ValueError, "padding must be at least 0. Received: -1"),
        (((5,), 3, 1, "causal"), ValueError, "Received: 'causal'"),
        (((5, 5), 3, 1, "causal", 1, True), ValueError, "needs one spatial dimension. Received: 2"),
        (((5,), 3, 1, None), TypeError, "padding must be an integer. Received: None"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        resolve(*arguments)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_split_and_join(data_format):
    shape = (2, 3, 4, 5) if data_format == "channels_last" else (2, 5, 3, 4)
    assert split_shape(shape, data_format) == (2, (3, 4), 5)
    assert join_shape(2, (3, 4), 5, data_format) == shape


@pytest.mark.parametrize(
    "shape, data_format, words",
    [
        ((2, 3), "channels_last", r"1 to 3 spatial axes.*Received: shape \(2, 3\)"),
        ((1,) * 6, "channels_last", "Received: shape"),
        ((2, 3, 4), "NHWC", "data_format must be one of .* Received: 'NHWC'"),
        ((2, 0, 4), "channels_last", r"at least 1. Received: shape \(2, 0, 4\)"),
        ((2, 3, 0), "channels_last", "at least 1"),
    ],
)
def test_wrong_shapes(shape, data_format, words):
    with pytest.raises(ValueError, match=words):
        split_shape(shape, data_format)


def test_integers():
    assert spatial_tuple([1, 2], 2, "strides") == (1, 2)
    assert spatial_tuple(3, 2, "strides") == (3, 3)
    assert integer(0, "padding") == 0
