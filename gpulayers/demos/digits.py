"""A convolutional network that reads the handwritten digits of scikit-learn."""

import sys
import time

import numpy as np

import gpulayers
from gpulayers import layers
from gpulayers.demos import options
from gpulayers.tables import print_table

HELD_OUT = 360  # images of 1797


def load(seed):
    """((training images, labels), (held-out images, labels)); images are (n, 8, 8, 1) in [0, 1].

    Raises:
        ImportError: scikit-learn is not installed.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[..., None] / 16).astype(np.float32)
    labels = digits.target.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    return (images[training], labels[training]), (images[held_out], labels[held_out])


def network():
    """The network, ready for training."""
    model = gpulayers.Sequential(
        [
            gpulayers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(96, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=gpulayers.optimizers.Adam(2e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def confusion_table(labels, predicted):
    """Counts (10, 10): rows the true digits, columns the predicted ones."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def most_confused(counts):
    """(one digit, another, how often either was taken for the other)."""
    both = np.triu(counts + counts.T, k=1)
    one, other = map(int, np.unravel_index(both.argmax(), both.shape))
    return one, other, int(both[one, other])


def main(arguments=()):
    """Trains, and prints accuracy, confusion table and the most confused pair; returns the exit code."""
    chosen = options.parser("digits", __doc__, epochs=30).parse_args(arguments)
    try:
        training, (images, labels) = load(chosen.seed)
    except ImportError as error:
        print(
            f'This demo reads the digits of scikit-learn: pip install "gpulayers[demo]" ({error})',
            file=sys.stderr,
        )
        return 1
    device = options.start(chosen)
    model = network()
    model.summary()
    begin = time.perf_counter()
    model.fit(*training, batch_size=32, epochs=chosen.epochs, validation_data=(images, labels))
    seconds = time.perf_counter() - begin
    counts = confusion_table(labels, model.predict(images, verbose=0).argmax(axis=1))
    rows = [(digit, *(count or "·" for count in row)) for digit, row in enumerate(counts)]
    print_table("Held-out digits: true (rows), read as (columns)", ("", *map(str, range(10))), rows)
    right = int(np.trace(counts))
    one, other, often = most_confused(counts)
    print(f"Held-out accuracy: {right / len(labels):.2%} ({right} of {len(labels)} images)")
    print(
        f"Most confused: {one} and {other} ({often} of {len(labels)} images)"
        if often
        else "No digit was taken for another."
    )
    print(f"Trained {chosen.epochs} epochs on {len(training[1])} images in {seconds:.1f} s on {device!r}")
    return 0
