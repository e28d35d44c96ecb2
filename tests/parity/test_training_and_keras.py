"""Layers, losses, metrics, optimizers and whole training runs against Keras."""

import inspect
import os

import numpy as np
import pytest

import gpulayers
from gpulayers import layers

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
# float32 in different orders of summation, over some steps of training.
CLOSE = dict(rtol=2e-4, atol=2e-5)
GENERATOR = np.random.default_rng(0)


def both(build, shape, dtype="float32"):
    """The model of `build(layers)` after an Input, made by both libraries, with the same weights."""
    theirs = keras.Sequential([keras.Input(shape, dtype=dtype), *build(keras.layers)])
    ours = gpulayers.Sequential([gpulayers.Input(shape, dtype=dtype), *build(layers)])
    assert [tuple(w.shape) for w in theirs.weights] == [w.shape for w in ours.weights]
    assert [w.name for w in theirs.weights] == [w.name for w in ours.weights]
    assert theirs.output_shape == ours.output_shape
    ours.set_weights(theirs.get_weights())
    return theirs, ours


MODELS = {
    "dense": (lambda L: [L.Dense(7, "relu"), L.Dense(5, "tanh"), L.Dense(3)], (6,)),
    "conv1d": (
        lambda L: [
            L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"),
            L.MaxPooling1D(3, 2, "same"),
            L.Conv1D(3, 2, 2, "same", use_bias=False),
            L.GlobalAveragePooling1D(),
            L.Dense(3),
        ],
        (9, 2),
    ),
    "conv2d": (
        lambda L: [
            L.Conv2D(4, 3, padding="same", activation="elu"),
            L.AveragePooling2D(2, padding="same"),
            L.Conv2D(4, (1, 2), groups=2, activation="sigmoid"),
            L.MaxPooling2D((2, 1)),
            L.Flatten(),
            L.Dense(3),
        ],
        (7, 9, 2),
    ),
    "conv3d": (
        lambda L: [
            L.Conv3D(2, 2, activation="tanh"),
            L.MaxPooling3D(padding="same"),
            L.AveragePooling3D(2, 1),
            L.GlobalMaxPooling3D(),
            L.Dense(3),
        ],
        (5, 6, 5, 2),
    ),
    "lstm": (
        lambda L: [
            L.LSTM(5, return_sequences=True, go_backwards=True),
            L.LSTM(4, use_bias=False),
            L.Dense(3),
        ],
        (5, 4),
    ),
    "reshape": (
        lambda L: [
            L.Reshape((3, -1)),
            L.Activation("softplus"),
            L.GlobalMaxPooling1D(keepdims=True),
            L.Flatten(),
            L.Dense(3),
        ],
        (6, 2),
    ),
}
ACTIVATIONS = [
    "elu",
    "exponential",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


@pytest.mark.parametrize("name", MODELS)
def test_training_runs(name):
    build, shape = MODELS[name]
    theirs, ours = both(build, shape)
    x = GENERATOR.standard_normal((10, *shape)).astype(np.float32)
    y = GENERATOR.standard_normal((10, 3)).astype(np.float32)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), **CLOSE)
    histories = []
    for library, model in ((keras, theirs), (gpulayers, ours)):
        model.compile(library.optimizers.Adam(0.01), "mse", metrics=["mae"])
        run = model.fit(x, y, batch_size=4, epochs=4, shuffle=False, verbose=0, validation_split=0.2)
        histories.append(run.history)
    assert set(histories[0]) == set(histories[1])
    for key, values in histories[0].items():
        np.testing.assert_allclose(histories[1][key], values, err_msg=key, **CLOSE)
    for first, second in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(first, second, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    theirs, ours = both(lambda L: [L.Dense(5, name), L.Dense(2)], (4,))
    x, y = GENERATOR.standard_normal((6, 4)).astype(np.float32), np.ones((6, 2), np.float32)
    np.testing.assert_allclose(ours(x), keras.ops.convert_to_numpy(theirs(x)), **CLOSE)
    for library, model in ((keras, theirs), (gpulayers, ours)):
        model.compile(library.optimizers.SGD(0.1), "mse")
        model.fit(x, y, shuffle=False, verbose=0)
    for first, second in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(first, second, **CLOSE)


OPTIMIZERS = [
    ("SGD", dict(learning_rate=0.1)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("SGD", dict(learning_rate=0.1, clipnorm=0.1)),
    ("SGD", dict(learning_rate=0.1, clipvalue=0.05)),
    ("SGD", dict(learning_rate=0.1, global_clipnorm=0.2)),
    ("Adam", dict()),
    ("Adam", dict(learning_rate=0.02, beta_1=0.7, beta_2=0.9, epsilon=1e-3, amsgrad=True)),
    ("AdamW", dict(learning_rate=0.02)),
    ("RMSprop", dict()),
    ("RMSprop", dict(learning_rate=0.02, momentum=0.8, centered=True, rho=0.7)),
]


@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_optimizers(name, options):
    theirs, ours = both(lambda L: [L.Dense(5, "tanh"), L.Dense(2)], (4,))
    x, y = (
        GENERATOR.standard_normal((12, 4)).astype(np.float32),
        GENERATOR.standard_normal((12, 2)).astype(np.float32),
    )
    for library, model in ((keras, theirs), (gpulayers, ours)):
        model.compile(getattr(library.optimizers, name)(**options), "mse")
        model.fit(x, y, batch_size=4, epochs=5, shuffle=False, verbose=0)
    for first, second in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(first, second, **CLOSE)
    config = keras.optimizers.get(name).get_config()
    assert {
        key: config[key] for key in getattr(gpulayers.optimizers, name)().get_config() if key != "name"
    } == pytest.approx(
        {
            key: value
            for key, value in getattr(gpulayers.optimizers, name)().get_config().items()
            if key != "name"
        }
    )


LOSSES = [
    ("MeanSquaredError", {}, "values", "linear"),
    ("MeanAbsoluteError", {}, "values", "linear"),
    ("BinaryCrossentropy", {}, "bits", "sigmoid"),
    ("BinaryCrossentropy", dict(from_logits=True, label_smoothing=0.1), "bits", "linear"),
    ("CategoricalCrossentropy", {}, "one-hot", "softmax"),
    ("CategoricalCrossentropy", dict(label_smoothing=0.2), "one-hot", "sigmoid"),
    ("CategoricalCrossentropy", dict(from_logits=True), "one-hot", "linear"),
    ("SparseCategoricalCrossentropy", {}, "classes", "softmax"),
    ("SparseCategoricalCrossentropy", dict(from_logits=True), "classes", "linear"),
    ("SparseCategoricalCrossentropy", dict(from_logits=True, ignore_class=1), "classes", "linear"),
]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name, options, labels, activation", LOSSES)
def test_losses_and_metrics(name, options, labels, activation, weighted, reduction):
    theirs, ours = both(lambda L: [L.Dense(3, activation)], (4,))
    x = GENERATOR.standard_normal((10, 4)).astype(np.float32)
    classes = GENERATOR.integers(0, 3, 10)
    y = {
        "values": GENERATOR.standard_normal((10, 3)),
        "bits": GENERATOR.integers(0, 2, (10, 3)),
        "one-hot": np.eye(3)[classes],
        "classes": classes,
    }[labels]
    weight = GENERATOR.random(10).astype(np.float32) if weighted else None
    found = []
    for library, model in ((keras, theirs), (gpulayers, ours)):
        loss = getattr(library.losses, name)(reduction=reduction, **options)
        model.compile(
            library.optimizers.SGD(0.05),
            loss,
            metrics=["accuracy", "mse"] if labels != "classes" else ["accuracy"],
            # Keras's loss overwrites the sample weights where a class is ignored.
            weighted_metrics=None if "ignore_class" in options else ["accuracy"],
        )
        history = model.fit(
            x, y, sample_weight=weight, batch_size=4, epochs=2, shuffle=False, verbose=0
        ).history
        found.append(
            (
                history,
                model.get_weights(),
                model.evaluate(x, y, sample_weight=weight, verbose=0, return_dict=True),
            )
        )
    (their_history, their_weights, their_results), (our_history, our_weights, our_results) = found
    assert set(our_history) == set(their_history)
    for key, values in their_history.items():
        np.testing.assert_allclose(our_history[key], values, err_msg=key, **CLOSE)
        np.testing.assert_allclose(our_results[key], their_results[key], err_msg=key, **CLOSE)
    for first, second in zip(our_weights, their_weights):
        np.testing.assert_allclose(first, second, **CLOSE)


@pytest.mark.parametrize("tail", ["pool", "lstm", "steps"])
def test_masks(tail):
    def build(L):
        middle = {
            "pool": [L.GlobalAveragePooling1D(), L.Dense(3, "softmax")],
            "lstm": [
                L.LSTM(5, return_sequences=True),
                L.Activation("tanh"),
                L.LSTM(4),
                L.Dense(3, "softmax"),
            ],
            "steps": [L.LSTM(5, return_sequences=True), L.Dense(3, "softmax")],
        }[tail]
        return [L.Embedding(8, 4, mask_zero=True), *middle]

    theirs, ours = both(build, (6,), "int32")
    ids = GENERATOR.integers(0, 8, (12, 6))
    ids[:, 0] = 1
    ids[:5, 3:] = 0
    y = GENERATOR.integers(0, 3, (12, 6) if tail == "steps" else 12)
    histories = []
    for library, model in ((keras, theirs), (gpulayers, ours)):
        model.compile(library.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
        histories.append(
            model.fit(
                ids, y, batch_size=5, epochs=3, shuffle=False, verbose=0, validation_data=(ids, y)
            ).history
        )
    for key, values in histories[0].items():
        np.testing.assert_allclose(histories[1][key], values, err_msg=key, **CLOSE)


def test_regularizers_and_constraints():
    def build(L):
        library = keras if L is keras.layers else gpulayers
        return [
            L.Dense(
                5,
                "tanh",
                kernel_regularizer=library.regularizers.L1L2(0.01, 0.02),
                bias_regularizer="l2",
                kernel_constraint=library.constraints.MaxNorm(0.7),
                activity_regularizer=library.regularizers.L2(0.03),
            ),
            L.Dense(3, kernel_constraint="unit_norm", bias_constraint="non_neg"),
            L.Dense(2, kernel_constraint=library.constraints.MinMaxNorm(0.5, 0.9, 0.5)),
        ]

    theirs, ours = both(build, (4,))
    x, y = (
        GENERATOR.standard_normal((12, 4)).astype(np.float32),
        GENERATOR.standard_normal((12, 2)).astype(np.float32),
    )
    found = []
    for library, model in ((keras, theirs), (gpulayers, ours)):
        model.compile(library.optimizers.SGD(0.1), "mse")
        history = model.fit(
            x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y)
        ).history
        found.append((history["loss"] + history["val_loss"], model.get_weights()))
    np.testing.assert_allclose(found[1][0], found[0][0], **CLOSE)
    for first, second in zip(found[1][1], found[0][1]):
        np.testing.assert_allclose(first, second, **CLOSE)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("Dense", (3,)),
        ("Conv1D", (3, 2)),
        ("Conv2D", (3, 2)),
        ("Conv3D", (3, 2)),
        ("MaxPooling1D", ()),
        ("MaxPooling2D", ()),
        ("MaxPooling3D", ()),
        ("AveragePooling1D", (2,)),
        ("AveragePooling2D", (2,)),
        ("AveragePooling3D", (2,)),
        ("GlobalMaxPooling2D", ()),
        ("GlobalAveragePooling1D", ()),
        ("LSTM", (3,)),
        ("Embedding", (5, 3)),
        ("Dropout", (0.3,)),
        ("Activation", ("relu",)),
        ("Flatten", ()),
        ("Reshape", ((2, 3),)),
    ],
)
def test_signatures_and_configs(name, arguments):
    def parameters(cls):
        found = inspect.signature(cls.__init__).parameters.values()
        return [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]

    theirs, ours = parameters(getattr(keras.layers, name)), parameters(getattr(layers, name))
    # Quantisation and low-rank adaptation are not ours.
    names = [n for n in theirs if n not in ("lora_rank", "lora_alpha", "quantization_config")]
    assert list(ours) == names
    their_config = getattr(keras.layers, name)(*arguments).get_config()
    our_config = getattr(layers, name)(*arguments).get_config()
    assert set(their_config) - set(our_config) <= {"activity_regularizer", "quantization_config"}
    again = getattr(layers, name).from_config(
        {key: value for key, value in their_config.items() if key in our_config and key != "dtype"}
    )
    assert again.get_config() | {"name": ""} == our_config | {"name": ""}
