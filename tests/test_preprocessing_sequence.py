import numpy as np
import pytest

from gpulayers.preprocessing.sequence import pad_sequences
from gpulayers.utils import to_categorical


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, [[1, 2, 3, 4], [0, 0, 0, 5]]),
        ({"maxlen": 3}, [[2, 3, 4], [0, 0, 5]]),
        ({"maxlen": 3, "truncating": "post"}, [[1, 2, 3], [0, 0, 5]]),
        ({"maxlen": 3, "padding": "post"}, [[2, 3, 4], [5, 0, 0]]),
        ({"maxlen": 3, "padding": "post", "truncating": "post", "value": 9}, [[1, 2, 3], [5, 9, 9]]),
        ({"maxlen": 6, "value": -1}, [[-1, -1, 1, 2, 3, 4], [-1, -1, -1, -1, -1, 5]]),
        ({"maxlen": 1}, [[4], [5]]),
        ({"maxlen": 0}, [[], []]),
    ],
)
def test_pad_sequences(arguments, expected):
    padded = pad_sequences([[1, 2, 3, 4], [5]], **arguments)
    np.testing.assert_array_equal(padded, expected)
    assert padded.dtype == np.int32


def test_pad_sequences_takes_its_arguments_in_the_order_of_keras():
    padded = pad_sequences([[1, 2, 3], [4]], 2, "float64", "post", "post", 0.5)
    np.testing.assert_array_equal(padded, [[1, 2], [4, 0.5]])
    assert padded.dtype == np.float64


def test_pad_sequences_of_vectors():
    padded = pad_sequences([np.array([[1, 2], [3, 4]]), [], [[5, 6]]], value=7)
    np.testing.assert_array_equal(padded, [[[1, 2], [3, 4]], [[7, 7], [7, 7]], [[7, 7], [5, 6]]])


def test_pad_sequences_of_words():
    padded = pad_sequences([["a", "long"], ["b"]], dtype=object, value="-", padding="post")
    assert padded.tolist() == [["a", "long"], ["b", "-"]]


def test_pad_sequences_of_nothing():
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    np.testing.assert_array_equal(pad_sequences([[], []], maxlen=2, value=4), [[4, 4], [4, 4]])


@pytest.mark.parametrize(
    "sequences, arguments, message",
    [
        (5, {}, "list of sequences. Received: int"),
        ([[1], 2], {}, "must be a sequence. Received: 2 at 1"),
        ([[1]], {"padding": "left"}, "padding must be 'pre' or 'post'. Received: 'left'"),
        ([[1]], {"truncating": None}, "truncating must be 'pre' or 'post'. Received: None"),
        ([[1]], {"maxlen": -1}, "Received: -1"),
        ([[1]], {"value": "x"}, "needs dtype=object. Received: dtype int32, value 'x'"),
        ([[[1, 2]], [[1, 2, 3]]], {}, r"shape \(2,\), as the first has. Received: \(3,\) in sequence 1"),
    ],
)
def test_pad_sequences_refuses(sequences, arguments, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(sequences, **arguments)


def test_pad_sequences_leaves_its_input_alone():
    sequences = [[1, 2, 3], [4]]
    pad_sequences(sequences, maxlen=2)
    assert sequences == [[1, 2, 3], [4]]


@pytest.mark.parametrize(
    "x, num_classes, expected",
    [
        ([0, 2, 1], None, [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        ([0, 1], 3, [[1, 0, 0], [0, 1, 0]]),
        ([[0], [1]], None, [[1, 0], [0, 1]]),
        ([[1, 0], [1, 1]], 2, [[[0, 1], [1, 0]], [[0, 1], [0, 1]]]),
        ([1.0, 0.0], None, [[0, 1], [1, 0]]),
        (1, 2, [0, 1]),
        (np.array([True, False]), None, [[0, 1], [1, 0]]),
        (np.zeros((0,), int), 2, np.zeros((0, 2))),
    ],
)
def test_to_categorical(x, num_classes, expected):
    one_hot = to_categorical(x, num_classes)
    np.testing.assert_array_equal(one_hot, expected)
    assert one_hot.shape == np.shape(expected)
    assert one_hot.dtype == np.float64


@pytest.mark.parametrize(
    "x, num_classes, message",
    [
        ([0, -1], None, r"\[0, 1\). Received: -1"),
        ([0, 3], 3, r"\[0, 3\). Received: 3"),
        ([0.5], None, "whole numbers as classes. Received: 0.5"),
        (["a"], None, "whole numbers as classes. Received: an array of <U1"),
        ([], None, "at least one class"),
    ],
)
def test_to_categorical_refuses(x, num_classes, message):
    with pytest.raises(ValueError, match=message):
        to_categorical(x, num_classes)
