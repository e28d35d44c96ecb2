"""The LSTM against Keras in float32: masks, reversal, initial states, other activations."""

import os

import numpy as np
import pytest

from gpulayers import ops
from tests.tolerances import assert_close

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

BATCH, STEPS, WIDTH, UNITS = 4, 6, 3, 5
ACTIVATIONS = [("tanh", "sigmoid"), ("relu", "hard_sigmoid"), ("linear", "tanh")]


def draw_mask(go_backwards, with_state):
    mask = np.random.default_rng(1).random((BATCH, STEPS)) < 0.5
    assert not mask[:, 0].all() and not mask[:, -1].all() and mask.any(axis=1).all()
    if with_state:  # a masked first step: Keras's output is zero, ours that of the initial state
        mask[:, -1 if go_backwards else 0] = True
    return mask


@pytest.mark.parametrize("activation, recurrent_activation", ACTIVATIONS)
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
def test_lstm(with_state, masked, go_backwards, activation, recurrent_activation):
    generator = np.random.default_rng(0)

    def draw(*shape):
        return generator.uniform(-1, 1, shape).astype(np.float32)

    x = draw(BATCH, STEPS, WIDTH)
    weights = [draw(WIDTH, 4 * UNITS), draw(UNITS, 4 * UNITS), draw(4 * UNITS)]
    state = [draw(BATCH, UNITS), draw(BATCH, UNITS)] if with_state else [None, None]
    mask = draw_mask(go_backwards, with_state) if masked else None

    layer = keras.layers.LSTM(
        UNITS,
        activation=activation,
        recurrent_activation=recurrent_activation,
        return_sequences=True,
        return_state=True,
        go_backwards=go_backwards,
    )
    layer.build(x.shape)
    layer.set_weights(weights)
    expected = layer(x, initial_state=state if with_state else None, mask=mask)
    expected = [array.detach().cpu().numpy() for array in expected]

    options = dict(
        go_backwards=go_backwards, activation=activation, recurrent_activation=recurrent_activation
    )
    results = ops.lstm(x, *weights, initial_h=state[0], initial_c=state[1], mask=mask, **options)
    for name, actual, true in zip(("outputs", "h", "c"), results, expected):
        magnitude = max(1.0, np.abs(true).max())
        assert_close(actual, true, STEPS * (WIDTH + UNITS), magnitude, what=name)
