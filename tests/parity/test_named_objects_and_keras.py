"""Initializers, regularizers, constraints and activations against Keras: names, signatures, configurations,
values, distributions."""

import copy
import inspect
import os

import numpy as np
import pytest

import gpulayers
from gpulayers import activations, constraints, initializers, regularizers
from gpulayers.ops.activation import Activation

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
MODULES = ("initializers", "regularizers", "constraints", "activations")
# Of short-time Fourier transforms, whose layer is not here.
ABSENT = {"STFT", "STFTInitializer", "stft"}
NAMES = [
    (module, name)
    for module in MODULES
    for name in dir(getattr(keras, module))
    if not name.startswith("_") and name not in ABSENT
]


def ours_and_theirs(module, name):
    return getattr(getattr(gpulayers, module), name), getattr(getattr(keras, module), name)


def numpy_of(tensor):
    return tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)


@pytest.mark.parametrize("module, name", NAMES)
def test_names_and_signatures(module, name):
    ours, theirs = ours_and_theirs(module, name)
    if name in ("serialize", "get", "Initializer", "Regularizer", "Constraint"):
        assert callable(ours)
        return
    if isinstance(ours, Activation):  # after the array module, the input and where the output goes
        parameters = list(inspect.signature(ours.function).parameters.values())[3:]
        expected = list(inspect.signature(theirs).parameters.values())[1:]
    else:
        parameters = list(inspect.signature(ours).parameters.values())
        expected = list(inspect.signature(theirs).parameters.values())
    assert [(p.name, p.default) for p in parameters] == [(p.name, p.default) for p in expected]


@pytest.mark.parametrize("module", MODULES[:3])
def test_names_that_layers_take(module):
    known = getattr(keras.src, module).ALL_OBJECTS_DICT
    for name in set(known) - ABSENT - {"Initializer", "Regularizer", "Constraint"}:
        if name in ("initializer", "regularizer", "constraint"):
            continue
        kind = known[name].__name__
        assert type(getattr(gpulayers, module).get(name)).__name__ == kind, name


def test_names_of_activations():
    known = keras.src.activations.ALL_OBJECTS_DICT
    assert set(known) == set(activations.ACTIVATIONS)
    for name in known:
        expected = keras.activations.serialize(keras.activations.get(name))
        assert activations.serialize(activations.get(name)) == expected


OBJECTS = [
    ("initializers", "Zeros", {}),
    ("initializers", "Ones", {}),
    ("initializers", "Constant", {"value": 0.3}),
    ("initializers", "Identity", {"gain": 2.0}),
    ("initializers", "RandomNormal", {"mean": 1.0, "stddev": 0.5, "seed": 3}),
    ("initializers", "RandomUniform", {"minval": -1.0, "maxval": 0.5}),
    ("initializers", "TruncatedNormal", {"stddev": 0.5}),
    ("initializers", "VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "uniform"}),
    ("initializers", "VarianceScaling", {"input_axes": [0, 2], "output_axes": [1]}),
    ("initializers", "GlorotUniform", {"seed": 4}),
    ("initializers", "GlorotNormal", {}),
    ("initializers", "HeUniform", {"input_axes": [1], "output_axes": [0, 2]}),
    ("initializers", "HeNormal", {}),
    ("initializers", "LecunUniform", {}),
    ("initializers", "LecunNormal", {}),
    ("initializers", "Orthogonal", {"gain": 0.5}),
    ("regularizers", "L1", {"l1": 0.25}),
    ("regularizers", "L2", {"l2": 0.25}),
    ("regularizers", "L1L2", {"l1": 0.25, "l2": 0.5}),
    ("regularizers", "OrthogonalRegularizer", {"factor": 0.25}),
    ("regularizers", "OrthogonalRegularizer", {"factor": 0.25, "mode": "columns"}),
    ("constraints", "MaxNorm", {"max_value": 0.5, "axis": 1}),
    ("constraints", "NonNeg", {}),
    ("constraints", "UnitNorm", {"axis": 0}),
    ("constraints", "MinMaxNorm", {"min_value": 0.5, "max_value": 0.75, "rate": 0.5, "axis": 0}),
]


@pytest.mark.parametrize("module, name, arguments", OBJECTS, ids=str)
def test_configurations(module, name, arguments):
    ours, theirs = (kind(**arguments) for kind in ours_and_theirs(module, name))
    modules = getattr(gpulayers, module), getattr(keras, module)
    nodes = modules[0].serialize(ours), modules[1].serialize(theirs)
    if name == "Identity":  # whose gain Keras forgets
        assert nodes[1]["config"] == {} and nodes[0]["config"] == arguments
        assert modules[0].deserialize(nodes[0]).gain == 2.0
        return
    assert nodes[0] == nodes[1]
    for library in modules:
        for node in nodes:
            again = library.deserialize(copy.deepcopy(node))
            assert type(again).__name__ == name and again.get_config() == nodes[0]["config"]
    if name == "Constant":
        return  # Keras does not make one from its name alone
    defaults = [library.get(name).get_config() for library in modules]
    for key, value in defaults[1].items():  # Keras keeps factors in float32
        wanted = np.float32(value) if isinstance(value, float) else value
        assert (np.float32(defaults[0][key]) if isinstance(value, float) else defaults[0][key]) == wanted
    assert set(defaults[0]) == set(defaults[1])


def test_every_class_is_among_them():
    kinds = {
        (module, name)
        for module, name in NAMES
        if inspect.isclass(getattr(getattr(keras, module), name)) and name[0].isupper()
    }
    kinds -= {("initializers", "IdentityInitializer"), ("initializers", "OrthogonalInitializer")}
    kinds -= {("initializers", "Initializer"), ("regularizers", "Regularizer"), ("constraints", "Constraint")}
    assert kinds == {(module, name) for module, name, _ in OBJECTS}


RANDOM = [(name, arguments) for module, name, arguments in OBJECTS if module == "initializers"]


@pytest.mark.parametrize("shape", [(60, 50, 4), (80, 150)])
@pytest.mark.parametrize("name, arguments", RANDOM, ids=str)
def test_distributions(name, arguments, shape):
    if name == "Identity" and len(shape) > 2:
        return
    if len(shape) == 2 and arguments.get("input_axes"):
        arguments = dict(arguments, input_axes=[1], output_axes=[0])
    gpulayers.set_random_seed(2)
    keras.utils.set_random_seed(2)
    ours, theirs = (kind(**arguments) for kind in ours_and_theirs("initializers", name))
    x = ours(shape, dtype="float32")
    y = numpy_of(theirs(shape, dtype="float32"))
    assert x.shape == y.shape and x.dtype == y.dtype
    if name in ("Zeros", "Ones", "Constant", "Identity"):
        np.testing.assert_array_equal(x, y)
        return
    # Five standard errors of the difference of two samples; of the variance's, as if normal.
    count = x.size
    scale = np.sqrt((x.var() + y.var()) / count)
    assert abs(x.mean() - y.mean()) < 5 * scale
    assert abs(x.var() / y.var() - 1) < 5 * np.sqrt(4 / count)
    for share in (0.05, 0.25, 0.75, 0.95):
        assert abs(np.quantile(x, share) - np.quantile(y, share)) < 25 * scale
    limited = name not in ("RandomNormal", "Orthogonal")
    assert not limited or abs(np.abs(x).max() / np.abs(y).max() - 1) < 0.05


@pytest.mark.parametrize("module, name, arguments", [o for o in OBJECTS if o[0] == "regularizers"], ids=str)
@pytest.mark.parametrize("shape", [(4, 3), (2, 5)])
def test_penalties_and_their_gradients(module, name, arguments, shape):
    ours, theirs = (kind(**arguments) for kind in ours_and_theirs(module, name))
    x = np.random.default_rng(0).standard_normal(shape)
    x[1] = 0 if name != "OrthogonalRegularizer" else x[1]
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor)
    expected.backward()
    np.testing.assert_allclose(ours(x), expected.item(), rtol=1e-6)
    np.testing.assert_allclose(ours.gradient(x), tensor.grad, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("module, name, arguments", [o for o in OBJECTS if o[0] == "constraints"], ids=str)
@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3)])
def test_constrained_weights(module, name, arguments, shape):
    ours, theirs = (kind(**arguments) for kind in ours_and_theirs(module, name))
    x = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_allclose(ours(x), numpy_of(theirs(torch.tensor(x))), rtol=1e-5, atol=1e-7)
    if "axis" in arguments:
        ours.axis = theirs.axis = [0, 1]
        np.testing.assert_allclose(ours(x), numpy_of(theirs(torch.tensor(x))), rtol=1e-5, atol=1e-7)


