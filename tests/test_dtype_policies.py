"""Dtype policies: every layer under every policy, models that train in mixed precision, configurations."""

import warnings

import numpy as np
import pytest

import gpulayers
from gpulayers import (
    Input,
    Model,
    Sequential,
    config,
    dtype_policies,
    layers,
    mixed_precision,
    ops,
    optimizers,
)
from gpulayers.ops import arrays

from .layer_makers import INTEGERS, MAKERS, MERGES, PLAIN, RANDOM, RECURRENT

POLICIES = {  # name: (compute dtype, variable dtype)
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "float16": ("float16", "float16"),
    "bfloat16": ("bfloat16", "bfloat16"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
}
MIXED = ["mixed_float16", "mixed_bfloat16"]
policies = pytest.mark.parametrize("policy", POLICIES)
mixed = pytest.mark.parametrize("policy", MIXED)
ALL = PLAIN | MAKERS | RANDOM | MERGES | RECURRENT | INTEGERS
ELSEWHERE = {  # cells are under RNN
    "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "InputLayer", "Layer",
    "MaxUnpooling1D", "MaxUnpooling2D", "MaxUnpooling3D",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_policy_stays():
    yield
    config.clear_dtype_policy()


def inputs_of(name, dtype=np.float32):
    given = ALL[name][1]
    if name in INTEGERS:
        return given
    generator = np.random.default_rng(0)
    if isinstance(given, list):
        return [generator.standard_normal(shape).astype(dtype) for shape in given]
    return generator.standard_normal(given).astype(dtype)


def made(name, policy):
    """The layer, built, with weights that are exact in every type."""
    gpulayers.set_random_seed(5)
    layer, x = ALL[name][0](dtype=policy), inputs_of(name)
    layer.build([part.shape for part in x] if isinstance(x, list) else x.shape)
    generator = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(generator.integers(1, 12, variable.shape) / 8)
    return layer


def flat(value):
    return value if isinstance(value, list) else [value]


def test_every_layer_is_here():
    classes = {value.__name__ for value in vars(layers).values() if isinstance(value, type)}
    classes = {name for name in classes if issubclass(getattr(layers, name), layers.Layer)}
    assert classes - {name.split()[0].rstrip(",") for name in ALL} == ELSEWHERE


@policies
@pytest.mark.parametrize("name", ALL)
def test_types(name, policy):
    compute, variable_type = POLICIES[policy]
    layer = made(name, policy)
    assert layer.dtype_policy.name == policy
    assert layer.compute_dtype == compute
    assert layer.dtype == layer.variable_dtype == variable_type
    x = inputs_of(name)
    outputs, backward = layer.forward(x, training=True)
    assert {part.dtype.name for part in flat(outputs)} == {compute}
    grads = backward(
        [np.ones_like(y) for y in outputs] if isinstance(outputs, list) else np.ones_like(outputs)
    )
    for part, grad in zip(flat(x), flat(grads)):
        assert (grad is None) if name in INTEGERS else (grad.dtype == part.dtype and grad.shape == part.shape)
    for variable in layer.weights:
        assert variable.dtype == variable_type
        assert variable.grad is None or variable.grad.dtype == variable_type
    assert all(variable.grad is not None for variable in layer.trainable_weights)


@mixed
@pytest.mark.parametrize("name", [name for name in ALL if name not in INTEGERS])
def test_mixed_is_the_short_type_with_wide_weights(name, policy):
    """With weights that both types hold exactly, the numbers are those of the type of 16 bits."""
    x = inputs_of(name, arrays.float_dtype(POLICIES[policy][0], "policy"))
    results = []
    for each in (policy, POLICIES[policy][0]):
        layer = made(name, each)
        gpulayers.set_random_seed(6)
        outputs, backward = layer.forward(x, training=True)
        several = isinstance(outputs, list)
        grads = backward([y * 0 + 1 for y in outputs] if several else outputs * 0 + 1)
        results.append((flat(outputs) + flat(grads), [variable.grad for variable in layer.trainable_weights]))
    (outputs, grads), (expected, expected_grads) = results
    for found, wanted in zip(outputs, expected):
        np.testing.assert_array_equal(found, wanted)
    for found, wanted in zip(grads, expected_grads):
        np.testing.assert_array_equal(found.astype(wanted.dtype), wanted)


@mixed
@pytest.mark.parametrize("name", INTEGERS)
def test_tables_are_gathered_in_float32(name, policy, monkeypatch):
    layer, x = made(name, policy), inputs_of(name)
    seen, function = [], "embedding" if name == "Embedding" else "embedding_bag"
    real = getattr(ops, function)

    def noted(ids, *operands, **options):
        seen.extend(operand for operand in operands if operand.ndim == 2)
        return real(ids, *operands, **options)

    monkeypatch.setattr(ops, function, noted)
    y, backward = layer.forward(x)
    assert seen[0] is layer.embeddings.value
    expected = made(name, "float32").forward(x)[0]
    np.testing.assert_array_equal(y, expected.astype(y.dtype))
    # 1 + 1/2^11 needs more digits than either type has: only a sum in float32 keeps it.
    backward(np.full_like(y, 1))
    layer.embeddings.add_grad(np.full(layer.embeddings.shape, 2.0**-11, np.float32))
    assert layer.embeddings.grad[8, 0] == 1 + 2.0**-11


def test_gradients_are_added_in_float32():
    layer = layers.Dense(1, use_bias=False, dtype="mixed_float16")
    for value in (1, 2.0**-11):
        y, backward = layer.forward(np.full((1, 1), value, np.float32))
        backward(np.ones_like(y))
    assert layer.kernel.grad.dtype == np.float32 and layer.kernel.grad[0, 0] == 1 + 2.0**-11


@mixed
def test_statistics_are_formed_in_float32(policy):
    """Values whose squares overflow in float16."""
    x = np.array([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, -1000.0], [-1000.0, 1000.0]], np.float32)
    for layer in (layers.BatchNormalization(dtype=policy), layers.LayerNormalization(dtype=policy)):
        y = layer(x, training=True)
        assert y.dtype == POLICIES[policy][0]
        np.testing.assert_array_equal(abs(y.astype(np.float32)), 1)
    layer = layers.GroupNormalization(1, dtype=policy)
    np.testing.assert_array_equal(abs(layer(x).astype(np.float32)), 1)


def test_sample_statistics_see_the_input_before_it_is_rounded():
    x = np.array([[1, 1 + 2.0**-12]], np.float32)  # equal in float16
    layer = layers.LayerNormalization(epsilon=1e-12, dtype="mixed_float16")
    assert not layer.autocast
    y = layer(x)
    assert y.dtype == np.float16 and y[0, 0] < -0.9 and y[0, 1] > 0.9


@mixed
def test_recurrent_states_and_their_gradients(policy):
    x, states = np.ones((2, 3, 4), np.float32), [np.ones((2, 3), np.float32), np.ones((2, 3), np.float64)]
    layer = layers.LSTM(3, return_state=True, dtype=policy)
    outputs, backward = layer.forward(x, initial_state=states)
    assert {part.dtype.name for part in outputs} == {POLICIES[policy][0]}
    grads = backward([np.ones_like(part) for part in outputs])
    assert [grad.dtype.name for grad in grads] == ["float32", "float32", "float64"]
    assert layer.get_initial_state(2)[0].dtype == POLICIES[policy][0]


def test_wrappers_put_out_their_own_type():
    x = np.ones((2, 3, 4), np.float32)
    inner = layers.Dense(2, dtype="float64")
    wrapper = layers.TimeDistributed(inner, dtype="mixed_float16")
    y, backward = wrapper.forward(x)
    assert y.dtype == np.float16 and inner.kernel.dtype == np.float64
    assert backward(y).dtype == np.float32
    both = layers.Bidirectional(layers.GRU(2, dtype="mixed_float16"), dtype="float32")
    assert both(x).dtype == np.float32 and both.forward_layer.cell.compute_dtype == np.float16


@policies
@pytest.mark.parametrize("name", ALL)
def test_configurations_carry_the_policy(name, policy):
    layer = made(name, policy)
    stored = layer.get_config()
    assert stored["dtype"] == dtype_policies.serialize(config.DTypePolicy(policy))
    again = layers.deserialize(layers.serialize(layer))
    assert again.dtype_policy == layer.dtype_policy
    assert again.get_config() == stored


@mixed
def test_models_carry_the_policy(policy):
    config.set_dtype_policy(policy)
    model = Sequential([Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)])
    inputs = Input((4,))
    hidden = layers.Dense(3)(inputs)
    functional = Model(inputs, [model(inputs), layers.Dense(2, "softmax", dtype="float32")(hidden)])
    config.clear_dtype_policy()
    assert inputs.dtype == "float32" and hidden.dtype == POLICIES[policy][0]
    assert [tensor.dtype for tensor in functional.outputs] == [POLICIES[policy][0], "float32"]
    assert model.dtype_policy.name == functional.dtype_policy.name == policy
    for original in (model, functional):
        again = type(original).from_config(original.get_config())
        assert again.dtype_policy == original.dtype_policy
        assert [layer.dtype_policy for layer in again.layers] == [
            layer.dtype_policy for layer in original.layers
        ]
    short, wide = functional(np.ones((2, 4), np.float32))
    assert short.dtype == POLICIES[policy][0] and wide.dtype == np.float32
    assert all(variable.dtype == np.float32 for variable in functional.weights)


