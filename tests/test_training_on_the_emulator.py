"""Whole models train and predict on the emulated GPU: the kernels by their launchers, everything else by what CuPy
has of NumPy. The numbers are the CPU's."""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, models
from tests.tolerances import assert_close

RANDOM = np.random.default_rng(5)
IMAGES, CLASSES = RANDOM.standard_normal((16, 8, 8, 3)).astype(np.float32), RANDOM.integers(0, 4, 16)
TOKENS, LABELS = RANDOM.integers(0, 20, (16, 5)), RANDOM.integers(0, 2, (16, 1)).astype(np.float32)
SERIES, TARGETS = (
    RANDOM.standard_normal((16, 12, 3)).astype(np.float32),
    RANDOM.standard_normal((16, 2)).astype(np.float32),
)


def classifier():
    return [
        layers.Conv2D(8, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Conv2D(8, 3, strides=2),
        layers.Flatten(),
        layers.Dense(4, activation="softmax"),
    ]


def reader():
    return [layers.Embedding(20, 8), layers.LSTM(8), layers.Dense(1, activation="sigmoid")]


def regressor():
    return [layers.Conv1D(8, 3), layers.AveragePooling1D(2), layers.GlobalAveragePooling1D(), layers.Dense(2)]


SUMS = 200  # terms of the longest chain of sums behind a number: four steps of batches of 8 pictures
CASES = {
    "classifier": (classifier, "sparse_categorical_crossentropy", IMAGES, CLASSES),
    "reader": (reader, "binary_crossentropy", TOKENS, LABELS),
    "regressor": (regressor, "mean_squared_error", SERIES, TARGETS),
}


def train(case):
    make, loss, x, y = CASES[case]
    gpulayers.set_random_seed(1)
    model = models.Sequential(make())
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    return np.array(history.history["loss"], np.float32), model.predict(x, verbose=0)


@pytest.mark.parametrize("case", CASES)
def test_losses_and_predictions_are_those_of_the_cpu(case, request):
    expected = train(case)
    device = request.getfixturevalue("emulated_default")
    losses, predictions = train(case)
    assert device.launches and type(predictions) is np.ndarray
    assert_close(losses, expected[0], terms=SUMS)
    assert_close(predictions, expected[1], terms=SUMS)
