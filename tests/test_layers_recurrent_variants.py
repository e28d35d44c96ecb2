"""Recurrent layers with layer normalisation, zoneout, peepholes and projection: gradients, weights,
devices."""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers

from .tolerances import assert_close

WIDE = dict(dtype="float64")

LAYERS = {
    "lstm, all": lambda: layers.LSTM(
        4,
        peepholes=True,
        projection_size=3,
        layer_normalization=True,
        zoneout=0.2,
        return_sequences=True,
        return_state=True,
        **WIDE,
    ),
    "lstm, projection": lambda: layers.LSTM(4, projection_size=2, go_backwards=True, **WIDE),
    "gru": lambda: layers.GRU(4, layer_normalization=True, zoneout=0.3, return_sequences=True, **WIDE),
    "bidirectional": lambda: layers.Bidirectional(
        layers.LSTM(3, projection_size=2, return_sequences=True, **WIDE), **WIDE
    ),
    "stack": lambda: layers.RNN(
        [layers.LSTMCell(3, peepholes=True, **WIDE), layers.GRUCell(2, zoneout=0.1, **WIDE)], **WIDE
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    gpulayers.set_random_seed(1)
    layer = LAYERS[name]()
    mask = np.random.default_rng(1).random((2, 4)) < 0.6
    report = gpulayers.check_gradients(layer, (2, 4, 3), mask=mask)
    assert report, report
    y = layer(np.ones((2, 4, 3)))
    shapes = layer.compute_output_shape((2, 4, 3))
    assert shapes == ([part.shape for part in y] if isinstance(y, list) else y.shape)


def test_weights_of_the_extensions_stand_behind_the_others():
    layer = layers.LSTM(4, peepholes=True, projection_size=3, layer_normalization=True)
    layer.build((None, None, 2))
    names = [(variable.name, variable.shape) for variable in layer.weights]
    assert names == [
        ("kernel", (2, 16)),
        ("recurrent_kernel", (3, 16)),
        ("bias", (16,)),
        ("peephole", (3, 4)),
        ("projection", (4, 3)),
        ("input_gain", (16,)),
        ("recurrent_gain", (16,)),
        ("state_gain", (4,)),
        ("state_shift", (4,)),
    ]
    assert not {"peepholes", "zoneout"} & set(layers.LSTM(4).get_config())


def test_zoneout_is_drawn_in_training_and_its_mean_otherwise():
    layer = layers.GRU(2, zoneout=0.5, return_sequences=True, **WIDE)
    x = np.random.default_rng(0).standard_normal((2000, 1, 3))
    drawn, mean = layer(x, training=True), layer(x)
    full = layers.GRU(2, return_sequences=True, **WIDE)
    full.build(x.shape)
    full.set_weights(layer.get_weights())
    assert_close(mean, full(x) / 2, 10, 1.0)
    kept = drawn == 0
    assert 0.45 < kept.mean() < 0.55
    assert_close(drawn[~kept], full(x)[~kept], 10, 1.0)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: layers.LSTM(3, zoneout=1.0), "zoneout must be .*Received: 1.0"),
        (lambda: layers.LSTM(3, projection_size=0), "projection_size .*Received: 0"),
        (lambda: layers.GRU(3, zoneout=0.1, reset_after=False), "need reset_after=True"),
    ],
)
def test_wrong_arguments_of_layers(call, words):
    with pytest.raises(ValueError, match=words):
        call()
