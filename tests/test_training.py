"""compile, fit, evaluate and predict, end to end."""

import io
import sys

import numpy as np
import pytest

import gpulayers
from gpulayers import Input, Sequential, callbacks, layers, losses, metrics, optimizers
from gpulayers.callbacks import progress

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0], [1], [1], [0]], np.float32)


def linear(weights=(2.0, -1.0), bias=0.5, **compile_options):
    """A model y = x . weights + bias."""
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.set_weights([np.array(weights)[:, None], np.array([bias])])
    model.compile(**{"optimizer": optimizers.SGD(0.1), "loss": "mse"} | compile_options)
    return model


def data(samples=10):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((samples, 2)).astype(np.float32)
    return x, (x @ np.array([[1.0], [3.0]]) - 0.5).astype(np.float32)


def test_xor_is_learned():
    gpulayers.set_random_seed(1)
    model = Sequential([Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(*XOR, epochs=200, verbose=0).history
    assert history["loss"][-1] < 0.05 < history["loss"][0] and history["accuracy"][-1] == 1
    np.testing.assert_array_equal(model.predict(XOR[0], verbose=0) > 0.5, XOR[1])


def test_a_regression_finds_its_line():
    model, (x, y) = linear(), data(64)
    model.fit(x, y, epochs=60, batch_size=16, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[1], [3]], atol=1e-3)
    assert model.evaluate(x, y, verbose=0) < 1e-6


def test_images_are_told_apart():
    gpulayers.set_random_seed(3)
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 120)
    x = generator.normal(0, 0.3, (120, 8, 8, 1)).astype(np.float32)
    x[y == 1, 3:5] += 1
    x[y == 0, :, 3:5] += 1
    model = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(2, "softmax"),
        ]
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=6, validation_split=0.25, verbose=0).history
    assert history["val_accuracy"][-1] == 1


