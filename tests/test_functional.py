"""Models of calls on symbolic tensors: structure, values, gradients, masks, nesting, configurations."""

import numpy as np
import pytest

import gpulayers
from gpulayers import Input, Model, Sequential, layers, optimizers

from .tolerances import assert_close

WIDE = dict(dtype="float64")


class Sum(layers.Layer):
    """a + b, with a mask where both have one."""

    def forward(self, x, training=True):
        return x[0] + x[1], lambda grad: [grad, grad]

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else mask[0] & mask[1]


class Split(layers.Layer):
    """The two halves of the last axis."""

    def forward(self, x, training=True):
        half = x.shape[-1] // 2

        def backward(grads):
            zeros = np.zeros_like(x[..., :half])
            return np.concatenate([zeros if grad is None else grad for grad in grads], axis=-1)

        return [x[..., :half], x[..., half:]], backward

    def compute_output_shape(self, input_shape):
        return [(*input_shape[:-1], input_shape[-1] // 2)] * 2


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def two_towers():
    """out = c(tanh(shared(a)) + tanh(shared(b))), and tanh(shared(a)) itself."""
    a, b = Input((4,), name="a", **WIDE), Input((4,), name="b", **WIDE)
    shared = layers.Dense(3, "tanh", name="shared", **WIDE)
    left, right = shared(a), shared(b)
    out = layers.Dense(2, name="out", **WIDE)(Sum(name="sum", **WIDE)([left, right]))
    return Model([a, b], [out, left], name="towers", **WIDE)


def test_structure():
    model = two_towers()
    assert isinstance(model, Model) and model.built
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "sum", "out"]
    assert model.input_names == ["a", "b"] and model.output_names == ["out", "shared"]
    assert model.input_shape == [(None, 4), (None, 4)] and model.output_shape == [(None, 2), (None, 3)]
    assert [v.shape for v in model.weights] == [(4, 3), (3,), (3, 2), (2,)]
    assert model.count_params() == 4 * 3 + 3 + 3 * 2 + 2
    assert model.get_layer("sum") is model.layers[3]
    assert model.input == model.inputs and model.output == model.outputs
    assert model.compute_output_shape([(7, 4), (7, 4)]) == [(7, 2), (7, 3)]


def test_values_and_inputs_by_name():
    model, a, b = two_towers(), draw(5, 4), draw(5, 4, seed=1)
    k, c, k2, c2 = model.get_weights()
    left = np.tanh(a @ k + c)
    expected = (left + np.tanh(b @ k + c)) @ k2 + c2
    out, tower = model([a, b])
    assert_close(out, expected, terms=20)
    assert_close(tower, left, terms=10)
    np.testing.assert_array_equal(model({"b": b, "a": a})[0], out)


def test_gradients_of_shared_layers_add_up():
    model, a, b = two_towers(), draw(5, 4), draw(5, 4, seed=1)
    outputs, backward = model.forward([a, b])
    grads = [draw(*y.shape, seed=2) for y in outputs]
    found = backward(grads)
    arrays = [a, b, *(v.value for v in model.weights)]
    gradients = found + [v.grad for v in model.weights]
    for array, gradient in zip(arrays, gradients):
        index = tuple(0 for _ in array.shape)
        sides, kept = [], array[index]
        for step in (1e-6, -1e-6):
            array[index] = kept + step
            sides.append(sum((y * g).sum() for y, g in zip(model([a, b]), grads)))
        array[index] = kept
        assert gradient[index] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-6, abs=1e-8)


def test_an_output_without_a_gradient():
    model = two_towers()
    outputs, backward = model.forward([draw(2, 4), draw(2, 4)])
    backward([None, np.ones_like(outputs[1])])
    assert model.get_layer("out").kernel.grad is None and model.get_layer("shared").kernel.grad is not None


def test_branches_of_a_layer_with_several_outputs():
    x = Input((6,), **WIDE)
    first, second = Split(**WIDE)(x)
    model = Model(x, Sum(**WIDE)([first, layers.Dense(3, **WIDE)(second)]), **WIDE)
    report = gpulayers.check_gradients(model, (4, 6))
    assert report and len(report.errors) == 3, report
    unused = Model(x, first)
    y, backward = unused.forward(draw(2, 6))
    assert not backward(np.ones_like(y))[:, 3:].any()


