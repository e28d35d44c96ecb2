"""Dtype policies against Keras on PyTorch: types, values and gradients of layers, symbolic types, compile."""

import os

import ml_dtypes
import numpy as np
import pytest

import gpulayers
from gpulayers import layers
from tests.tolerances import ROUNDING

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")

IDS = np.array([[1, 3, 1], [8, 0, 3]])
CASES = {  # name: (class, arguments, shapes or inputs)
    "Dense": ("Dense", dict(units=4, activation="tanh"), (3, 5)),
    "Activation": ("Activation", dict(activation="softmax"), (3, 5)),
    "Softmax": ("Softmax", {}, (3, 5)),
    "PReLU": ("PReLU", dict(alpha_initializer="ones"), (3, 5)),
    "LeakyReLU": ("LeakyReLU", {}, (3, 5)),
    "ReLU": ("ReLU", dict(max_value=1.0, negative_slope=0.1), (3, 5)),
    "Flatten": ("Flatten", {}, (2, 3, 4)),
    "Rescaling": ("Rescaling", dict(scale=0.5, offset=1.0), (2, 3)),
    "ZeroPadding2D": ("ZeroPadding2D", {}, (2, 3, 4, 2)),
    "UpSampling2D": ("UpSampling2D", dict(interpolation="bilinear"), (2, 3, 4, 2)),
    "Conv1D": ("Conv1D", dict(filters=4, kernel_size=3, padding="causal"), (2, 7, 3)),
    "Conv2D": ("Conv2D", dict(filters=4, kernel_size=3, activation="relu"), (2, 7, 6, 3)),
    "Conv2DTranspose": ("Conv2DTranspose", dict(filters=4, kernel_size=3), (2, 4, 3, 3)),
    "DepthwiseConv2D": ("DepthwiseConv2D", dict(kernel_size=2), (2, 4, 5, 3)),
    "SeparableConv1D": ("SeparableConv1D", dict(filters=4, kernel_size=3), (2, 7, 3)),
    "MaxPooling2D": ("MaxPooling2D", {}, (2, 4, 6, 3)),
    "GlobalAveragePooling1D": ("GlobalAveragePooling1D", {}, (2, 4, 6)),
    "BatchNormalization": ("BatchNormalization", {}, (6, 4, 3)),
    "LayerNormalization": ("LayerNormalization", {}, (6, 4, 3)),
    "GroupNormalization": ("GroupNormalization", dict(groups=2), (6, 4, 4)),
    "RMSNormalization": ("RMSNormalization", {}, (6, 4, 4)),
    "UnitNormalization": ("UnitNormalization", {}, (6, 4, 4)),
    "Embedding": ("Embedding", dict(input_dim=9, output_dim=4), IDS),
    "LSTM": ("LSTM", dict(units=3, return_sequences=True), (2, 4, 5)),
    "GRU": ("GRU", dict(units=3), (2, 4, 5)),
    "SimpleRNN": ("SimpleRNN", dict(units=3), (2, 4, 5)),
    "Add": ("Add", {}, [(2, 3), (2, 3)]),
    "Average": ("Average", {}, [(2, 3), (2, 3)]),
    "Multiply": ("Multiply", {}, [(2, 3), (2, 3)]),
    "Concatenate": ("Concatenate", {}, [(2, 3), (2, 3)]),
    "Dot": ("Dot", dict(axes=1), [(2, 3), (2, 3)]),
}
POLICIES = {"mixed_float16": np.float16, "mixed_bfloat16": ml_dtypes.bfloat16}


def numpy_of(tensor):
    return tensor.detach().float().numpy()


