"""Recurrent cells, RNN, GRU and SimpleRNN: against each other, cells of one's own, gradients, bad input."""

import json

import numpy as np
import pytest

import gpulayers
from gpulayers import Sequential, layers
from gpulayers.ops import arrays

from .tolerances import assert_close

WIDE = dict(dtype="float64")
KINDS = {
    "lstm": (layers.LSTM, layers.LSTMCell),
    "gru": (layers.GRU, layers.GRUCell),
    "simple rnn": (layers.SimpleRNN, layers.SimpleRNNCell),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def data(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


class Leaky(layers.Layer):
    """A cell of one's own: h = rate h + (x W), and its output is 2 h."""

    def __init__(self, units, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.state_size, self.units, self.rate = units, units, rate

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), "glorot_uniform", name="kernel")

    def forward(self, inputs, states, training=True):
        h = self.rate * states[0] + inputs @ self.kernel.value

        def backward(grads):
            grad_h = 2 * grads[0] + grads[1]
            self.kernel.add_grad(inputs.T @ grad_h)
            return [grad_h @ self.kernel.value.T, self.rate * grad_h]

        return [2 * h, h], backward


class StepByStep(layers.LSTMCell):
    """A subclass with a forward of its own is run step after step."""

    def forward(self, inputs, states, training=True):
        return super().forward(inputs, states, training)


@kinds
def test_a_layer_is_an_rnn_of_its_cell(kind):
    layer_class, cell_class = KINDS[kind]
    x, mask = data(3, 5, 2), np.random.default_rng(1).random((3, 5)) < 0.6
    for options in ({}, {"go_backwards": True}, {"return_sequences": True, "return_state": True}):
        layer = layer_class(4, bias_initializer="random_normal", **options, **WIDE)
        expected = layer(x, mask=mask)
        rnn = layers.RNN(cell_class(4, **WIDE), **options, **WIDE)
        rnn.build(x.shape)
        rnn.set_weights(layer.get_weights())
        found = rnn(x, mask=mask)
        for one, other in zip(found, expected) if "return_state" in options else [(found, expected)]:
            np.testing.assert_array_equal(one, other)


@kinds
def test_a_cell_called_step_by_step_is_the_sequence(kind):
    layer_class, _ = KINDS[kind]
    x = data(3, 4, 2)
    layer = layer_class(3, return_sequences=True, **WIDE)
    expected = layer(x)
    states = layer.cell.get_initial_state(batch_size=3)
    for step in range(4):
        output, states = layer.cell(x[:, step], states)
        assert_close(output, expected[:, step], 50, 1.0)
    single = layer.cell.get_initial_state(3)
    if len(single) == 1:  # a state that is not in a list comes back as one
        output, state = layer.cell(x[:, 0], single[0])
        np.testing.assert_array_equal(output, state)


def test_cells_run_step_by_step_give_the_same():
    x, mask = data(3, 5, 2), np.random.default_rng(1).random((3, 5)) < 0.6
    mask[:, 0] = True
    states = [data(3, 4, seed=2), data(3, 4, seed=3)]
    options = dict(return_sequences=True, return_state=True, **WIDE)
    whole, stepped = (layers.RNN(cell(4, **WIDE), **options) for cell in (layers.LSTMCell, StepByStep))
    whole.build(x.shape)
    stepped.build(x.shape)
    stepped.set_weights(whole.get_weights())
    results = []
    for layer in (whole, stepped):
        outputs, backward = layer.forward(x, initial_state=states, mask=mask)
        grads = backward([data(*part.shape, seed=9) for part in outputs])
        results.append([*outputs, *grads, *(variable.grad for variable in layer.weights)])
    for one, other in zip(*results):
        assert_close(one, other, 200, 5.0)


CHECKED = {
    "gru": lambda: layers.GRU(3, return_sequences=True, return_state=True, **WIDE),
    "gru, reset before": lambda: layers.GRU(3, reset_after=False, go_backwards=True, **WIDE),
    "gru, gelu and silu": lambda: layers.GRU(3, activation="gelu", recurrent_activation="silu", **WIDE),
    "simple rnn, mish": lambda: layers.SimpleRNN(3, activation="mish", return_sequences=True, **WIDE),
    "lstm, silu and softmax": lambda: layers.LSTM(3, "silu", "softmax", **WIDE),
    "own cell": lambda: layers.RNN(Leaky(3, **WIDE), return_sequences=True, return_state=True, **WIDE),
    "own cell, backwards": lambda: layers.RNN(Leaky(3, **WIDE), go_backwards=True, **WIDE),
    "own cell, zeros": lambda: layers.RNN(Leaky(3, **WIDE), True, zero_output_for_mask=True, **WIDE),
    "stack": lambda: layers.RNN([layers.LSTMCell(3, **WIDE), layers.GRUCell(2, **WIDE)], True, **WIDE),
    "stack with an own cell": lambda: layers.RNN([layers.LSTMCell(3, **WIDE), Leaky(2, **WIDE)], **WIDE),
    "bidirectional": lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True, **WIDE), **WIDE),
    "bidirectional, product": lambda: layers.Bidirectional(layers.GRU(2, **WIDE), "mul", **WIDE),
    "bidirectional, both": lambda: layers.Bidirectional(
        layers.GRU(2, return_sequences=True, return_state=True, **WIDE), None, **WIDE
    ),
    "time distributed": lambda: layers.TimeDistributed(layers.Dense(3, "tanh", **WIDE), **WIDE),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", CHECKED)
