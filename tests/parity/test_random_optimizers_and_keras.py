"""Optimizers of random configurations over their whole signatures, step by step against Keras."""

import inspect
import os
import random

import numpy as np
import pytest

from gpulayers import Variable, optimizers

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy; gradients are left out on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:Gradients do not exist"),
    pytest.mark.filterwarnings("ignore:There are no gradients"),
]
CLOSE = dict(rtol=3e-5, atol=3e-5)  # float32 on both sides, sums and quotients in other orders over the steps
NOT_HERE = {"MultiOptimizer", "OptimizerMap"}  # several optimizers in one
WRAPPERS = {"Optimizer", "LossScaleOptimizer"}
# On PyTorch Keras overwrites the old sequence before it uses it: tests/test_optimizers.py has the formula.
DIFFERENT = {"ScheduleFreeAdamW"}
RATES = [0.1, 0.01, 0.5]
CHOICES = {
    "adam_beta_1": [0.8],
    "adam_beta_2": [0.9],
    "adam_lr_ratio": [1, 0.5],
    "adam_weight_decay": [0.01],
    "amsgrad": [False, True],
    "beta": [0.0, 0.5],
    "beta_1": [0.9, 0.5, 0.3],
    "beta_2": [0.999, 0.9, 0.6],
    "beta_2_decay": [-0.8, -0.5],
    "centered": [False, True],
    "clip_threshold": [1.0, 0.5],
    "clipnorm": [0.3, 1.0],
    "clipvalue": [0.3, 1.0],
    "ema_momentum": [0.99, 0.5, 1.0],
    "ema_overwrite_frequency": [None, 1, 3],
    "epsilon": [1e-7, 1e-3],
    "epsilon_1": [1e-30, 1e-6],
    "epsilon_2": [1e-3, 0.1],
    "exclude_embeddings": [False, True],
    "exclude_layers": [None, ["bias"]],
    "global_clipnorm": [0.3, 1.0],
    "gradient_accumulation_steps": [None, 2, 3],
    "initial_accumulator_value": [0.1, 0.0, 1.0],
    "l1_regularization_strength": [0.0, 0.1],
    "l2_regularization_strength": [0.0, 0.1],
    "l2_shrinkage_regularization_strength": [0.0, 0.1],
    "learning_rate_power": [-0.5, -0.3, 0.0],
    "loss_scale_factor": [None, 4.0, 3.0],
    "momentum": [0.0, 0.9, 0.5],
    "muon_a": [3.4],
    "muon_b": [-4.7],
    "muon_c": [2.0],
    "name": [None, "mine"],
    "nesterov": [False, True],
    "ns_steps": [5, 2],
    "relative_step": [False, True],
    "rho": [0.9, 0.5],
    "rms_rate": [0.2, None],
    "use_ema": [False, True],
    "warmup_steps": [0, 3],
    "weight_decay": [0.1, 0.01],
}
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
SCHEDULES = {
    "ExponentialDecay": {"decay_steps": 3, "decay_rate": 0.5, "staircase": True},
    "PolynomialDecay": {"decay_steps": 3, "end_learning_rate": 0.01, "power": 2.0, "cycle": True},
    "InverseTimeDecay": {"decay_steps": 2, "decay_rate": 0.4},
    "CosineDecay": {"decay_steps": 4, "alpha": 0.1, "warmup_target": 0.3, "warmup_steps": 3},
    "CosineDecayRestarts": {"first_decay_steps": 5, "t_mul": 1.5, "m_mul": 0.7},
}
STARTS = {
    name: np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    for name, shape in (("kernel", (3, 2)), ("bias", (4,)), ("scale", ()))
}


def of_keras():
    return [name for name in dir(keras.optimizers) if isinstance(getattr(keras.optimizers, name), type)]


def numpy_of(variable):
    return keras.ops.convert_to_numpy(variable.value)


def pair(name, chooser):
    """(Keras's, ours) of the same random arguments."""
    kinds = getattr(keras.optimizers, name), getattr(optimizers, name)
    drawn = {
        key: chooser.choice(CHOICES[key])
        for key in inspect.signature(kinds[1]).parameters
        if key != "learning_rate" and key not in CLIPS and chooser.random() < 0.5
    }
    clip = chooser.choice([None, *CLIPS])
    if clip:
        drawn[clip] = chooser.choice(CHOICES[clip])
    rates = [chooser.choice(RATES)] * 2
    if chooser.random() < 0.3:
        schedule = chooser.choice(list(SCHEDULES))
        rates = [
            getattr(library.optimizers.schedules, schedule)(rates[0], **SCHEDULES[schedule])
            for library in (keras, __import__("gpulayers"))
        ]
    return [kind(learning_rate=rate, **drawn) for kind, rate in zip(kinds, rates)]