def test_dicts_of_inputs_and_outputs():
    a, b = Input((2,), name="a", **WIDE), Input((2,), name="b", **WIDE)
    same = layers.Activation("linear", **WIDE)(b)
    model = Model({"b": b, "a": a}, {"sum": Sum(**WIDE)([a, b]), "same": same})
    assert model.input_names == ["a", "b"] and model.output_labels == ["same", "sum"]
    assert model.output_names == [tensor.layer.name for tensor in model.outputs]
    found = model({"a": np.ones((1, 2)), "b": np.full((1, 2), 2.0)})
    assert found["sum"].tolist() == [[3, 3]] and found["same"].tolist() == [[2, 2]]
    assert set(model.predict({"a": np.ones((3, 2)), "b": np.ones((3, 2))}, verbose=0)) == {"sum", "same"}
    y, backward = model.forward({"a": np.ones((1, 2)), "b": np.full((1, 2), 2.0)})
    np.testing.assert_equal(y, found)
    grads = backward({"sum": np.ones((1, 2)), "same": np.full((1, 2), 5.0)})
    np.testing.assert_equal(grads, {"a": np.ones((1, 2)), "b": np.full((1, 2), 6.0)})
    assert backward([None, np.ones((1, 2))])["b"].tolist() == [[1, 1]]
    for call in (
        lambda: backward({"sum": np.ones((1, 2))}),
        lambda: model({"a": np.ones((1, 2))}),
        lambda: layers.Dense(2)({"a": np.ones((1, 2))}),
        lambda: Sequential([layers.Dense(2)])({"a": np.ones((1, 2))}),
    ):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            call()
    with pytest.warns(UserWarning, match="The key 'c'"):
        Model({"c": a}, a)


def test_masks_flow_along_every_path():
    ids = Input((4,), dtype="int32")
    embedded = layers.Embedding(9, 3, mask_zero=True, **WIDE)(ids)
    both = Sum(**WIDE)([layers.LSTM(3, return_sequences=True, **WIDE)(embedded), embedded])
    pool = layers.GlobalAveragePooling1D(**WIDE)
    model = Model(ids, pool(both))
    data = np.array([[3, 1, 0, 0], [2, 5, 7, 1]])
    short = model(data[:1, :4])
    layer, lstm = model.layers[1], model.layers[2]
    expected = (lstm(layer(data[:1, :2])) + layer(data[:1, :2])).mean(axis=1)
    assert_close(short, expected, terms=20)


def test_initial_states():
    x, h = Input((3, 2), **WIDE), Input((4,), **WIDE)
    lstm = layers.LSTM(4, return_state=True, **WIDE)
    y, last_h, last_c = lstm(x, initial_state=[h, h])
    model = Model([x, h], [y, last_c])
    data, state = draw(2, 3, 2), draw(2, 4, seed=1)
    expected = lstm(data, initial_state=[state, state])
    np.testing.assert_array_equal(model([data, state])[1], expected[2])
    _, backward = model.forward([data, state])
    _, direct = lstm.forward(data, initial_state=[state, state])
    ones = np.ones((2, 4))
    _, grad_h, grad_c = direct([ones, None, None])
    np.testing.assert_allclose(backward([ones, None])[1], grad_h + grad_c, rtol=1e-12)


def test_nesting():
    inner, a, b = two_towers(), Input((4,), **WIDE), Input((4,), **WIDE)
    tail = Sequential([layers.Dense(3, "relu", **WIDE), layers.Dense(1, **WIDE)], name="tail", **WIDE)
    out, left = inner([a, b])
    model = Model([a, b], Sum(**WIDE)([tail(out), tail(layers.Dense(2, **WIDE)(left))]))
    assert len(model.weights) == 4 + 2 + 4
    again = Sequential([Input((4,), **WIDE), Model(a, layers.Dense(4, **WIDE)(a)), layers.Dense(2, **WIDE)])
    assert again(draw(3, 4)).shape == (3, 2)
    x = [draw(3, 4), draw(3, 4, seed=1)]
    first, second = inner(x)
    dense = next(layer for layer in model.layers if type(layer) is layers.Dense)
    np.testing.assert_array_equal(model(x), tail(first) + tail(dense(second)))
    inner.trainable = False
    before = inner.get_weights()
    model.compile(optimizers.SGD(0.1), "mse")
    model.fit(x, np.ones((3, 1)), verbose=0)
    assert all(np.array_equal(*pair) for pair in zip(before, inner.get_weights()))