def test_gradients(name, masked):
    gpulayers.set_random_seed(1)
    keywords = {"mask": np.random.default_rng(1).random((2, 4)) < 0.6} if masked else {}
    report = gpulayers.check_gradients(CHECKED[name](), (2, 4, 3), **keywords)
    assert report, report


@kinds
def test_gradients_with_dropout(kind):
    """The factors drawn once are kept, so that differences see the function whose gradient is taken."""
    cell = KINDS[kind][1](3, dropout=0.4, recurrent_dropout=0.4, seed=3, **WIDE)
    count = 2 if kind == "lstm" else 1
    states = [data(4, 3, seed=i) for i in range(count)]
    cell.build((4, 2))
    cell(data(4, 2), states, training=True)
    report = gpulayers.check_gradients(cell, (4, 2), training=True, states=states)
    assert report, report


@kinds
def test_dropout_is_drawn_once_a_sequence(kind):
    layer_class, _ = KINDS[kind]
    layer = layer_class(3, dropout=0.5, recurrent_dropout=0.5, seed=1, **WIDE)
    x = data(6, 4, 5)
    first, second = layer(x, training=True), layer(x, training=True)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(layer(x), layer(x))
    factors = layer.cell.get_recurrent_dropout_mask(x[:, 0])
    assert len(factors) == layer.cell.gates and all(set(np.unique(part)) <= {0, 2} for part in factors)
    again = layer_class(3, dropout=0.5, recurrent_dropout=0.5, seed=1, **WIDE)
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x, training=True), first)


@kinds
def test_stateful(kind):
    x = data(3, 6, 2)
    layer = KINDS[kind][0](4, stateful=True, **WIDE)
    layer.build(x.shape)
    layer(x[:, :2])
    chunked = layer(x[:, 2:])
    layer.reset_state()
    assert_close(chunked, layer(x), 100, 1.0)
    with pytest.raises(ValueError, match="Received: batch size 2"):
        layer(x[:2])


def test_nested_states_of_a_stack():
    stack = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True)
    x = data(2, 4, 3).astype(np.float32)
    output, (h, c), (state,) = stack(x)
    assert (output.shape, h.shape, c.shape, state.shape) == ((2, 2), (2, 3), (2, 3), (2, 2))
    np.testing.assert_array_equal(output, state)
    rest, _, bare = stack(x, initial_state=[[h, c], state])
    assert not np.allclose(rest, output)
    np.testing.assert_array_equal(rest, bare)
    assert stack.compute_output_shape((None, 4, 3)) == [(None, 2), [(None, 3), (None, 3)], (None, 2)]
    cells = layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)])
    first, after = cells(x[:, 0], cells.get_initial_state(batch_size=2))
    assert first.shape == (2, 2) and [len(after[0]), after[1][0].shape] == [2, (2, 2)]


ROUND_TRIPS = [
    lambda: layers.RNN([layers.LSTMCell(3), layers.SimpleRNNCell(2, dropout=0.1)], return_sequences=True),
    lambda: layers.RNN(layers.GRUCell(3, reset_after=False), go_backwards=True, zero_output_for_mask=True),
    lambda: layers.Bidirectional(layers.LSTM(3, kernel_regularizer="l2"), "ave", name="both"),
    lambda: layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(2, go_backwards=True)),
    lambda: layers.TimeDistributed(layers.Dense(3, "relu")),
    lambda: layers.GRU(3, recurrent_constraint="max_norm", stateful=True, unroll=True),
    lambda: layers.StackedRNNCells([layers.GRUCell(2)]),
    lambda: layers.LSTM(3, peepholes=True, projection_size=2, layer_normalization=True, zoneout=0.1),
    lambda: layers.Bidirectional(layers.GRU(3, layer_normalization=True)),
]


