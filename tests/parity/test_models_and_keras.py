"""Functional models and the ways of training against Keras."""

import os

import numpy as np
import pytest

import gpulayers

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
# float32 in different orders of summation, over some steps of training.
CLOSE = dict(rtol=2e-4, atol=2e-5)


def shared(library):
    L = library.layers
    a, b = library.Input((4,), name="a"), library.Input((4,), name="b")
    tower = L.Dense(5, "tanh", name="tower")
    left = tower(a)
    right = tower(L.Dense(4, name="first")(b))
    out = L.Dense(3, "softmax", name="classes")(right)
    return library.Model([b, a], [out, L.Dense(1, name="value")(left)])


def nested(library):
    L = library.layers
    a, b = library.Input((4,), name="a"), library.Input((4,), name="b")
    inner = library.Model(a, [L.Dense(4, "relu", name="i1")(a), L.Dense(2, name="i2")(a)], name="inner")
    seq = library.Sequential([library.Input((2,)), L.Dense(3, "softmax", name="s")], name="classes")
    _, y = inner(b)
    z, _ = inner(a)
    value = library.Sequential([L.Dense(1, name="v")], name="value")
    return library.Model([b, a], [seq(y), value(z)])


def masked(library):
    L = library.layers
    a, b = library.Input((6,), name="a"), library.Input((6,), name="b")
    embedding = L.Embedding(5, 4, mask_zero=True, name="e")
    steps = L.LSTM(3, return_sequences=True, name="l")
    left, right = steps(embedding(a)), L.GlobalAveragePooling1D(name="p")(embedding(b))
    out = L.Dense(3, "softmax", name="classes")(L.LSTM(4, name="m")(left))
    return library.Model([b, a], [out, L.Dense(1, name="value")(right)])


def named(library):
    L = library.layers
    a, b = library.Input((4,), name="a"), library.Input((4,), name="b")
    h = L.Dense(4, "tanh", name="h")(a)
    value = L.Dense(1, name="w")(L.Dense(4)(b))
    outputs = {"classes": L.Dense(3, "softmax", name="c")(h), "value": value}
    return library.Model({"a": a, "b": b}, outputs)


BUILD = {"shared": shared, "nested": nested, "masked": masked, "named": named}


def both(name):
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    theirs, ours = BUILD[name](keras), BUILD[name](gpulayers)
    assert [tuple(w.shape) for w in theirs.weights] == [w.shape for w in ours.weights]
    ours.set_weights(theirs.get_weights())
    return theirs, ours


def data(name, samples=14):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2, samples, 4)).astype(np.float32)
    if name == "masked":
        x = generator.integers(0, 5, (2, samples, 6)).astype(np.int32)
        x[:, :, 0] = 1
    y = generator.integers(0, 3, samples), generator.standard_normal((samples, 1)).astype(np.float32)
    weights = generator.random(samples).astype(np.float32), generator.random(samples).astype(np.float32)
    return list(x), list(y), list(weights)


def arrange(name, parts, keys):
    return dict(zip(keys, parts)) if name == "named" else parts


@pytest.mark.parametrize("name", BUILD)
def test_structure_and_values(name):
    theirs, ours = both(name)
    kinds = [[type(layer).__name__ for layer in model.layers] for model in (ours, theirs)]
    assert kinds[0] == kinds[1]
    assert [w.name for w in theirs.weights] == [w.name for w in ours.weights]
    x = arrange(name, data(name)[0], ("b", "a"))
    first, second = theirs.predict(x, verbose=0), ours.predict(x, verbose=0)
    for key in first if isinstance(first, dict) else range(2):
        np.testing.assert_allclose(second[key], first[key], **CLOSE)


