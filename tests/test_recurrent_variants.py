"""LSTM and GRU with layer normalisation, zoneout, peepholes and projection: against loops written from the
formulas, the plain operations, and numeric gradients."""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, ops

from .tolerances import assert_close

BATCH, STEPS, WIDTH, UNITS, SIZE = 3, 4, 2, 5, 3
WIDE = dict(dtype="float64")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normal(a, gain, shift=0.0):
    return gain * (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + 1e-3) + shift


def operands(kind, extensions, seed=0):
    generator = np.random.default_rng(seed)
    gates = 4 if kind == "lstm" else 3
    size = SIZE if "projection" in extensions else UNITS
    shapes = {
        "x": (BATCH, STEPS, WIDTH),
        "weight": (WIDTH, gates * UNITS),
        "recurrent_weight": (size, gates * UNITS),
    }
    shapes["bias"] = (4 * UNITS,) if kind == "lstm" else (2, 3 * UNITS)
    shapes["initial_h"] = (BATCH, size)
    if kind == "lstm":
        shapes["initial_c"] = (BATCH, UNITS)
    if "peepholes" in extensions:
        shapes["peephole"] = (3, UNITS)
    if "projection" in extensions:
        shapes["projection"] = (UNITS, SIZE)
    if "normalization" in extensions:
        shapes |= {"input_gain": (gates * UNITS,), "recurrent_gain": (gates * UNITS,)}
        shapes |= {"state_gain": (UNITS,), "state_shift": (UNITS,)} if kind == "lstm" else {}
    found = {name: generator.uniform(-1, 1, shape) for name, shape in shapes.items()}
    if "zoneout" in extensions:
        found["update_h"] = (generator.random((BATCH, STEPS, size)) < 0.7).astype(float)
        if kind == "lstm":
            found["update_c"] = 0.8
    if "mask" in extensions:
        found["mask"] = generator.random((BATCH, STEPS)) < 0.6
    if "scale" in extensions:
        found["recurrent_scale"] = (generator.random((BATCH, gates, size)) < 0.6) * 1.5
    return found


def taken(o, name, step):
    update = o.get(name, 1.0)
    return update if isinstance(update, float) else update[:, step]


def loop(kind, o):
    """All outputs and the last states, from the formulas."""
    h, c = o["initial_h"], o.get("initial_c")
    gates = 4 if kind == "lstm" else 3
    plain = "input_gain" not in o
    p = o.get("peephole", np.zeros((3, UNITS)))
    outputs = []
    for t in range(STEPS):
        a = o["x"][:, t] @ o["weight"]
        parts = np.split(o["recurrent_weight"], gates, axis=1)
        scale = o.get("recurrent_scale", np.ones((BATCH, gates, h.shape[1])))
        b = np.concatenate([(h * scale[:, g]) @ parts[g] for g in range(gates)], axis=1)
        if not plain:
            a, b = normal(a, o["input_gain"]), normal(b, o["recurrent_gain"])
        if kind == "lstm":
            i, f, g, out = np.split(a + b + o["bias"], 4, axis=1)
            new_c = sigmoid(f + p[1] * c) * c + sigmoid(i + p[0] * c) * np.tanh(g)
            shown = new_c if plain else normal(new_c, o["state_gain"], o["state_shift"])
            new_h = sigmoid(out + p[2] * new_c) * np.tanh(shown)
            new_h = new_h @ o["projection"] if "projection" in o else new_h
        else:
            (az, ar, ag), (bz, br, bg) = (
                np.split(a + o["bias"][0], 3, axis=1),
                np.split(b + o["bias"][1], 3, axis=1),
            )
            z, r = sigmoid(az + bz), sigmoid(ar + br)
            new_h = z * h + (1 - z) * np.tanh(ag + r * bg)
        keep = o["mask"][:, t, None] if "mask" in o else True
        h = np.where(keep, h + taken(o, "update_h", t) * (new_h - h), h)
        if kind == "lstm":
            c = np.where(keep, c + taken(o, "update_c", t) * (new_c - c), c)
        outputs.append(h)
    return [np.stack(outputs, axis=1), h] + ([c] if kind == "lstm" else [])