@pytest.mark.parametrize("make", ROUND_TRIPS)
def test_configurations(make):
    layer = make()
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()
    assert "use_cudnn" not in str(layer.get_config())
    if not isinstance(layer, layers.StackedRNNCells):
        layer.build((2, 3, 4))
        again.build((2, 3, 4))
        assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


def test_bidirectional_with_first_weights():
    source = layers.Bidirectional(layers.GRU(3))
    source.build((2, 4, 3))
    x = data(2, 4, 3).astype(np.float32)
    again = layers.Bidirectional(layers.GRU(3), weights=source.get_weights())
    np.testing.assert_array_equal(again(x), source(x))
    halves = np.split(source(x), 2, axis=1)
    np.testing.assert_array_equal(source.forward_layer(x), halves[0])
    np.testing.assert_array_equal(source.backward_layer(x), halves[1])


def test_stateful_bidirectional():
    layer = layers.Bidirectional(layers.SimpleRNN(3, stateful=True, return_state=True))
    x = data(2, 4, 3).astype(np.float32)
    first = layer(x)
    assert [state.shape for state in layer.states] == [(2, 3), (2, 3)]
    assert not np.allclose(layer(x)[0], first[0])
    layer.reset_state()
    assert layer.states is None
    np.testing.assert_array_equal(layer(x)[0], first[0])


def test_a_sum_of_directions():
    x = data(2, 4, 3)
    results = {}
    for mode in ("sum", "ave", "mul", "concat", None):
        gpulayers.set_random_seed(4)
        layer = layers.Bidirectional(layers.GRU(3, return_sequences=True, **WIDE), mode, **WIDE)
        results[mode] = layer(x)
    first, second = results[None]
    for mode, expected in {"sum": first + second, "ave": (first + second) / 2, "mul": first * second}.items():
        assert_close(results[mode], expected, 1, 1.0)
    np.testing.assert_array_equal(results["concat"], np.concatenate([first, second], axis=-1))


def test_not_trainable():
    layer = layers.GRU(3, trainable=False)
    layer.build((2, 3, 4))
    assert layer.trainable_weights == [] and len(layer.weights) == 3
    y, backward = layer.forward(np.ones((2, 3, 4), np.float32))
    backward(np.ones_like(y))
    assert all(variable.grad is None for variable in layer.weights)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@kinds
def test_types(kind, dtype):
    layer = layers.Bidirectional(KINDS[kind][0](3, return_sequences=True, dtype=dtype), dtype=dtype)
    x = data(2, 3, 4).astype(np.float32)
    y, backward = layer.forward(x)
    assert y.dtype == arrays.float_dtype(layer.dtype, "dtype") == layer.forward_layer.cell.dtype
    assert backward(np.ones_like(y)).dtype == np.float32


@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.3, "seed": 1}], ids=["plain", "dropout"])
@kinds
def test_layers_on_kernels(kind, options, kernel_device, monkeypatch):
    x = data(3, 4, 2).astype(np.float32)
    mask = np.random.default_rng(1).random((3, 4)) < 0.6
    results = []
    for device in (arrays.CPU, kernel_device):
        monkeypatch.setattr(arrays, "default_device", lambda: device)
        gpulayers.set_random_seed(3)
        layer = layers.Bidirectional(KINDS[kind][0](3, return_sequences=True, **options))
        y, backward = layer.forward(device.asarray(x), mask=device.asarray(mask))
        grad = backward(device.asarray(np.ones(y.shape, np.float32)))
        weights = [variable.grad for variable in layer.weights]
        results.append([device.to_numpy(array) for array in (y, grad, *weights)])
        assert all(arrays.device_of(array) is device for array in (y, grad, *weights))
    if device.name == "gpu" and type(device) is arrays.CudaDevice and options:
        return  # CuPy draws other numbers
    for one, other in zip(*results):
        assert_close(other, one, 200, 5.0)


def test_masks_flow_through_models():
    model = Sequential(
        [
            layers.Input((4,), dtype="int32"),
            layers.Embedding(5, 3, mask_zero=True),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2)),
            layers.SimpleRNN(2),
        ]
    )
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]], np.int32)
    changed = model.get_layer(index=0)
    before = model.predict(ids, verbose=0)
    table = changed.get_weights()[0]
    table[0] = 100.0
    changed.set_weights([table])
    np.testing.assert_array_equal(model.predict(ids, verbose=0), before)


def test_time_distributed_batch_statistics_are_those_of_a_step():
    layer = layers.TimeDistributed(layers.BatchNormalization(**WIDE), **WIDE)
    x = data(5, 3, 2) + np.arange(3)[None, :, None]
    y, backward = layer.forward(x, training=True)
    assert_close(y.mean(axis=0), np.zeros((3, 2)), 100, 1.0)
    report = gpulayers.check_gradients(layer, x.shape, training=True)
    assert report, report