def close(found, expected, dtype, what):
    """Within some roundings of the largest value: both sides round each intermediate result."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, what
    bound = 8 * ROUNDING[np.dtype(dtype)] * max(1.0, np.abs(expected).max(initial=0))
    assert np.abs(found - expected).max(initial=0) <= bound, (what, np.abs(found - expected).max(), bound)


def pair(name, policy):
    """(our layer, Keras's of the same weights, inputs, those as tensors)."""
    kind, arguments, given = CASES[name]
    generator = np.random.default_rng(3)
    if isinstance(given, np.ndarray):
        x = [given]
    else:
        shapes = given if isinstance(given, list) else [given]
        x = [generator.standard_normal(shape).astype(np.float32) for shape in shapes]
    ours = getattr(layers, kind)(**arguments, dtype=policy)
    theirs = getattr(keras.layers, kind)(**arguments, dtype=policy)
    tensors = [torch.tensor(part, requires_grad=part.dtype.kind == "f") for part in x]
    several = isinstance(given, list)
    for layer in (ours, theirs):
        layer.build([part.shape for part in x] if several else x[0].shape)
    weights = [generator.uniform(0.1, 0.9, weight.shape) for weight in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, (x if several else x[0]), (tensors if several else tensors[0])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", CASES)
def test_layer(name, policy):
    ours, theirs, x, tensors = pair(name, policy)
    assert (str(ours.compute_dtype), str(ours.variable_dtype), str(ours.dtype), ours.autocast) == (
        theirs.compute_dtype,
        theirs.variable_dtype,
        theirs.dtype,
        theirs.autocast,
    )
    assert [str(weight.dtype) for weight in ours.weights] == [weight.dtype for weight in theirs.weights]
    assert ours.get_config()["dtype"] == theirs.get_config()["dtype"]
    for config in (ours.get_config(), theirs.get_config()):
        assert type(ours).from_config(dict(config)).dtype_policy.name == policy
        assert type(theirs).from_config(dict(config)).dtype_policy.name == policy
    training = {"training": True} if "Batch" in name else {}
    expected = theirs(tensors, **training)
    y, backward = ours.forward(x, training=True)
    short = POLICIES[policy]
    assert keras.backend.standardize_dtype(expected.dtype) == y.dtype.name
    close(y, numpy_of(expected), short, "output")
    direction = np.random.default_rng(4).integers(-2, 3, y.shape).astype(np.float32)
    expected.backward(torch.tensor(direction).to(expected.dtype))
    grads = backward(direction)
    for part, grad in zip(
        tensors if isinstance(tensors, list) else [tensors], grads if isinstance(grads, list) else [grads]
    ):
        if part.requires_grad:
            assert grad.dtype == np.float32 and part.grad.dtype == torch.float32
            close(grad, numpy_of(part.grad), short, "gradient of the input")
    for variable, true in zip(ours.trainable_weights, theirs.trainable_weights):
        assert variable.grad.dtype == np.float32 and true.value.grad.dtype == torch.float32
        close(variable.grad, numpy_of(true.value.grad), short, variable.name)
    for variable, true in zip(ours.non_trainable_weights, theirs.non_trainable_weights):
        close(variable.value, numpy_of(true.value), short, variable.name)


@pytest.mark.parametrize("policy", ["float32", "float64", *POLICIES])
def test_symbolic_types(policy):
    def types(library):
        x = library.Input((4, 4, 3))
        made = library.layers
        tensors = [x, made.Conv2D(2, 3)(x), made.Flatten()(x), made.Add()([x, x])]
        ids = library.Input((3,), dtype="int32")
        tensors += [ids, made.Embedding(5, 2)(ids), made.LSTM(2)(made.Embedding(5, 2)(ids))]
        tensors += [made.Flatten()(ids), made.Dense(2, dtype="float32")(tensors[2])]
        return [tensor.dtype for tensor in tensors]

    try:
        for library in (gpulayers, keras):
            library.config.set_dtype_policy(policy)
        assert types(gpulayers) == types(keras)
        assert gpulayers.config.dtype_policy().name == keras.config.dtype_policy().name == policy
    finally:
        for library in (gpulayers, keras):
            library.utils.clear_session()


@pytest.mark.parametrize("policy", ["float32", "float16", *POLICIES])
@pytest.mark.parametrize("automatic", [True, False])
def test_compile(policy, automatic):
    kinds = []
    for library in (gpulayers, keras):
        model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
        model.dtype_policy = policy
        model.compile("sgd", "mse", auto_scale_loss=automatic)
        kinds.append((type(model.optimizer).__name__, model.optimizer.name.rstrip("_0123456789")))
    assert kinds[0] == kinds[1]


def test_training_with_a_scale_that_adapts():
    """Steps that overflow are left out on both sides, and the others are the same."""
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 32, 4)).astype(np.float32)[:, :, :4]
    y = y[:, :1]
    start = [generator.standard_normal((4, 1)).astype(np.float32), np.zeros(1, np.float32)]
    found = []
    for library in (gpulayers, keras):
        library.config.set_dtype_policy("mixed_float16")
        try:
            model = library.Sequential([library.Input((4,)), library.layers.Dense(1)])
        finally:
            library.utils.clear_session()
        model.set_weights(start)
        optimizer = library.optimizers.LossScaleOptimizer(
            library.optimizers.SGD(0.1), initial_scale=2.0**19, dynamic_growth_steps=3
        )
        model.compile(optimizer, "mse")
        scales = []
        for _ in range(14):
            model.train_on_batch(x, y)
            scales.append(float(optimizer.dynamic_scale))
        found.append((scales, model.get_weights()))
    assert found[0][0] == found[1][0] and len(set(found[0][0])) > 3
    for ours, theirs in zip(found[0][1], found[1][1]):
        np.testing.assert_allclose(ours, theirs, atol=5e-4)  # gradients are rounded to float16: 2^-11


