"""What all layers share, and Dense, Activation, Dropout, Flatten, Reshape and Input."""

import warnings

import numpy as np
import pytest

import gpulayers
from gpulayers import activations, initializers, layers, regularizers
from gpulayers.layers import names
from gpulayers.ops import normalization

from .layer_makers import MAKERS, RANDOM
from .tolerances import assert_close

ALL = {
    "Dense": (
        lambda **k: layers.Dense(4, "relu", kernel_regularizer="l2", bias_constraint="non_neg", **k),
        (2, 3),
    ),
    "Activation": (lambda **k: layers.Activation("tanh", **k), (2, 3)),
    "Flatten": (lambda **k: layers.Flatten(**k), (2, 3, 4)),
    "Reshape": (lambda **k: layers.Reshape((4, 3), **k), (2, 3, 4)),
    "Dropout": (lambda **k: layers.Dropout(0.5, noise_shape=(None, 1), seed=3, **k), (2, 3)),
    "Conv1D": (lambda **k: layers.Conv1D(4, 3, padding="causal", **k), (2, 7, 3)),
    "Conv2D": (lambda **k: layers.Conv2D(4, 3, activation="relu", **k), (2, 7, 6, 3)),
    "Conv3D": (lambda **k: layers.Conv3D(4, 3, padding="same", **k), (2, 3, 4, 5, 3)),
    "MaxPooling1D": (lambda **k: layers.MaxPooling1D(3, **k), (2, 7, 3)),
    "MaxPooling2D": (lambda **k: layers.MaxPooling2D(**k), (2, 7, 6, 3)),
    "MaxPooling3D": (lambda **k: layers.MaxPooling3D(padding="same", **k), (2, 3, 4, 5, 3)),
    "AveragePooling1D": (lambda **k: layers.AveragePooling1D(2, **k), (2, 7, 3)),
    "AveragePooling2D": (lambda **k: layers.AveragePooling2D((2, 3), 1, **k), (2, 7, 6, 3)),
    "AveragePooling3D": (lambda **k: layers.AveragePooling3D(2, **k), (2, 3, 4, 5, 3)),
    "GlobalMaxPooling1D": (lambda **k: layers.GlobalMaxPooling1D(**k), (2, 7, 3)),
    "GlobalMaxPooling2D": (lambda **k: layers.GlobalMaxPooling2D(keepdims=True, **k), (2, 7, 6, 3)),
    "GlobalMaxPooling3D": (lambda **k: layers.GlobalMaxPooling3D(**k), (2, 3, 4, 5, 3)),
    "GlobalAveragePooling1D": (lambda **k: layers.GlobalAveragePooling1D(**k), (2, 7, 3)),
    "GlobalAveragePooling2D": (lambda **k: layers.GlobalAveragePooling2D(**k), (2, 7, 6, 3)),
    "GlobalAveragePooling3D": (
        lambda **k: layers.GlobalAveragePooling3D(keepdims=True, **k),
        (2, 3, 4, 5, 3),
    ),
    "Embedding": (lambda **k: layers.Embedding(9, 4, mask_zero=True, input_length=3, **k), (2, 3)),
    "LSTM": (lambda **k: layers.LSTM(4, return_sequences=True, **k), (2, 3, 5)),
}
ALL.update(MAKERS | RANDOM)


def inputs_of(name, shape, dtype=np.float32):
    if name == "Embedding":
        return np.arange(np.prod(shape)).reshape(shape)
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("name", ALL)
def test_config_makes_the_same_layer(name):
    make, shape = ALL[name]
    layer = make(name="given", dtype="float64", trainable=False)
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer) and again.get_config() == layer.get_config()
    assert again.name == "given" and again.dtype == np.float64 and not again.trainable
    x = inputs_of(name, shape, np.float64)
    again.build(shape)
    layer.build(shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), layer(x))