@pytest.mark.parametrize(
    "error, words, call",
    [
        (ValueError, "cell must have .*Received: 3", lambda: layers.RNN(3)),
        (ValueError, "state_size must be .*Received: 'many'", lambda: layers.RNN(Leaky("many"))),
        (ValueError, "cells must be a list .*Received: \\[\\]", lambda: layers.RNN([])),
        (ValueError, "Every cell .*Received: 'lstm'", lambda: layers.StackedRNNCells(["lstm"])),
        (ValueError, "Received: -1", lambda: layers.GRU(-1)),
        (ValueError, "dropout must be .*Received: 2", lambda: layers.GRU(3, dropout=2)),
        (ValueError, "Received: 'swoosh'", lambda: layers.SimpleRNN(3, activation="swoosh")),
        (TypeError, "no argument 'unit'", lambda: layers.GRU(3, unit=3)),
        (ValueError, "Received: \\(2, 3\\)", lambda: layers.GRU(3)(np.ones((2, 3)))),
        (
            ValueError,
            "Received: 2",
            lambda: layers.GRU(3)(np.ones((2, 3, 4)), initial_state=[np.ones((2, 3))] * 2),
        ),
        (
            ValueError,
            "Received: \\(2, 4\\)",
            lambda: layers.GRU(3)(np.ones((2, 3, 4)), initial_state=np.ones((2, 4))),
        ),
        (
            ValueError,
            "Received: \\(2, 4\\)",
            lambda: layers.GRU(3)(np.ones((2, 3, 4)), mask=np.ones((2, 4), bool)),
        ),
        (
            ValueError,
            "Received: \\(2, 3, 2\\)",
            lambda: layers.GRU(3)(np.ones((2, 3, 4)), mask=np.ones((2, 3, 2))),
        ),
        (ValueError, "Received: \\(None, 3, 4\\)", lambda: layers.GRU(3, stateful=True).build((None, 3, 4))),
        (ValueError, "layer must be .*Received: 3", lambda: layers.Bidirectional(3)),
        (ValueError, "layer must be .*Received: <Dense", lambda: layers.Bidirectional(layers.Dense(3))),
        (ValueError, "Received: 'max'", lambda: layers.Bidirectional(layers.GRU(3), "max")),
        (
            ValueError,
            "different directions. Received: go_backwards=False",
            lambda: layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(3)),
        ),
        (
            ValueError,
            "same return_state. Received: False and True",
            lambda: layers.Bidirectional(
                layers.GRU(3), backward_layer=layers.GRU(3, go_backwards=True, return_state=True)
            ),
        ),
        (
            ValueError,
            "Received: 3 arrays",
            lambda: layers.Bidirectional(layers.GRU(3))(
                np.ones((2, 3, 4)), initial_state=[np.ones((2, 3))] * 3
            ),
        ),
        (ValueError, "layer must be a layer. Received: 3", lambda: layers.TimeDistributed(3)),
        (
            ValueError,
            "Received: \\(2, 3\\)",
            lambda: layers.TimeDistributed(layers.Dense(3))(np.ones((2, 3))),
        ),
        (
            ValueError,
            "Received: \\(2, 4\\)",
            lambda: layers.TimeDistributed(layers.Dense(3))(np.ones((2, 3, 4)), mask=np.ones((2, 4), bool)),
        ),
        (ValueError, "at least one step", lambda: layers.RNN(Leaky(3))(np.ones((2, 0, 4)))),
    ],
)
def test_bad_input(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_a_recurrent_dropout_of_one_drops_nothing_but_input_dropout_remains(kind):
    """As in Keras: each gate then has factors of its own for the inputs."""
    layer = kind(3, dropout=0.5, recurrent_dropout=1.0, return_sequences=True, dtype="float64")
    x = np.ones((2, 3, 4))
    layer(x)
    drawn = []
    original = layer.cell.get_dropout_mask
    layer.cell.get_dropout_mask = lambda inputs: drawn.append(original(inputs)) or drawn[-1]
    y = layer(x, training=True)
    assert len(drawn[-1]) == layer.cell.gates
    parts = np.split(layer.cell.kernel.value, layer.cell.gates, axis=1)
    kernel = np.concatenate([part * factors[0][:, None] for part, factors in zip(parts, drawn[-1])], axis=1)
    layer.cell.kernel.value[...] = kernel
    np.testing.assert_allclose(layer(x)[0], y[0], rtol=1e-12)
