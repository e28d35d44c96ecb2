"""Layers on values worked out by hand, as Keras gives them."""

import numpy as np
import pytest

from gpulayers import initializers, layers

LINE = np.arange(5, dtype=np.float32).reshape(1, 5, 1)


def test_conv1d_same():
    y = layers.Conv1D(1, 2, strides=2, padding="same", kernel_initializer="ones")(LINE)
    assert y.ravel().tolist() == [1, 5, 4]


def test_conv1d_causal():
    y = layers.Conv1D(1, 2, padding="causal", dilation_rate=2, kernel_initializer="ones")(LINE)
    assert y.ravel().tolist() == [0, 1, 2, 4, 6]


def test_conv2d_by_hand():
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    kernel = np.array([[1, 10], [100, 1000]], np.float32)[..., None, None]
    layer = layers.Conv2D(1, 2, kernel_initializer=initializers.Constant(kernel), bias_initializer="ones")
    assert layer(x)[0, ..., 0].tolist() == [[4311, 5422], [7644, 8755]]
    negative = layers.Conv2D(
        1, 2, activation="relu", kernel_initializer=initializers.Constant(-kernel), bias_initializer="ones"
    )
    assert not negative(x).any()


def test_pooling():
    assert layers.MaxPooling1D(3, 2, "same")(LINE).ravel().tolist() == [1, 3, 4]
    assert layers.AveragePooling1D(2, 2, "same")(LINE).ravel().tolist() == [0.5, 2.5, 4]
    assert layers.MaxPooling1D()(LINE).ravel().tolist() == [1, 3]
    assert layers.GlobalMaxPooling1D()(LINE).tolist() == [[4]]
    assert layers.GlobalAveragePooling1D()(LINE).tolist() == [[2]]
    assert layers.GlobalAveragePooling1D(keepdims=True)(LINE).tolist() == [[[2]]]
    first = np.moveaxis(np.arange(12.0).reshape(1, 2, 3, 2), -1, 1)
    pooled = layers.MaxPooling2D((2, 3), data_format="channels_first", dtype="float64")(first)
    assert pooled.tolist() == [[[[10]], [[11]]]]


def test_the_first_maximum_takes_the_gradient():
    x = np.zeros((1, 4, 1), np.float32)
    for training in (True, False):
        _, backward = layers.MaxPooling1D(2).forward(x, training=training)
        assert backward(np.ones((1, 2, 1), np.float32)).ravel().tolist() == [1, 0, 1, 0]
        _, backward = layers.GlobalMaxPooling1D().forward(x, training=training)
        assert backward(np.ones((1, 1), np.float32)).ravel().tolist() == [1, 0, 0, 0]


def test_global_average_of_masked_steps():
    mask = np.array([[True, False, False, True, True]])
    assert layers.GlobalAveragePooling1D()(LINE, mask=mask).tolist() == [[pytest.approx(7 / 3)]]
    assert np.isnan(layers.GlobalAveragePooling1D()(LINE, mask=np.zeros((1, 5), bool))).all()


def test_embedding():
    table = np.arange(8.0).reshape(4, 2)
    layer = layers.Embedding(4, 2, weights=[table])
    ids = np.array([[1, 3], [0, 1]])
    np.testing.assert_array_equal(layer(ids), table[ids])
    np.testing.assert_array_equal(layers.Embedding(4, 2, weights=table)(ids.astype(np.uint8)), table[ids])
    np.testing.assert_array_equal(layer(ids.astype(np.float32)), table[ids])
    _, backward = layer.forward(ids)
    assert backward(np.ones((2, 2, 2), np.float32)) is None
    assert layer.embeddings.grad.tolist() == [[1, 1], [2, 2], [0, 0], [1, 1]]
    values = layers.Embedding(500, 20)
    values.build(None)
    assert np.abs(values.get_weights()[0]).max() <= 0.05


def test_embedding_masks():
    ids = np.array([[1, 0, 2]])
    assert layers.Embedding(4, 2, mask_zero=True).compute_mask(ids).tolist() == [[True, False, True]]
    assert layers.Embedding(4, 2).compute_mask(ids) is None


def test_embedding_input_length():
    layer = layers.Embedding(4, 2, input_length=3)
    assert layer.compute_output_shape((None, 3)) == layer.compute_output_shape((None, None)) == (None, 3, 2)
    assert layer(np.zeros((5, 3), int)).shape == (5, 3, 2)
    for shape in ((5, 4), (5,), (5, 3, 1)):
        with pytest.raises(ValueError, match="input_length .*Received: "):
            layer(np.zeros(shape, int))
    with pytest.raises(ValueError, match="Received: "):
        layer.compute_output_shape((None, 4))


def test_embedding_ids_out_of_range():
    layer = layers.Embedding(4, 2)
    for bad in (4, -1):
        with pytest.raises(IndexError, match=rf"Received: id {bad} at position \(1, 0\)"):
            layer(np.array([[0, 1], [bad, 9]]))