CASES = [
    ("lstm", ()),
    ("lstm", ("peepholes",)),
    ("lstm", ("projection",)),
    ("lstm", ("normalization",)),
    ("lstm", ("zoneout", "mask")),
    ("lstm", ("peepholes", "projection", "normalization", "zoneout", "mask", "scale")),
    ("gru", ()),
    ("gru", ("normalization",)),
    ("gru", ("zoneout", "mask")),
    ("gru", ("normalization", "zoneout", "mask", "scale")),
]
FUNCTIONS = {
    "lstm": (ops.lstm_variant, ops.lstm_variant_backward),
    "gru": (ops.gru_variant, ops.gru_variant_backward),
}
cases = pytest.mark.parametrize(
    "kind, extensions", CASES, ids=lambda part: part if isinstance(part, str) else "+".join(part)
)


@cases
def test_against_loops(kind, extensions):
    given = operands(kind, extensions)
    *found, _ = FUNCTIONS[kind][0](**given)
    for one, other in zip(found, loop(kind, given)):
        assert_close(one, other, 300, 1.0)


@cases
def test_gradients(kind, extensions):
    run, run_back = FUNCTIONS[kind]
    given = operands(kind, extensions)
    *found, residuals = run(**given)
    directions = [np.random.default_rng(4).standard_normal(part.shape) for part in found]
    grads = run_back(*directions, residuals)
    constants = {"mask", "update_h", "update_c", "recurrent_scale"}
    assert set(grads) == set(given) - constants

    def loss(changed):
        *parts, _ = run(**changed)
        return sum((part * d).sum() for part, d in zip(parts, directions))

    for name in grads:
        for at in np.random.default_rng(3).permutation(given[name].size)[:12]:
            ends = []
            for change in (1e-5, -1e-5):
                moved = given[name].copy()
                moved.reshape(-1)[at] += change
                ends.append(loss(given | {name: moved}))
            numeric, exact = (ends[0] - ends[1]) / 2e-5, grads[name].reshape(-1)[at]
            # Truncation 1e-10 times third derivatives, which a normalisation of few numbers makes large.
            assert abs(numeric - exact) < 2e-6 * max(1, abs(numeric)), (name, at, numeric, exact)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "silu"])
def test_without_extensions_it_is_the_plain_operation(activation, go_backwards):
    for kind, plain in (("lstm", ops.lstm), ("gru", ops.gru)):
        given = operands(kind, ("mask",)) | {"go_backwards": go_backwards, "activation": activation}
        for one, other in zip(FUNCTIONS[kind][0](**given)[:-1], plain(**given)[:-1]):
            assert_close(one, other, 100, 1.0)


