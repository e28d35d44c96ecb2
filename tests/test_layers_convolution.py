"""Transposed, depthwise and separable convolution layers, and explicit padding on all convolution layers."""

import inspect

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, ops
from gpulayers.layers.gradient_check import check_gradients

IMAGE = (2, 5, 6, 2)
LINE = (2, 7, 4)
# name -> (class, arguments, input shape, output shape, weights' shapes), channels_last
CASES = {
    "conv 1d, pair": (
        "Conv1D",
        dict(filters=3, kernel_size=3, padding=((2, 0),)),
        LINE,
        (2, 7, 3),
        [(3, 4, 3), (3,)],
    ),
    "conv 2d, strides, dilation and pairs": (
        "Conv2D",
        dict(filters=4, kernel_size=2, strides=2, dilation_rate=(3, 2), padding=((1, 0), (0, 3)), groups=2),
        IMAGE,
        (2, 2, 4, 4),
        [(2, 2, 1, 4), (4,)],
    ),
    "conv 3d, integer": (
        "Conv3D",
        dict(filters=2, kernel_size=2, padding=1, activation="relu"),
        (1, 2, 3, 2, 2),
        (1, 3, 4, 3, 2),
        [(2, 2, 2, 2, 2), (2,)],
    ),
    "transposed 1d": (
        "Conv1DTranspose",
        dict(filters=3, kernel_size=3, strides=2, padding="same", activation="softmax"),
        LINE,
        (2, 14, 3),
        [(3, 3, 4), (3,)],
    ),
    "transposed 2d": (
        "Conv2DTranspose",
        dict(filters=3, kernel_size=(2, 3), strides=2, output_padding=(0, 1), activation="relu"),
        IMAGE,
        (2, 10, 14, 3),
        [(2, 3, 3, 2), (3,)],
    ),
    "transposed 2d, strides, dilation, pairs and groups": (
        "Conv2DTranspose",
        dict(filters=4, kernel_size=2, strides=(2, 3), dilation_rate=2, padding=((1, 0), (2, 1)), groups=2),
        IMAGE,
        (2, 10, 15, 4),
        [(2, 2, 2, 2), (4,)],
    ),
    "transposed 3d": (
        "Conv3DTranspose",
        dict(filters=2, kernel_size=2, strides=(1, 2, 1), padding="same", use_bias=False),
        (1, 2, 3, 2, 2),
        (1, 2, 6, 2, 2),
        [(2, 2, 2, 2, 2)],
    ),
    "depthwise 1d": (
        "DepthwiseConv1D",
        dict(kernel_size=3, depth_multiplier=2, activation="tanh"),
        LINE,
        (2, 5, 8),
        [(3, 4, 2), (8,)],
    ),
    "depthwise 2d, one channel": (
        "DepthwiseConv2D",
        dict(kernel_size=2, depth_multiplier=3, padding="same"),
        (2, 4, 3, 1),
        (2, 4, 3, 3),
        [(2, 2, 1, 3), (3,)],
    ),
    "depthwise 2d, strides, dilation and pairs": (
        "DepthwiseConv2D",
        dict(kernel_size=2, strides=2, dilation_rate=2, padding=((1, 2), (0, 1)), activation="elu"),
        IMAGE,
        (2, 3, 3, 2),
        [(2, 2, 2, 1), (2,)],
    ),
    "separable 1d": (
        "SeparableConv1D",
        dict(filters=3, kernel_size=3, strides=2, padding="same", depth_multiplier=2),
        LINE,
        (2, 4, 3),
        [(3, 4, 2), (1, 8, 3), (3,)],
    ),
    "separable 2d": (
        "SeparableConv2D",
        dict(filters=3, kernel_size=(2, 3), dilation_rate=2, padding=((0, 1), (2, 2)), activation="sigmoid"),
        IMAGE,
        (2, 4, 6, 3),
        [(2, 3, 2, 1), (1, 1, 2, 3), (3,)],
    ),
}
NEW = [name for name in CASES if not name.startswith("conv")]


def first(shape):
    return (shape[0], shape[-1], *shape[1:-1])


def made(name, **more):
    kind, arguments, *_ = CASES[name]
    return getattr(layers, kind)(**arguments, **more)