def test_models_of_parts_of_models():
    base = Sequential([Input((4,)), layers.Dense(3, "tanh", name="h"), layers.Dense(2, name="o")])
    x = draw(2, 4).astype(np.float32)
    features = Model(base.inputs, base.get_layer("h").output)
    np.testing.assert_array_equal(features(x), base.layers[0](x))
    head = Model(base.get_layer("h").output, base.output)
    np.testing.assert_array_equal(head(features(x)), base(x))
    assert [type(layer).__name__ for layer in head.layers] == ["InputLayer", "Dense"]
    assert head.weights[0] is base.get_layer("o").kernel


def test_training_mode_of_a_call():
    x = Input((50,))
    dropped = layers.Dropout(0.5)(x, training=True)
    model, ones = Model(x, dropped), np.ones((2, 50), np.float32)
    assert (model(ones) == 0).any()  # as the call says
    assert (model.predict(ones, verbose=0) == 1).all()  # unless the model says otherwise


def test_configurations():
    model = two_towers()
    again = Model.from_config(model.get_config(), {"Sum": Sum})
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    x = [draw(3, 4), draw(3, 4, seed=1)]
    for first, second in zip(again(x), model(x)):
        np.testing.assert_array_equal(first, second)


def test_configurations_of_nested_models_and_states():
    x, h = Input((3, 2)), Input((4,))
    tail = Sequential([Input((4,)), layers.Dense(2)])
    inner = Model(h, layers.Dense(4)(h))
    y = tail(layers.LSTM(4)(x, initial_state=[inner(h), h]))
    model = Model([x, h], y)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    data = [draw(2, 3, 2).astype(np.float32), draw(2, 4).astype(np.float32)]
    np.testing.assert_array_equal(again(data), model(data))


def test_summary():
    found = []
    two_towers().summary(line_length=90, print_fn=found.append)
    text = "\n".join(found)
    for part in ("Connected to", "a[0][0]", "shared[0][0]", "shared[1][0]", "sum (Sum)", "Total params: 23"):
        assert part in text, part


def unconnected():
    a, b = Input((2,)), Input((2,))
    return Model(a, Sum()([a, b]))


def same_names():
    a = Input((2,))
    return Model(a, layers.Dense(2, name="d")(layers.Dense(2, name="d")(a)))


@pytest.mark.parametrize(
    "call, error",
    [
        (unconnected, ValueError),
        (same_names, ValueError),
        (lambda: Model(), TypeError),
        (lambda: Model(3, 4), TypeError),
        (lambda: Model([], []), ValueError),
        (lambda: Model(np.ones(3), np.ones(3)), TypeError),
        (lambda: layers.Dense(2)([Input((2,)), np.ones((1, 2))]), TypeError),
        (lambda: layers.Dense(2)(Input((None,))), ValueError),
        (lambda: layers.Conv2D(2, 3)(Input((4,))), ValueError),
        (lambda: layers.LSTM(2)(Input((3, 2)), mask=np.ones((1, 3))), TypeError),
        (lambda: two_towers()([np.ones((1, 4))]), ValueError),
        (lambda: two_towers()(np.ones((1, 4))), ValueError),
        (lambda: two_towers()({"a": np.ones((1, 4))}), ValueError),
        (lambda: two_towers()([np.ones((1, 4)), np.ones((1, 5))]), ValueError),
        (lambda: two_towers()([Input((4,)), Input((5,))]), ValueError),
        (lambda: layers.Dense(2).output, ValueError),
        (lambda: Sequential([layers.Dense(2)]).input, ValueError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
