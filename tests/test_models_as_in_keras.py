"""What people who know Keras do with layers and models beside building and training them."""

import copy
import json
import math
import pickle

import numpy as np
import pytest

import gpulayers
from gpulayers import Input, Model, Sequential, layers, models, optimizers, saving, utils

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def chain(**options):
    return Sequential([Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")], **options)


def test_a_last_axis_of_size_1_comes_and_goes():
    x = Input((1,))
    model = Model(x, layers.Dense(1, kernel_initializer="ones")(x))
    ids = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(model(ids), ids[:, None])
    np.testing.assert_array_equal(model.predict([ids], verbose=0), ids[:, None])
    y, backward = model.forward(ids)
    np.testing.assert_array_equal(backward(np.full_like(y, 2)), [2, 2, 2])
    model.compile("sgd", "mse")
    assert model.fit(ids, ids, verbose=0).history["loss"] == [0]
    x = Input(())
    np.testing.assert_array_equal(Model(x, layers.Activation("linear")(x))(ids[:, None]), ids)
    with pytest.raises(ValueError, match=r"Received: shape \(3, 2\)"):
        model(np.ones((3, 2), np.float32))


def test_pairs_of_id_columns():
    users, items = Input((1,), dtype="int32"), Input((1,), dtype="int32")
    vectors = [layers.Flatten()(layers.Embedding(5, 2)(ids)) for ids in (users, items)]
    model = Model([users, items], layers.Dot(-1)(vectors))
    ids = np.array([0, 3, 4])
    assert model.predict([ids, ids], verbose=0).shape == (3, 1)


def test_arithmetic_of_symbolic_tensors():
    x = Input((4,))
    other = layers.Rescaling(3.0)(x)
    model = Model(x, [x + other, x - other, x * other, 2 * x + 1, 1 - x, -(x / 4), x - 3])
    found = model(X)
    expected = [4 * X, -2 * X, 3 * X * X, 2 * X + 1, 1 - X, -X / 4, X - 3]
    for value, wanted in zip(found, expected):
        np.testing.assert_allclose(value, wanted)
    assert x.ndim == 2
    with pytest.raises(TypeError):
        x + "one"


def test_a_layer_is_not_called_on_another_size():
    for layer, first, second in (
        (layers.Dense(2), (4,), (5,)),
        (layers.Conv2D(2, 1), (4, 4, 3), (4, 4, 2)),
        (layers.Conv1D(2, 1, data_format="channels_first"), (3, 4), (2, 4)),
        (layers.LSTM(2), (3, 4), (3, 5)),
        (layers.Bidirectional(layers.GRU(2)), (3, 4), (3, 5)),
        (layers.BatchNormalization(), (4,), (5,)),
    ):
        layer(Input(first))
        with pytest.raises(ValueError, match="was built for size .* Received: shape"):
            layer(Input(second))


def test_what_is_trained():
    model = chain(trainable=False)
    assert model.trainable_weights == [] and len(model.non_trainable_weights) == 4
    model = chain()
    model.trainable = False
    model.layers[0].trainable = True
    assert model.trainable_weights == []
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(X, X[:, :2], verbose=0)
    assert all(variable.grad is None for variable in model.weights)
    model.trainable = True
    assert len(model.trainable_weights) == 4


def test_losses():
    regularized = layers.Dense(
        2, kernel_regularizer="l2", kernel_initializer="ones", activity_regularizer="l1"
    )
    model = Sequential([Input((3,)), regularized])
    assert [float(part) for part in model.losses] == pytest.approx([0.06])
    model(np.ones((4, 3), np.float32))
    assert [float(part) for part in model.losses] == pytest.approx([0.01 * 2 * 3, 0.06])
    assert [float(part) for part in regularized.losses] == pytest.approx([0.06, 0.06])


def test_paths_and_names():
    model = Sequential([layers.LSTM(2, name="first"), layers.Dense(1, name="d")], name="outer")
    assert model.layers[0].path is None
    model.build((None, 3, 2))
    assert model.layers[0].path == "outer/first"
    assert [variable.path for variable in model.weights][2:] == [
        "outer/first/lstm_cell/bias",
        "outer/d/kernel",
        "outer/d/bias",
    ]
    assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    assert layers.InputLayer(batch_input_shape=(2, 3)).batch_shape == (2, 3)


def test_one_layer_twice_in_a_sequential():
    layer = layers.Dense(4, kernel_initializer="ones")
    model = Sequential([Input((4,)), layer, layer])
    assert len(model.weights) == 2
    np.testing.assert_allclose(model(X)[:, 0], 4 * X.sum(axis=1))
    with pytest.raises(ValueError, match="different names"):
        Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])


