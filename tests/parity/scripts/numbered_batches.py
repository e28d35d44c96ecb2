"""Batches from objects with __getitem__."""

import math

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return math.ceil(len(self.x) / self.batch_size)

    def __getitem__(self, i):
        s = slice(i * self.batch_size, (i + 1) * self.batch_size)
        return self.x[s], self.y[s]


rng = np.random.default_rng(0)
x = rng.random((22, 6)).astype("float32")
y = rng.random((22, 1)).astype("float32")
m = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
same_weights(m)
m.compile("sgd", "mse")
h = m.fit(Batches(x, y, 5), epochs=2, shuffle=False, verbose=0, validation_data=Batches(x, y, 7))


class Old(keras.utils.Sequence if hasattr(keras.utils, "Sequence") else keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return x[:4], y[:4]

    def on_epoch_end(self):
        pass


h2 = m.fit(Old(), epochs=1, verbose=0, shuffle=False)
results = [
    h.history,
    h2.history,
    m.evaluate(Batches(x, y, 5), verbose=0),
    m.predict(Batches(x, y, 5), verbose=0),
]
