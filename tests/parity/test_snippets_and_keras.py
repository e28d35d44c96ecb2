"""What users write around layers, run under Keras and under this library: the same numbers."""

import os

import numpy as np
import pytest

import gpulayers

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:.*[Gg]radients.* for"),  # both: of layers that no loss reaches
]
SNIPPETS = []
X = np.arange(12, dtype=np.float32).reshape(3, 4) / 6
LABELS, CLASSES = np.array([1, 0, 1]), np.eye(3, dtype=np.float32)[[1, 0, 2]]
FLOATS = dict(rtol=1e-5, atol=1e-6)  # float32 on both sides


def snippet(function):
    SNIPPETS.append(function)
    return function


def plain(value):
    """Arrays, tensors and variables as NumPy arrays; lists, tuples and dicts of them too."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if hasattr(value, "detach"):
        value = value.detach()
    return value if isinstance(value, (str, bool, type(None))) else np.asarray(value)


def assert_same(ours, theirs):
    assert type(ours) is type(theirs) or np.ndim(ours) == np.ndim(theirs), (ours, theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, list):
        assert len(ours) == len(theirs), (ours, theirs)
        for pair in zip(ours, theirs):
            assert_same(*pair)
    elif isinstance(theirs, np.ndarray) and theirs.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, **FLOATS)
    else:
        np.testing.assert_array_equal(ours, theirs)


def dense(k, units=2, **keywords):
    """A Dense layer with the weights 0.1, 0.2, ..."""
    layer = k.layers.Dense(units, **keywords)
    layer.build((None, 4))
    weights = layer.get_weights()
    layer.set_weights([0.1 * np.arange(1, w.size + 1).reshape(w.shape) for w in weights])
    return layer


# Losses and metrics


@snippet
def column_of_sample_weights(k):
    labels, weights = X[:, ::-1].copy(), np.array([[0.5], [2.0], [1.0]], np.float32)
    made = [k.losses.MeanSquaredError(), k.losses.Huber(reduction="sum"), k.losses.MeanAbsoluteError(None)]
    return [loss(labels, X, sample_weight=weights) for loss in made]


@snippet
def column_of_sample_weights_in_fit(k):
    model = k.Sequential([k.Input((4,)), dense(k, 1)])
    model.compile(k.optimizers.SGD(0.05), "mse", weighted_metrics=["mae"])
    weights = np.array([[0.5], [2.0], [1.0]], np.float32)
    history = model.fit(X, X[:, :1], sample_weight=weights, epochs=2, verbose=0, shuffle=False).history
    return [history["loss"], history["mae"], model.get_weights()]


@snippet
def losses_by_name(k):
    names = ["mse", "mean_absolute_error", "binary_crossentropy", "categorical_crossentropy", "kld"]
    shares = np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4]], np.float32)
    return [k.losses.get(name)(CLASSES, shares) for name in names]


@snippet
def thresholds_of_auc(k):
    return k.metrics.AUC(thresholds=[0.5]).thresholds, k.metrics.AUC(num_thresholds=4).thresholds


@snippet
def class_numbers_in_a_column(k):
    metric = k.metrics.SparseCategoricalAccuracy()
    metric.update_state(np.array([[0], [1]]), np.array([[[0.9, 0.1, 0.0], [0.8, 0.15, 0.05]]], np.float32))
    return metric.result()


@snippet
def metric_of_ones_own(k):
    class Largest(k.metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.largest = self.add_weight(name="largest", shape=(), initializer="zeros")
            self.batches = self.add_variable((), "zeros", dtype="int32")

        def update_state(self, y_true, y_pred, sample_weight=None):
            found = float(np.max(plain(y_pred)))
            self.largest.assign(max(found, float(self.largest)))
            self.batches.assign_add(1)

        def result(self):
            return self.largest + 0.0

    model = k.Sequential([k.Input((4,)), dense(k)])
    model.compile("sgd", "mse", metrics=[Largest()])
    logs = model.evaluate(X, X[:, :2], batch_size=2, verbose=0, return_dict=True)
    return logs["largest"], int(model.metrics[-1].batches) if k is gpulayers else 2


# Optimizers


@snippet
def rate_and_iterations(k):
    optimizer = k.optimizers.SGD(0.5)
    optimizer.learning_rate.assign(optimizer.learning_rate * 0.5)
    found = [optimizer.learning_rate.numpy(), float(optimizer.learning_rate), optimizer.learning_rate < 0.3]
    schedule = k.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)
    return found + [schedule(optimizer.iterations * 0), f"{float(optimizer.learning_rate):.3f}"]


@snippet
def schedules_of_the_iterations(k):
    optimizer = k.optimizers.Adam(0.1)
    schedules = k.optimizers.schedules
    made = [
        schedules.CosineDecay(1.0, 10, warmup_target=2.0, warmup_steps=3),
        schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1]),
        schedules.PolynomialDecay(1.0, 10),
        schedules.InverseTimeDecay(1.0, 4, 0.5, staircase=True),
    ]
    found = []
    for count in (0, 4, 7):
        optimizer.iterations.assign(count)
        found.append([schedule(optimizer.iterations) for schedule in made])
    return found


@snippet
def arithmetic_of_variables(k):
    kernel = dense(k).kernel
    return [kernel + 1, 2 * kernel, kernel / 2, -kernel, kernel[0], kernel**2, kernel > 0.3, kernel - kernel]


# Models


def with_numbers(model):
    """The model or layer, its weights replaced by small numbers that depend on shapes and order alone."""
    model.set_weights(
        [np.sin(np.arange(w.size, dtype=np.float32)).reshape(w.shape) for w in model.get_weights()]
    )
    return model


@snippet
def sequences_of_other_lengths(k):
    model = k.Sequential([k.layers.Embedding(7, 3), k.layers.LSTM(2), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    ids = np.arange(24).reshape(4, 6) % 7
    model.build((None, 6))
    with_numbers(model)
    batches = ((ids[:, :length], X[:1, :1].repeat(4, 0)) for length in (6, 4, 5))
    loss = model.fit(batches, steps_per_epoch=3, verbose=0, shuffle=False).history["loss"]
    return loss, model.predict(ids[:, :3], verbose=0), model(ids[:2, :2])


@snippet
def images_of_other_sizes(k):
    model = k.Sequential([k.Input((4, 4, 1)), k.layers.Conv2D(2, 3), k.layers.GlobalMaxPooling2D()])
    return with_numbers(model).predict(np.ones((2, 7, 5, 1), np.float32), verbose=0)


@snippet
def shapes_of_a_model_built_by_its_data(k):
    model = k.Sequential([k.layers.Dense(3), k.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((70, 4)), np.ones((70, 2)), verbose=0)
    return model.input_shape, model.output_shape, [layer.output.shape for layer in model.layers]


@snippet
def a_model_first(k):
    inputs = k.Input((4,))
    first = k.Model(inputs, dense(k)(inputs))
    model = k.Sequential([first, k.layers.Dense(3)])
    return model.built, model.output_shape, len(model.weights)


@snippet
def other_batches_than_declared(k):
    inputs = k.Input((4,), batch_size=2)
    model = k.Model(inputs, dense(k)(inputs))
    model.compile("sgd", "mse")
    loss = model.fit(X, X[:, :2], verbose=0, shuffle=False).history["loss"]
    return loss, model.predict(X, verbose=0), model(X[:1])


@snippet
def stateful_in_one_batch(k):
    inputs = k.Input((3, 1), batch_size=4)
    model = with_numbers(k.Model(inputs, k.layers.LSTM(2, stateful=True)(inputs)))
    x = np.ones((4, 3, 1), np.float32)
    return [
        model.predict(x, verbose=0),
        model.predict(x, verbose=0),
        model.predict(x, batch_size=4, verbose=0),
    ]


@snippet
def a_loss_for_one_output_of_two(k):
    inputs = k.Input((4,))
    outputs = {name: dense(k, 1, name=name)(inputs) for name in "ab"}
    model = k.Model(inputs, outputs)
    model.compile("sgd", loss={"b": "mse"})
    logs = model.fit(X, {"a": X[:, :1], "b": X[:, 1:2]}, epochs=2, verbose=0, shuffle=False).history
    return sorted(logs), logs["loss"], model.get_weights()


@snippet
def nested_outputs(k):
    inputs = k.Input((4,))
    first = [dense(k, 2, name="q")(inputs), dense(k, 1, name="r")(inputs)]
    model = k.Model(inputs, {"b": dense(k, 1, name="s")(inputs), "a": first})
    weights = {"b": 1.0, "a": [0.5, 2.0]}
    metrics = {"a": [["mae"], ["mse"]], "b": ["mae"]}
    model.compile(k.optimizers.SGD(0.01), {"a": ["mse", "mae"], "b": "mse"}, weights, metrics, metrics)
    y, w = {"a": [X[:, :2], X[:, :1]], "b": X[:, 1:2]}, np.array([1, 2, 3], np.float32)
    history = model.fit(X, y, sample_weight={"a": [w, w], "b": 2 * w}, epochs=2, verbose=0, shuffle=False)
    again = k.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    found = [model.predict(X, verbose=0), model(X), again.predict(X, batch_size=2, verbose=0)]
    found += [
        model.evaluate(X, y, verbose=0),
        model.output_shape,
        sorted(model.get_config()["output_layers"].items()),
    ]
    return found + [sorted(history.history), [history.history[key] for key in sorted(history.history)]]


@snippet
def nested_inputs(k):
    a, b, c = (k.Input((4,), name=name) for name in "abq")
    model = k.Model({"p": [a, b], "q": c}, k.layers.Add()([a, k.layers.Subtract()([b, c])]))
    model.compile("sgd", "mse")
    x = {"p": [X, 2 * X], "q": 5 * X}
    clone = k.models.clone_model(model)
    found = [
        model.predict(x, verbose=0),
        model(x),
        clone.predict(x, verbose=0),
        model.evaluate(x, X, verbose=0),
    ]
    return found + [model.input_shape, [tensor.shape for tensor in model.input["p"]]]


@snippet
def tuples_and_models_on_tensors(k):
    inputs = k.Input((4,))
    inner = k.Model(inputs, (dense(k, 2)(inputs), {"c": dense(k, 3)(inputs)}))
    outer_inputs = k.Input((4,))
    pair = inner(outer_inputs)
    outer = k.Model(outer_inputs, [pair[0], pair[1]["c"]])
    return type(inner.predict(X, verbose=0)).__name__, inner(X), outer.predict(X, verbose=0)


@snippet
def one_input_twice(k):
    inputs = k.Input((4,))
    model = k.Model([inputs, inputs], dense(k)(inputs))
    return len(model.inputs), model.predict([X, 2 * X], verbose=0)


@snippet
def several_losses_of_an_output(k):
    inputs = k.Input((4,))
    model = k.Model(inputs, [dense(k, 1, name="a")(inputs), dense(k, 1, name="b")(inputs)])
    model.compile("sgd", [["mse", "mae"], "mae"])
    logs = model.fit(X, [X[:, :1], X[:, 1:2]], verbose=0, shuffle=False).history
    return sorted(logs), logs["loss"], model.get_weights(), model.loss


@snippet
def a_model_class_around_a_graph(k):
    class Around(k.Model):
        def __init__(self, units, **kwargs):
            inputs = k.Input((4,))
            super().__init__(inputs=inputs, outputs=dense(k, units)(inputs), **kwargs)
            self.units = units

    class Plain(k.Model):
        pass

    around, inputs = Around(3, name="around"), k.Input((4,))
    plain = Plain(inputs, dense(k, 2)(inputs))
    plain.compile("sgd", "mse")
    loss = plain.fit(X, X[:, :2], verbose=0).history["loss"]
    return around.name, around.units, around(X), loss, type(plain).__name__, isinstance(plain, Plain)


# Layers


@snippet
def without_its_activation(k):
    model = with_numbers(k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="softmax")]))
    found = [model.predict(X, verbose=0)]
    model.layers[-1].activation = None
    found.append(model(X))
    model.layers[-1].activation = k.activations.tanh
    return [*found, model(X)]


@snippet
def states_of_stacked_cells(k):
    cells = [k.layers.LSTMCell(2), k.layers.GRUCell(3), k.layers.LSTMCell(2)]
    layer = k.layers.RNN(cells, return_state=True, return_sequences=True)
    inputs = k.Input((3, 4))
    outputs, first, second, third = layer(inputs)
    model = with_numbers(k.Model(inputs, [outputs, first, second, third]))
    x = np.cos(np.arange(24, dtype=np.float32)).reshape(2, 3, 4)
    shapes = layer.compute_output_shape((2, 3, 4))
    return model.predict(x, verbose=0), layer(x), [shapes[0], list(shapes[1]), shapes[2], list(shapes[3])]


@snippet
def implementation_of_older_code(k):
    layer = k.layers.LSTM(2, implementation=1)
    layer.build((None, 3, 2))
    config = k.layers.GRU(2).get_config() | {"implementation": 0}
    return with_numbers(layer)(np.ones((1, 3, 2), np.float32)), k.layers.GRU.from_config(config).units


@snippet
def normalisation_of_another_rank(k):
    layer = k.layers.LayerNormalization()
    layer.build((2, 2, 4))
    return layer(X), layer(X[:, None, None])


@snippet
def regularizers_of_variables(k):
    return k.regularizers.L1L2(0.1, 0.2)(dense(k).kernel), k.regularizers.OrthogonalRegularizer()(
        dense(k).kernel
    )


@snippet
def built_without_weights(k):
    made = [k.layers.Dropout(0.5), k.layers.Layer(), k.layers.MaxPooling2D(), k.layers.Activation("relu")]
    made += [
        k.layers.Dense(2),
        k.layers.Masking(),
        k.layers.UnitNormalization(),
        k.layers.BatchNormalization(),
    ]
    return [layer.built for layer in made], [layer.count_params() for layer in made if layer.built]


@snippet
def masks_that_embeddings_support(k):
    return [k.layers.Embedding(3, 2, mask_zero=flag).supports_masking for flag in (False, True)]


@snippet
def batches_taken_apart(k):
    batches = [X, (X,), [X, 2 * X], (X, 2 * X, X[:, 0])]
    found = [k.utils.unpack_x_y_sample_weight(batch) for batch in batches]
    found += [k.utils.pack_x_y_sample_weight(X), k.utils.pack_x_y_sample_weight([X, X])]
    return [*found, k.utils.pack_x_y_sample_weight(X, X), k.utils.pack_x_y_sample_weight(X, X, X[:, 0])]


@snippet
def a_model_class_from_its_configuration(k):
    class Named(k.Model):
        def __init__(self, *args, label=1, **kwargs):
            super().__init__(*args, **kwargs)
            self.label = label

        def get_config(self):
            return super().get_config() | {"label": self.label}

    inputs = k.Input((4,))
    model = Named(inputs=inputs, outputs=dense(k, 2)(inputs), label=3, name="named")
    again = Named.from_config(model.get_config())
    again.set_weights(model.get_weights())
    return again.label, again.name, again(X), isinstance(again, Named)


@snippet
def class_numbers_of_outputs(k):
    metric = k.metrics.MeanIoU(num_classes=3)
    metric.update_state([0, 1, 2, 1], np.array([0.9, 1.2, 2.7, 0.3], np.float32))
    return metric.result()


@pytest.mark.parametrize("function", SNIPPETS, ids=lambda function: function.__name__)
def test_same(function):
    keras.utils.clear_session()
    gpulayers.utils.clear_session()
    assert_same(plain(function(gpulayers)), plain(function(keras)))