PARAMETERS = {
    "relu": [
        {"negative_slope": 0.1},
        {"negative_slope": 0.0, "max_value": 1.0},
        {"negative_slope": 0.2, "max_value": None, "threshold": 0.5},
    ],
    "leaky_relu": [{"negative_slope": 0.5}],
    "elu": [{"alpha": 0.5}],
    "celu": [{"alpha": 0.5}],
    "gelu": [{"approximate": True}],
    "softmax": [{"axis": 0}],
    "log_softmax": [{"axis": 0}],
    "glu": [{"axis": 0}],
    "hard_shrink": [{"threshold": 1.0}],
    "soft_shrink": [{"threshold": 1.0}],
    "squareplus": [{"b": 1}],
    "threshold": [{"threshold": 0.25, "default_value": -2.0}],
}
CALLS = [(name, parameters) for name in activations.ACTIVATIONS for parameters in PARAMETERS.get(name, [])]
CALLS += [(name, {}) for name in activations.ACTIVATIONS if name != "threshold"]


@pytest.mark.parametrize("name, parameters", CALLS, ids=str)
def test_activations(name, parameters):
    """Also at the points where branches meet."""
    if name == "sparsemax":
        # Keras 3.15.1 adds up sums that it should not (its issue 23425, mended later): its values agree with
        # the definition only where one element is left.
        x = np.diag([5.0, 6.0, 7.0, 8.0]) + np.random.default_rng(0).random((4, 4))
    else:
        special = [-3.0, -2.5, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 3.0, 6.0, 7.0, -7.0]
        x = np.concatenate([special, np.random.default_rng(0).standard_normal(12) * 3]).reshape(4, 6)
        if parameters.get("max_value") is not None:
            x[x == parameters["max_value"]] += 0.125  # there the output does not tell the slope
    ours, theirs = activations.get(name), keras.activations.get(name)
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor, **parameters)
    y = ours(x, **parameters)
    np.testing.assert_allclose(y, numpy_of(expected), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(ours(x, *parameters.values()), y)  # in the order of the signature
    direction = np.random.default_rng(1).standard_normal(y.shape)
    expected.backward(torch.tensor(direction))
    grad = ours.backward(direction, y if ours.from_output else x, **parameters)
    np.testing.assert_allclose(grad, tensor.grad, rtol=1e-6, atol=1e-7)
