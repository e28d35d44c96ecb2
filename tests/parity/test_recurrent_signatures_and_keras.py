"""Recurrent layers and cells against Keras on torch over their whole signatures: arguments by position and by
name, training with the same dropout, states carried from call to call, masks of every form."""

import inspect
import os

import numpy as np
import pytest

from gpulayers import layers
from tests.tolerances import assert_close

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

NAMES = ("LSTM", "GRU", "SimpleRNN")
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
ALL = (
    *NAMES,
    *(f"{name}Cell" for name in NAMES),
    "RNN",
    "StackedRNNCells",
    "Bidirectional",
    "TimeDistributed",
)
ACTIVATIONS = [
    "tanh",
    "sigmoid",
    "relu",
    "linear",
    "hard_sigmoid",
    "elu",
    "softsign",
    "silu",
    "softmax",
    None,
]
X = np.random.default_rng(0).uniform(-1, 1, (2, 3, 4)).astype(np.float32)
MASK = np.array([[1, 0, 1], [0, 1, 1]])


def exact(array):
    """In float64, with values that float32 holds."""
    return np.asarray(array, np.float32).astype(np.float64)


def tensor(array):
    return torch.from_numpy(np.asarray(array, np.float32)).requires_grad_()


def values(layer):
    return [variable.value.detach().cpu().numpy() for variable in layer.weights]


def flat(value):
    return [item for part in value for item in flat(part)] if isinstance(value, (list, tuple)) else [value]


@pytest.mark.parametrize("name", ALL)
def test_arguments_are_those_of_keras_in_its_order(name):
    found, expected = (
        [
            (parameter.name, parameter.default)
            for parameter in inspect.signature(getattr(module, name).__init__).parameters.values()
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY  # of ours beyond Keras
        ]
        for module in (layers, keras.layers)
    )
    assert found == expected


def draw(seed, name):
    """(generator, arguments of a layer)."""
    generator = np.random.default_rng(seed)

    def flag(share=0.5):
        return bool(generator.random() < share)

    def one_of(values):
        return values[generator.integers(len(values))]

    arguments = {"units": int(generator.integers(1, 5)), "name": "mine"}
    for argument in ("activation", "recurrent_activation")[: 1 + (name != "SimpleRNN")]:
        if flag():
            arguments[argument] = one_of(ACTIVATIONS)
    for kind in ("kernel", "recurrent", "bias"):
        choices = {
            "initializer": ["zeros", "ones"],
            "regularizer": ["l2"],
            "constraint": ["non_neg", "unit_norm"],
        }
        for of, values in choices.items():
            if flag(0.3):
                arguments[f"{kind}_{of}"] = one_of(values)
    for argument in ("dropout", "recurrent_dropout"):
        if flag(0.4):
            arguments[argument] = one_of(
                [0.0, 0.3, 0.6, 1.0] if argument == "recurrent_dropout" else [0.3, 0.6]
            )
    flags = [
        "use_bias",
        "return_sequences",
        "return_state",
        "go_backwards",
        "stateful",
        "zero_output_for_mask",
    ]
    flags += {"LSTM": ["unit_forget_bias"], "GRU": ["reset_after"], "SimpleRNN": []}[name]
    arguments |= {argument: flag() for argument in flags if flag(0.6)}
    if name != "SimpleRNN":  # which loses its activity regularizer in Keras
        arguments |= {"activity_regularizer": "l2"} if flag(0.3) else {}
        if arguments.get("stateful"):  # Keras's other way overwrites states that torch's gradients need
            arguments["use_cudnn"] = False
    return generator, arguments


