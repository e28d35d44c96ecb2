"""Convolutions at every time step, then LSTM and GRU; a first layer with input_shape."""

import numpy as np
from keras.layers import (
    GRU,
    LSTM,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    TimeDistributed,
)
from keras.models import Sequential

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(0)
x = rng.random((12, 4, 10, 10, 2)).astype("float32")
y = rng.random((12, 1)).astype("float32")
model = Sequential()
model.add(TimeDistributed(Conv2D(6, (3, 3), activation="relu"), input_shape=(4, 10, 10, 2)))
model.add(TimeDistributed(MaxPooling2D((2, 2))))
model.add(TimeDistributed(Flatten()))
model.add(LSTM(10, activation="tanh", return_sequences=True))
model.add(Dropout(0.0))
model.add(GRU(6))
model.add(Dense(1))
same_weights(model)
model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
model.summary()
h = model.fit(x, y, epochs=3, batch_size=4, verbose=0, shuffle=False)
results = [h.history, model.predict(x, verbose=0)]
