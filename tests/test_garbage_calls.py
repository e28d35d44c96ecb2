"""Nonsense in the calls of models, layers, optimizers, callbacks and the rest of the public interface."""

import contextlib
import io

import numpy as np
import pytest

import gpulayers
from gpulayers import (
    Input,
    Model,
    Sequential,
    backend,
    callbacks,
    config,
    constraints,
    dtype_policies,
    initializers,
    layers,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from gpulayers.preprocessing import sequence, text
from gpulayers.variable import Variable

from . import layer_makers
from .garbage import arguments, findings, outcome

GENERATOR = np.random.default_rng(0)


def floats(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


X, Y = floats(6, 4), floats(6, 3)


def model(compiled=True):
    made = Sequential([Input((4,)), layers.Dense(3)])
    if compiled:
        made.compile("sgd", "mse", metrics=["mae"])
    return made


def of_two():
    first, second = Input((4,), name="first"), Input((2,), name="second")
    joined = layers.Concatenate()([first, second])
    made = Model([first, second], [layers.Dense(3, name="p")(joined), layers.Dense(1, name="q")(joined)])
    made.compile("sgd", ["mse", "mse"])
    return made


def quietly(call):
    def run(**given):
        with contextlib.redirect_stdout(io.StringIO()):
            return call(**given)

    return run


def method(make, name):
    return quietly(lambda **given: getattr(make(), name)(**given))


def names_of(function):
    return [name for name in arguments(function) if name != "self"]


# Models: method -> valid arguments

METHODS = {
    "__call__": dict(inputs=X),
    "add": dict(layer=layers.Dense(2)),
    "build": dict(input_shape=(None, 4)),
    "compile": dict(optimizer="sgd", loss="mse"),
    "compute_mask": dict(inputs=X),
    "compute_output_shape": dict(input_shape=(None, 4)),
    "count_params": {},
    "evaluate": dict(x=X, y=Y, verbose=0),
    "fit": dict(x=X, y=Y, verbose=0),
    "forward": dict(inputs=X),
    "get_layer": dict(index=0),
    "pop": {},
    "predict": dict(x=X, verbose=0),
    "predict_on_batch": dict(x=X),
    "set_weights": dict(weights=[np.ones((4, 3)), np.ones(3)]),
    "summary": {},
    "test_on_batch": dict(x=X, y=Y),
    "train_on_batch": dict(x=X, y=Y),
    "train_step": dict(data=(X, Y)),
}
# A class is called like any function, to no avail.
CALLED_BACK = ("print_fn", "clone_function", "call_function")
NOT_TAKEN = {(name, label) for name in CALLED_BACK for label in ("a class", "int")}
NOT_TAKEN |= {("loss_weights", "10**30")}


@pytest.mark.parametrize("name", METHODS)
def test_models(name):
    names = names_of(getattr(Sequential, name))
    assert not findings(method(model, name), METHODS[name], names, NOT_TAKEN)


TWO = {
    "__call__": (dict(inputs=[X, floats(6, 2)]), ["inputs", "mask", "training"]),
    "compile": (dict(loss=["mse", "mse"]), ["loss", "loss_weights", "metrics", "weighted_metrics"]),
    "fit": (
        dict(x=[X, floats(6, 2)], y=[Y, floats(6, 1)], verbose=0),
        ["x", "y", "sample_weight", "class_weight", "validation_data"],
    ),
    "predict": (dict(x=[X, floats(6, 2)], verbose=0), ["x"]),
}


@pytest.mark.parametrize("name", TWO)
def test_models_of_two_inputs(name):
    valid, names = TWO[name]
    assert not findings(method(of_two, name), valid, names, NOT_TAKEN)


def test_backwards_of_models():
    def use(**given):
        of_two().forward([X, floats(6, 2)])[1](**given)

    assert not findings(use, dict(grad_output=[Y, floats(6, 1)]), ["grad_output", "input_gradient"])


MADE = {
    "Sequential": (Sequential, dict(layers=[layers.Dense(2)]), ["layers", "trainable", "name"]),
    "clone": (models.clone_model, dict(model=model()), names_of(models.clone_model)),
    "from JSON": (
        models.model_from_json,
        dict(json_string=model().to_json()),
        names_of(models.model_from_json),
    ),
    "of a configuration": (Sequential.from_config, dict(config=model().get_config()), ["config"]),
    "graph of a configuration": (Model.from_config, dict(config=of_two().get_config()), ["config"]),
    "drawn": (utils.model_to_dot, dict(model=of_two()), names_of(utils.model_to_dot)),
    "of a layer's configuration": (layers.Dense.from_config, dict(config={"units": 3}), ["config"]),
}


@pytest.mark.parametrize("name", MADE)
def test_models_made(name):
    function, valid, names = MADE[name]
    if name == "of a layer's configuration":
        for wrong in (None, 3, [1], {1: 2}, "units"):
            with pytest.raises(TypeError, match="dict of arguments. Received: "):
                function(wrong)
        return
    assert not findings(quietly(function), valid, names, NOT_TAKEN)


def test_configurations_with_parts_missing():
    whole = of_two().get_config()
    for key in ("layers", "input_layers", "output_layers"):
        broken = {name: value for name, value in whole.items() if name != key}
        with pytest.raises((TypeError, ValueError), match="No .* can be made .* Received: "):
            Model.from_config(broken)
    text_of = of_two().to_json()
    for broken in (text_of[: len(text_of) // 2], "{}", "[1]", '{"class_name": "Functional"}', "\0"):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            models.model_from_json(broken)


# Layers: calls, gradients, shapes

SEQUENCES = floats(6, 5, 4)
CALLED = {
    "Add": (layers.Add(), [X, X]),
    "BatchNormalization": (layers.BatchNormalization(), SEQUENCES),
    "Bidirectional": (layers.Bidirectional(layers.GRU(3)), SEQUENCES),
    "Concatenate": (layers.Concatenate(), [X, X]),
    "Conv1D": (layers.Conv1D(3, 2), SEQUENCES),
    "Dense": (layers.Dense(3), X),
    "Embedding": (layers.Embedding(5, 3), np.ones((2, 3), int)),
    "Flatten": (layers.Flatten(), SEQUENCES),
    "GlobalAveragePooling1D": (layers.GlobalAveragePooling1D(), SEQUENCES),
    "LSTM": (layers.LSTM(3, return_state=True), SEQUENCES),
    "LayerNormalization": (layers.LayerNormalization(), SEQUENCES),
    "Masking": (layers.Masking(), SEQUENCES),
    "MaxPooling1D": (layers.MaxPooling1D(), SEQUENCES),
    "PReLU": (layers.PReLU(), SEQUENCES),
    "Softmax": (layers.Softmax(), X),
    "TimeDistributed": (layers.TimeDistributed(layers.Dense(2)), SEQUENCES),
    "UpSampling1D": (layers.UpSampling1D(), SEQUENCES),
    "ZeroPadding1D": (layers.ZeroPadding1D(), SEQUENCES),
}


@pytest.mark.parametrize("name", CALLED)
def test_layers_called(name):
    layer, inputs = CALLED[name]
    several = isinstance(inputs, list)
    y, _ = layer.forward(inputs)
    names = ["inputs", "training", *["mask"] * layer.takes_mask]
    assert not findings(layer.forward, dict(inputs=inputs), names)
    shape = [part.shape for part in inputs] if several else inputs.shape
    nested = {("input_shape", "rows of different lengths")}
    assert not findings(layer.compute_output_shape, dict(input_shape=shape), ["input_shape"], nested)

    def back(**given):
        layer.forward(inputs)[1](**given)

    assert not findings(back, dict(grad_output=y), ["grad_output", "input_gradient"])


SHAPES = (None, (), [], (None,), (2,), (2, 3), (None, None, None), (2, 3, 4, 5), [(2, 3), (2, 3)], [(), ()])
SHAPES += ((0, 0), (2, 0, 3), (2, 3, 0), "ab", 3, (2, -1), (2, "a"), {"a": 1}, [2, 5, 4])
MAKERS = {**layer_makers.MAKERS, **layer_makers.MERGES, **layer_makers.RECURRENT, **layer_makers.PLAIN}


@pytest.mark.parametrize("name", MAKERS)
def test_shapes(name):
    make, _ = MAKERS[name]
    for method_name in ("build", "compute_output_shape"):
        for shape in SHAPES:
            wrong = outcome(getattr(make(), method_name), input_shape=shape)
            assert not wrong, (method_name, shape)


def test_dense_and_its_weights():
    def built():
        layer = layers.Dense(3)
        layer.build((None, 4))
        return layer

    weights = dict(weights=[np.ones((4, 3)), np.ones(3)])
    assert not findings(method(built, "set_weights"), weights, ["weights"])
    texts = {("initializer", label) for label in ("strings", "objects")}
    names = names_of(layers.Layer.add_weight)
    assert not findings(method(built, "add_weight"), dict(shape=(2,)), names, texts)
    for cell in (layers.LSTMCell(3), layers.GRUCell(3), layers.SimpleRNNCell(3)):
        assert not findings(cell.get_initial_state, dict(batch_size=2), ["batch_size"])


# Variables and optimizers


@pytest.mark.parametrize("name", ["add_grad", "assign", "assign_add", "assign_sub"])
def test_variables(name):
    (argument,) = names_of(getattr(Variable, name))
    odd = {(argument, "complex numbers"), (argument, "a module")} if name == "add_grad" else ()
    value = np.ones((2, 4), np.float32)
    make = lambda: Variable(np.ones((2, 4), np.float32), "v")  # noqa: E731
    assert not findings(method(make, name), {argument: value}, [argument], odd)


OPTIMIZER_CALLS = {
    "apply": ["grads", "trainable_variables"],
    "apply_gradients": ["grads_and_vars"],
    "build": ["variables"],
    "exclude_from_weight_decay": ["var_list", "var_names"],
    "finalize_variable_values": ["var_list"],
    "set_weights": ["weights"],
}


@pytest.mark.parametrize("name", OPTIMIZER_CALLS)
def test_optimizer_calls(name):
    grads = [np.ones((4, 3), np.float32), np.ones(3, np.float32)]

    def use(**given):
        layer = layers.Dense(3)
        layer.build((None, 4))
        variables, made = layer.trainable_weights, optimizers.Adam(weight_decay=0.1)
        if name in ("finalize_variable_values", "set_weights"):
            made.build(variables)
        valid = {
            "apply": dict(grads=grads, trainable_variables=variables),
            "apply_gradients": dict(grads_and_vars=zip(grads, variables)),
            "build": dict(variables=variables),
            "exclude_from_weight_decay": dict(var_list=variables),
            "finalize_variable_values": dict(var_list=variables),
            "set_weights": dict(weights=[variable.numpy() for variable in made.variables]),
        }[name]
        getattr(made, name)(**valid | given)

    assert not findings(use, {}, OPTIMIZER_CALLS[name])


# Callbacks

CALLBACKS = {
    "CSVLogger": dict(filename="log.csv"),
    "EarlyStopping": dict(monitor="loss"),
    "History": {},
    "LearningRateScheduler": dict(schedule=lambda epoch: 0.1),
    "ModelCheckpoint": dict(filepath="{epoch}.npz", save_weights_only=True),
    "ReduceLROnPlateau": dict(monitor="loss"),
    "TerminateOnNaN": {},
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind = getattr(callbacks, name)

    def use(**given):
        model().fit(X, Y, epochs=2, batch_size=6, verbose=0, callbacks=[kind(**given)])

    called = {("schedule", "a class"), ("schedule", "int"), ("filename", "a name and a space")}
    assert not findings(quietly(use), CALLBACKS[name], names_of(kind), called)


# Preprocessing, settings and the rest

TOKENIZER = text.Tokenizer()
TOKENIZER.fit_on_texts(["a b", "b c"])
FUNCTIONS = {
    "pad_sequences": (sequence.pad_sequences, dict(sequences=[[1, 2], [3]])),
    "to_categorical": (utils.to_categorical, dict(x=[0, 1, 2])),
    "normalize": (utils.normalize, dict(x=X)),
    "text_to_word_sequence": (text.text_to_word_sequence, dict(text="a b")),
    "tokenizer_from_json": (text.tokenizer_from_json, dict(json_string=TOKENIZER.to_json())),
    "texts_to_matrix": (TOKENIZER.texts_to_matrix, dict(texts=["a"], mode="count")),
    "sequences_to_matrix": (TOKENIZER.sequences_to_matrix, dict(sequences=[[1]], mode="count")),
    "sequences_to_texts": (TOKENIZER.sequences_to_texts, dict(sequences=[[1]])),
    "get_uid": (backend.get_uid, dict(prefix="x")),
    "is_float_dtype": (backend.is_float_dtype, dict(dtype="float32")),
    "DTypePolicy": (config.DTypePolicy, dict(name="float32")),
    "dtype_policies.get": (dtype_policies.get, dict(identifier="float32")),
    "dtype_policies.serialize": (dtype_policies.serialize, dict(policy=config.DTypePolicy("float32"))),
    "get_registered_name": (saving.get_registered_name, dict(obj=layers.Dense)),
    "get_registered_object": (saving.get_registered_object, dict(name="x")),
    "serialize_keras_object": (saving.serialize_keras_object, dict(obj=1)),
    "deserialize_keras_object": (saving.deserialize_keras_object, dict(config=1)),
    "check_gradients": (
        gpulayers.check_gradients,
        dict(layer=layers.Dense(2, dtype="float64"), input_shape=(2, 3)),
    ),
}
# Powers and steps beyond what floats hold, complex numbers cast to the dtype asked for, infinity by itself.
ODD = {("order", "10**30"), ("sequences", "complex numbers"), ("value", "complex numbers"), ("value", "1j")}
ODD |= {("x", "inf"), ("step", "10**30"), ("step", "7"), ("step", "1.5")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    function, valid = FUNCTIONS[name]
    assert not findings(function, valid, names_of(function), ODD)


def test_tokenizers():
    def use(**given):
        made = text.Tokenizer(**given)
        made.fit_on_texts(["a b", "b c"])
        made.texts_to_matrix(["a"], "tfidf")
        text.tokenizer_from_json(made.to_json())

    called = {("analyzer", label) for label in ("a class", "int", "a function")}
    assert not findings(use, {}, names_of(text.Tokenizer), called)


@pytest.mark.parametrize("name", ["device", "epsilon", "float32_precision", "floatx", "image_data_format"])
def test_settings_stay(name):
    setter = getattr(config, f"set_{name}")
    (argument,) = names_of(setter)
    for wrong in (None, -1, 1.5, "nonsense", [], {}, np.ones(2), b"gpu", object(), int):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            setter(wrong)


# Calls in the wrong order, and functions of one's own that return nonsense


def fitted(**options):
    made = Sequential([Input((4,)), layers.Dense(3, **options.pop("layer", {}))])
    made.compile(**dict(optimizer="sgd", loss="mse") | options)
    made.fit(X, Y, verbose=0)
    return made


def extended():
    made = fitted()
    made.add(layers.Dense(3))
    made.fit(X, Y, verbose=0)


def emptied():
    made = fitted()
    made.pop()
    made.predict(X, verbose=0)


def gathered(metric, *columns):
    for count in columns:
        metric.update_state(np.ones((2, count)), np.ones((2, count)))


def squares(y_true, y_pred):
    return ((y_pred - y_true) ** 2).mean(axis=-1), lambda weights: None


ORDERS = {
    "a layer more than the optimizer knows": (extended, "dense"),
    "a model without layers": (emptied, "input shape"),
    "batches of other sizes": (lambda: model().fit(iter([(X, Y), (X[:, :3], Y)]), verbose=0), "3"),
    "batches without labels": (lambda: model().fit(iter([(X, Y), X]), verbose=0), "y=None"),
    "a loss without gradient": (lambda: fitted(loss=squares), "NoneType"),
    "a metric of text": (lambda: fitted(metrics=[lambda y_true, y_pred: "good"]), "<U4"),
    "a constraint that returns nothing": (
        lambda: fitted(layer=dict(kernel_constraint=lambda kernel: None)),
        "NoneType",
    ),
    "a constraint of another shape": (
        lambda: fitted(layer=dict(kernel_constraint=lambda kernel: kernel[0])),
        "(3,)",
    ),
    "other classes, F score": (lambda: gathered(metrics.F1Score(), 3, 2), "2"),
    "other outputs, R2": (lambda: gathered(metrics.R2Score(), 3, 2), "2"),
    "other labels, AUC": (lambda: gathered(metrics.AUC(multi_label=True), 3, 2), "2"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders(name):
    call, part = ORDERS[name]
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        call()
    assert part in str(caught.value).partition("Received: ")[2]


def test_classes_of_ones_own_that_lack_something():
    class Bare(layers.Layer):
        def __init__(self):
            pass

        def forward(self, x, training=True):
            return x, lambda grad: grad

    class Empty(Model):
        pass

    with pytest.raises(RuntimeError, match=r"super\(\).__init__\(\).* Received: Bare"):
        Bare()(X)
    with pytest.raises(NotImplementedError, match="Empty must define forward"):
        Empty()(X)
    for base in (constraints.Constraint, regularizers.Regularizer, initializers.Initializer):
        with pytest.raises(NotImplementedError, match=f"{base.__name__} must define __call__"):
            base()(X)
