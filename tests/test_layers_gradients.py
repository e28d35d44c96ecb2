"""Every layer's backward against numeric gradients, and the checker itself against wrong backwards."""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers

WIDE = dict(dtype="float64")
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
CASES = {
    "dense": (lambda: layers.Dense(4, **WIDE), (3, 5)),
    "dense tanh, steps": (lambda: layers.Dense(4, "tanh", **WIDE), (2, 3, 5)),
    "dense softmax": (lambda: layers.Dense(4, "softmax", **WIDE), (3, 5)),
    "dense gelu, no bias": (lambda: layers.Dense(4, "gelu", use_bias=False, **WIDE), (3, 5)),
    "activation": (lambda: layers.Activation("silu", **WIDE), (3, 5)),
    "flatten": (lambda: layers.Flatten(**WIDE), (2, 3, 4)),
    "flatten channels first": (lambda: layers.Flatten(data_format="channels_first", **WIDE), (2, 3, 4, 2)),
    "reshape": (lambda: layers.Reshape((-1, 2), **WIDE), (2, 3, 4)),
    "dropout": (lambda: layers.Dropout(0.5, **WIDE), (3, 5)),
    "conv1d causal": (lambda: layers.Conv1D(3, 3, padding="causal", dilation_rate=2, **WIDE), (2, 7, 2)),
    "conv1d, strides and dilation": (
        lambda: layers.Conv1D(3, 2, strides=2, dilation_rate=2, **WIDE),
        (2, 9, 2),
    ),
    "conv2d relu": (lambda: layers.Conv2D(3, 3, activation="relu", **WIDE), (2, 5, 6, 2)),
    "conv2d sigmoid, same": (
        lambda: layers.Conv2D(3, 2, 2, "same", activation="sigmoid", **WIDE),
        (2, 5, 6, 2),
    ),
    "conv2d elu, groups": (
        lambda: layers.Conv2D(4, (1, 3), groups=2, activation="elu", **WIDE),
        (2, 4, 5, 4),
    ),
    "conv2d softmax": (lambda: layers.Conv2D(3, 1, activation="softmax", **WIDE), (2, 2, 3, 2)),
    "conv2d gelu": (lambda: layers.Conv2D(3, 2, activation="gelu", **WIDE), (2, 3, 3, 2)),
    "conv2d channels first": (
        lambda: layers.Conv2D(3, 2, data_format="channels_first", activation="tanh", **WIDE),
        (2, 3, 4, 5),
    ),
    "conv2d pairs": (
        lambda: layers.Conv2D(3, 2, padding=((1, 0), (2, 1)), use_bias=False, **WIDE),
        (2, 4, 3, 2),
    ),
    "conv3d": (lambda: layers.Conv3D(2, 2, padding="same", **WIDE), (1, 3, 2, 3, 2)),
    "max 1d": (lambda: layers.MaxPooling1D(**WIDE), (2, 6, 3)),
    "max 2d": (lambda: layers.MaxPooling2D(3, 2, "same", **WIDE), (2, 5, 6, 2)),
    "max 3d": (lambda: layers.MaxPooling3D(2, 1, **WIDE), (1, 3, 3, 3, 2)),
    "max channels first": (
        lambda: layers.MaxPooling2D(2, data_format="channels_first", **WIDE),
        (2, 2, 5, 6),
    ),
    "average 1d": (lambda: layers.AveragePooling1D(3, 2, "same", **WIDE), (2, 6, 3)),
    "average 2d": (lambda: layers.AveragePooling2D(2, **WIDE), (2, 5, 6, 2)),
    "average 3d": (lambda: layers.AveragePooling3D(2, 1, **WIDE), (1, 3, 3, 3, 2)),
    "global max 1d": (lambda: layers.GlobalMaxPooling1D(**WIDE), (2, 6, 3)),
    "global max 2d": (lambda: layers.GlobalMaxPooling2D(keepdims=True, **WIDE), (2, 4, 3, 3)),
    "global average 2d": (
        lambda: layers.GlobalAveragePooling2D(data_format="channels_first", **WIDE),
        (2, 3, 4, 3),
    ),
    "global average 3d": (lambda: layers.GlobalAveragePooling3D(**WIDE), (1, 2, 3, 2, 2)),
    "global average 1d": (lambda: layers.GlobalAveragePooling1D(keepdims=True, **WIDE), (2, 6, 3)),
    "lstm": (lambda: layers.LSTM(3, **WIDE), (2, 5, 4)),
    "lstm sequences": (lambda: layers.LSTM(3, return_sequences=True, go_backwards=True, **WIDE), (2, 5, 4)),
    "lstm states": (lambda: layers.LSTM(3, return_state=True, use_bias=False, **WIDE), (2, 5, 4)),
    "lstm all": (lambda: layers.LSTM(3, return_sequences=True, return_state=True, **WIDE), (2, 5, 4)),
    "lstm from states": (lambda: layers.LSTM(3, return_sequences=True, **WIDE), [(2, 5, 4), (2, 3), (2, 3)]),
}


