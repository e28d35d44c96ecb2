"""Time series: windows through GRU, LSTM and Conv1D; an autoencoder of sequences; masks; a stateful model."""

import keras
import numpy as np
from keras import layers

from tests.parity.same_weights import same_weights

rng = np.random.default_rng(4)
t = np.arange(120, dtype="float32")
series = np.stack([np.sin(t / 9), np.cos(t / 5) + 0.1 * rng.standard_normal(120)], axis=1).astype("float32")
windows = np.lib.stride_tricks.sliding_window_view(series, 12, axis=0).transpose(0, 2, 1)[:-1]
targets = series[12:, 0]
run = dict(batch_size=54, verbose=0, shuffle=False)
results = []


def stacked_gru():
    return [
        layers.GRU(8, return_sequences=True, recurrent_regularizer=keras.regularizers.L2(1e-3)),
        layers.GRU(6, activation="relu", reset_after=False),
        layers.Dense(1),
    ]


def lstm_of_convolutions():
    return [
        layers.Conv1D(6, 5, activation="relu", padding="causal", dilation_rate=2),
        layers.MaxPooling1D(2),
        layers.LayerNormalization(),
        layers.Bidirectional(layers.LSTM(5, return_sequences=True), merge_mode="sum"),
        layers.LSTM(4, go_backwards=True, bias_regularizer="l1"),
        layers.Dense(1),
    ]


def convolutions():
    return [
        layers.SeparableConv1D(6, 3, strides=2, depth_multiplier=2, padding="same", activation="elu"),
        layers.ZeroPadding1D((2, 1)),
        layers.DepthwiseConv1D(3, activation="swish"),
        layers.AveragePooling1D(3, 2, padding="same"),
        layers.Cropping1D(1),
        layers.Flatten(),
        layers.Dense(1),
    ]


for make in (stacked_gru, lstm_of_convolutions, convolutions):
    model = keras.Sequential([keras.Input(windows.shape[1:]), *make()])
    same_weights(model)
    model.summary()
    model.compile(keras.optimizers.Adam(0.005), "mse", metrics=["mae"])
    history = model.fit(windows, targets, epochs=1, validation_split=0.2, **run)
    results += [history.history, model.predict(windows, verbose=0)]

model = keras.Sequential(
    [
        layers.Input(shape=windows.shape[1:]),
        layers.Conv1D(8, 7, padding="same", strides=2, activation="relu"),
        layers.Conv1D(4, 7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(4, 7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(8, 7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(2, 7, padding="same"),
    ]
)
same_weights(model)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, mode="min")
history = model.fit(windows, windows, epochs=3, validation_split=0.1, callbacks=[stop], **run)
loss = np.mean(np.abs(model.predict(windows, verbose=0) - windows), axis=1)
results += [history.history, loss.max(axis=0)]

padded = keras.utils.pad_sequences([rng.random((n, 2)) for n in rng.integers(3, 11, 40)], dtype="float32")
model = keras.Sequential([layers.Input((None, 2)), layers.Masking(0.0), *stacked_gru()])
same_weights(model)
model.compile("sgd", keras.losses.Huber())
results += [model.fit(padded, padded.sum((1, 2)), epochs=3, **run).history, model.predict(padded, verbose=0)]

encoder = [layers.LSTM(7), layers.RepeatVector(4), layers.LSTM(6, return_sequences=True)]
model = keras.Sequential([layers.Input((7, 12)), *encoder, layers.Dense(12, activation="softmax")])
same_weights(model)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
questions = np.eye(12, dtype="float32")[rng.integers(0, 12, (50, 7))]
answers = np.eye(12, dtype="float32")[rng.integers(0, 12, (50, 4))]
results += [model.fit(questions, answers, epochs=1, **run).history, model.predict(questions[:5], verbose=0)]

inputs = keras.Input(batch_shape=(5, 6, 2))
outputs, state = layers.SimpleRNN(3, stateful=True, return_state=True)(inputs)
model = keras.Model(inputs, [layers.Dense(1)(outputs), state])
same_weights(model)
first = [model.predict(windows[i : i + 5, :6], batch_size=5, verbose=0) for i in (0, 5)]
model.get_layer(index=1).reset_state()
results += [first, model.predict(windows[5:10, :6], batch_size=5, verbose=0)]
cells = [layers.LSTMCell(4), layers.GRUCell(3)]
model = keras.Sequential([keras.Input((12, 2)), layers.RNN(cells), layers.Dense(1)])
same_weights(model)
model.compile("rmsprop", "log_cosh")
results.append(model.fit(windows, targets, epochs=1, **run).history)
