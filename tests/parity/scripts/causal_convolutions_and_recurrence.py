"""Dilated causal convolutions with gates and skips, then recurrent layers."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(0)
inp = keras.Input((20, 3))
x = layers.Conv1D(8, 2, padding="causal")(inp)
skips = []
for d in (1, 2, 4):
    a = layers.Conv1D(8, 2, dilation_rate=d, padding="causal", activation="tanh")(x)
    b = layers.Conv1D(8, 2, dilation_rate=d, padding="causal", activation="sigmoid")(x)
    z = layers.Multiply()([a, b])
    s = layers.Conv1D(8, 1)(z)
    skips.append(s)
    x = layers.Add()([x, s])
x = layers.Add()(skips)
x = layers.ReLU()(x)
x = layers.LayerNormalization()(x)
x = layers.SimpleRNN(5, return_sequences=True, go_backwards=True)(x)
x = layers.GRU(4, reset_after=False)(x)
x = layers.RepeatVector(3)(x)
x = layers.TimeDistributed(layers.Dense(2))(x)
x = layers.Permute((2, 1))(x)
model = keras.Model(inp, x)
same_weights(model)
model.summary(line_length=100)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=1e-2, clipnorm=1.0), loss="mse")
x = rng.random((10, 20, 3))
y = rng.random((10, 2, 3))
h = model.fit(
    x,
    y,
    epochs=2,
    batch_size=5,
    shuffle=False,
    verbose=0,
    callbacks=[keras.callbacks.EarlyStopping(monitor="loss", patience=3)],
)
results = [h.history, model.predict(x, verbose=0), [layer.name for layer in model.layers]]
