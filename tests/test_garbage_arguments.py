"""Nonsense as each argument of each constructor and function: it is taken or refused, and nothing else."""

import json

import numpy as np
import pytest

from gpulayers import (
    activations,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    ops,
    optimizers,
    regularizers,
)
from gpulayers.optimizers import schedules

from .garbage import arguments, findings

GENERATOR = np.random.default_rng(0)


def floats(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


def shares(*shape):
    drawn = GENERATOR.random(shape).astype(np.float32) + 0.1
    return drawn / drawn.sum(axis=-1, keepdims=True)


def again(made):
    """The object made anew of its configuration, which must be fit for JSON."""
    return type(made).from_config(json.loads(json.dumps(made.get_config())))


# Layers: name -> (valid arguments, input shape or inputs)

SEQUENCE, IMAGE, PAIR = (2, 5, 4), (2, 5, 4, 4), [(2, 4), (2, 4)]
LAYERS = {
    "Activation": (dict(activation="relu"), (2, 4)),
    "ActivityRegularization": ({}, (2, 4)),
    "AdaptiveAveragePooling1D": (dict(output_size=2), SEQUENCE),
    "AdaptiveMaxPooling2D": (dict(output_size=2), IMAGE),
    "Add": ({}, PAIR),
    "AlphaDropout": (dict(rate=0.5), (2, 4)),
    "AveragePooling1D": (dict(pool_size=2), SEQUENCE),
    "AveragePooling2D": (dict(pool_size=2), IMAGE),
    "BatchNormalization": ({}, SEQUENCE),
    "Bidirectional": (dict(layer=layers.LSTM(2)), SEQUENCE),
    "Concatenate": ({}, PAIR),
    "Conv1D": (dict(filters=4, kernel_size=2), SEQUENCE),
    "Conv1DTranspose": (dict(filters=4, kernel_size=2), SEQUENCE),
    "Conv2D": (dict(filters=4, kernel_size=2), IMAGE),
    "Conv3DTranspose": (dict(filters=2, kernel_size=2), (1, 2, 3, 2, 2)),
    "Cropping1D": ({}, SEQUENCE),
    "Cropping2D": ({}, IMAGE),
    "Dense": (dict(units=3), (2, 4)),
    "DepthwiseConv1D": (dict(kernel_size=2), SEQUENCE),
    "DepthwiseConv2D": (dict(kernel_size=2), IMAGE),
    "Dot": (dict(axes=1), PAIR),
    "Dropout": (dict(rate=0.5), (2, 4)),
    "ELU": ({}, (2, 4)),
    "Embedding": (dict(input_dim=9, output_dim=3), np.array([[1, 2], [3, 8]])),
    "EmbeddingBag": (dict(input_dim=9, output_dim=3), [np.array([1, 2, 3, 8]), np.array([0, 2])]),
    "Flatten": ({}, (2, 3, 4)),
    "GRU": (dict(units=3), SEQUENCE),
    "GaussianDropout": (dict(rate=0.5), (2, 4)),
    "GaussianNoise": (dict(stddev=0.5), (2, 4)),
    "GlobalAveragePooling2D": ({}, IMAGE),
    "GlobalMaxPooling1D": ({}, SEQUENCE),
    "GroupNormalization": (dict(groups=2), SEQUENCE),
    "Identity": ({}, (2, 4)),
    "InputLayer": (dict(shape=(4,)), (2, 4)),
    "LSTM": (dict(units=3), SEQUENCE),
    "LayerNormalization": ({}, SEQUENCE),
    "LeakyReLU": ({}, (2, 4)),
    "Masking": ({}, SEQUENCE),
    "MaxPooling1D": ({}, SEQUENCE),
    "MaxPooling2D": ({}, IMAGE),
    "PReLU": ({}, (2, 3, 4)),
    "Permute": (dict(dims=(2, 1)), (2, 3, 4)),
    "RMSNormalization": ({}, SEQUENCE),
    "RNN": (dict(cell=layers.GRUCell(2)), SEQUENCE),
    "ReLU": ({}, (2, 4)),
    "RepeatVector": (dict(n=2), (2, 4)),
    "Rescaling": (dict(scale=0.5), (2, 4)),
    "Reshape": (dict(target_shape=(4, 3)), (2, 3, 4)),
    "SeparableConv2D": (dict(filters=4, kernel_size=2), IMAGE),
    "SimpleRNN": (dict(units=3), SEQUENCE),
    "Softmax": ({}, (2, 4)),
    "SpatialDropout2D": (dict(rate=0.5), IMAGE),
    "TimeDistributed": (dict(layer=layers.Dense(2)), SEQUENCE),
    "UnitNormalization": ({}, SEQUENCE),
    "UpSampling1D": ({}, SEQUENCE),
    "UpSampling2D": ({}, IMAGE),
    "ZeroPadding1D": ({}, SEQUENCE),
    "ZeroPadding2D": ({}, IMAGE),
}
OF_ALL_LAYERS = ("activity_regularizer", "autocast", "dtype", "name", "trainable")
SKIPPED_OF_LAYERS = {("moving_variance_initializer", "None")}  # whose values may be below 0, as in Keras


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    valid, inputs = LAYERS[name]
    if isinstance(inputs, tuple):
        inputs = floats(*inputs)
    elif isinstance(inputs[0], tuple):
        inputs = [floats(*shape) for shape in inputs]

    def use(**given):
        made = getattr(layers, name)(**given)
        y, backward = made.forward(inputs, training=True)
        backward(y if isinstance(y, list) else np.ones_like(y))
        again(made)(inputs)

    names = arguments(getattr(layers, name)) + list(OF_ALL_LAYERS if name == "Dense" else ())
    assert not findings(use, valid, names, SKIPPED_OF_LAYERS)


# Losses, metrics, optimizers and the small objects

ONE_HOT, CLASSES, PREDICTED = np.eye(3, dtype=np.float32)[[0, 1, 2, 1]], np.array([0, 1, 2, 1]), shares(4, 3)
LABELS = {
    "CTC": (np.array([[1, 2], [2, 1]]), shares(2, 6, 4)),
    "CategoricalGeneralizedCrossEntropy": (CLASSES, PREDICTED),
    "Circle": (CLASSES, floats(4, 3)),
    "IoU": (CLASSES, CLASSES),
    "MeanIoU": (CLASSES, CLASSES),
}
# A loss or a metric of numbers that no float32 holds is infinite.
TOO_LARGE = {(name, "10**30") for name in ("delta", "margin", "gamma", "num_regressors")}


def labels_for(name):
    return LABELS.get(name, (CLASSES if name.startswith("Sparse") else ONE_HOT, PREDICTED))


def classes_of(module, base):
    """The names of the module's classes with that base."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)]
    own = {kind.__name__ for kind in kinds if kind is not base and kind.__name__[0] != "_"}
    return sorted(own - {"FunctionLoss", "MeanMetricWrapper"})


@pytest.mark.parametrize("name", classes_of(losses, losses.Loss))
def test_losses(name):
    def use(**given):
        made = getattr(losses, name)(**given)
        made.forward(*labels_for(name))
        again(made)

    assert not findings(use, {}, arguments(getattr(losses, name)), TOO_LARGE)


@pytest.mark.parametrize(
    "name", ["binary_focal_crossentropy", "categorical_focal_crossentropy", "huber", "tversky", "dice"]
)
def test_loss_functions(name):
    function = getattr(losses, name)
    valid = dict(y_true=ONE_HOT, y_pred=PREDICTED)
    assert not findings(function, valid, arguments(function), TOO_LARGE)


def test_class_numbers_are_whole():
    wrong = np.array([0.5, 1, 2, 1])
    for loss in (losses.SparseCategoricalCrossentropy(), losses.Circle()):
        with pytest.raises(ValueError, match="whole numbers. Received: 0.5"):
            loss(wrong, PREDICTED)
    with pytest.raises(ValueError, match="whole numbers. Received: nan"):
        metrics.MeanIoU(3).update_state([0, np.nan], [0, 1])


@pytest.mark.parametrize("name", ["Accuracy", "BinaryAccuracy", "RootMeanSquaredError"])
def test_labels_are_not_broadcast(name):
    with pytest.raises(ValueError, match=r"Received: \(3,\)"):
        getattr(metrics, name)().update_state(np.ones(3), np.ones((4, 3)))


METRICS = {
    "IoU": dict(num_classes=3, target_class_ids=[0]),
    "MeanIoU": dict(num_classes=3),
    "OneHotIoU": dict(num_classes=3, target_class_ids=[0]),
    "OneHotMeanIoU": dict(num_classes=3),
    "PrecisionAtRecall": dict(recall=0.5),
    "RecallAtPrecision": dict(precision=0.5),
    "SensitivityAtSpecificity": dict(specificity=0.5),
    "SpecificityAtSensitivity": dict(sensitivity=0.5),
}


@pytest.mark.parametrize("name", classes_of(metrics, metrics.Metric))
def test_metrics(name):
    kind = getattr(metrics, name)
    batch = (PREDICTED,) if name in ("Mean", "Sum") else labels_for(name)

    def use(**given):
        made = kind(**given)
        made.update_state(*batch)
        made.result()
        again(made)

    assert not findings(use, METRICS.get(name, {}), arguments(kind), TOO_LARGE)


@pytest.mark.parametrize("name", ["Adafactor", "AdamW", "Ftrl", "Lion", "Muon", "RMSprop", "SGD"])
def test_optimizers(name):
    kind = getattr(optimizers, name)
    rates = {"learning_rate", "weight_decay", "adam_weight_decay", "epsilon_2", "rms_rate", "adam_lr_ratio"}
    rates |= {"l2_shrinkage_regularization_strength", "clip_threshold", "muon_a", "muon_b", "muon_c"}
    steep = {(rate, label) for rate in rates for label in ("10**30", "7", "True", "1.5", "-0.5", "-1", "0")}
    steep |= {("muon_b", "an array without axes"), ("muon_b", "a NumPy float"), ("muon_a", "a NumPy float")}

    def use(**given):
        made = kind(**given)
        layer = layers.Dense(2)
        layer.build((None, 3))
        made.apply([floats(*variable.shape) for variable in layer.weights], layer.weights)
        again(made)

    assert not findings(use, {}, arguments(kind), steep)


BASES = {
    initializers: initializers.Initializer,
    regularizers: regularizers.Regularizer,
    constraints: constraints.Constraint,
}
SMALL = [(module, name) for module, base in BASES.items() for name in classes_of(module, base)]


@pytest.mark.parametrize("module, name", SMALL, ids=[name for _, name in SMALL])
def test_small_objects(module, name):
    kind = getattr(module, name)
    subject = (3, 4) if module is initializers else floats(3, 4)

    def use(**given):
        made = kind(**given)
        made(subject)
        again(made)(subject)

    assert not findings(use, {}, arguments(kind))
    called = arguments(kind.__call__)[1:]
    assert not findings(lambda **given: kind()(**given), {called[0]: subject}, called)


SCHEDULES = {
    "CosineDecay": dict(initial_learning_rate=0.1, decay_steps=5),
    "CosineDecayRestarts": dict(initial_learning_rate=0.1, first_decay_steps=5),
    "ExponentialDecay": dict(initial_learning_rate=0.1, decay_steps=5, decay_rate=0.9),
    "InverseTimeDecay": dict(initial_learning_rate=0.1, decay_steps=5, decay_rate=0.9),
    "PiecewiseConstantDecay": dict(boundaries=[1, 3], values=[0.1, 0.2, 0.3]),
    "PolynomialDecay": dict(initial_learning_rate=0.1, decay_steps=5),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    def use(step=7, **given):
        made = getattr(schedules, name)(**given)
        made(step)
        again(made)(0)

    valid = SCHEDULES[name]
    assert not findings(use, valid, [*arguments(getattr(schedules, name)), "step"])


def test_boundaries_ascend():
    with pytest.raises(ValueError, match=r"ascending order. Received: \[3, 1\]"):
        schedules.PiecewiseConstantDecay([3, 1], [1.0, 2.0, 3.0])


MODULES = (initializers, regularizers, constraints, losses, metrics, optimizers, activations)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_objects_by_name(module):
    for function, valid in ((module.get, None), (module.deserialize, None), (module.serialize, None)):
        if module is activations and function is module.serialize:
            valid = activations.relu
        (name, *_) = arguments(function)
        assert not findings(function, {name: valid}, [name])
    for config in ({"class_name": "L2", "config": [1]}, {"class_name": "Zeros", "config": {"unknown": 1}}):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            module.deserialize(config)


def test_layers_by_configuration():
    for config in ({"class_name": "Dense", "config": {}}, {"class_name": "Dense", "config": {"unitz": 3}}):
        with pytest.raises(TypeError, match="No Dense can be made .* Received: "):
            layers.deserialize(config)


PARAMETERS = {
    "celu": dict(alpha=1.0),
    "elu": dict(alpha=1.0),
    "gelu": dict(approximate=False),
    "glu": dict(axis=-1),
    "hard_shrink": dict(threshold=0.5),
    "leaky_relu": dict(negative_slope=0.2),
    "log_softmax": dict(axis=-1),
    "relu": dict(negative_slope=0.0, max_value=None, threshold=0.0),
    "soft_shrink": dict(threshold=0.5),
    "softmax": dict(axis=-1),
    "sparsemax": dict(axis=-1),
    "squareplus": dict(b=4),
    "threshold": dict(threshold=0.5, default_value=0.1),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_activations(name):
    valid = dict(x=floats(3, 4), **PARAMETERS[name])
    assert not findings(getattr(activations, name), valid, list(valid))


def test_activations_of_numbers_and_of_nothing():
    assert activations.sigmoid(np.array(0.0)).shape == () and activations.relu(np.array(-1.0)) == 0
    assert activations.softmax(np.zeros((3, 0), np.float32)).shape == (3, 0)
    with pytest.raises(TypeError, match="relu takes x and negative_slope.* Received: 0 arguments and slope"):
        activations.relu(floats(2), slope=1)


# Operations

IMAGES, KERNEL, TABLE = floats(2, 5, 5, 3), floats(2, 2, 3, 4), floats(7, 3)
Y = ops.conv(IMAGES, KERNEL)
POOLED, ARGMAX = ops.max_pool_with_argmax(IMAGES, 2)
LAST = dict(data_format="channels_last")
WINDOW = dict(strides=1, padding="valid", dilation_rate=1, **LAST)
LSTM = dict(x=floats(2, 4, 3), weight=floats(3, 20), recurrent_weight=floats(5, 20), bias=floats(20))
STATES = dict(initial_h=floats(2, 5), initial_c=floats(2, 5), mask=np.ones((2, 4), bool))
CHOICES = dict(go_backwards=False, training=True, activation="tanh", recurrent_activation="sigmoid")
GRU = dict(x=floats(2, 4, 3), weight=floats(3, 15), recurrent_weight=floats(5, 15), bias=floats(2, 15))
OPERATIONS = {
    "conv": dict(x=IMAGES, weight=KERNEL, bias=floats(4), groups=1, activation=None, **WINDOW),
    "conv_backward_input": dict(grad_output=Y, weight=KERNEL, input_shape=IMAGES.shape, groups=1, **WINDOW),
    "conv_backward_weight": dict(x=IMAGES, grad_output=Y, weight_shape=KERNEL.shape, groups=1, **WINDOW),
    "conv_transpose": dict(
        x=IMAGES, weight=floats(2, 2, 4, 3), bias=None, output_padding=None, activation=None, **WINDOW
    ),
    "depthwise_conv": dict(x=IMAGES, weight=floats(2, 2, 3, 2), bias=floats(6), **WINDOW),
    "depthwise_conv_backward_weight": dict(
        x=IMAGES, grad_output=floats(2, 4, 4, 6), weight_shape=(2, 2, 3, 2), **WINDOW
    ),
    "max_pool": dict(x=IMAGES, pool_size=2, **WINDOW),
    "max_pool_backward": dict(
        grad_output=POOLED, argmax=ARGMAX, input_shape=IMAGES.shape, pool_size=2, **WINDOW | {"strides": None}
    ),
    "average_pool": dict(x=IMAGES, pool_size=2, strides=None, padding="valid", **LAST),
    "adaptive_max_pool": dict(x=IMAGES, output_size=2, **LAST),
    "adaptive_average_pool_backward": dict(grad_output=POOLED, input_shape=IMAGES.shape, **LAST),
    "global_max_pool": dict(x=IMAGES, keepdims=False, **LAST),
    "max_unpool": dict(y=POOLED, indices=np.zeros(POOLED.shape, int), output_size=(5, 5), **LAST),
    "embedding": dict(ids=np.array([[1, 6]]), table=TABLE),
    "embedding_backward": dict(ids=np.array([[1, 6]]), grad_output=floats(1, 2, 3), input_dim=7),
    "embedding_bag": dict(
        ids=np.array([1, 6, 3]), offsets=np.array([0, 2]), table=TABLE, mode="sum", weights=None, mask=None
    ),
    "lstm": dict(input_scale=None, recurrent_scale=None, **LSTM, **STATES, **CHOICES),
    "lstm_variant": dict(peephole=None, projection=None, update_h=1.0, **LSTM, **STATES, **CHOICES),
    "gru": dict(reset_after=True, **GRU, **CHOICES),
    "RowSparseGradient": dict(ids=np.array([1, 6]), values=floats(2, 3), shape=(7, 3), checked=False),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    assert not findings(getattr(ops, name), OPERATIONS[name], list(OPERATIONS[name]))
