"""Recurrent layers in random configurations against Keras on torch (in float32; ours in float64): outputs,
states, gradients to the inputs, to the initial states and to the weights, masks, configurations."""

import os

import numpy as np
import pytest

import gpulayers
from gpulayers import layers
from tests.tolerances import assert_close

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

ACTIVATIONS = [
    "tanh",
    "sigmoid",
    "relu",
    "linear",
    "hard_sigmoid",
    "elu",
    "softsign",
    "softplus",
    "selu",
    "silu",
    "gelu",
    "leaky_relu",
    "mish",
    "softmax",
    None,
]
NAMES = ("LSTM", "GRU", "SimpleRNN")
STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}


def tensor(array):
    return torch.from_numpy(array.astype(np.float32)).requires_grad_()


def values(layer):
    return [variable.value.detach().cpu().numpy() for variable in layer.weights]


def exact(array):
    """In float64, with values that float32 holds."""
    return array.astype(np.float32).astype(np.float64)


def to_list(value):
    return [item for part in value for item in to_list(part)] if isinstance(value, (list, tuple)) else [value]


def compare(ours, theirs, x, states=None, mask=None, nested=None):
    """Everything both layers compute from the same weights."""
    generator = np.random.default_rng(7)
    call = {"mask": mask} if mask is not None else {}
    if not theirs.built:
        theirs.build(x.shape)
    ours.build(x.shape)
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]
    weights = [exact(generator.uniform(-0.7, 0.7, v.shape)) for v in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)

    inputs = tensor(x)
    given = [] if states is None else [tensor(state) for state in states]
    keywords = {} if states is None else {"initial_state": given if nested is None else nested(given)}
    masks = {} if mask is None else {"mask": torch.from_numpy(mask)}
    expected = to_list(theirs(inputs, training=False, **keywords, **masks))
    directions = [exact(generator.standard_normal(tuple(part.shape))) for part in expected]
    sum(
        (part * torch.from_numpy(d.astype(np.float32))).sum() for part, d in zip(expected, directions)
    ).backward()

    keywords = {} if states is None else {"initial_state": states if nested is None else nested(states)}
    output, backward = ours.forward(x, training=True, **keywords, **call)
    structure = output
    found = to_list(output)
    assert len(found) == len(expected)
    for part, other in zip(found, expected):
        assert part.dtype == np.float64
        assert_close(other.detach().numpy(), part, 300, max(1, np.abs(part).max()), what="output")
    shapes = to_list([ours.compute_output_shape(x.shape)])
    assert shapes == [size for part in found for size in part.shape]
    if isinstance(structure, list):
        rest = iter(directions)
        grads = backward(
            [[next(rest) for _ in part] if isinstance(part, list) else next(rest) for part in structure]
        )
    else:
        grads = backward(directions[0])
    grads = grads if isinstance(grads, list) else [grads]
    assert len(grads) == 1 + len(given)
    pairs = [(grad, array.grad) for grad, array in zip(grads, [inputs, *given])]
    pairs += [(ours_.grad, theirs_.value.grad) for ours_, theirs_ in zip(ours.weights, theirs.weights)]
    for found_grad, true in pairs:
        true = np.zeros(found_grad.shape, np.float32) if true is None else true.numpy()
        assert_close(true, found_grad, 500, max(1, np.abs(found_grad).max()), what="gradient")