# In training dropout draws anew at each call; test_layers_core.py compares its gradient with its draw.
@pytest.mark.parametrize(
    "name, training", [(n, t) for n in CASES for t in (False, True) if (n, t) != ("dropout", True)]
)
def test_backward(name, training):
    make, shape = CASES[name]
    gpulayers.set_random_seed(1)
    report = gpulayers.check_gradients(make(), shape, training=training)
    assert report, report
    assert "input" in report.errors or "input 0" in report.errors


def test_backward_under_a_mask():
    for make in (
        lambda: layers.LSTM(3, return_sequences=True, **WIDE),
        lambda: layers.LSTM(3, **WIDE),
        lambda: layers.GlobalAveragePooling1D(data_format="channels_last", **WIDE),
    ):
        mask = MASK if "LSTM" in repr(make()) else np.array([[1, 1, 0, 1, 0], [0, 1, 0, 0, 0]], bool)
        report = gpulayers.check_gradients(make(), (2, 5, 4), mask=mask)
        assert report, report
    report = gpulayers.check_gradients(
        layers.GlobalAveragePooling1D(data_format="channels_first", keepdims=True, **WIDE),
        (2, 5, 5),
        mask=MASK | True,
    )
    assert report, report


def test_embedding():
    report = gpulayers.check_gradients(
        layers.Embedding(6, 3, **WIDE), None, inputs=np.array([[1, 2, 2], [0, 5, 2]])
    )
    assert report and list(report.errors) == [f"{report_name(report)}/embeddings"]


def report_name(report):
    return next(iter(report.errors)).split("/")[0]


def test_activity_regularizer():
    # The penalty, divided by the batch size, is part of the loss, not of the output: its gradient is added to
    # what comes in.
    layer = layers.Dense(3, activity_regularizer="l2", **WIDE)
    x = np.random.default_rng(0).standard_normal((4, 2))
    y, backward = layer.forward(x)
    plain = layers.Dense(3, **WIDE)
    plain.build((None, 2))
    plain.set_weights(layer.get_weights())
    _, plain_backward = plain.forward(x)
    grad_output = np.ones((4, 3))
    np.testing.assert_allclose(
        backward(grad_output), plain_backward(grad_output + 2 * 0.01 * y / 4), rtol=1e-12
    )
    assert layer.losses[0] == pytest.approx(0.01 * (y**2).sum() / 4)


class Wrong(layers.Layer):
    """y = w x^2 with one of its gradients off."""

    def __init__(self, mistake, **kwargs):
        super().__init__(**kwargs)
        self.mistake = mistake

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1],), "ones", name="w")

    def forward(self, x, training=True):
        def backward(grad_output):
            weight = (grad_output * x * x).sum(axis=0)
            self.w.add_grad(weight[::-1] if self.mistake == "weight" else weight)
            grad = grad_output * 2 * self.w.value * x
            return grad * 1.001 if self.mistake == "input" else grad

        return self.w.value * x * x, backward


@pytest.mark.parametrize("mistake, wrong", [(None, set()), ("input", {"input"}), ("weight", {"w"})])
def test_the_checker_finds_mistakes(mistake, wrong):
    report = gpulayers.check_gradients(Wrong(mistake, dtype="float64"), (4, 3))
    found = {name.split("/")[-1] for name, error in report.errors.items() if error > report.tolerance}
    assert found == wrong
    assert bool(report) is (mistake is None)
    assert ("WRONG" in str(report)) is (mistake is not None)


def test_the_checker_leaves_gradients_and_weights_alone():
    layer = layers.Dense(2, **WIDE)
    layer.build((None, 3))
    layer.kernel.grad = np.full((3, 2), 7.0)
    before = layer.get_weights()
    gpulayers.check_gradients(layer, (4, 3))
    np.testing.assert_array_equal(layer.kernel.grad, 7)
    assert layer.bias.grad is None
    for old, new in zip(before, layer.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_the_checker_wants_float64():
    with pytest.raises(TypeError, match="Received: .*float32"):
        gpulayers.check_gradients(layers.Dense(2), (4, 3))
