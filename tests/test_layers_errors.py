"""Wrong calls of layers: each says what it got."""

import numpy as np
import pytest

from gpulayers import Input, layers
from gpulayers.layers import Layer

CUBE = np.ones((2, 4, 4), np.float32)
IMAGE = np.ones((2, 5, 5, 3), np.float32)


def rebuilt(layer, first, second):
    layer(first)
    return layer(second)


CASES = [
    (ValueError, lambda: layers.Dense(0)),
    (TypeError, lambda: layers.Dense(2.5)),
    (TypeError, lambda: layers.Dense("3")),
    (ValueError, lambda: layers.Dense(3, "relo")),
    (ValueError, lambda: layers.Dense(3, kernel_initializer="glorot")),
    (ValueError, lambda: layers.Dense(3, kernel_regularizer="l3")),
    (ValueError, lambda: layers.Dense(3, bias_constraint="small")),
    (TypeError, lambda: layers.Dense(3, unknown=1)),
    (TypeError, lambda: layers.Dense(3, name=3)),
    (ValueError, lambda: layers.Dense(3, dtype="int32")),
    (ValueError, lambda: layers.Dense(3, dtype="single-ish")),
    (ValueError, lambda: layers.Dense(3)(np.ones(4, np.float32))),
    (ValueError, lambda: layers.Dense(3).build((None, None))),
    (ValueError, lambda: rebuilt(layers.Dense(3), np.ones((2, 4), np.float32), np.ones((2, 5), np.float32))),
    (TypeError, lambda: layers.Dense(3)("text")),
    (TypeError, lambda: layers.Dense(3)(None)),
    (TypeError, lambda: layers.Dense(3)(np.ones((2, 2), complex))),
    (TypeError, lambda: layers.Dense(3)(np.array([["a", "b"]]))),
    (ValueError, lambda: layers.Activation("softmaxx")),
    (ValueError, lambda: layers.Activation(lambda x: x)),
    (ValueError, lambda: layers.Dropout(1.5)),
    (ValueError, lambda: layers.Dropout(-0.1)),
    (TypeError, lambda: layers.Dropout("half")),
    (ValueError, lambda: layers.Dropout(0.5, noise_shape=(1,)).forward(CUBE)),
    (ValueError, lambda: layers.Flatten("channels_middle")),
    (ValueError, lambda: layers.Flatten("")),
    (ValueError, lambda: layers.ZeroPadding2D(1, data_format=0)),
    (ValueError, lambda: layers.Dense(3, trainable="no")),
    (ValueError, lambda: layers.Dense(3, quantization_config={"mode": "int8"})),
    (ValueError, lambda: layers.Embedding(3, 2, lora_rank=2)),
    (ValueError, lambda: layers.Reshape((5, 3))(CUBE)),
    (ValueError, lambda: layers.Reshape((-1, -1))(CUBE)),
    (ValueError, lambda: layers.Reshape((-1, 3))(CUBE)),
    (TypeError, lambda: layers.Reshape((2.5, 2))(CUBE)),
    (ValueError, lambda: layers.Conv2D(0, 3)),
    (ValueError, lambda: layers.Conv2D(4, 0)),
    (ValueError, lambda: layers.Conv2D(4, (3, 3, 3))),
    (TypeError, lambda: layers.Conv2D(4, "3")),
    (ValueError, lambda: layers.Conv2D(4, 3, strides=0)),
    (ValueError, lambda: layers.Conv2D(4, 3, padding="full")),
    (ValueError, lambda: layers.Conv2D(4, 3, padding="causal")),
    (ValueError, lambda: layers.Conv2D(4, 3, padding=((1, 1),))),
    (ValueError, lambda: layers.Conv2D(4, 3, padding=-1)),
    (ValueError, lambda: layers.Conv2D(4, 3, data_format="NHWC")),
    (ValueError, lambda: layers.Conv2D(4, 3, dilation_rate=0)),
    (ValueError, lambda: layers.Conv2D(4, 3, groups=3)),
    (ValueError, lambda: layers.Conv2D(4, 3, groups=2)(IMAGE)),
    (ValueError, lambda: layers.Conv2D(4, 3)(CUBE)),
    (ValueError, lambda: layers.Conv2D(4, 7)(IMAGE)),
    (ValueError, lambda: layers.Conv2D(4, 7).compute_output_shape((None, 5, 5, 3))),
    (ValueError, lambda: layers.Conv2D(4, 3).build((None, 5, 5, None))),
    (ValueError, lambda: rebuilt(layers.Conv2D(4, 3), IMAGE, IMAGE[..., :2])),
    (ValueError, lambda: rebuilt(layers.Conv2D(4, 3), IMAGE, IMAGE[0])),
    (ValueError, lambda: layers.Conv1D(4, 3)(IMAGE)),
    (ValueError, lambda: layers.Conv3D(4, 3)(IMAGE)),
    (ValueError, lambda: layers.MaxPooling2D(0)),
    (ValueError, lambda: layers.MaxPooling2D((2, 2, 2))),
    (ValueError, lambda: layers.MaxPooling2D(2, padding="causal")),
    (ValueError, lambda: layers.MaxPooling2D()(CUBE)),
    (ValueError, lambda: layers.MaxPooling2D(6)(IMAGE)),
    (ValueError, lambda: layers.MaxPooling1D()(IMAGE)),
    (TypeError, lambda: layers.AveragePooling2D(2.0)),
    (ValueError, lambda: layers.AveragePooling2D(2)(CUBE)),
    (ValueError, lambda: layers.AveragePooling2D(2, strides=-1)),
    (ValueError, lambda: layers.GlobalMaxPooling2D("NHWC")),
    (ValueError, lambda: layers.GlobalMaxPooling2D()(CUBE)),
    (ValueError, lambda: layers.GlobalAveragePooling1D()(IMAGE)),
    (ValueError, lambda: layers.GlobalAveragePooling1D()(CUBE, mask=np.ones((2, 5), bool))),
    (ValueError, lambda: layers.Embedding(0, 3)),
    (ValueError, lambda: layers.Embedding(3, -1)),
    (TypeError, lambda: layers.Embedding(3.5, 3)),
    (ValueError, lambda: layers.Embedding(3, 3, weights=np.ones((3, 4)))),
    (ValueError, lambda: layers.Embedding(3, 3, input_length=0)),
    (IndexError, lambda: layers.Embedding(3, 3)(np.array([[3]]))),
    (IndexError, lambda: layers.Embedding(3, 3)(np.array([[-1]]))),
    (TypeError, lambda: layers.Embedding(3, 3)(np.array([["a"]]))),
    (ValueError, lambda: layers.LSTM(0)),
    (ValueError, lambda: layers.LSTM(3, activation="relo")),
    (ValueError, lambda: layers.LSTM(3, activation="swoosh")(CUBE)),
    (ValueError, lambda: layers.LSTM(3, dropout=2)),
    (ValueError, lambda: layers.LSTM(3, recurrent_dropout=-1)),
    (ValueError, lambda: layers.LSTM(3)(IMAGE)),
    (ValueError, lambda: layers.LSTM(3)(np.ones((2, 4), np.float32))),
    (ValueError, lambda: layers.LSTM(3).build((None, 4, None))),
    (ValueError, lambda: layers.LSTM(3)(CUBE, initial_state=[CUBE[:, 0, :3]])),
    (ValueError, lambda: layers.LSTM(3)(CUBE, initial_state=[CUBE[:, 0], CUBE[:, 0]])),
    (ValueError, lambda: layers.LSTM(3)(CUBE, mask=np.ones((2, 3), bool))),
    (TypeError, lambda: layers.LSTM(3)(CUBE, mask="all")),
    (ValueError, lambda: rebuilt(layers.LSTM(3), CUBE, CUBE[..., :3])),
    (ValueError, lambda: Input()),
    (ValueError, lambda: layers.Reshape((-1, -1, 5))),
    (ValueError, lambda: Input((3,), batch_shape=(None, 3))),
    (ValueError, lambda: Input(batch_size=2, batch_shape=(None, 3))),
    (ValueError, lambda: Input(3)),
    (ValueError, lambda: Input((-3,))),
    (TypeError, lambda: Input((2.5,))),
    (ValueError, lambda: Input((3,), sparse=True)),
    (ValueError, lambda: layers.deserialize({"class_name": "Denser", "config": {}})),
    (ValueError, lambda: layers.deserialize("what")),
]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_error(number):
    error, call = CASES[number]
    with pytest.raises(error, match="Received: "):
        call()


def test_layers_without_forward():
    with pytest.raises(NotImplementedError, match="forward"):
        Layer()(np.ones(2, np.float32))