WRAPPERS = {
    "bidirectional": lambda made, k: made.Bidirectional(made.GRU(3, return_sequences=True, **k), **k),
    "of another policy": lambda made, k: made.Bidirectional(made.LSTM(3, dtype="float32"), "sum", **k),
    "cells": lambda made, k: made.RNN([made.LSTMCell(3, **k), made.GRUCell(2, **k)], **k),
    "states": lambda made, k: made.LSTM(3, return_state=True, **k),
    "steps": lambda made, k: made.TimeDistributed(made.Dense(3, "tanh", **k), **k),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_and_cells(name, policy):
    generator = np.random.default_rng(5)
    x = generator.standard_normal((2, 4, 5)).astype(np.float32)
    tensor = torch.tensor(x, requires_grad=True)
    ours, theirs = (WRAPPERS[name](library.layers, dict(dtype=policy)) for library in (gpulayers, keras))
    for layer in (ours, theirs):
        layer.build(x.shape)
    weights = [generator.uniform(-0.5, 0.5, weight.shape) for weight in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    expected = theirs(tensor)
    y, backward = ours.forward(x)
    several = isinstance(y, list)
    outputs, wanted = (y, expected) if several else ([y], [expected])
    directions = [generator.standard_normal(part.shape).astype(np.float32) for part in outputs]
    short = POLICIES[policy]
    for part, true in zip(outputs, wanted, strict=True):
        assert part.dtype.name == keras.backend.standardize_dtype(true.dtype)
        close(part, numpy_of(true), short, "output")
    sum((true * torch.tensor(d).to(true.dtype)).sum() for true, d in zip(wanted, directions)).backward()
    grad = backward(directions if several else directions[0])
    assert grad.dtype == np.float32
    close(grad, numpy_of(tensor.grad), short, "gradient of the input")
    for variable, true in zip(ours.trainable_weights, theirs.trainable_weights, strict=True):
        assert variable.grad.dtype == np.float32
        close(variable.grad, numpy_of(true.value.grad), short, variable.name)


KINDS = {
    "Dense": dict(units=3),
    "Activation": dict(activation="gelu"),
    "BatchNormalization": {},
    "LayerNormalization": {},
    "PReLU": dict(shared_axes=[1]),
    "Softmax": {},
    "Dropout": dict(rate=0.0),
    "Rescaling": dict(scale=0.5),
    "Masking": {},
    "Add": {},
    "Multiply": {},
    "Maximum": {},
    "Average": {},
}


@pytest.mark.parametrize("seed", range(10))
def test_graphs(seed):
    """Random graphs whose layers have policies of their own."""
    generator = np.random.default_rng(seed)
    plan = []
    for number in range(1, 7):
        kind = str(generator.choice(list(KINDS)))
        count = 2 if kind in ("Add", "Multiply", "Maximum", "Average") else 1
        policy = str(generator.choice(["float32", *POLICIES]))
        plan.append((kind, generator.integers(0, number, count).tolist(), policy))

    def built(library):
        tensors = [library.Input((4, 3))]
        for number, (kind, sources, policy) in enumerate(plan):
            layer = getattr(library.layers, kind)(**KINDS[kind], dtype=policy, name=f"layer_{number}")
            given = [tensors[source] for source in sources]
            tensors.append(layer(given if len(given) > 1 else given[0]))
        return library.Model(tensors[0], [tensors[-1], tensors[3]])

    ours, theirs = built(gpulayers), built(keras)
    assert [tensor.dtype for tensor in ours.outputs] == [tensor.dtype for tensor in theirs.outputs]
    weights = [generator.uniform(0.1, 0.9, weight.shape) for weight in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    x = generator.standard_normal((3, 4, 3)).astype(np.float32)
    tensor = torch.tensor(x, requires_grad=True)
    (outputs, backward), expected = ours.forward(x, training=True), theirs(tensor, training=True)
    directions = [generator.standard_normal(part.shape).astype(np.float32) for part in outputs]
    coarse = ml_dtypes.bfloat16  # the graph may pass through it anywhere
    for part, true in zip(outputs, expected):
        assert part.dtype.name == keras.backend.standardize_dtype(true.dtype)
        close(part, numpy_of(true), coarse, plan)
    pairs = zip(expected, directions)
    sum((true * torch.tensor(d).to(true.dtype)).sum().double() for true, d in pairs).backward()
    close(backward(directions), numpy_of(tensor.grad), coarse, plan)
    for variable, true in zip(ours.trainable_weights, theirs.trainable_weights):
        grads = variable.grad, None if true.value.grad is None else numpy_of(true.value.grad)
        close(*(np.zeros(variable.shape) if g is None else g for g in grads), coarse, (variable.path, plan))
