"""Callbacks on trainings whose losses are known."""

import math

import numpy as np
import pytest

from gpulayers import Input, Sequential, callbacks, layers, metrics, optimizers


class Model:
    """What callbacks ask of a model, without a training."""

    def __init__(self, rate=1.0):
        self.optimizer, self.stop_training = optimizers.SGD(rate), False
        self.weights = [np.zeros(1)]

    def metrics_by_key(self):
        return {"accuracy": metrics.BinaryAccuracy(), "counts": metrics.TruePositives()}

    def get_weights(self):
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights):
        self.weights = weights


def follow(callback, values, name="val_loss", rate=1.0):
    """The model after epochs with those values; and the learning rates they left."""
    model, rates = Model(rate), []
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = [np.full(1, float(epoch))]
        callback.on_epoch_end(epoch, {name: value})
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end()
    return model, rates


def real(rate=0.1):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile(optimizers.SGD(rate), "mse")
    return model


X, Y = np.ones((8, 2), np.float32), np.ones((8, 1), np.float32)


def test_early_stopping():
    stop = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model, rates = follow(stop, [3, 2, 2.5, 2.1, 0])
    assert len(rates) == 4 and stop.stopped_epoch == 3 and stop.best == 2 and stop.best_epoch == 1
    assert model.weights[0] == 1
    assert len(follow(callbacks.EarlyStopping(min_delta=0.5, patience=1), [3, 2.8, 2.6])[1]) == 2
    growing = callbacks.EarlyStopping("val_accuracy", patience=1)
    assert len(follow(growing, [0.1, 0.2, 0.1, 0.3], "val_accuracy")[1]) == 3
    # Better than before, but never than the baseline: the first worse value ends it.
    assert len(follow(callbacks.EarlyStopping(baseline=1.0, patience=2), [3, 2, 1.5, 1.6, 1.2])[1]) == 4
    assert len(follow(callbacks.EarlyStopping(start_from_epoch=3), [1, 2, 3, 4, 5, 6])[1]) == 5
    with pytest.warns(UserWarning, match="watches 'nothing'"):
        follow(callbacks.EarlyStopping("nothing", mode="min"), [1])
    history = real(0.0).fit(X, Y, epochs=9, callbacks=callbacks.EarlyStopping("loss", patience=3), verbose=0)
    assert history.epoch == [0, 1, 2, 3]


def test_reduced_learning_rate():
    _, rates = follow(callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.3), [3, 3, 3, 3, 3, 3, 3])
    assert rates == [1, 1, 0.5, 0.5, 0.3, 0.3, 0.3]
    _, rates = follow(callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2), [3, 3, 3, 3, 3, 1])
    assert rates == [1, 0.5, 0.5, 0.25, 0.25, 0.25]
    history = real(0.5).fit(
        X, Y, epochs=2, callbacks=callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=99), verbose=0
    )
    assert history.history["learning_rate"] == [0.5, 0.5]


def test_scheduled_learning_rate(capsys):
    model = real()
    halved = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    history = model.fit(X, Y, epochs=2, callbacks=[halved], verbose=0).history
    assert history["learning_rate"] == [0.05, 0.025]
    assert "Epoch 2: LearningRateScheduler setting learning rate to 0.025." in capsys.readouterr().out
    one = callbacks.LearningRateScheduler(lambda epoch: 0.25 + epoch)
    assert model.fit(X, Y, epochs=2, callbacks=[one], verbose=0).history["learning_rate"] == [0.25, 1.25]


def test_checkpoints(tmp_path):
    model = real()
    path = tmp_path / "inner" / "{epoch}-{loss:.1f}.npz"
    model.fit(X, Y, epochs=2, callbacks=[callbacks.ModelCheckpoint(path, "loss")], verbose=0)
    files = sorted((tmp_path / "inner").iterdir())
    assert [file.name.split("-")[0] for file in files] == ["1", "2"]
    with np.load(files[-1]) as saved:
        assert [np.array_equal(saved[str(i)], w) for i, w in enumerate(model.get_weights())] == [True, True]
    best = callbacks.ModelCheckpoint(tmp_path / "best.npz", "loss", save_best_only=True)
    best.set_model(model)
    written = []
    for loss in (2.0, 3.0, 1.0):
        best.on_epoch_end(0, {"loss": loss})
        written.append((tmp_path / "best.npz").stat().st_mtime_ns)
    assert written[0] == written[1] < written[2]
    every = callbacks.ModelCheckpoint(tmp_path / "step.npz", save_freq=3)
    model.fit(X, Y, batch_size=2, callbacks=[every], verbose=0)
    assert (tmp_path / "step.npz").exists()


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    real(0.0).fit(X, Y, epochs=2, callbacks=[callbacks.CSVLogger(path)], verbose=0)
    real(0.0).fit(X, Y, callbacks=[callbacks.CSVLogger(path, append=True)], verbose=0)
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,val_loss" and lines[1].endswith(",NA")
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "0"]


def test_terminate_on_nan(capsys):
    model = real()
    ending = callbacks.TerminateOnNaN()
    history = model.fit(X, Y * math.nan, batch_size=2, epochs=3, callbacks=[ending], verbose=0)
    assert history.epoch == [0] and model.optimizer.iterations == 1
    assert "Batch 0: Invalid loss, terminating training" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="Received: nan at batch 0"):
        model.fit(X, Y * math.nan, callbacks=[callbacks.TerminateOnNaN(raise_error=True)], verbose=0)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: callbacks.EarlyStopping(mode="up"), ValueError),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), ValueError),
        (lambda: callbacks.ModelCheckpoint("model.txt"), ValueError),
        (lambda: callbacks.ModelCheckpoint("model.keras", save_weights_only=True), ValueError),
        (lambda: callbacks.ModelCheckpoint("model.weights.h5"), ValueError),
        (lambda: callbacks.ModelCheckpoint("model.keras").set_model(Model()), ValueError),
        (lambda: follow(callbacks.ModelCheckpoint("{nothing}.npz"), [1]), ValueError),
        (lambda: follow(callbacks.EarlyStopping("counts"), [1], "counts"), ValueError),
        (lambda: follow(callbacks.EarlyStopping("other"), [1], "other"), ValueError),
        (lambda: callbacks.EarlyStopping(patience=-1), ValueError),
        (lambda: callbacks.EarlyStopping(3), TypeError),
        (lambda: callbacks.EarlyStopping(min_delta="a"), TypeError),
        (lambda: callbacks.ReduceLROnPlateau(factor="a"), TypeError),
        (lambda: callbacks.CSVLogger("log.csv", separator=";;"), ValueError),
        (lambda: callbacks.LambdaCallback(on_epoch=print), TypeError),
        (lambda: callbacks.CallbackList([3]), TypeError),
        (lambda: real().fit(X, Y, callbacks=[callbacks.SwapEMAWeights(True)], verbose=0), ValueError),
        (lambda: callbacks.ModelCheckpoint("m.npz", save_freq=0), ValueError),
        (lambda: callbacks.LearningRateScheduler(0.1), TypeError),
        (lambda: real().fit(X, Y, callbacks=callbacks.LearningRateScheduler(lambda e: "a")), TypeError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