def draw(seed, name):
    """(arguments, x, states, mask) of one random configuration."""
    generator = np.random.default_rng(seed)

    def flag():
        return bool(generator.integers(2))

    units, batch, steps, size = (int(generator.integers(1, 5)) for _ in range(4))
    arguments = dict(
        units=units, use_bias=flag(), return_sequences=flag(), return_state=flag(), go_backwards=flag()
    )
    arguments["activation"] = ACTIVATIONS[generator.integers(len(ACTIVATIONS))] if flag() else "tanh"
    if name != "SimpleRNN":
        chosen = ACTIVATIONS[generator.integers(len(ACTIVATIONS))] if flag() else "sigmoid"
        arguments["recurrent_activation"] = chosen
    if name == "GRU":
        arguments["reset_after"] = flag()
    if name == "LSTM":
        arguments["unit_forget_bias"] = flag()
    arguments["zero_output_for_mask"] = flag()
    x = exact(generator.uniform(-1, 1, (batch, steps, size)))
    states = (
        [exact(generator.uniform(-1, 1, (batch, units))) for _ in range(STATES[name])] if flag() else None
    )
    mask = generator.random((batch, steps)) < 0.6 if flag() else None
    if (
        mask is not None and states is not None
    ):  # a masked first step: Keras's output is zero, ours the initial state
        mask[:, -1 if arguments["go_backwards"] else 0] = True
    return arguments, x, states, mask


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("name", NAMES)
def test_random_configurations(name, seed):
    arguments, x, states, mask = draw(seed, name)
    ours = getattr(layers, name)(**arguments, dtype="float64")
    theirs = getattr(keras.layers, name)(**arguments)
    compare(ours, theirs, x, states, mask)