@pytest.mark.parametrize("name", sorted(set(of_keras()) - NOT_HERE - WRAPPERS))
def test_signatures(name):
    parameters = list(inspect.signature(getattr(keras.optimizers, name).__init__).parameters.values())[1:-1]
    ours = inspect.signature(getattr(optimizers, name)).parameters
    assert list(ours) == [parameter.name for parameter in parameters]
    for parameter in parameters:
        default = ours[parameter.name].default
        assert default == parameter.default and type(default) is type(parameter.default), parameter


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", sorted(set(of_keras()) - NOT_HERE - WRAPPERS - DIFFERENT))
def test_random_configurations(name, seed):
    chooser = random.Random(f"{name} {seed}")
    theirs, ours = pair(name, chooser)
    expected, config = theirs.get_config(), ours.get_config()
    assert list(config) == list(expected)
    for key in set(config) - {"name", "learning_rate"}:
        assert config[key] == expected[key], key
    their_variables = [keras.Variable(start, name=key) for key, start in STARTS.items()]
    our_variables = [Variable(start.copy(), key) for key, start in STARTS.items()]
    if chooser.random() < 0.3:
        theirs.exclude_from_weight_decay(var_names=["bi"], var_list=[their_variables[2]])
        ours.exclude_from_weight_decay(var_names=["bi"], var_list=[our_variables[2]])
    generator = np.random.default_rng(seed)
    for step in range(7):
        grads = [generator.standard_normal(start.shape).astype(np.float32) for start in STARTS.values()]
        given = [keras.ops.convert_to_tensor(grad) for grad in grads]
        if step == 4:
            grads[1] = given[1] = None
        theirs.apply(given, their_variables)
        ours.apply(grads, our_variables)
        assert ours.iterations == int(theirs.iterations)
        assert ours.learning_rate == pytest.approx(float(theirs.learning_rate), rel=1e-5)
        for first, second in zip(our_variables, their_variables):
            np.testing.assert_allclose(first.value, numpy_of(second), err_msg=f"step {step}", **CLOSE)
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    for first, second in zip(ours.variables, theirs.variables):
        assert first.name == second.name or name == "Nadam"  # whose product has no name there
        np.testing.assert_allclose(first.value, numpy_of(second), err_msg=first.name, **CLOSE)
    theirs.finalize_variable_values(their_variables)
    ours.finalize_variable_values(our_variables)
    for first, second in zip(our_variables, their_variables):
        np.testing.assert_allclose(first.value, numpy_of(second), **CLOSE)


def test_a_dynamic_loss_scale():
    theirs, ours = (
        library.optimizers.LossScaleOptimizer(
            library.optimizers.Adam(0.1, gradient_accumulation_steps=2, clipnorm=1.0),
            initial_scale=64.0,
            dynamic_growth_steps=2,
        )
        for library in (keras, __import__("gpulayers"))
    )
    their_variables = [keras.Variable(start, name=key) for key, start in STARTS.items()]
    our_variables = [Variable(start.copy(), key) for key, start in STARTS.items()]
    generator = np.random.default_rng(0)
    for bad in (None, None, None, np.inf, None, np.nan, -np.inf, None, None, None, None):
        grads = [generator.standard_normal(start.shape).astype(np.float32) for start in STARTS.values()]
        if bad is not None:
            grads[1][3] = bad
        theirs.apply([keras.ops.convert_to_tensor(grad) for grad in grads], their_variables)
        ours.apply(grads, our_variables)
        assert ours.scale_loss(1.0) == float(theirs.scale_loss(1.0))
        for first, second in zip(our_variables, their_variables):
            np.testing.assert_allclose(first.value, numpy_of(second), **CLOSE)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for first, second in list(zip(ours.variables, theirs.variables))[2:]:
        np.testing.assert_allclose(first.value, numpy_of(second), err_msg=first.name, **CLOSE)