def test_sequences_are_told_apart():
    gpulayers.set_random_seed(4)
    generator = np.random.default_rng(1)
    ids = generator.integers(1, 6, (96, 7))
    lengths = generator.integers(2, 8, 96)
    ids[np.arange(7)[None, :] >= lengths[:, None]] = 0
    y = (ids == 3).any(axis=1).astype(np.int64)
    model = Sequential(
        [
            Input((7,), dtype="int64"),
            layers.Embedding(6, 8, mask_zero=True),
            layers.LSTM(8),
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(ids, y, epochs=25, verbose=0).history
    assert history["accuracy"][-1] > 0.97


def run_once(seed):
    gpulayers.set_random_seed(seed)
    x, y = data(50)
    ids = (np.abs(x) * 3).astype(int) % 5
    model = Sequential(
        [
            Input((2,)),
            layers.Embedding(5, 4),
            layers.LSTM(3, return_sequences=True, dropout=0.2),
            layers.Conv1D(3, 2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    history = model.fit(ids, y, epochs=3, batch_size=8, validation_split=0.2, verbose=0).history
    return history, model.get_weights(), model.predict(ids, verbose=0)


def test_a_seed_repeats_a_run_bit_for_bit():
    (history, weights, outputs), (again, same_weights, same_outputs), (other, *_) = map(run_once, (7, 7, 8))
    assert history == again and history != other
    np.testing.assert_array_equal(outputs, same_outputs)
    for first, second in zip(weights, same_weights):
        np.testing.assert_array_equal(first, second)


def test_the_loss_of_an_epoch_weighs_the_last_batch_by_its_size():
    model, (x, y) = linear(optimizer=optimizers.SGD(0.0)), data(10)
    each = (x @ np.array([[2.0], [-1.0]]) + 0.5 - y)[:, 0].astype(np.float64) ** 2
    assert model.fit(x, y, batch_size=4, verbose=0).history["loss"] == [pytest.approx(each.mean(), rel=1e-5)]
    assert model.evaluate(x, y, batch_size=3, verbose=0) == pytest.approx(each.mean(), rel=1e-5)


def test_one_step_by_hand():
    model = linear()
    model.fit(np.array([[1.0, 2.0]]), np.array([1.5]), verbose=0)
    # y = 0.5, so dL/dy = 2 (0.5 - 1.5) = -2
    np.testing.assert_allclose(model.get_weights()[0], [[2.2], [-0.6]], rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], [0.7], rtol=1e-6)
    assert all(variable.grad is None for variable in model.weights)


def test_validation_split_takes_the_last_samples_before_shuffling():
    model, (x, y) = linear(optimizer=optimizers.SGD(0.0)), data(10)
    history = model.fit(x, y, validation_split=0.3, verbose=0).history
    assert history["loss"] == [pytest.approx(model.evaluate(x[:7], y[:7], verbose=0))]
    assert history["val_loss"] == [pytest.approx(model.evaluate(x[7:], y[7:], verbose=0))]


def test_validation_data():
    model, (x, y) = linear(metrics=["mae"]), data(10)
    history = model.fit(x, y, epochs=4, validation_data=(x[:3], y[:3]), validation_freq=2, verbose=0)
    assert history.epoch == [0, 1, 2, 3]
    assert {name: len(values) for name, values in history.history.items()} == {
        "loss": 4,
        "mae": 4,
        "val_loss": 2,
        "val_mae": 2,
    }
    found = model.evaluate(x[:3], y[:3], verbose=0, return_dict=True)
    assert history.history["val_loss"][-1] == found["loss"] and history.history["val_mae"][-1] == found["mae"]
    weighted = model.fit(x, y, validation_data=(x[:2], y[:2], np.array([1.0, 0])), verbose=0).history[
        "val_loss"
    ][0]
    assert weighted == pytest.approx(model.evaluate(x[:1], y[:1], verbose=0)[0] / 2)


def test_shuffling():
    seen = []

    class Spy(layers.Layer):
        def forward(self, x, training=True):
            if training:
                seen.append(x[:, 0].tolist())
            return x, lambda grad: grad

    def run(**options):
        seen.clear()
        model = Sequential([Input((2,)), Spy(), layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.arange(20, dtype=np.float32).reshape(10, 2)
        model.fit(x, x[:, :1], batch_size=4, verbose=0, **options)
        assert [len(batch) for batch in seen] == [4, 4, 2] * options.get("epochs", 1)
        return [value for batch in seen for value in batch]

    order = [float(value) for value in range(0, 20, 2)]
    assert run(shuffle=False) == order
    gpulayers.set_random_seed(0)
    found = run(epochs=2)
    assert sorted(found[:10]) == sorted(found[10:]) == order
    assert found[:10] != order and found[:10] != found[10:]


def test_sample_and_class_weights():
    x, y = data(6)
    weights = np.array([1, 0, 0, 2, 0, 0], np.float32)
    model = linear(metrics=["mse"], weighted_metrics=["mse"])
    found = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    each = (x @ np.array([[2.0], [-1.0]]) + 0.5 - y)[:, 0] ** 2
    assert found["loss"] == pytest.approx((each * weights).sum() / 6, rel=1e-5)
    assert found["mse"] == pytest.approx(each.mean(), rel=1e-5)
    assert found["weighted_mse"] == pytest.approx((each * weights).sum() / 3, rel=1e-5)
    labels = np.array([0, 1, 1, 0, 2, 0])

    def trained(**options):
        gpulayers.set_random_seed(0)
        model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, labels, verbose=0, **options)
        return model.get_weights()[0]

    by_class = trained(class_weight={0: 2.0, 2: 0.5})
    np.testing.assert_array_equal(by_class, trained(sample_weight=np.array([2, 1, 1, 2, 0.5, 2])))
    assert not np.array_equal(by_class, trained())


def test_regularizers_and_constraints_take_part():
    x = np.array([[1.0, 2.0]])
    model = Sequential(
        [
            Input((2,)),
            layers.Dense(
                1,
                kernel_regularizer=gpulayers.regularizers.L2(0.5),
                kernel_constraint="non_neg",
                activity_regularizer=gpulayers.regularizers.L1(0.25),
            ),
        ]
    )
    model.set_weights([np.array([[2.0], [-0.1]]), np.array([0.5])])
    model.compile(optimizers.SGD(0.1), "mse")
    y = 2.0 - 0.2 + 0.5
    expected = (y - 1) ** 2 + 0.5 * (4 + 0.01) + 0.25 * y
    assert model.evaluate(x, [1.0], verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.fit(x, [1.0], verbose=0).history["loss"] == [pytest.approx(expected, rel=1e-5)]
    slope = 2 * (y - 1) + 0.25
    np.testing.assert_allclose(model.get_weights()[0], [[2 - 0.1 * (slope + 2)], [0]], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [0.5 - 0.1 * slope], rtol=1e-5)


def test_predict():
    model, (x, _) = linear(), data(10)
    whole = model.predict(x, batch_size=10, verbose=0)
    assert isinstance(whole, np.ndarray) and whole.shape == (10, 1)
    np.testing.assert_allclose(model.predict(x, batch_size=3, verbose=0), whole, rtol=1e-6)
    np.testing.assert_allclose(model.predict(x.tolist(), verbose=0), whole, rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(x), whole, rtol=1e-6)
    assert model.predict(x[:0], verbose=0).shape == (0, 1)
    never_compiled = Sequential([Input((2,)), layers.Dense(1)])
    assert never_compiled.predict(x, verbose=0).shape == (10, 1)


def test_dropout_is_off_outside_training():
    model = Sequential([Input((50,)), layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    x = np.ones((4, 50), np.float32)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    assert model.evaluate(x, x, verbose=0) == 0
    with pytest.warns(UserWarning, match="no trainable weights"):
        assert model.fit(x, x, verbose=0).history["loss"][0] > 0.1


def test_batches_one_by_one():
    model, (x, y) = linear(metrics=["mae"]), data(8)
    first = model.test_on_batch(x[:4], y[:4], return_dict=True)
    assert set(first) == {"loss", "mae"}
    model.reset_metrics()
    loss, mae = model.train_on_batch(x[:4], y[:4])
    assert (loss, mae) == (first["loss"], first["mae"])
    model.reset_metrics()
    assert model.test_on_batch(x[:4], y[:4])[0] < loss
    assert model.metrics_names == ["loss", "mae"]
    twin = linear()
    twin.fit(x[:4], y[:4], shuffle=False, verbose=0)
    np.testing.assert_array_equal(twin.get_weights()[0], model.get_weights()[0])


def test_masked_steps_count_neither_in_the_loss_nor_in_accuracy():
    model = Sequential([Input((3,), dtype="int32"), layers.Embedding(4, 3, mask_zero=True), layers.Dense(4)])
    model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    ids, y = np.array([[1, 2, 0], [3, 0, 0]]), np.array([[1, 2, 3], [0, 3, 3]])
    found = model.evaluate(ids, y, verbose=0, return_dict=True)
    logits = np.concatenate([model(ids)[0, :2], model(ids)[1, :1]]).astype(np.float64)
    labels = [1, 2, 0]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert found["loss"] == pytest.approx(-log_p[[0, 1, 2], labels].mean(), rel=1e-5)
    assert found["accuracy"] == pytest.approx((logits.argmax(-1) == labels).mean())


def test_half_precision_models_train(dtype):
    gpulayers.set_random_seed(0)
    x, y = data(64)
    model = Sequential([Input((2,)), layers.Dense(1, dtype=dtype.name)])
    model.compile(optimizers.Adam(0.1), "mse")
    history = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.05 * history[0]
    assert model.predict(x, verbose=0).dtype == dtype


def test_callbacks():
    calls = []
    hooks = {
        name: (
            lambda name: lambda *arguments: calls.append((name, *arguments[:-1], sorted(arguments[-1] or {})))
        )(name)
        for name in (
            "on_epoch_begin",
            "on_epoch_end",
            "on_train_batch_begin",
            "on_train_batch_end",
            "on_test_batch_end",
        )
    }
    for name in ("on_train_begin", "on_train_end", "on_test_begin", "on_test_end"):
        hooks[name] = (lambda name: lambda logs=None: calls.append((name, sorted(logs or {}))))(name)
    hooks = {name: wrap(function) for name, function in hooks.items()}
    model, (x, y) = linear(), data(4)
    model.fit(
        x, y, batch_size=4, validation_data=(x, y), callbacks=[callbacks.LambdaCallback(**hooks)], verbose=0
    )
    assert calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 0, ["loss"]),
        ("on_test_begin", []),
        ("on_test_batch_end", 0, ["loss"]),
        ("on_test_end", ["loss"]),
        ("on_epoch_end", 0, ["loss", "val_loss"]),
        ("on_train_end", ["loss", "val_loss"]),
    ]


def wrap(function):
    return lambda *arguments: (
        function(*arguments)
        if len(arguments) != 1 or not isinstance(arguments[0], int)
        else function(*arguments, None)
    )


def test_a_callback_can_stop_the_training():
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model, (x, y) = linear(), data(8)
    history = model.fit(x, y, batch_size=2, epochs=5, callbacks=[Stop()], verbose=0)
    assert history.epoch == [0] and model.optimizer.iterations == 2
    assert model.fit(x, y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]


def test_plain_lines_where_there_is_no_terminal(capsys):
    model, (x, y) = linear(), data(8)
    model.fit(x, y, batch_size=2, epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    assert lines[1].startswith("2/2 - ") and " - loss: " in lines[1] and " - val_loss: " in lines[1]
    model.evaluate(x, y)
    model.predict(x)
    assert len(capsys.readouterr().out.splitlines()) == 2
    model.fit(x, y, verbose=0)
    assert capsys.readouterr().out == ""


def test_a_bar_in_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_REFRESH_SECONDS", 0.0)
    model, (x, y) = linear(), data(8)
    model.fit(x, y, batch_size=2, epochs=2)
    text = terminal.getvalue()
    assert "4/4" in text and "━" in text and "loss: " in text


def test_a_bar_is_closed_when_a_run_fails(monkeypatch):
    monkeypatch.setattr(progress, "is_terminal", lambda: True)
    closed = []
    monkeypatch.setattr(callbacks.ProgressBar, "close", lambda self: closed.append(self))
    model, (x, y) = linear(), data(8)

    def fail(epoch, logs):
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        model.fit(x, y, callbacks=callbacks.LambdaCallback(on_epoch_end=fail), verbose=1)
    assert closed


def test_logs_are_read_only_when_wanted(monkeypatch):
    reads = []
    result = metrics.Mean.result
    monkeypatch.setattr(metrics.Mean, "result", lambda self: reads.append(self) or result(self))
    model, (x, y) = linear(), data(20)
    model.fit(x, y, batch_size=2, verbose=0)
    assert len(reads) == 1


X, Y = data(8)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: linear().fit(X[:, :1], Y), ValueError),
        (lambda: linear().fit(X[..., None, None], Y), ValueError),
        (lambda: linear().fit(X, Y[:5]), ValueError),
        (lambda: linear().fit(X, None), ValueError),
        (lambda: linear().fit(X, np.ones((8, 3))), ValueError),
        (lambda: linear().fit(X[:0], Y[:0]), ValueError),
        (lambda: linear().fit(None, Y), TypeError),
        (lambda: linear().fit("data", Y), TypeError),
        (lambda: linear().fit(iter([X]), Y), TypeError),
        (lambda: linear().fit([["a", "b"]], [1.0]), TypeError),
        (lambda: linear().fit([[1.0, 2.0], [3.0]], [1.0, 2.0]), ValueError),
        (lambda: linear().fit(3.0, Y), ValueError),
        (lambda: linear().fit(X, Y, batch_size=0), ValueError),
        (lambda: linear().fit(X, Y, batch_size=2.5), TypeError),
        (lambda: linear().fit(X, Y, epochs=-1), ValueError),
        (lambda: linear().fit(X, Y, verbose=7), ValueError),
        (lambda: linear().fit(X, Y, validation_split=1.5), ValueError),
        (lambda: linear().fit(X, Y, validation_split=0.99), ValueError),
        (lambda: linear().fit(X, Y, validation_data=X), ValueError),
        (lambda: linear().fit(X, Y, validation_data=(X[:, :1], Y)), ValueError),
        (lambda: linear().fit(X, Y, validation_data=(X, Y[:3])), ValueError),
        (lambda: linear().fit(X, Y, sample_weight=np.ones(3)), ValueError),
        (lambda: linear().fit(X, Y, sample_weight=np.ones(8), class_weight={0: 1}), ValueError),
        (lambda: linear().fit(X, Y, callbacks=[3]), TypeError),
        (lambda: linear().predict(X[:, :1]), ValueError),
        (lambda: linear().predict(None), TypeError),
        (lambda: linear().evaluate(X, None), ValueError),
        (lambda: linear().evaluate(X[:0], Y[:0]), ValueError),
        (lambda: linear().train_on_batch(X, Y[:3]), ValueError),
        (lambda: linear(loss="msee"), ValueError),
        (lambda: linear(optimizer="adamant"), ValueError),
        (lambda: linear(loss=losses.MeanSquaredError(reduction=None)), ValueError),
        (lambda: linear(metrics=["accurate"]), ValueError),
        (lambda: linear(weighted_metrics=3), ValueError),
        (lambda: Sequential([layers.Dense(1)]).fit(X, Y), ValueError),
        (lambda: linear(loss=None).evaluate(X, Y), ValueError),
        (lambda: callbacks.LambdaCallback(on_lunch=print), TypeError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()


def test_a_wrong_input_changes_nothing():
    model = linear()
    with pytest.raises(ValueError, match=r"Received: shape \(1, 3\)"):
        model.fit(np.ones((8, 3)), Y, verbose=0)
    assert model.optimizer.iterations == 0