@pytest.mark.parametrize("name", NAMES)
def test_configurations_are_those_of_keras(name):
    arguments = dict(
        units=3,
        kernel_regularizer="l2",
        bias_constraint="non_neg",
        dropout=0.1,
        recurrent_dropout=0.2,
        seed=4,
        stateful=True,
        name="mine",
        activity_regularizer="l1",
        use_bias=False,
    )
    ours = getattr(layers, name)(**arguments).get_config()
    theirs = getattr(keras.layers, name)(**arguments).get_config()
    assert set(theirs) <= set(ours) <= set(theirs) | {"seed"}  # which Keras forgets in places
    for key, value in theirs.items():
        if key == "dtype" or isinstance(value, dict) or (value is None and key == "activity_regularizer"):
            continue  # Keras's SimpleRNN loses its activity regularizer
        assert ours[key] == value, key
    again = getattr(layers, name).from_config(ours)
    assert again.get_config() == ours
    cell = set(getattr(layers, name + "Cell")(3).get_config())
    assert cell - set(getattr(keras.layers, name + "Cell")(3).get_config()) <= {"seed"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_cells(name, seed):
    arguments, x, _, _ = draw(seed, name)
    of_cell = {
        k: v
        for k, v in arguments.items()
        if k not in ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")
    }
    ours = getattr(layers, name + "Cell")(**of_cell, dtype="float64")
    theirs = getattr(keras.layers, name + "Cell")(**of_cell)
    theirs.build(x[:, 0].shape)
    ours.build(x[:, 0].shape)
    ours.set_weights(values(theirs))
    states = [
        exact(np.random.default_rng(seed).standard_normal((len(x), arguments["units"])))
        for _ in range(STATES[name])
    ]
    output, after = ours(x[:, 0], states)
    expected, true_after = theirs(tensor(x[:, 0]), [tensor(state) for state in states])
    assert_close(expected.detach().numpy(), output, 100, 1)
    assert len(after) == len(true_after)
    for state, true in zip(after, true_after):
        assert_close(true.detach().numpy(), state, 100, 1)


DTYPE = {layers: "float64", keras.layers: "float32"}


def stacked(module, kinds, options):
    dtype = DTYPE[module]
    cells = [getattr(module, kind + "Cell")(units, dtype=dtype) for kind, units in kinds]
    return module.RNN(cells, dtype=dtype, **options)


STACKS = [
    [("LSTM", 3), ("LSTM", 2)],
    [("GRU", 2), ("SimpleRNN", 3)],
    [("LSTM", 2), ("GRU", 3), ("SimpleRNN", 2)],
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kinds", STACKS, ids=lambda kinds: "-".join(name for name, _ in kinds))
def test_stacked_cells(kinds, seed):
    generator = np.random.default_rng(seed)
    options = {
        name: bool(generator.integers(2)) for name in ("return_sequences", "return_state", "go_backwards")
    }
    x = exact(generator.uniform(-1, 1, (3, 4, 2)))
    mask = generator.random((3, 4)) < 0.6 if seed % 2 else None
    compare(stacked(layers, kinds, options), stacked(keras.layers, kinds, options), x, mask=mask)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sequences", [False, True])
def test_rnn_of_one_cell(name, sequences):
    x = exact(np.random.default_rng(0).uniform(-1, 1, (3, 4, 2)))
    options = dict(return_sequences=sequences, return_state=True)
    state = [exact(np.random.default_rng(1).uniform(-1, 1, (3, 3))) for _ in range(STATES[name])]
    ours = layers.RNN(getattr(layers, name + "Cell")(3, dtype="float64"), dtype="float64", **options)
    compare(ours, keras.layers.RNN(getattr(keras.layers, name + "Cell")(3), **options), x, state)


@pytest.mark.parametrize("seed", range(24))
def test_bidirectional(seed):
    generator = np.random.default_rng(100 + seed)
    name = NAMES[seed % 3]
    arguments, x, states, mask = draw(200 + seed, name)
    merge_mode = ["sum", "mul", "ave", "concat", None][generator.integers(5)]
    arguments.pop("zero_output_for_mask")
    arguments["go_backwards"] = False
    if states is not None:
        states = [*states, *[exact(generator.uniform(-1, 1, states[0].shape)) for _ in states]]
        if mask is not None:
            mask[:, -1] = mask[:, 0] = True
    pair = []
    for module in (layers, keras.layers):
        kind = getattr(module, name)
        given = {}
        if seed % 4 == 0:
            given["backward_layer"] = kind(
                **{**arguments, "go_backwards": True, "activation": "sigmoid"}, dtype=DTYPE[module]
            )
        layer = kind(**arguments, dtype=DTYPE[module])
        pair.append(module.Bidirectional(layer, merge_mode=merge_mode, dtype=DTYPE[module], **given))
    compare(*pair, x, states, mask)


TIMED = {
    "dense": (lambda m: m.Dense(3, activation="tanh", dtype=DTYPE[m]), (2, 3, 4)),
    "convolution": (lambda m: m.Conv1D(2, 2, dtype=DTYPE[m]), (2, 3, 4, 2)),
    "lstm": (lambda m: m.LSTM(2, dtype=DTYPE[m]), (2, 3, 4, 2)),
}


@pytest.mark.parametrize("name", TIMED)
def test_time_distributed(name):
    make, shape = TIMED[name]
    x = exact(np.random.default_rng(0).uniform(-1, 1, shape))
    ours = layers.TimeDistributed(make(layers), dtype="float64")
    compare(ours, keras.layers.TimeDistributed(make(keras.layers)), x)


@pytest.mark.parametrize("name", NAMES)
def test_stateful(name):
    x = exact(np.random.default_rng(0).uniform(-1, 1, (3, 4, 2)))
    pair = []
    for module in (layers, keras.layers):
        layer = getattr(module, name)(3, stateful=True, dtype=DTYPE[module])
        layer.build(x.shape)
        pair.append(layer)
    ours, theirs = pair
    ours.set_weights(values(theirs)[: len(ours.weights)])
    for reset in (False, False, True, False):
        if reset:
            ours.reset_state()
            theirs.reset_state()
        assert_close(theirs(tensor(x)).detach().numpy(), ours(x), 100, 1)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_has_the_mean_of_keras(name):
    """Over many examples the mean output in training agrees within its statistical error."""
    gpulayers.set_random_seed(0)
    keras.utils.set_random_seed(0)
    x = np.ones((20000, 2, 3), np.float32)
    arguments = dict(units=2, dropout=0.4, recurrent_dropout=0.3)
    ours, theirs = getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(values(theirs))
    found = ours(x, training=True)
    expected = theirs(torch.from_numpy(x), training=True).detach().numpy()
    error = np.sqrt((found.var(axis=0) + expected.var(axis=0)) / len(x))
    assert (np.abs(found.mean(axis=0) - expected.mean(axis=0)) < 5 * error).all()
    spread = np.abs(found.std(axis=0) - expected.std(axis=0))
    assert (spread < 0.05 * expected.std(axis=0)).all()
