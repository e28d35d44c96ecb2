"""Whole runs under both libraries: hooks and logs as callbacks see them, histories, results and weights."""

import os
import random

import numpy as np
import pytest

import gpulayers

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy, and reports generators that end.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),
    pytest.mark.filterwarnings("ignore:.shuffle=True. was passed"),
    pytest.mark.filterwarnings("ignore:The .*structure of .inputs"),
]
CLOSE = dict(rtol=2e-3, atol=2e-4)  # float32 in other orders, over some steps of training
STAGES = ("train", "test", "predict")
HOOKS = [f"on_{stage}_{when}" for stage in STAGES for when in ("begin", "end")]
HOOKS += [f"on_{stage}_batch_{when}" for stage in STAGES for when in ("begin", "end")]
HOOKS += ["on_epoch_begin", "on_epoch_end"]
HEADS = {  # activation, units, losses, metrics
    "regression": (None, 3, ["mse", "mae", "huber"], ["mae", "mse", "root_mean_squared_error"]),
    "bits": ("sigmoid", 1, ["binary_crossentropy", "hinge"], ["accuracy", "acc", "Precision", "AUC"]),
    "one-hot": ("softmax", 3, ["categorical_crossentropy", "kld"], ["accuracy", "categorical_crossentropy"]),
    "classes": ("softmax", 3, ["sparse_categorical_crossentropy"], ["accuracy", "acc"]),
}
BODIES = {
    "dense": ((4,), lambda L, x: L.Dense(5, "tanh", kernel_regularizer="l2")(x)),
    "images": ((6, 5, 2), lambda L, x: L.Flatten()(L.Conv2D(2, 3, activation="relu")(x))),
    "sequences": ((5, 3), lambda L, x: L.LSTM(4)(x)),
    "normalised": ((4,), lambda L, x: L.BatchNormalization()(L.Dense(5, use_bias=False)(x))),
}
OPTIMIZERS = [
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    ("Adam", {"learning_rate": 0.01}),
    ("RMSprop", {"learning_rate": 0.01}),
]


def recorder(base):
    """A callback that keeps (hook, numbers, logs, params) of all that it is told."""

    def method(hook):
        def tell(self, *arguments, **keywords):
            *numbers, logs = (*arguments, *keywords.values())
            logs = logs and {name: "..." if name == "outputs" else value for name, value in logs.items()}
            self.told.append((hook, numbers, logs, dict(self.params)))

        return tell

    made = type("Recorder", (base,), {hook: method(hook) for hook in HOOKS})()
    made.told = []
    return made


