"""Models on the device of the kernels train as they do on the CPU."""

import numpy as np
import pytest

import gpulayers
from gpulayers import Input, Sequential, layers, losses
from gpulayers.ops import arrays

from .tolerances import assert_close


def images():
    x = np.random.default_rng(0).standard_normal((6, 6, 6, 2)).astype(np.float32)
    return x, Sequential(
        [
            Input((6, 6, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(4, 2, activation="gelu"),
            layers.MaxPooling2D(),
            layers.AveragePooling2D(2, 1),
            layers.Flatten(),
            layers.Dense(5, "tanh"),
            layers.Dense(3),
        ]
    )


def sequences():
    x = np.random.default_rng(0).integers(0, 6, (6, 5))
    return x, Sequential(
        [
            Input((5,), dtype="int64"),
            layers.Embedding(6, 4, mask_zero=True),
            layers.LSTM(4, return_sequences=True),
            layers.LSTM(4, return_sequences=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ]
    )


def trained(make, device, monkeypatch):
    monkeypatch.setattr(arrays, "default_device", lambda: device)
    gpulayers.set_random_seed(1)
    x, model = make()
    y = np.array([0, 1, 2, 0, 1, 2])
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, validation_data=(x, y)).history
    assert all(arrays.device_of(variable.value) is device for variable in model.weights)
    return history, model.get_weights(), model.predict(x, verbose=0)


@pytest.mark.parametrize("make", [images, sequences])
def test_training(make, kernel_device, monkeypatch):
    history, weights, outputs = trained(make, arrays.CPU, monkeypatch)
    on_kernels, kernel_weights, kernel_outputs = trained(make, kernel_device, monkeypatch)
    assert type(kernel_outputs) is np.ndarray
    for key, values in history.items():
        assert on_kernels[key] == pytest.approx(values, rel=1e-5), key
    assert_close(kernel_outputs, outputs, terms=100, magnitude=1)
    for first, second in zip(kernel_weights, weights):
        # Adam divides small gradients by their own size: rounding is amplified.
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)


def test_a_host_array_given_to_a_layer_on_the_device_is_refused(kernel_device, monkeypatch):
    monkeypatch.setattr(arrays, "default_device", lambda: kernel_device)
    layer = layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(TypeError, match="same device. Received: "):
        layer(np.ones((1, 3), np.float32))
