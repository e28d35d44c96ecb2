"""Bidirectional LSTMs on padded texts."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

max_features, maxlen = 50, 6
rng = np.random.default_rng(0)
x_train = [list(rng.integers(1, 50, rng.integers(3, 20))) for _ in range(16)]
y_train = rng.integers(0, 2, 16)
x_train = keras.utils.pad_sequences(x_train, maxlen=maxlen)
inputs = keras.Input(shape=(None,), dtype="int32")
x = layers.Embedding(max_features, 16, mask_zero=True)(inputs)
x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(x)
x = layers.Bidirectional(layers.LSTM(8))(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
same_weights(model)
model.summary()
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
h = model.fit(
    x_train, y_train, batch_size=8, epochs=2, validation_data=(x_train, y_train), shuffle=False, verbose=0
)
results = [h.history, model.predict(x_train, verbose=0)]
