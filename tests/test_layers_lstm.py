"""The LSTM layer against a loop written from the formula, and its options."""

import numpy as np
import pytest

import gpulayers
from gpulayers import Sequential, layers
from gpulayers.ops import random

from .tolerances import assert_close


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loop(x, weights, h=None, c=None, mask=None, backwards=False, factor=(1.0,) * 4):
    """(all outputs in the order of processing, h, c) in float64."""
    kernel, recurrent, bias = (w.astype(np.float64) for w in weights)
    units = len(recurrent)
    h = np.zeros((len(x), units)) if h is None else h
    c = np.zeros((len(x), units)) if c is None else c
    outputs = []
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        gates = np.split(recurrent, 4, axis=1)
        through_state = [(h * factor[gate]) @ gates[gate] for gate in range(4)]
        z = x[:, t].astype(np.float64) @ kernel + np.concatenate(through_state, axis=1) + bias
        i, f, g, o = (z[:, n * units : (n + 1) * units] for n in range(4))
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t : t + 1]
        c, h = np.where(keep, new_c, c), np.where(keep, new_h, h)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def made(**options):
    gpulayers.set_random_seed(2)
    layer = layers.LSTM(4, bias_initializer="random_normal", dtype="float64", **options)
    x = np.random.default_rng(0).standard_normal((3, 6, 5))
    layer.build(x.shape)
    return layer, x


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_outputs_and_states(backwards, masked):
    mask = np.random.default_rng(1).random((3, 6)) > 0.4 if masked else None
    layer, x = made(return_sequences=True, return_state=True, go_backwards=backwards)
    outputs, h, c = loop(x, layer.get_weights(), mask=mask, backwards=backwards)
    for found, expected in zip(layer(x, mask=mask), (outputs, h, c)):
        assert_close(found, expected, terms=200)
    layer.return_sequences = False
    assert_close(layer(x, mask=mask)[0], h, terms=200)
    layer.return_state = False
    assert_close(layer(x, mask=mask), h, terms=200)


def test_initial_state():
    layer, x = made()
    h, c = np.random.default_rng(3).standard_normal((2, 3, 4))
    expected = loop(x, layer.get_weights(), h, c)[1]
    assert_close(layer(x, initial_state=[h, c]), expected, terms=200)
    assert_close(layer([x, h, c]), expected, terms=200)
    _, backward = layer.forward(x, initial_state=[h, c])
    assert [grad.shape for grad in backward(np.ones((3, 4)))] == [x.shape, h.shape, c.shape]


def test_initial_weights():
    layer = layers.LSTM(4)
    layer.build((None, None, 5))
    kernel, recurrent, bias = layer.get_weights()
    assert kernel.shape == (5, 16)
    assert bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-6)
    layer = layers.LSTM(4, unit_forget_bias=False, bias_initializer="ones")
    layer.build((None, None, 5))
    assert layer.get_weights()[2].tolist() == [1] * 16
    layer = layers.LSTM(4, use_bias=False)
    layer.build((None, None, 5))
    assert len(layer.weights) == 2


def test_stateful():
    layer, x = made(stateful=True)
    plain, _ = made()
    whole = plain(x)
    layer(x[:, :2])
    assert_close(layer(x[:, 2:]), whole, terms=200)
    layer.reset_state()
    assert_close(layer(x), whole, terms=200)
    with pytest.raises(ValueError, match="Received: batch size 2"):
        layer(x[:2])
    with pytest.raises(ValueError, match=r"Received: \(None, 6, 5\)"):
        Sequential([layers.Input((6, 5)), layers.LSTM(4, stateful=True)])


def test_stateful_in_a_model():
    model = Sequential([layers.Input(batch_shape=(3, 2, 5)), layers.LSTM(4, stateful=True, dtype="float64")])
    x = np.random.default_rng(0).standard_normal((3, 2, 5))
    first, second = model.predict(x, batch_size=3, verbose=0), model.predict(x, batch_size=3, verbose=0)
    assert not np.allclose(first, second)
    model.reset_state()
    np.testing.assert_array_equal(model.predict(x, batch_size=3, verbose=0), first)
    with pytest.raises(ValueError, match="Received: batch_size=2"):
        model.predict(x, batch_size=2, verbose=0)


