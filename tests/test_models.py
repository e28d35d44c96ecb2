"""Sequential models: building, calling, summaries, configurations, masks and nesting."""

import weakref

import numpy as np
import pytest

import gpulayers
from gpulayers import Input, Sequential, layers
from gpulayers.models.graph import Graph, Node

from .tolerances import assert_close


def small(**options):
    return Sequential(
        [Input((4,)), layers.Dense(3, "relu", name="hidden"), layers.Dense(2, name="out")], **options
    )


def test_list_and_add_build_the_same_model():
    added = Sequential(name="added")
    added.add(Input((4,)))
    added.add(layers.Dense(3, "relu"))
    added.add(layers.Dense(2))
    listed = small()
    assert added.built and listed.built
    assert (
        [v.shape for v in added.weights] == [v.shape for v in listed.weights] == [(4, 3), (3,), (3, 2), (2,)]
    )
    added.set_weights(listed.get_weights())
    x = np.ones((5, 4), np.float32)
    np.testing.assert_array_equal(added(x), listed(x))
    assert added.input_shape == (None, 4) and added.output_shape == (None, 2)


def test_the_output_is_the_chain_of_the_layers():
    model, x = small(), np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    k1, b1, k2, b2 = (w.astype(np.float64) for w in model.get_weights())
    assert_close(model(x), np.maximum(x @ k1 + b1, 0) @ k2 + b2, terms=8, magnitude=8)


def test_built_at_the_first_call():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built and model.weights == [] and model.output_shape is None
    model(np.ones((5, 4), np.float32))
    assert model.built and model.input_shape == (5, 4)
    model(np.ones((6, 4), np.float32))
    with pytest.raises(ValueError, match=r"Received: shape \(5, 3\)"):
        model(np.ones((5, 3), np.float32))


def test_input_shape_of_the_first_layer():
    for options in ({"input_shape": (4,)}, {"input_dim": 4}, {"batch_input_shape": (None, 4)}):
        assert Sequential([layers.Dense(3, **options)]).input_shape == (None, 4)
    assert Sequential([layers.Embedding(5, 3, input_length=7), layers.Flatten()]).output_shape == (None, 21)


def test_pop_and_add():
    model = small()
    assert model.pop().name == "out" and model.output_shape == (None, 3)
    model.add(layers.Dense(7))
    assert model.output_shape == (None, 7) and model.built
    assert model(np.ones((1, 4), np.float32)).shape == (1, 7)


def test_layers_by_name_and_index():
    model = small()
    assert [layer.name for layer in model.layers] == ["hidden", "out"]
    assert model.get_layer("out") is model.layers[1] is model.get_layer(index=-1)


def test_backward_of_a_model():
    wide = dict(dtype="float64")
    model = Sequential(
        [
            Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="tanh", **wide),
            layers.AveragePooling2D(2, **wide),
            layers.Flatten(**wide),
            layers.Dense(4, "sigmoid", **wide),
            layers.Dense(2, "softmax", **wide),
        ],
        dtype="float64",
    )
    report = gpulayers.check_gradients(model, (3, 6, 6, 2), samples=15)
    assert report and len(report.errors) == 7, report


def test_the_first_layers_input_gradient_is_left_out_on_demand():
    model = small()
    y, backward = model.forward(np.ones((5, 4), np.float32))
    assert backward(np.ones_like(y)).shape == (5, 4)
    expected = [v.grad for v in model.weights]
    for variable in model.weights:
        variable.grad = None
    y, backward = model.forward(np.ones((5, 4), np.float32))
    assert backward(np.ones_like(y), input_gradient=False) is None
    for variable, grad in zip(model.weights, expected):
        np.testing.assert_array_equal(variable.grad, grad)


def test_backward_stops_below_the_last_trainable_layer():
    calls = []

    class Spy(layers.Layer):
        def forward(self, x, training=True):
            return x, lambda grad: calls.append(self.name) or grad

    model = Sequential([Input((3,)), Spy(name="below"), layers.Dense(2), Spy(name="above")])
    y, backward = model.forward(np.ones((1, 3), np.float32))
    backward(np.ones_like(y), input_gradient=False)
    assert calls == ["above"]
    backward(np.ones_like(y))
    assert calls == ["above", "above", "below"]


def test_masks_flow_through_the_layers():
    gpulayers.set_random_seed(1)
    wide = dict(dtype="float64")
    embedding, lstm = (
        layers.Embedding(9, 4, mask_zero=True, **wide),
        layers.LSTM(3, return_sequences=True, **wide),
    )
    pool = layers.GlobalAveragePooling1D(**wide)
    model = Sequential(
        [
            Input((5,), dtype="int32"),
            embedding,
            layers.Dropout(0.3, **wide),
            lstm,
            layers.Activation("tanh", **wide),
            pool,
        ]
    )
    ids = np.array([[3, 1, 0, 0, 0], [2, 0, 5, 7, 1], [1, 2, 3, 4, 5]])
    mask = ids != 0
    expected = pool(np.tanh(lstm(embedding(ids), mask=mask)), mask=mask)
    assert_close(model(ids), expected, terms=10)
    # What stands behind padding does not matter.
    assert_close(model(ids)[:1], model(ids[:1]), terms=50, magnitude=1)
    short = Sequential([embedding, lstm, pool])
    assert_close(
        short(np.array([[3, 1]])), pool(lstm(embedding(ids), mask=mask), mask=mask)[:1], terms=50, magnitude=1
    )