def test_layers_in_lists_and_dicts_of_a_layer():
    class Composite(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.steps, self.named = [], {"last": layers.Dense(2)}
            for _ in range(2):
                self.steps.append(layers.Dense(4))  # after the list was set

        def forward(self, x, training=True):
            backwards = []
            for layer in [*self.steps, self.named["last"]]:
                x, backward = layer.forward(x, training)
                backwards.append(backward)

            def back(grad):
                for backward in reversed(backwards):
                    grad = backward(grad)
                return grad

            return x, back

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], 2)

    layer = Composite(dtype="float64")
    layer(X)
    assert len(layer.weights) == 6 == len(layer.trainable_weights)
    layer.trainable = False
    assert not any(inner.trainable for inner in [*layer.steps, layer.named["last"]])


def test_add_weight_takes_what_keras_takes():
    layer = layers.Layer(name="own")
    assert layer.add_weight(3).shape == (3,) and layer.add_weight().shape == ()
    counter = layer.add_weight((2,), dtype="int32", trainable=False, name="counter")
    assert counter.dtype == np.int32 and not counter.numpy().any() and counter.path == "own/counter"
    assert layer.add_weight((2, 2), "ones", "float64").dtype == np.float64
    for call in (
        lambda: layer.add_weight((2, -1)),
        lambda: layer.add_weight("ab"),
        lambda: layer.add_weight((2,), dtype="floaty"),
        lambda: layer.add_weight((2,), name=3),
        lambda: layer.add_weight((2,), "no_initializer"),
    ):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            call()


@pytest.mark.parametrize("compiled", [False, True])
def test_clones(compiled):
    x = Input((4,), name="x")
    shared = layers.Dense(4, "tanh", name="shared")
    inner = Sequential([layers.Dense(3, name="i")], name="inner")
    model = Model(x, {"out": inner(shared(shared(x)))}, name="outer")
    if compiled:
        model.compile(gpulayers.optimizers.Adam(0.25), "mse", metrics=["mae"])
    clone = models.clone_model(model)
    assert [v.path for v in clone.weights] == [v.path for v in model.weights] and clone.name == "outer"
    assert not set(clone.weights) & set(model.weights) and clone.get_layer("shared") is not shared
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(X)["out"], model(X)["out"])
    if compiled:
        assert clone.optimizer is not model.optimizer and clone.optimizer.learning_rate == 0.25
        labels = {"out": X[:, :3]}
        assert clone.evaluate(X, labels, verbose=0) == model.evaluate(X, labels, verbose=0)
    else:
        assert clone.optimizer is None

    def wider(layer):
        config = layer.get_config()
        return type(layer).from_config(config | {"units": 5} if config["name"] == "i" else config)

    assert models.clone_model(model, clone_function=wider, recursive=True).output_shape == (None, 5)
    doubled = models.clone_model(
        model, clone_function=lambda layer: layer, call_function=lambda layer, x, **k: 2 * layer(x, **k)
    )
    assert doubled.weights == model.weights and not np.allclose(doubled(X)["out"], model(X)["out"])
    onto = models.clone_model(inner, input_tensors=Input((7, 4)))
    assert onto.output_shape == (None, 7, 3)
    for call in (
        lambda: models.clone_model(shared),
        lambda: models.clone_model(inner, call_function=print),
        lambda: models.clone_model(model, [x, x]),
        lambda: models.clone_model(model, 3),
    ):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            call()


def test_json():
    model = chain(name="chain")
    again = models.model_from_json(model.to_json(indent=1))
    assert again.get_config() == json.loads(json.dumps(model.get_config()))
    with pytest.raises(ValueError, match="Received: "):
        models.model_from_json(json.dumps(saving.serialize_keras_object(layers.Dense(1))))