LAYERS = {
    "lstm, all": lambda: layers.LSTM(
        4,
        peepholes=True,
        projection_size=3,
        layer_normalization=True,
        zoneout=0.2,
        return_sequences=True,
        return_state=True,
        **WIDE,
    ),
    "lstm, projection": lambda: layers.LSTM(4, projection_size=2, go_backwards=True, **WIDE),
    "gru": lambda: layers.GRU(4, layer_normalization=True, zoneout=0.3, return_sequences=True, **WIDE),
    "bidirectional": lambda: layers.Bidirectional(
        layers.LSTM(3, projection_size=2, return_sequences=True, **WIDE), **WIDE
    ),
    "stack": lambda: layers.RNN(
        [layers.LSTMCell(3, peepholes=True, **WIDE), layers.GRUCell(2, zoneout=0.1, **WIDE)], **WIDE
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    gpulayers.set_random_seed(1)
    layer = LAYERS[name]()
    mask = np.random.default_rng(1).random((2, 4)) < 0.6
    report = gpulayers.check_gradients(layer, (2, 4, 3), mask=mask)
    assert report, report
    y = layer(np.ones((2, 4, 3)))
    shapes = layer.compute_output_shape((2, 4, 3))
    assert shapes == ([part.shape for part in y] if isinstance(y, list) else y.shape)


def test_weights_of_the_extensions_stand_behind_the_others():
    layer = layers.LSTM(4, peepholes=True, projection_size=3, layer_normalization=True)
    layer.build((None, None, 2))
    names = [(variable.name, variable.shape) for variable in layer.weights]
    assert names == [
        ("kernel", (2, 16)),
        ("recurrent_kernel", (3, 16)),
        ("bias", (16,)),
        ("peephole", (3, 4)),
        ("projection", (4, 3)),
        ("input_gain", (16,)),
        ("recurrent_gain", (16,)),
        ("state_gain", (4,)),
        ("state_shift", (4,)),
    ]
    assert not {"peepholes", "zoneout"} & set(layers.LSTM(4).get_config())


def test_zoneout_is_drawn_in_training_and_its_mean_otherwise():
    layer = layers.GRU(2, zoneout=0.5, return_sequences=True, **WIDE)
    x = np.random.default_rng(0).standard_normal((2000, 1, 3))
    drawn, mean = layer(x, training=True), layer(x)
    full = layers.GRU(2, return_sequences=True, **WIDE)
    full.build(x.shape)
    full.set_weights(layer.get_weights())
    assert_close(mean, full(x) / 2, 10, 1.0)
    kept = drawn == 0
    assert 0.45 < kept.mean() < 0.55
    assert_close(drawn[~kept], full(x)[~kept], 10, 1.0)


def test_on_kernels_device(kernel_device):
    given = operands("lstm", ("peepholes", "projection", "normalization", "mask"))
    moved = {name: kernel_device.asarray(array) for name, array in given.items()}
    outputs, h, c, residuals = ops.lstm_variant(**moved)
    grads = ops.lstm_variant_backward(outputs, h, c, residuals)
    *expected, true_residuals = ops.lstm_variant(**given)
    true = ops.lstm_variant_backward(*expected, true_residuals)
    assert_close(kernel_device.to_numpy(outputs), expected[0], 100, 1.0)
    for name, grad in grads.items():
        assert_close(kernel_device.to_numpy(grad), true[name], 1000, 5.0, what=name)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(peephole=np.zeros((2, UNITS))), r"peephole must have shape \(3, 5\). Received: \(2, 5\)"),
        (dict(projection=np.zeros((UNITS, 2))), r"recurrent_weight must have shape \(2, 20\)"),
        (dict(input_gain=np.zeros(4 * UNITS)), "go together. Received: input_gain"),
        (dict(update_h=1.5), "update_h must lie .*Received: 1.5"),
        (dict(update_c=np.ones((BATCH, STEPS))), r"update_c must be .*Received: \(3, 4\)"),
        (dict(x=np.zeros((3, 4))), r"Received: \(3, 4\)"),
    ],
)
def test_wrong_arguments(changes, words):
    with pytest.raises(ValueError, match=words):
        ops.lstm_variant(**(operands("lstm", ()) | changes))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: layers.LSTM(3, zoneout=1.0), "zoneout must be .*Received: 1.0"),
        (lambda: layers.LSTM(3, projection_size=0), "projection_size .*Received: 0"),
        (lambda: layers.GRU(3, zoneout=0.1, reset_after=False), "need reset_after=True"),
    ],
)
def test_wrong_arguments_of_layers(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_wrong_types(kind):
    run, run_back = FUNCTIONS[kind]
    with pytest.raises(TypeError, match="x must be .*Received: list"):
        run(**(operands(kind, ()) | {"x": [1, 2]}))
    with pytest.raises(TypeError, match="Received: float32|x float32"):
        run(**(operands(kind, ()) | {"x": np.zeros((BATCH, STEPS, WIDTH), np.float32)}))
    with pytest.raises(TypeError, match=f"those of {kind}_variant. Received: NoneType"):
        run_back(*[None] * (3 if kind == "lstm" else 2), None)