def assert_same(ours, theirs, where=""):
    """Equal in structure, order of keys and types; numbers close."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), where
        for number, (first, second) in enumerate(zip(ours, theirs)):
            assert_same(first, second, f"{where}[{number}]")
    elif isinstance(theirs, (float, np.ndarray)):
        np.testing.assert_allclose(ours, theirs, err_msg=where, **CLOSE)
    else:
        assert ours == theirs, where


class Setting:
    """A random model with data and arguments, the same for both libraries."""

    def __init__(self, seed):
        self.chooser, self.generator = random.Random(seed), np.random.default_rng(seed)
        choose = self.chooser.choice
        self.outputs = choose([1, 1, 2, 2])
        self.named = self.outputs == 2 and choose([False, True])
        self.head, (self.shape, self.body) = choose(list(HEADS)), choose(list(BODIES.values()))
        self.samples = self.chooser.randint(3, 13)
        self.optimizer, (_, _, losses, _) = choose(OPTIMIZERS), HEADS[self.head]
        loss = choose(losses)
        self.compiled = {
            "loss": loss if self.outputs == 1 else {"a": loss, "b": "mse"} if self.named else [loss, "mse"],
            "metrics": self.metrics() if self.chooser.random() < 0.7 else None,
            "weighted_metrics": self.metrics() if self.chooser.random() < 0.3 else None,
        }
        if self.outputs == 2 and self.chooser.random() < 0.4:
            self.compiled["loss_weights"] = {"a": 0.5, "b": 2.0} if self.named else [0.5, 2.0]
        self.x, self.y = self.inputs(self.samples), self.labels(self.samples)
        self.fitted = self.fit_arguments()

    def metrics(self):
        known = HEADS[self.head][3]
        found = self.chooser.sample(known, self.chooser.randint(1, len(known)))
        if self.outputs == 1:
            return found
        return self.chooser.choice(
            [{"a": found, "b": ["mse"]}, {"a": found}] + [[found, ["mse"]]] * (not self.named)
        )

    def inputs(self, samples):
        return self.generator.standard_normal((samples, *self.shape)).astype(np.float32)

    def labels(self, samples):
        units, draw = HEADS[self.head][1], self.generator
        first = {
            "regression": lambda: draw.standard_normal((samples, units)).astype(np.float32),
            "bits": lambda: draw.integers(0, 2, self.chooser.choice([(samples, 1), (samples,)])),
            "one-hot": lambda: np.eye(3, dtype=np.float32)[draw.integers(0, 3, samples)],
            "classes": lambda: draw.integers(0, 3, samples),
        }[self.head]()
        if self.outputs == 1:
            return first
        second = draw.standard_normal((samples, 2)).astype(np.float32)
        return {"a": first, "b": second} if self.named else [first, second]

    def fit_arguments(self):
        chance, choose = self.chooser.random, self.chooser.choice
        found = {
            "batch_size": choose([None, 2, 3, 5]),
            "epochs": self.chooser.randint(1, 3),
            "shuffle": False,
        }
        if chance() < 0.3:
            found["initial_epoch"] = choose([0, 1])
        if chance() < 0.3:
            found["validation_split"] = choose([0.25, 0.4])
        elif chance() < 0.5:
            found["validation_data"] = self.inputs(4), self.labels(4)
            found["validation_freq"] = choose([1, 2, [1, 3]])
            found["validation_batch_size"] = choose([None, 3])
            found["validation_steps"] = choose([None, 1])
        if chance() < 0.25:
            found["sample_weight"] = self.generator.random(self.samples).astype(np.float32)
        elif chance() < 0.3 and self.outputs == 1 and self.head != "regression":
            found["class_weight"] = {0: 0.5, 1: 2.0}
        if chance() < 0.15:
            found["steps_per_epoch"] = choose([1, 2])
        return found

    def build(self, library):
        layers, (activation, units, _, _) = library.layers, HEADS[self.head]
        inputs = library.Input(self.shape, name="inputs")
        hidden = self.body(layers, inputs)
        outputs = [layers.Dense(units, activation, name="a")(hidden)]
        if self.outputs == 2:
            outputs.append(layers.Dense(2, name="b")(hidden))
        return library.Model(inputs, dict(zip("ab", outputs)) if self.named else outputs)

    def run(self, library, model):
        name, options = self.optimizer
        model.compile(getattr(library.optimizers, name)(**options), **self.compiled)
        told = [recorder(library.callbacks.Callback) for _ in range(3)]
        quiet = {"verbose": 0}
        history = model.fit(self.x, self.y, callbacks=[told[0]], **self.fitted, **quiet)
        found = {"history": history.history, "epoch": history.epoch}
        # Of a callback outside a list Keras tells the ends of batches in a thread of their own, out of order.
        evaluated = model.evaluate(self.x, self.y, batch_size=3, callbacks=[told[1]], **quiet)
        found["evaluate as a dict"] = model.evaluate(self.x, self.y, return_dict=True, **quiet)
        found["predict"] = model.predict(self.x, batch_size=4, callbacks=[told[2]], **quiet)
        on_batch = model.train_on_batch(self.x, self.y)
        found["test on batch"] = model.test_on_batch(self.x, self.y, return_dict=True)
        found["predict on batch"] = model.predict_on_batch(self.x)
        loss = model.compute_loss(y=self.y, y_pred=as_outputs(library, found["predict on batch"]))
        found["compute_loss"] = float(np.asarray(loss.detach() if hasattr(loss, "detach") else loss))
        if not (self.compiled["metrics"] and self.compiled["weighted_metrics"]):
            # Else Keras lists metrics twice that are asked for with and without weights.
            found["evaluate"], found["train on batch"] = evaluated, on_batch
        found["weights"] = model.get_weights()
        return found | {"told": [callback.told for callback in told]}


def as_outputs(library, value):
    if library is gpulayers:
        return value
    return keras.tree.map_structure(keras.ops.convert_to_tensor, value)


@pytest.mark.parametrize("seed", range(40))
def test_random_runs(seed):
    setting = Setting(seed)
    theirs, ours = setting.build(keras), setting.build(gpulayers)
    ours.set_weights(theirs.get_weights())
    found = [setting.run(library, model) for library, model in ((keras, theirs), (gpulayers, ours))]
    for what in found[0]:
        if what == "compute_loss" and "kernel_regularizer" in str(ours.get_config()):
            continue  # Keras adds penalties of the call before
        assert_same(found[1][what], found[0][what], what)


def batches(x, y, size, endless):
    while True:
        for start in range(0, len(x), size):
            yield x[start : start + size], y[start : start + size]
        if not endless:
            return


@pytest.mark.parametrize("kind", ["generator", "endless generator", "numbered"])
def test_runs_over_batches(kind):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((10, 4)).astype(np.float32)
    y = generator.standard_normal((10, 1)).astype(np.float32)
    found = []
    weights = None
    for library in (keras, gpulayers):

        class Numbered(library.utils.PyDataset):
            ended = 0

            def __len__(self):
                return 4

            def __getitem__(self, index):
                return x[3 * index : 3 * index + 3], y[3 * index : 3 * index + 3]

            def on_epoch_end(self):
                self.ended += 1

        def source():
            return Numbered() if kind == "numbered" else batches(x, y, 3, kind.startswith("endless"))

        model = library.Sequential([library.Input((4,)), library.layers.Dense(1)])
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.compile(library.optimizers.SGD(0.05), "mse", metrics=["mae"])
        told = recorder(library.callbacks.Callback)
        options = {"steps_per_epoch": 3, "epochs": 2} if kind.startswith("endless") else {"epochs": 1}
        history = model.fit(source(), shuffle=False, verbose=0, callbacks=[told], **options)
        steps = 4 if kind.startswith("endless") else None
        results = (
            model.evaluate(source(), steps=steps, verbose=0),
            model.predict(source(), steps=steps, verbose=0),
        )
        found.append([told.told, history.history, results])
    assert_same(found[1], found[0])


VALUES = [3.0, 2.0, 2.5, 2.4, 1.9, 1.95, 1.9, 1.9, 2.0, 1.2, 1.3, 1.25, 1.21, np.nan, 1.1]
WATCHERS = [
    ("EarlyStopping", {"patience": 2}),
    ("EarlyStopping", {"patience": 3, "min_delta": 0.2, "restore_best_weights": True}),
    ("EarlyStopping", {"patience": 1, "baseline": 1.5, "start_from_epoch": 3}),
    ("EarlyStopping", {"patience": 2, "mode": "max"}),
    ("ReduceLROnPlateau", {"patience": 2, "factor": 0.5, "min_lr": 0.2}),
    ("ReduceLROnPlateau", {"patience": 1, "cooldown": 2, "min_delta": 0.3}),
    ("ReduceLROnPlateau", {"patience": 2, "mode": "max", "factor": 0.7}),
    ("LearningRateScheduler", {"schedule": lambda epoch, rate: rate * 0.9}),
    ("LearningRateScheduler", {"schedule": lambda epoch: 0.1 * (epoch + 1)}),
    ("CSVLogger", {"filename": "log.csv", "separator": ";"}),
    ("TerminateOnNaN", {}),
]


@pytest.mark.parametrize("number", range(len(WATCHERS)))
def test_callbacks_on_given_values(number, tmp_path, monkeypatch, capsys):
    """What callbacks do to the model, the logs, files and the terminal while values come in."""
    monkeypatch.chdir(tmp_path)
    name, options = WATCHERS[number]
    verbose = {} if name in ("CSVLogger", "TerminateOnNaN") else {"verbose": 1}
    found = []
    for library in (keras, gpulayers):
        model = library.Sequential([library.Input((1,)), library.layers.Dense(1)])
        model.compile(library.optimizers.SGD(1.0), "mse")
        callback = getattr(library.callbacks, name)(**options, **verbose)
        callback.set_model(model)
        callback.on_train_begin()
        seen = []
        for epoch, value in enumerate(VALUES):
            model.set_weights([np.full((1, 1), epoch), np.zeros(1)])
            callback.on_epoch_begin(epoch, {})
            callback.on_train_batch_end(0, {"loss": value})
            logs = {"loss": value, "val_loss": value + (epoch % 2) / 8}
            callback.on_epoch_end(epoch, logs)
            seen.append((float(model.optimizer.learning_rate), dict(logs)))
            if model.stop_training:
                break
        callback.on_train_end()
        text = (tmp_path / "log.csv").read_text() if name == "CSVLogger" else ""
        # Keras prints rates as float32 makes them.
        printed = [line.split(" rate to ")[0] for line in capsys.readouterr().out.splitlines()]
        found.append([seen, float(np.ravel(model.get_weights()[0])[0]), text.splitlines(), printed])
    assert_same(found[1], found[0])


@pytest.mark.parametrize("name", sorted(gpulayers.callbacks.__all__))
def test_signatures(name):
    import inspect

    if not hasattr(keras.callbacks, name):
        pytest.skip(f"Keras has no public {name}")
    ours = inspect.signature(getattr(gpulayers.callbacks, name)).parameters.values()
    theirs = inspect.signature(getattr(keras.callbacks, name)).parameters.values()
    ours, theirs = (
        [(p.name, p.default) for p in found if p.kind is p.POSITIONAL_OR_KEYWORD] for found in (ours, theirs)
    )
    assert ours == theirs


def test_an_average_in_place_of_the_weights():
    found, weights = [], None
    generator = np.random.default_rng(0)
    x, y = (generator.standard_normal((8, 3)).astype(np.float32) for _ in range(2))
    for library in (keras, gpulayers):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(3)])
        weights = weights or model.get_weights()
        model.set_weights(weights)
        model.compile(library.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.7), "mse")
        swap = library.callbacks.SwapEMAWeights(swap_on_epoch=True)
        told = recorder(library.callbacks.Callback)
        history = model.fit(
            x,
            y,
            batch_size=2,
            epochs=3,
            shuffle=False,
            validation_data=(x, y),
            callbacks=[swap, told],
            verbose=0,
        )
        found.append([history.history, told.told, model.get_weights()])
    assert_same(found[1], found[0])