def make(module, name, arguments, by_position, **options):
    layer = getattr(module, name)
    if not by_position:
        return layer(**arguments, **options)
    known = list(inspect.signature(layer.__init__).parameters.values())[1:]
    known = [p for p in known if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    rest = {key: value for key, value in arguments.items() if key not in {p.name for p in known}}
    return layer(*(arguments.get(p.name, p.default) for p in known), **rest, **options)


def share_dropout(ours, theirs, arguments, generator, name):
    """The same factors in both cells."""
    counts, several = (
        getattr(theirs.cell, "dropout_mask_count", None),
        arguments.get("recurrent_dropout", 0) > 0,
    )

    def factors(rate, width):
        one = [
            exact((generator.random((2, width)) >= rate) / (1 - rate) if rate < 1 else np.zeros((2, width)))
            for _ in range(counts or 1)
        ]
        return None if not rate else one

    for kind, argument, width in (
        ("", "dropout", 4),
        ("recurrent_", "recurrent_dropout", arguments["units"]),
    ):
        drawn = factors(arguments.get(argument, 0), width)
        tensors = drawn and [torch.from_numpy(part.astype(np.float32)) for part in drawn]
        for cell, values, lists in ((theirs.cell, tensors, counts), (ours.cell, drawn, several)):
            value = values if values is None or lists else values[0]
            setattr(cell, f"get_{kind}dropout_mask", lambda inputs, value=value: value)


@pytest.mark.parametrize("seed", range(14))
@pytest.mark.parametrize("name", NAMES)
def test_random_signatures(name, seed):
    generator, arguments = draw(seed, name)
    by_position = seed % 3 == 0
    ours = make(layers, name, arguments, by_position, dtype="float64")
    theirs = make(keras.layers, name, arguments, by_position)
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()
    for layer in (ours, theirs):
        layer.build(X.shape)
    paths = [[v.path for v in layer.weights if "rnn_state" not in v.path] for layer in (ours, theirs)]
    assert paths[0] == paths[1]
    weights = [exact(generator.uniform(-0.7, 0.7, v.shape)) for v in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights + values(theirs)[len(weights) :])

    for call in range(3 if arguments.get("stateful") else 1):
        x, training = exact(generator.uniform(-1, 1, X.shape)), bool(generator.integers(2))
        masked, given = generator.integers(2), call == 0 and generator.integers(2)
        mask = generator.random((2, 3)) < 0.6 if masked else None
        if masked and (given or arguments.get("stateful")):  # a masked first step: ours puts out the state
            mask[:, -1 if arguments.get("go_backwards") else 0] = True
        count = (2 if name == "LSTM" else 1) if given else 0
        states = [exact(generator.uniform(-1, 1, (2, arguments["units"]))) for _ in range(count)]
        share_dropout(ours, theirs, arguments, generator, name)
        masks = {"mask": mask} if masked else {}, {"mask": torch.from_numpy(mask)} if masked else {}
        inputs, their_states = tensor(x), [tensor(state) for state in states]
        expected = flat(theirs(inputs, their_states or None, training=training, **masks[1]))
        output, backward = ours.forward(x, states or None, training=training, **masks[0])
        directions = [exact(generator.standard_normal(tuple(part.shape))) for part in expected]
        loss = sum(
            (part * torch.from_numpy(d.astype(np.float32))).sum() for part, d in zip(expected, directions)
        )
        for variable in (*ours.weights, *(v.value for v in theirs.weights)):
            variable.grad = None
        (loss + sum(theirs._losses)).backward()
        grads = flat(backward(directions if isinstance(output, list) else directions[0]))

        assert len(flat(output)) == len(expected) and len(grads) == 1 + count
        for found, true in zip(flat(output), expected):
            assert_close(true.detach().numpy(), found, 300, max(1, np.abs(found).max()), what="output")
        shapes = ours.compute_output_shape(X.shape), theirs.compute_output_shape(X.shape)
        assert flat([shapes[0]]) == flat([shapes[1]]) == [size for part in expected for size in part.shape]
        pairs = list(zip(grads, [array.grad for array in (inputs, *their_states)]))
        pairs += [(v.grad, w.value.grad) for v, w in zip(ours.weights, theirs.weights)]
        for found, true in pairs:
            true = np.zeros(found.shape, np.float32) if true is None else true.numpy()
            assert_close(true, found, 1000, max(1, np.abs(found).max()), what="gradient")
        if arguments.get("stateful"):
            for found, true in zip(flat(ours.states), flat(list(theirs.states))):
                assert_close(true.value.detach().numpy(), found, 300, 1, what="carried state")
            if call == 1:
                ours.reset_states(), theirs.reset_states()


def both(make_layer, **call):
    """The outputs of both layers with the same weights."""
    theirs, ours = make_layer(keras.layers), make_layer(layers)
    theirs.build(X.shape)
    ours.build(X.shape)
    ours.set_weights(values(theirs))
    moved = {key: torch.from_numpy(value) if key == "mask" else value for key, value in call.items()}
    return ours(X, **call), theirs(torch.from_numpy(X), **moved).detach().numpy(), ours, theirs


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
@pytest.mark.parametrize("mask", [MASK, MASK[..., None]], ids=["steps", "a column"])
@pytest.mark.parametrize(
    "make_layer", [lambda m: m.LSTM(3), lambda m: m.Bidirectional(m.GRU(3))], ids=["LSTM", "both"]
)
def test_masks_of_numbers(make_layer, mask, dtype):
    found, expected, *_ = both(make_layer, mask=mask.astype(dtype))
    assert_close(found, expected.astype(np.float64), 100, 1)


def test_batch_normalization_at_every_step_with_a_mask():
    """Examples that are masked at a step do not count in its statistics."""
    found, expected, ours, theirs = both(
        lambda module: module.TimeDistributed(module.BatchNormalization()),
        mask=MASK.astype(bool),
        training=True,
    )
    # One example alone has a deviation of nearly 0, which the division enlarges by up to 1 / sqrt(0.001).
    assert_close(found, expected.astype(np.float64), 100, 32)
    for one, other in zip(ours.get_weights(), values(theirs)):
        assert_close(one, other.astype(np.float64), 10, 1)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("options", [{}, {"reset_after": False}, {"reset_after": False, "dropout": 0.3}])
def test_recurrent_dropout_of_a_gru_in_kernels(options, turned, request):
    """The same factors of every gate's state, a mask and an initial state: outputs and all gradients."""
    device = request.getfixturevalue("emulated_default")
    arguments = dict(units=3, recurrent_dropout=0.4, return_sequences=True, go_backwards=turned) | options
    ours, theirs = layers.GRU(**arguments), keras.layers.GRU(**arguments)
    for layer in (ours, theirs):
        layer.build(X.shape)
    generator, mask = np.random.default_rng(4), np.array([[1, 0, 1], [1, 1, 1]], bool)
    weights = [exact(generator.uniform(-0.7, 0.7, v.shape)) for v in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights + values(theirs)[len(weights) :])
    share_dropout(ours, theirs, arguments, generator, "GRU")
    for kind in ("", "recurrent_"):
        drawn = getattr(ours.cell, f"get_{kind}dropout_mask")(None)
        drawn = drawn and [device.asarray(part, np.float32) for part in drawn]
        setattr(ours.cell, f"get_{kind}dropout_mask", lambda inputs, drawn=drawn: drawn)
    state, direction = (exact(generator.uniform(-1, 1, shape)) for shape in ((2, 3), (2, 3, 3)))
    inputs, their_state = tensor(X), tensor(state)
    expected = theirs(inputs, their_state, mask=torch.from_numpy(mask), training=True)
    (expected * torch.from_numpy(direction.astype(np.float32))).sum().backward()
    on_device = [device.asarray(array, np.float32) for array in (X, state, direction)]
    output, backward = ours.forward(*on_device[:2], mask=device.asarray(mask), training=True)
    grads = backward(on_device[2])

    assert any(launch.file.startswith("recurrent/gru") for launch in device.launches)
    pairs = [(output, expected), *zip(grads, (inputs.grad, their_state.grad))]
    pairs += [(v.grad, w.value.grad) for v, w in zip(ours.weights, theirs.weights)]
    for found, true in pairs:
        assert_close(device.to_numpy(found), true.detach().numpy().astype(np.float64), 300, 2)