@pytest.mark.parametrize("name", CASES)
def test_shapes_and_weights(name):
    _, _, shape, output, weights = CASES[name]
    layer = made(name)
    assert layer.compute_output_shape(shape) == output
    unknown = layer.compute_output_shape((None,) * (len(shape) - 1) + shape[-1:])
    assert unknown == (None,) * (len(shape) - 1) + output[-1:]
    layer.build(shape)
    assert [variable.shape for variable in layer.weights] == weights
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    y = layer(x)
    assert y.shape == output and y.dtype == np.float32
    other = made(name, data_format="channels_first")
    assert other.compute_output_shape(first(shape)) == first(output)
    if layer.activation.name != "softmax":  # over the last axis
        other.build(first(shape))
        other.set_weights(layer.get_weights())
        np.testing.assert_allclose(
            np.moveaxis(other(np.ascontiguousarray(np.moveaxis(x, -1, 1))), 1, -1), y, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", CASES)
def test_gradients(name, data_format):
    shape = CASES[name][2] if data_format == "channels_last" else first(CASES[name][2])
    gpulayers.set_random_seed(1)
    layer = (
        made(name, data_format=data_format, dtype="float64", bias_initializer="ones")
        if (CASES[name][1].get("use_bias", True))
        else made(name, data_format=data_format, dtype="float64")
    )
    report = check_gradients(layer, shape)
    assert report, report
    assert len(report.errors) == 1 + len(layer.weights)


@pytest.mark.parametrize("name", CASES)
def test_frozen_weights_and_no_input_gradient(name):
    layer = made(name)
    x = np.ones(CASES[name][2], np.float32)
    y, backward = layer.forward(x)
    assert backward(np.ones_like(y), input_gradient=False) is None
    assert all(variable.grad is not None for variable in layer.weights)
    layer.trainable = False
    for variable in layer.weights:
        variable.grad = None
    y, backward = layer.forward(x)
    assert backward(np.ones_like(y)).shape == x.shape
    assert all(variable.grad is None for variable in layer.weights)


@pytest.mark.parametrize("name", NEW)
def test_every_argument_survives_the_configuration(name):
    kind = getattr(layers, CASES[name][0])
    arguments = dict(CASES[name][1], use_bias=True)
    parts = {"bias"} | ({"kernel"} if "Transpose" in kind.__name__ else {"depthwise"})
    parts |= {"pointwise"} if "Separable" in kind.__name__ else set()
    for part in parts:
        arguments |= {
            f"{part}_initializer": "ones",
            f"{part}_regularizer": "l2",
            f"{part}_constraint": "non_neg",
        }
    layer = kind(**arguments, activity_regularizer="l1", name="given", dtype="float64", trainable=False)
    configuration = layer.get_config()
    accepted = {
        parameter
        for ancestor in kind.__mro__
        if "__init__" in vars(ancestor) and ancestor is not object
        for parameter in inspect.signature(ancestor.__init__).parameters
    }
    assert set(configuration) <= accepted
    assert set(arguments) | {"activity_regularizer", "name", "dtype", "trainable"} <= set(configuration)
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is kind and again.get_config() == configuration
    x = np.random.default_rng(0).standard_normal(CASES[name][2])
    np.testing.assert_array_equal(again(x), layer(x))
    np.testing.assert_array_equal(again.get_weights()[0], 1)
    assert [v.regularizer is not None and v.constraint is not None for v in layer.weights] == [True] * len(
        layer.weights
    )


def test_groups_of_a_transposed_convolution_are_in_the_configuration_only_where_used():
    assert "groups" not in layers.Conv2DTranspose(4, 3).get_config()
    assert layers.Conv2DTranspose(4, 3, groups=2).get_config()["groups"] == 2


def test_positions_of_arguments_are_keras_s():
    one = layers.Conv2DTranspose(4, 3, 2, "same", 1, "channels_first", 1, "relu")
    assert (one.output_padding, one.data_format, one.activation.name) == ((1, 1), "channels_first", "relu")
    one = layers.Conv3DTranspose(4, 3, 2, "same", "channels_first", 1, 1, "relu")
    assert (one.output_padding, one.data_format, one.activation.name) == ((1, 1, 1), "channels_first", "relu")
    one = layers.DepthwiseConv2D(3, 2, "same", 4, "channels_first", 1, "relu")
    assert (one.depth_multiplier, one.data_format, one.activation.name) == (4, "channels_first", "relu")
    one = layers.SeparableConv2D(4, 3, 2, "same", "channels_first", 1, 5, "relu")
    assert (one.depth_multiplier, one.data_format, one.activation.name) == (5, "channels_first", "relu")


def test_a_separable_convolution_is_two():
    layer = layers.SeparableConv2D(3, 2, depth_multiplier=2, activation="relu", bias_initializer="ones")
    x = np.random.default_rng(0).standard_normal((2, 5, 4, 3)).astype(np.float32)
    y = layer(x)
    depthwise, pointwise, bias = layer.get_weights()
    middle = ops.depthwise_conv(x, depthwise)
    np.testing.assert_array_equal(y, np.maximum(ops.conv(middle, pointwise, bias), 0))


@pytest.mark.parametrize("kind", ["DepthwiseConv2D", "Conv2DTranspose", "SeparableConv2D"])
def test_on_the_kernels(kind, kernel_device, monkeypatch):
    monkeypatch.setattr(gpulayers.ops.arrays, "default_device", lambda: kernel_device)
    first = {} if kind == "DepthwiseConv2D" else {"filters": 3}
    layer = getattr(layers, kind)(kernel_size=2, padding="same", activation="relu", **first)
    layer.build((None, 4, 5, 3))
    generator = np.random.default_rng(0)
    values = [generator.integers(-2, 3, variable.shape).astype(np.float32) for variable in layer.weights]
    layer.set_weights(values)
    x = generator.integers(-2, 3, (1, 4, 5, 3)).astype(np.float32)
    y, backward = layer.forward(kernel_device.asarray(x))
    grad = backward(kernel_device.asarray(np.ones(y.shape, np.float32)))
    monkeypatch.setattr(gpulayers.ops.arrays, "default_device", lambda: gpulayers.ops.arrays.CPU)
    plain = layers.deserialize(layers.serialize(layer))
    plain.build((None, 4, 5, 3))
    plain.set_weights(values)
    expected, plain_backward = plain.forward(x)
    np.testing.assert_array_equal(kernel_device.to_numpy(y), expected)
    np.testing.assert_array_equal(kernel_device.to_numpy(grad), plain_backward(np.ones_like(expected)))
    for variable, other in zip(layer.weights, plain.weights):
        np.testing.assert_array_equal(kernel_device.to_numpy(variable.grad), other.grad)


ERRORS = [
    (ValueError, lambda: layers.Conv2DTranspose(0, 3)),
    (ValueError, lambda: layers.Conv2DTranspose(4, 0)),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, strides=0)),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, padding="causal")),
    (ValueError, lambda: layers.Conv1DTranspose(4, 3, padding="causal")),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, output_padding=1)),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=(1, 2))),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=-1)),
    (TypeError, lambda: layers.Conv2DTranspose(4, 3, 2, output_padding="1")),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, groups=3)),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3, groups=2).build((None, 5, 5, 3))),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3)(np.ones((2, 5, 3), np.float32))),
    (ValueError, lambda: layers.Conv2DTranspose(4, 3).build((None, 5, 5, None))),
    (ValueError, lambda: layers.Conv2DTranspose(4, 1, padding=3)(np.ones((1, 5, 5, 3), np.float32))),
    (TypeError, lambda: layers.DepthwiseConv2D("3")),
    (ValueError, lambda: layers.DepthwiseConv2D(3, depth_multiplier=0)),
    (ValueError, lambda: layers.DepthwiseConv1D(3, padding="causal")),
    (ValueError, lambda: layers.DepthwiseConv2D(3).compute_output_shape((None, 5, 5, None))),
    (ValueError, lambda: layers.DepthwiseConv2D(7)(np.ones((1, 5, 5, 3), np.float32))),
    (ValueError, lambda: layers.SeparableConv2D(0, 3)),
    (ValueError, lambda: layers.SeparableConv2D(4, 3, depth_multiplier=-1)),
    (ValueError, lambda: layers.SeparableConv1D(4, 3, padding="causal")),
    (TypeError, lambda: layers.SeparableConv2D(2.5, 3)),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_arguments_that_do_not_fit(number):
    kind, call = ERRORS[number]
    with pytest.raises(kind, match="Received: "):
        call()