def test_a_dropped_mask_warns():
    model = Sequential([layers.Embedding(9, 4, mask_zero=True), layers.Flatten()])
    with pytest.warns(UserWarning, match="flatten.* does not support masks"):
        model(np.array([[1, 0]]))


def test_models_nest():
    inner = Sequential(
        [layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3, return_sequences=True)], name="inner"
    )
    model = Sequential([Input((5,), dtype="int32"), inner, layers.GlobalAveragePooling1D(), layers.Dense(1)])
    assert len(model.weights) == 6 and len(model.layers) == 3
    ids = np.array([[3, 1, 0, 0, 0]])
    pooled = layers.GlobalAveragePooling1D()(inner(ids), mask=ids != 0)
    assert_close(model(ids), model.layers[-1](pooled), terms=10)
    model.compile("sgd", "mse")
    before = inner.get_weights()
    model.fit(ids, [[5.0]], verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, inner.get_weights()))
    inner.trainable = False
    before = inner.get_weights()
    model.fit(ids, [[5.0]], verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, inner.get_weights()))


def test_config():
    model = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="c"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3),
        ],
        name="net",
    )
    again = Sequential.from_config(model.get_config())
    assert again.name == "net" and again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(again(x), model(x))
    deferred = Sequential([layers.Dense(3)])
    deferred.build((None, 4))
    assert Sequential.from_config(deferred.get_config()).weights[0].shape == (4, 3)


def test_summary():
    found = []
    model = small(name="two [layers]")
    model.layers[0].trainable = False
    model.summary(line_length=70, print_fn=found.append)
    text = "\n".join(found)
    for part in (
        '"two [layers]"',
        "hidden (Dense)",
        "(None, 3)",
        "Layer (type)",
        "Output Shape",
        "Param #",
        "Total params: 23 (92.00 B)",
        "Trainable params: 8",
        "Non-trainable params: 15",
    ):
        assert part in text, part
    assert max(map(len, text.splitlines())) == 70


def test_a_graph_that_branches_merges_and_shares():
    """The list of nodes that functional models will use: y = d(x) + d(d(x)), d shared."""

    class Add(layers.Layer):
        def forward(self, x, training=True):
            return x[0] + x[1], lambda grad: [grad, grad]

        def compute_output_shape(self, shapes):
            return shapes[0]

    dense = layers.Dense(3, "tanh", dtype="float64")
    dense.build((None, 3))
    graph = Graph(
        [Node(dense, (0,), (1,)), Node(dense, (1,), (2,)), Node(Add(dtype="float64"), (1, 2), (3,))],
        (0,),
        (3,),
    )

    class Wrapped(layers.Layer):
        def __init__(self):
            super().__init__(dtype="float64")
            self.dense = dense

        def forward(self, x, training=True):
            outputs, _, backward, _ = graph.run([x], [None], training, True)
            return outputs[0], lambda grad: backward([grad])[0]

    report = gpulayers.check_gradients(Wrapped(), (2, 3))
    assert report and len(report.errors) == 3, report


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: Sequential([3]), TypeError),
        (lambda: gpulayers.Model(), TypeError),
        (lambda: Sequential([layers.Dense(1), Input((3,))]), ValueError),
        (lambda: Sequential([Input((3,)), Input((3,))]), ValueError),
        (lambda: Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]), ValueError),
        (lambda: Sequential([Input((8, 8, 1)), layers.Conv2D(4, 9)]), ValueError),
        (lambda: Sequential([Input((8,)), layers.Conv2D(4, 3)]), ValueError),
        (lambda: Sequential([Input((8, 2)), layers.LSTM(3, return_state=True)]), ValueError),
        (lambda: Sequential().pop(), ValueError),
        (lambda: Sequential()(np.ones((1, 2), np.float32)), ValueError),
        (lambda: small().get_layer("nobody"), ValueError),
        (lambda: small().get_layer(index=5), ValueError),
        (lambda: small().get_layer(), ValueError),
        (lambda: small()(np.ones((2, 5), np.float32)), ValueError),
        (lambda: small()(np.ones((2, 4, 2), np.float32)), ValueError),
        (lambda: small()([np.ones((2, 4), np.float32)] * 2), ValueError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()


def test_a_call_keeps_nothing_and_a_forward_lets_go_with_its_backward():
    made, alive = [], []

    class Spy(layers.Layer):
        def forward(self, x, training=True):
            alive[:] = [reference() is not None for reference in made]
            y = x + 1
            made.append(weakref.ref(y))
            return y, lambda grad: grad

    model = Sequential([Input((3,)), Spy(), layers.Dense(2), Spy()])
    x = np.ones((2, 3), np.float32)
    model(x)
    assert alive == [False]  # the input of Dense is gone before the last layer runs
    made.clear()
    _, backward = model.forward(x)
    assert alive == [True]
    del backward
    assert made[0]() is None