def test_dropout_draws_once_for_all_steps():
    layer, x = made(dropout=0.5, seed=5)
    x = np.ones_like(x)
    y, backward = layer.forward(x)
    grad = backward(np.ones_like(y))
    dropped = (grad == 0).all(axis=1)
    assert ((grad == 0) == dropped[:, None, :]).all() and 0 < dropped.mean() < 1
    expected = loop(x * ~dropped[:, None, :] * 2, layer.get_weights())[1]
    assert_close(y, expected, terms=200)
    assert_close(layer(x), loop(x, layer.get_weights())[1], terms=200)


class Fixed(layers.LSTM):
    """An LSTM whose recurrent dropout is always the same."""

    def forward(self, x, initial_state=None, mask=None, training=True):
        self.cell._draws = random.Draws(9)
        return super().forward(x, initial_state, mask, training)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_recurrent_dropout(sequences, masked, backwards):
    mask = np.random.default_rng(1).random((3, 6)) > 0.4 if masked else None
    gpulayers.set_random_seed(2)
    layer = Fixed(
        4, recurrent_dropout=0.5, return_sequences=sequences, go_backwards=backwards, dtype="float64"
    )
    x, h, c = (np.random.default_rng(0).standard_normal(shape) for shape in ((3, 6, 5), (3, 4), (3, 4)))
    y, _ = layer.forward(x, initial_state=[h, c], mask=mask)
    generator = random.Draws(9).generator(x)
    factor = np.stack([random.dropout(np.ones((3, 4)), 0.5, generator)[0] for _ in range(4)])
    assert set(factor.ravel()) == {0, 2}
    outputs, last, _ = loop(x, layer.get_weights(), h, c, mask, backwards, factor)
    assert_close(y, outputs if sequences else last, terms=200)
    report = gpulayers.check_gradients(layer, [x.shape, h.shape, c.shape], training=True, mask=mask)
    assert report and len(report.errors) == 6, report
    assert_close(
        layer(x), loop(x, layer.get_weights(), backwards=backwards)[0 if sequences else 1], terms=200
    )


def test_no_steps():
    layer = layers.LSTM(3, return_sequences=True, recurrent_dropout=0.5)
    assert layer.forward(np.ones((2, 0, 4), np.float32))[0].shape == (2, 0, 3)


def test_masks_flow_on():
    mask = np.ones((2, 3), bool)
    assert layers.LSTM(1).compute_mask(None, mask) is None
    assert layers.LSTM(1, return_sequences=True).compute_mask(None, mask) is mask
    assert layers.LSTM(1, return_sequences=True, return_state=True).compute_mask(None, mask)[0] is mask


@pytest.mark.parametrize("backwards", [False, True])
def test_masked_steps_can_put_out_zeros(backwards):
    mask = np.array([[1, 0, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]], bool)
    layer, x = made(return_sequences=True, zero_output_for_mask=True, go_backwards=backwards)
    order = mask[:, ::-1] if backwards else mask
    expected = loop(x, layer.get_weights(), mask=mask, backwards=backwards)[0] * order[:, :, None]
    assert_close(layer(x, mask=mask), expected, terms=200)
    report = gpulayers.check_gradients(layer, x.shape, mask=mask)
    assert report, report
    layer.return_sequences = False
    assert_close(layer(x, mask=mask), expected[:, -1], terms=200)


def test_other_activations():
    layer, x = made(activation="relu", recurrent_activation="hard_sigmoid")
    with_default, _ = made()
    assert not np.allclose(layer(x), with_default(x))
    report = gpulayers.check_gradients(layer, x.shape)
    assert report, report