OPTIONS = {
    "one loss a list": dict(loss=["sparse_categorical_crossentropy", "mse"]),
    "weights": dict(loss=["sparse_categorical_crossentropy", "mae"], loss_weights=[0.3, 2.0]),
    "one without": dict(loss=["sparse_categorical_crossentropy", None]),
    "metrics": dict(
        loss=["sparse_categorical_crossentropy", "mse"],
        metrics=[["accuracy"], ["mae", "mse"]],
        weighted_metrics=[["accuracy"], None],
    ),
    "dicts": dict(
        loss={"value": "mse", "classes": "sparse_categorical_crossentropy"},
        loss_weights={"value": 0.5, "classes": 1.5},
        metrics={"value": ["mae"]},
        weighted_metrics={"classes": ["accuracy"]},
    ),
}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of Keras, for an output without a loss
@pytest.mark.filterwarnings("ignore:There are no gradients for")  # the same of ours
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", BUILD)
def test_training(name, options, weighted):
    if name == "named" and options != "dicts":
        pytest.skip("losses of named outputs are named too")
    theirs, ours = both(name)
    x, y, weights = data(name)
    x, y = arrange(name, x, ("b", "a")), arrange(name, y, ("classes", "value"))
    weights = arrange(name, weights, ("classes", "value")) if weighted else None
    found = []
    for library, model in ((keras, theirs), (gpulayers, ours)):
        # Adam would blow up the rounding of gradients near zero.
        model.compile(library.optimizers.SGD(0.05, momentum=0.9), **OPTIONS[options])
        shown = dict(batch_size=5, epochs=3, shuffle=False, verbose=0, validation_data=(x, y))
        history = model.fit(x, y, sample_weight=weights, **shown).history
        result = model.evaluate(x, y, sample_weight=weights, verbose=0)
        found.append((history, result if isinstance(result, list) else [result], model.get_weights()))
    (their_history, their_result, their_weights), (our_history, our_result, our_weights) = found
    assert set(our_history) == set(their_history)
    for key, values in their_history.items():
        np.testing.assert_allclose(our_history[key], values, err_msg=key, **CLOSE)
    np.testing.assert_allclose(our_result, their_result, **CLOSE)
    for first, second in zip(our_weights, their_weights):
        np.testing.assert_allclose(first, second, **CLOSE)


def test_class_weights_and_one_output():
    def build(library):
        x = library.Input((4,))
        return library.Model(x, library.layers.Dense(3, "softmax", name="o")(x))

    theirs, ours = build(keras), build(gpulayers)
    ours.set_weights(theirs.get_weights())
    x, (classes, _), _ = data("shared")
    found = []
    for model in (theirs, ours):
        model.compile("sgd", "crossentropy", metrics=["accuracy", "mse"])
        y = np.eye(3, dtype=np.float32)[classes]
        options = dict(batch_size=4, epochs=2, shuffle=False, verbose=0)
        found.append(model.fit(x[0], y, class_weight={0: 2.0, 2: 0.25}, **options).history)
        found[-1]["evaluated"] = model.evaluate(x[0], y, verbose=0)
        found[-1]["batch"] = model.test_on_batch(x[0], y)
    assert set(found[0]) == set(found[1])
    for key in found[0]:
        np.testing.assert_allclose(found[1][key], found[0][key], err_msg=key, **CLOSE)


def test_generators_and_steps():
    def batches():
        generator = np.random.default_rng(3)
        while True:
            x = generator.standard_normal((4, 4)).astype(np.float32)
            yield [x, x * 2], [generator.integers(0, 3, 4), x[:, :1]], [np.ones(4), x[:, 0] ** 2]

    theirs, ours = both("shared")
    (x, y, _), found = data("shared", 96), []
    for library, model in ((keras, theirs), (gpulayers, ours)):
        model.compile(library.optimizers.SGD(0.1), ["sparse_categorical_crossentropy", "mse"])
        shown = dict(verbose=0, shuffle=False, validation_data=(x, y), validation_steps=2)
        history = model.fit(batches_of(batches), steps_per_epoch=3, epochs=3, **shown).history
        history["evaluated"] = model.evaluate(batches_of(batches), steps=2, verbose=0)
        history["predicted"] = model.predict(batches_of(batches), steps=2, verbose=0)[0]
        found.append(history)
    for key in found[0]:
        np.testing.assert_allclose(found[1][key], found[0][key], err_msg=key, **CLOSE)


def batches_of(batches):
    return (tuple(tuple(part) for part in batch) for batch in batches())