@pytest.mark.parametrize("name", ALL)
def test_shapes_and_types(name, dtype):
    make, shape = ALL[name]
    layer, x = make(dtype=dtype.name), inputs_of(name, shape, dtype)
    assert layer.compute_output_shape((None, *shape[1:]))[0] is None
    y, backward = layer.forward(x)
    assert y.shape == layer.compute_output_shape(shape) and y.dtype == dtype
    grad = backward(np.ones_like(y))
    assert grad is None if name == "Embedding" else grad.shape == shape and grad.dtype == dtype
    assert layer(x).shape == y.shape
    assert all(variable.dtype == dtype for variable in layer.weights)
    assert all(variable.grad.dtype == dtype for variable in layer.trainable_weights)


@pytest.mark.parametrize("name", ALL)
def test_an_empty_batch(name):
    make, shape = ALL[name]
    layer, x = make(), inputs_of(name, shape)[:0]
    y, backward = layer.forward(x)
    assert y.shape == layer.compute_output_shape((0, *shape[1:]))
    backward(y)
    for variable in layer.trainable_weights:
        np.testing.assert_array_equal(variable.grad, 0)


@pytest.mark.parametrize("name", [name for name in ALL if name != "Embedding"])
def test_inputs_are_converted_and_gradients_converted_back(name):
    make, shape = ALL[name]
    layer = make()
    y, backward = layer.forward(inputs_of(name, shape, np.float64))
    assert y.dtype == np.float32
    assert backward(np.ones_like(y)).dtype == np.float64
    y, backward = make().forward(np.ones(shape, np.int64))
    assert backward(np.ones_like(y)) is None


@pytest.mark.parametrize("name", [name for name in ALL if name != "Embedding"])
def test_inputs_pass_as_they_are_without_autocast(name):
    make, shape = ALL[name]
    layer, x = make(autocast=False), inputs_of(name, shape, np.float64)
    if name.startswith(("Dense", "Conv")):
        with pytest.raises(TypeError, match="one dtype. Received: x float64, weight float32"):
            layer(x)
    else:  # layers of statistics and of cells convert their outputs
        converts = ("LSTM", "BatchNormalization", "LayerNormalization", "GroupNormalization")
        assert layer(x).dtype == (np.float32 if name.startswith(converts) else np.float64)


@pytest.mark.parametrize("name", ALL)
def test_a_call_leaves_its_input_alone(name):
    make, shape = ALL[name]
    x = inputs_of(name, shape)
    kept, layer = x.copy(), make()
    y, backward = layer.forward(x)
    grad_output = np.ones_like(y)
    backward(grad_output)
    layer(x)
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(grad_output, 1)


def test_gradients_add_up():
    layer, x = layers.Dense(2), np.ones((3, 4), np.float32)
    for _ in range(2):
        y, backward = layer.forward(x)
        backward(np.ones_like(y))
    np.testing.assert_array_equal(layer.bias.grad, [6, 6])
    layer.bias.grad = None
    backward(np.ones_like(y))
    np.testing.assert_array_equal(layer.bias.grad, [3, 3])


def test_frozen_layers_gather_no_gradients():
    layer = layers.LSTM(2, trainable=False)
    y, backward = layer.forward(np.ones((1, 3, 2), np.float32))
    assert backward(np.ones_like(y)).shape == (1, 3, 2)
    assert all(variable.grad is None for variable in layer.weights)
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 3
    layer.trainable = True
    assert len(layer.trainable_weights) == 3


def test_names():
    names.clear_session()
    assert [layers.Dense(1).name, layers.Dense(1).name, layers.Dense(1).name] == [
        "dense",
        "dense_1",
        "dense_2",
    ]
    for layer, name in [
        (layers.MaxPooling1D(), "max_pooling1d"),
        (layers.LSTM(1), "lstm"),
        (layers.Conv2D(1, 1), "conv2d"),
        (layers.GlobalAveragePooling1D(), "global_average_pooling1d"),
        (layers.Embedding(2, 1), "embedding"),
    ]:
        assert layer.name == name
    assert layers.Dense(1, name="mine").name == "mine" and layers.Dense(1).name == "dense_3"


