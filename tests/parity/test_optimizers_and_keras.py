"""Optimizers and schedules against Keras, step by step."""

import os

import numpy as np
import pytest

from gpulayers import Variable, optimizers

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
STEPS = 20
OPTIMIZERS = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.5}, {"centered": True, "rho": 0.7, "momentum": 0.3, "epsilon": 1e-3}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-2}],
    "Adadelta": [{"learning_rate": 1.0}, {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3}],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.5, "beta_2": 0.8, "epsilon": 1e-3}],
    "AdamW": [{}, {"weight_decay": 0.3, "amsgrad": True}],
    "Nadam": [{}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4}],
    "Adamax": [{}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}],
    "Lion": [{}, {"beta_1": 0.5, "beta_2": 0.7}],
}
COMMON = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.7},
    "clipvalue": {"clipvalue": 0.4},
    "global_clipnorm": {"global_clipnorm": 1.1},
    "average": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3, "clipnorm": 0.9},
    "scaled": {"loss_scale_factor": 8.0},
    "decay": {"weight_decay": 0.2},
}


def compare(theirs, ours, exclude=None):
    generator = np.random.default_rng(0)
    starts = [generator.standard_normal(shape).astype(np.float32) for shape in ((3, 2), (4,))]
    their_variables = [keras.Variable(start, name=name) for start, name in zip(starts, ("kernel", "bias"))]
    our_variables = [Variable(start.copy(), name) for start, name in zip(starts, ("kernel", "bias"))]
    if exclude is not None:
        theirs.exclude_from_weight_decay(var_names=exclude)
        ours.exclude_from_weight_decay(var_names=exclude)
    for step in range(STEPS):
        grads = [generator.standard_normal(start.shape).astype(np.float32) for start in starts]
        theirs.apply([keras.ops.convert_to_tensor(grad) for grad in grads], their_variables)
        ours.apply_gradients(zip(grads, our_variables))
        for first, second in zip(our_variables, their_variables):
            expected = keras.ops.convert_to_numpy(second.value)
            np.testing.assert_allclose(first.value, expected, rtol=5e-5, atol=1e-6, err_msg=f"step {step}")
    theirs.finalize_variable_values(their_variables)
    ours.finalize_variable_values(our_variables)
    for first, second in zip(our_variables, their_variables):
        np.testing.assert_allclose(
            first.value, keras.ops.convert_to_numpy(second.value), rtol=5e-5, atol=1e-6
        )


@pytest.mark.parametrize("common", COMMON)
@pytest.mark.parametrize("name, number", [(n, i) for n, c in OPTIMIZERS.items() for i in range(len(c))])
def test_steps(name, number, common):
    options = {"learning_rate": 0.05} | COMMON[common] | OPTIMIZERS[name][number]
    compare(getattr(keras.optimizers, name)(**options), getattr(optimizers, name)(**options))


def test_excluded_from_decay():
    options = dict(learning_rate=0.1, weight_decay=0.3)
    compare(keras.optimizers.AdamW(**options), optimizers.AdamW(**options), exclude=["bias"])


SCHEDULES = [
    ("ExponentialDecay", (0.1, 7, 0.5)),
    ("ExponentialDecay", (0.1, 7, 0.5, True)),
    ("PiecewiseConstantDecay", ([3, 9], [0.3, 0.2, 0.1])),
    ("PolynomialDecay", (0.1, 8, 0.01, 2.0)),
    ("PolynomialDecay", (0.1, 8, 0.01, 0.5, True)),
    ("InverseTimeDecay", (0.1, 5, 0.7)),
    ("InverseTimeDecay", (0.1, 5, 0.7, True)),
    ("CosineDecay", (0.1, 10, 0.2)),
    ("CosineDecay", (0.01, 10, 0.1, "name", 0.2, 4)),
    ("CosineDecayRestarts", (0.1, 4)),
    ("CosineDecayRestarts", (0.1, 5, 1.0, 0.8, 0.1)),
    ("CosineDecayRestarts", (0.1, 3, 1.5, 0.9, 0.05)),
]


@pytest.mark.parametrize("name, arguments", SCHEDULES)
def test_schedules(name, arguments):
    theirs = getattr(keras.optimizers.schedules, name)(*arguments)
    ours = getattr(optimizers.schedules, name)(*arguments)
    for step in range(45):
        if name == "CosineDecayRestarts" and abs(float(theirs(step)) - float(theirs(step + 1))) > 0.05:
            continue  # at a restart float32 logarithms fall on either side
        np.testing.assert_allclose(ours(step), float(theirs(step)), rtol=1e-4, atol=1e-7, err_msg=str(step))
    assert ours.get_config() == theirs.get_config()
    compare(keras.optimizers.SGD(theirs, momentum=0.5), optimizers.SGD(ours, momentum=0.5))


def test_loss_scale():
    options = {"initial_scale": 64.0, "dynamic_growth_steps": 3}
    theirs = keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop(0.1), **options)
    ours = optimizers.LossScaleOptimizer(optimizers.RMSprop(0.1), **options)
    their_variable = keras.Variable(np.ones(2, np.float32))
    our_variable = Variable(np.ones(2, np.float32), "w")
    for step in range(STEPS):
        grad = np.array([1.0, np.inf if step in (4, 5, 11) else -step], np.float32)
        theirs.apply([keras.ops.convert_to_tensor(grad)], [their_variable])
        ours.apply_gradients([(grad, our_variable)])
        expected = keras.ops.convert_to_numpy(their_variable.value)
        np.testing.assert_allclose(our_variable.value, expected, rtol=5e-5, atol=1e-6)
        assert ours.scale_loss(1.0) == float(theirs.scale_loss(1.0))
        assert ours.iterations == int(theirs.iterations)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_configurations(name):
    theirs, ours = getattr(keras.optimizers, name)(0.1), getattr(optimizers, name)(0.1)
    expected = theirs.get_config()
    assert set(ours.get_config()) == set(expected)
    for key, value in ours.get_config().items():
        assert key == "name" or value == expected[key] or value == pytest.approx(expected[key]), key