def test_symbolic_types():
    ids = Input((3,), dtype="int32")
    config.set_dtype_policy("mixed_bfloat16")
    assert Input((2,)).dtype == layers.InputLayer((2,)).get_config()["dtype"] == "float32"
    assert layers.Embedding(5, 2)(ids).dtype == "bfloat16"
    assert layers.Flatten()(ids).dtype == layers.Concatenate()([ids, ids]).dtype == "int32"
    assert layers.Average()([ids, ids]).dtype == layers.Rescaling(2)(ids).dtype == "bfloat16"
    floats = Input((4, 4, 2))
    assert layers.Add()([floats, layers.Identity()(floats)]).dtype == "bfloat16"
    values, indices = layers.MaxPooling2D(return_indices=True)(floats)
    assert (values.dtype, indices.dtype) == ("bfloat16", "int64")
    assert layers.MaxUnpooling2D()([values, indices]).dtype == "bfloat16"
    double = Input((2,), dtype="float64")
    assert layers.Dense(2, dtype="float32")(double).dtype == "float32"


# Training


def data():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((256, 8)).astype(np.float32)
    return x, (x[:, :1] * x[:, 1:2] + x[:, 2:3] > 0).astype(np.float32)


@policies
def test_training(policy):
    gpulayers.set_random_seed(1)
    config.set_dtype_policy(policy)
    model = Sequential(
        [Input((8,)), layers.Dense(32, "relu"), layers.BatchNormalization(), layers.Dense(1, "sigmoid")]
    )
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    assert isinstance(model.optimizer, optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    history = model.fit(*data(), epochs=8, batch_size=32, verbose=0).history
    assert history["loss"][-1] < 0.6 * history["loss"][0] and history["accuracy"][-1] > 0.9
    loss, accuracy = model.evaluate(*data(), verbose=0)
    assert loss < 0.4 and accuracy > 0.9
    assert model.predict(data()[0], verbose=0).dtype == POLICIES[policy][0]


def test_automatic_loss_scale():
    def optimizer_of(policy, **options):
        model = Sequential([Input((2,)), layers.Dense(1)], dtype=policy)
        model.compile(**{"optimizer": "sgd", "loss": "mse"} | options)
        return model.optimizer

    scaled = optimizer_of("mixed_float16")
    assert type(scaled) is optimizers.LossScaleOptimizer and scaled.name == "loss_scale_optimizer"
    assert type(scaled.inner_optimizer) is optimizers.SGD
    given = optimizers.LossScaleOptimizer(optimizers.Adam())
    assert optimizer_of("mixed_float16", optimizer=given) is given
    assert type(optimizer_of("mixed_float16", auto_scale_loss=False)) is optimizers.SGD
    for policy in set(POLICIES) - {"mixed_float16"}:
        assert type(optimizer_of(policy)) is optimizers.SGD


def test_steps_that_overflow_are_left_out():
    config.set_dtype_policy("mixed_float16")
    x, y = np.ones((4, 2), np.float32), np.full((4, 1), 8, np.float32)
    model = Sequential([Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.LossScaleOptimizer(optimizers.SGD(0.01), initial_scale=2.0**17), "mse")
    # The loss's gradient is 2 (2 - 8) / 4 a sample: -3 * scale, and 4 samples are added up.
    scales, kernels = [], []
    for _ in range(6):
        model.train_on_batch(x, y)
        scales.append(float(model.optimizer.dynamic_scale))
        kernels.append(model.layers[0].kernel.numpy()[0, 0])
    assert scales == [2.0**16, 2.0**15, 2.0**14, 2.0**13, 2.0**12, 2.0**12]
    assert kernels[:5] == [1.0] * 5 and kernels[5] == np.float32(1.12)
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize("factor", [1.0, 256.0])
def test_the_loss_scale_reaches_penalties(factor):
    """A scale leaves the step as it is, penalties on weights and outputs included."""
    layer = layers.Dense(
        2, kernel_initializer="ones", kernel_regularizer="l2", activity_regularizer="l2", use_bias=False
    )
    model = Sequential([Input((2,)), layer])
    model.compile(optimizers.SGD(1.0, loss_scale_factor=None if factor == 1 else factor), "mse")
    model.train_on_batch(np.ones((1, 2), np.float32), np.full((1, 2), 2, np.float32))
    # The outputs are 2: no error; the penalties give 0.02 * 1 and 0.02 * 2.
    np.testing.assert_allclose(layer.kernel.value, 1 - 0.06, rtol=1e-6)


def test_penalties_are_formed_in_wide_types():
    layer = layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l2", dtype="mixed_float16")
    layer(np.full((1, 2), 1000, np.float32))
    layer.kernel.assign(np.full((2, 2), 0.5))
    y, _ = layer.forward(np.full((1, 2), 1000, np.float32))
    np.testing.assert_array_equal(y, 1000)
    assert float(layer.losses[0]) == np.float32(0.01) * 2e6  # more than float16 holds
    assert layer.kernel.regularizer(layer.kernel.value).dtype == np.float32


# Policies


def test_policies():
    for name, (compute, variable) in POLICIES.items():
        policy = config.DTypePolicy(name)
        assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
        assert policy == config.DTypePolicy(name) and hash(policy) == hash(config.DTypePolicy(name))
        assert config.DTypePolicy.from_config(policy.get_config()) == policy
        assert repr(policy) == f'<DTypePolicy "{name}">'
        for form in (name, policy, dtype_policies.serialize(policy)):
            assert dtype_policies.get(form) == policy
            assert layers.Dense(2, dtype=form).dtype_policy == policy
    assert (
        dtype_policies.get(np.float16)
        == dtype_policies.get(np.dtype("float16"))
        == config.DTypePolicy("float16")
    )
    assert dtype_policies.get(arrays.bfloat16).name == "bfloat16"
    assert (
        config.DTypePolicy("float32") != config.DTypePolicy("float64") and config.DTypePolicy("float32") != 3
    )
    of_keras_2 = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    assert layers.Dense(2, dtype=of_keras_2).compute_dtype == np.float16


def test_the_policy_in_force():
    assert config.dtype_policy() == config.DTypePolicy("float32") == config.DTypePolicy()
    mixed_precision.set_global_policy("mixed_bfloat16")
    assert mixed_precision.global_policy() == config.DTypePolicy() == mixed_precision.Policy("mixed_bfloat16")
    assert layers.Dense(2).compute_dtype == "bfloat16" and layers.Dense(2).dtype == "float32"
    assert layers.Dense(2, dtype="float64").compute_dtype == "float64"
    gpulayers.config.set_dtype_policy(gpulayers.DTypePolicy("float16"))
    assert layers.Dense(2).dtype == np.float16
    gpulayers.utils.clear_session()
    assert layers.Dense(2).dtype == np.float32
    gpulayers.set_floatx("float64")
    try:
        assert layers.Dense(2).dtype_policy.name == "float64"
    finally:
        gpulayers.set_floatx("float32")


def test_a_layer_takes_another_policy():
    layer = layers.Dense(2)
    layer.dtype_policy = "mixed_float16"
    assert layer(np.ones((2, 2))).dtype == np.float16 and layer.kernel.dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        "int32",
        "mixed_float64",
        "int8_from_float32",
        np.int64,
        pytest.param(object(), id="an object"),
        {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}},
        {"class_name": "DTypePolicy"},
        {"name": "float32"},
    ],
    ids=str,
)
def test_wrong_policies(wrong):
    with pytest.raises(ValueError, match="dtype must be .* Received: "):
        layers.Dense(2, dtype=wrong)
    with pytest.raises(ValueError, match="Received: "):
        config.set_dtype_policy(wrong)
    assert config.dtype_policy().name == "float32"


def test_a_name_that_is_no_string():
    with pytest.raises(TypeError, match="must be a string. Received: 3"):
        config.DTypePolicy(3)


def test_a_layer_of_ones_own_reads_its_weights_by_cast():
    class Scaled(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight((input_shape[-1],), "ones")

        def forward(self, x, training=True):
            scale = self.cast(self.scale)

            def backward(grad_output):
                self.scale.add_grad((grad_output * x).sum(axis=0))
                return grad_output * scale

            return x * scale, backward

    layer = Scaled(dtype="mixed_float16")
    y, backward = layer.forward(np.ones((2, 3), np.float32))
    assert y.dtype == np.float16 and backward(np.ones((2, 3), np.float64)).dtype == np.float32
    assert layer.scale.dtype == layer.scale.grad.dtype == np.float32
    assert layer.cast(None) is None


def test_training_in_float16_is_silent():
    config.set_dtype_policy("mixed_float16")
    model = Sequential([Input((8,)), layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile(optimizers.LossScaleOptimizer(optimizers.SGD(0.01), initial_scale=2.0**30), "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(*data(), epochs=1, verbose=0)
    assert float(model.optimizer.dynamic_scale) < 2.0**30