def test_weights():
    layer = layers.Dense(2, name="d")
    assert layer.weights == [] and not layer.built
    with pytest.raises(ValueError, match="Received: count_params"):
        layer.count_params()
    layer.build((None, 3))
    assert [variable.path for variable in layer.weights] == ["d/kernel", "d/bias"]
    assert [variable.shape for variable in layer.weights] == [(3, 2), (2,)]
    assert layer.count_params() == 8
    kernel = np.arange(6.0).reshape(3, 2)
    layer.set_weights([kernel, [1, 2]])
    np.testing.assert_array_equal(layer(np.ones((1, 3), np.float32)), [[7, 11]])
    layer.get_weights()[0][:] = 0
    np.testing.assert_array_equal(layer.kernel.value, kernel)
    np.testing.assert_array_equal(np.asarray(layer.kernel), kernel)


def test_set_weights_changes_all_or_nothing():
    layer = layers.Dense(2)
    layer.build((None, 3))
    before = layer.get_weights()
    for wrong in ([np.ones((3, 2))], [np.ones((3, 2)), np.ones(3)], []):
        with pytest.raises(ValueError, match="Received: "):
            layer.set_weights(wrong)
        np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    with pytest.raises(ValueError, match="Received: "):
        layer.kernel.assign(np.ones((2, 3)))


def test_initializers_and_activations_by_name_object_and_callable():
    layer = layers.Dense(
        2,
        activations.relu,
        kernel_initializer=initializers.Constant(-2),
        bias_initializer=lambda s, dtype: np.ones(s),
    )
    np.testing.assert_array_equal(layer(np.array([[1.0, -2.0]], np.float32)), [[3, 3]])
    np.testing.assert_array_equal(layer(np.array([[1.0, 2.0]], np.float32)), [[0, 0]])
    same = layers.Dense(2, "relu", kernel_initializer="ones", bias_initializer=initializers.Ones)
    np.testing.assert_array_equal(same(np.array([[1.0, 2.0]], np.float32)), [[4, 4]])