def test_classes_of_ones_own_in_configurations():
    @utils.register_keras_serializable(package="tests")
    class Registered(layers.Dense):
        pass

    class Known(layers.Dense):
        pass

    class Shrink(gpulayers.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.full(shape, 0.5, dtype)

    assert saving.get_registered_name(Registered) == "tests>Registered"
    assert saving.get_registered_object("tests>Registered") is Registered
    wrapped = layers.TimeDistributed(Known(1, kernel_initializer=Shrink()))
    model = Sequential([Input((5, 2)), Registered(3), wrapped])
    config = model.get_config()
    assert config["layers"][1]["registered_name"] == "tests>Registered"
    with pytest.raises(ValueError, match="Received: .*'Known'"):
        Sequential.from_config(config)
    own = {"Known": Known, "Shrink": Shrink}
    for made in (
        Sequential.from_config(config, own),
        models.model_from_json(model.to_json(), own),
        saving.deserialize_keras_object(saving.serialize_keras_object(model), own),
    ):
        assert type(made.layers[0]) is Registered and type(made.layers[1].layer) is Known
        assert (made.weights[2].numpy() == 0.5).all()
    with saving.custom_object_scope(own):
        assert type(gpulayers.initializers.get("Shrink")) is Shrink
        assert type(Sequential.from_config(config).layers[1].layer) is Known
    for call in (
        lambda: saving.custom_object_scope(3),
        lambda: utils.register_keras_serializable()(3),
        lambda: saving.serialize_keras_object(object()),
        lambda: saving.deserialize_keras_object({"class_name": "Nobody", "config": {}}),
    ):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            call()


@pytest.mark.parametrize(
    "thing",
    [
        None,
        3.5,
        "text",
        [1, (2, "b")],
        {"a": 1},
        layers.Conv2D(2, 3, activation="relu", name="c"),
        gpulayers.initializers.HeNormal(seed=3),
        gpulayers.regularizers.L1L2(0.1, 0.2),
        gpulayers.constraints.MaxNorm(3),
        gpulayers.losses.Huber(2.0),
        gpulayers.metrics.MeanSquaredError(),
        gpulayers.optimizers.SGD(0.5, 0.9),
        gpulayers.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
        gpulayers.DTypePolicy("mixed_float16"),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_objects_come_back(thing):
    again = saving.deserialize_keras_object(json.loads(json.dumps(saving.serialize_keras_object(thing))))
    if hasattr(thing, "get_config"):
        assert type(again) is type(thing) and again.get_config() == thing.get_config()
    else:
        assert again == json.loads(json.dumps(thing))


class Numbered(utils.PyDataset):
    passes = 0

    def __len__(self):
        return 3

    def __getitem__(self, number):
        return X[:2], X[:2, :2]

    def on_epoch_end(self):
        self.passes += 1


def test_numbered_batches():
    model, source = chain(), Numbered(workers=2)
    model.compile("sgd", "mse")
    model.fit(source, epochs=2, verbose=0)
    assert source.passes == 2 and source.num_batches == 3 and utils.Sequence is utils.PyDataset
    assert model.predict(source, verbose=0).shape == (6, 2)
    for call in (lambda: len(utils.PyDataset()), lambda: utils.PyDataset()[0]):
        with pytest.raises(NotImplementedError):
            call()


def test_small_functions():
    np.testing.assert_allclose(utils.normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(
        utils.normalize([[3.0, 4.0], [1.0, 0.0]], axis=0, order=1), [[0.75, 1], [0.25, 0]]
    )
    a, b = Input((2,)), Input((2,))
    assert utils.get_source_inputs(layers.Add()([layers.Dense(2)(a), b])) == [a, b]
    assert utils.is_keras_tensor(a) and not utils.is_keras_tensor(X)
    assert utils.standardize_dtype("bfloat16") == "bfloat16" and utils.standardize_dtype(None) == "float32"
    backend = gpulayers.backend
    assert (
        backend.is_float_dtype("bfloat16")
        and backend.is_int_dtype("uint8")
        and not backend.is_int_dtype("bool")
    )
    assert backend.get_uid("unusual prefix") == 1 and backend.get_uid("unusual prefix") == 2
    assert gpulayers.version() == gpulayers.__version__
    for call in (
        lambda: utils.standardize_dtype("floaty"),
        lambda: utils.normalize(["a"]),
        lambda: utils.get_source_inputs(3),
        lambda: backend.set_epsilon(0),
        lambda: backend.set_epsilon("small"),
    ):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            call()


def test_epsilon():
    x, y = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    loss = gpulayers.losses.BinaryCrossentropy()
    try:
        gpulayers.backend.set_epsilon(1e-3)
        assert gpulayers.config.epsilon() == 1e-3
        assert float(loss(x, y)) == pytest.approx(-math.log(1e-3), rel=1e-6)
    finally:
        gpulayers.backend.set_epsilon(1e-7)


def test_a_masked_sequence_with_initial_states():
    """As in Keras such a layer does not see the mask in a model, but its output has it."""
    ids, state = Input((4,), dtype="int32"), Input((2,))
    masked = layers.Embedding(5, 2, mask_zero=True)(ids)
    gru = layers.GRU(2, return_sequences=True)
    model = Model([ids, state], gru(masked, initial_state=state))
    data = [np.array([[1, 2, 0, 0]]), np.zeros((1, 2), np.float32)]
    y = model(data)
    np.testing.assert_allclose(y, gru(model.layers[1](data[0]), initial_state=data[1]), rtol=1e-6)
    assert model.compute_mask(data).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_train_on_alone(copied):
    x = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    inputs = layers.Input((4,))
    hidden = layers.BatchNormalization()(layers.Dense(3, activation="gelu")(inputs))
    model = Model(inputs, layers.Dense(1, activation=layers.LeakyReLU(0.1))(hidden))
    optimizer = optimizers.AdamW(0.1)
    optimizer.exclude_from_weight_decay([model.weights[0]], ["gamma"])
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(x, x[:, :1], verbose=0)
    first, second = copied(model), copied(model)
    before = model.get_weights()
    histories = [one.fit(x, x[:, :1], epochs=2, verbose=0, shuffle=False).history for one in (first, second)]
    assert histories[0] == histories[1]
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), before))
    assert model.fit(x, x[:, :1], epochs=2, verbose=0, shuffle=False).history == histories[0]
