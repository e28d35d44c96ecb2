"""Callbacks of one's own, as the guide writes them, those of Keras, and learning rates that change."""

import csv
import os
import tempfile

import keras
import numpy as np

from tests.parity.same_weights import same_weights


class StopAtMinimum(keras.callbacks.Callback):
    def __init__(self, patience=0):
        super().__init__()
        self.patience = patience
        self.best_weights = None

    def on_train_begin(self, logs=None):
        self.wait, self.stopped_epoch, self.best = 0, 0, np.inf

    def on_epoch_end(self, epoch, logs=None):
        current = logs.get("loss")
        if np.less(current, self.best):
            self.best, self.wait, self.best_weights = current, 0, self.model.get_weights()
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                self.model.stop_training = True
                self.model.set_weights(self.best_weights)


class Rates(keras.callbacks.Callback):
    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        if not hasattr(self.model.optimizer, "learning_rate"):
            raise ValueError('Optimizer must have a "learning_rate" attribute.')
        rate = float(self.model.optimizer.learning_rate)
        self.model.optimizer.learning_rate = self.schedule(epoch, rate)

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append([batch, sorted(logs), float(logs["loss"])])

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append([float(self.model.optimizer.learning_rate.numpy()), self.params["epochs"]])


def make(optimizer):
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    )
    same_weights(model)
    model.compile(loss="mean_squared_error", optimizer=optimizer, metrics=["mean_absolute_error"])
    return model


rng = np.random.default_rng(3)
x = rng.random((50, 5), np.float32)
y = x.sum(axis=1, keepdims=True) ** 2
run = dict(batch_size=10, verbose=0, shuffle=False)
results, stop = [], StopAtMinimum(patience=1)
model = make(keras.optimizers.SGD(0.08, momentum=0.9))
results += [model.fit(x, y, epochs=30, callbacks=[stop], **run).history, stop.stopped_epoch, stop.best]
rates = Rates(lambda epoch, rate: rate * 0.5 if epoch in (1, 3) else rate)
model = make(keras.optimizers.RMSprop(0.02))
results += [model.fit(x, y, epochs=5, callbacks=[rates], **run).history, rates.seen]

model = make(keras.optimizers.Adam(0.05))
plateau = keras.callbacks.ReduceLROnPlateau(
    monitor="val_loss", factor=0.2, patience=1, min_delta=0.1, min_lr=1e-4
)
early = keras.callbacks.EarlyStopping(
    monitor="val_loss", patience=3, restore_best_weights=True, start_from_epoch=2, min_delta=1e-2
)
noted = []
hooks = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: noted.append(epoch),
    on_train_batch_end=lambda batch, logs: noted.append(sorted(logs)),
    on_train_end=lambda logs: noted.append("end"),
)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "log.csv")
    log = keras.callbacks.CSVLogger(path, append=False, separator=",")
    history = model.fit(
        x, y, epochs=25, validation_data=(x[:20] * 1.5, y[:20]), callbacks=[plateau, early, hooks, log], **run
    )
    with open(path) as file:
        rows = list(csv.DictReader(file))
results += [history.history, history.epoch, early.stopped_epoch, early.best_epoch, noted, model.get_weights()]
results += [list(rows[0]), [[float(value) for value in row.values()] for row in rows]]

schedules = keras.optimizers.schedules
for schedule in (
    schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.8, staircase=True),
    schedules.CosineDecay(0.01, 12, alpha=0.1, warmup_target=0.1, warmup_steps=4),
    schedules.CosineDecayRestarts(0.1, 5, t_mul=1.5, m_mul=0.9),
    schedules.PiecewiseConstantDecay([3, 8], [0.1, 0.05, 0.01]),
):
    model = make(keras.optimizers.SGD(learning_rate=schedule, nesterov=True, momentum=0.5))
    results += [model.fit(x, y, epochs=3, **run).history, float(model.optimizer.learning_rate)]
    results.append([float(schedule(step)) for step in (0, 1, 7, 30)])
model = make("sgd")
fixed = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * np.exp(-0.1 * epoch))
results += [model.fit(x, y, epochs=3, callbacks=[fixed], **run).history]
model = make(keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8, clipnorm=1.0))
swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
results += [
    model.fit(x, y, epochs=3, validation_data=(x, y), callbacks=[swap], **run).history,
    model.get_weights(),
]
model = make(
    keras.optimizers.AdamW(0.01, weight_decay=0.1, gradient_accumulation_steps=2, global_clipnorm=5.0)
)
results += [model.fit(x, y, epochs=2, **run).history, model.get_weights()]