def test_dense_values(dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(dtype)
    layer = layers.Dense(5, "tanh", dtype=dtype.name, bias_initializer="random_normal")
    y = layer(x)
    kernel, bias = (w.astype(np.float64) for w in layer.get_weights())
    assert_close(
        y,
        np.tanh(np.einsum("abi,iu->abu", x.astype(np.float64), kernel) + bias),
        terms=5,
        magnitude=4,
        roundings=3,
    )


def test_dropout():
    layer, x = layers.Dropout(0.4, seed=1), np.ones((50, 80), np.float32)
    assert layer(x) is x
    y, backward = layer.forward(x)
    assert abs((y == 0).mean() - 0.4) < 0.03 and np.unique(y).tolist() == [0, np.float32(1 / 0.6)]
    np.testing.assert_array_equal(backward(x), y)
    assert not np.array_equal(layer(x, training=True), y)
    np.testing.assert_array_equal(layers.Dropout(0.4, seed=1)(x, training=True), y)
    y = layers.Dropout(0.5, noise_shape=(None, 1))(x, training=True)
    assert all(len(set(row)) == 1 for row in y.tolist()) and len(set(y[:, 0].tolist())) == 2


def test_flatten_channels_first_moves_the_channels_last():
    x = np.arange(12.0, dtype=np.float32).reshape(1, 3, 4)
    np.testing.assert_array_equal(layers.Flatten("channels_first")(x), x.transpose(0, 2, 1).reshape(1, 12))
    np.testing.assert_array_equal(layers.Flatten()(x), x.reshape(1, 12))
    assert layers.Flatten()(np.ones(3, np.float32)).shape == (3, 1)
    assert layers.Flatten().compute_output_shape((None, 3, None)) == (None, None)
    assert layers.Flatten()(np.ones((2, 2), np.int32)).dtype == np.int32


def test_reshape():
    x = np.arange(12.0, dtype=np.float32).reshape(1, 3, 4)
    np.testing.assert_array_equal(layers.Reshape((2, -1))(x), x.reshape(1, 2, 6))
    assert layers.Reshape((2, -1)).compute_output_shape((None, 4, 4)) == (None, 2, 8)
    assert layers.Reshape((2, -1)).compute_output_shape((None, None, 4)) == (None, 2, None)


def test_masks_pass_or_are_dropped_with_a_warning():
    x, mask = np.ones((2, 3, 4), np.float32), np.ones((2, 3), bool)
    for layer in (layers.Dense(2), layers.Dropout(0.5), layers.Activation("relu")):
        assert layer.compute_mask(x, mask) is mask
    for layer in (layers.Flatten(), layers.Reshape((12,)), layers.Conv1D(2, 1), layers.GlobalMaxPooling1D()):
        with pytest.warns(UserWarning, match="does not support masks"):
            assert layer.compute_mask(x, mask) is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert layer.compute_mask(x, None) is None


def test_input():
    tensor = layers.Input((3, None), batch_size=5, dtype="int32", name="ids")
    assert tensor.shape == (5, 3, None) and tensor.dtype == "int32" and tensor.name == "ids"
    assert layers.Input(batch_shape=(None, 2)).shape == (None, 2)
    layer = layers.InputLayer((4,), name="i")
    assert layers.InputLayer.from_config(layer.get_config()).batch_shape == (None, 4)


def test_a_custom_layer_with_layers_inside():
    class Block(layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.first = layers.Dense(units, "relu")
            self.rest = [layers.Dense(units), layers.Dense(1)]

        def forward(self, x, training=True):
            steps = []
            for layer in (self.first, *self.rest):
                x, backward = layer.forward(x, training=training)
                steps.append(backward)

            def back(grad):
                for backward in reversed(steps):
                    grad = backward(grad)
                return grad

            return x, back

    block = Block(3, dtype="float64")
    block(np.ones((2, 4)))
    assert [variable.shape for variable in block.weights] == [(4, 3), (3,), (3, 3), (3,), (3, 1), (1,)]
    block.trainable = False
    assert block.trainable_weights == []


def test_forward_of_a_parent_class():
    class Doubled(layers.Dense):
        def forward(self, x, training=True):
            y, backward = super().forward(x, training)
            return 2 * y, lambda grad: backward(2 * grad)

        skips_input_gradient = False

    report = gpulayers.check_gradients(Doubled(3, dtype="float64", activity_regularizer=None), (2, 4))
    assert report, report
    layer = Doubled(3, activity_regularizer=regularizers.L1(1.0))
    y, _ = layer.forward(np.ones((2, 4), np.float32))
    assert layer.losses == [pytest.approx(abs(y).sum() / 2)]


def test_layers_set_before_the_base_is_ready():
    class Hasty(layers.Layer):
        def __init__(self):
            self.inner = layers.Dense(1)
            super().__init__()

    with pytest.raises(RuntimeError, match="Received: inner="):
        Hasty()


@pytest.mark.parametrize(
    "shape, axes",
    [
        ((6, 8, 5), (0, 1)),
        ((64, 3), (0,)),
        ((7, 9), (0,)),
        ((4, 5000), (0,)),
        ((4, 6, 8), (1, 2)),
        ((4, 6, 8), (0, 2)),
        ((0, 3), (0,)),
    ],
)
def test_sums_of_normalisations(shape, axes):
    values = np.random.default_rng(2).uniform(-1, 1, shape).astype(np.float32)
    for array in (values, values[..., ::-1]):
        wide = array.astype(np.float64)
        expected, sizes = (a.sum(axis=axes, keepdims=True) for a in (wide, abs(wide)))
        assert_close(normalization.total(array, axes), expected, values.size, sizes)
