"""Layers that compute with arrays alone: gradients, values, masks, moving statistics.

`test_layers_core.py` has what they share with all layers.
"""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers
from gpulayers.ops import random

from .layer_makers import MAKERS, MERGES, RANDOM
from .tolerances import assert_close

WIDE = dict(dtype="float64")
_generators = []


@pytest.fixture(autouse=True)
def same_draws_for_each_test():
    _generators[:] = [np.random.default_rng(0)]


def draw(*shape, dtype=np.float32):
    return _generators[0].standard_normal(shape).astype(dtype)


# In training the corrections of batch renormalisation count as constants.
@pytest.mark.parametrize(
    "name, training", [(n, t) for n in sorted(MAKERS) for t in (False, True) if not (t and "renorm" in n)]
)
def test_backward(name, training):
    make, shape = MAKERS[name]
    gpulayers.set_random_seed(1)
    layer = make(**WIDE)
    layer.build(shape)
    layer.set_weights([0.5 + _generators[0].random(variable.shape) for variable in layer.weights])
    report = gpulayers.check_gradients(layer, shape, training=training)
    assert report, report
    assert len(report.errors) == 1 + len(layer.trainable_weights)


@pytest.mark.parametrize("name", sorted(MERGES))
def test_backward_of_merges(name):
    make, shapes = MERGES[name]
    report = gpulayers.check_gradients(make(**WIDE), shapes)
    assert report, report
    assert len(report.errors) == len(shapes)


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_random_layers_draw_in_training_only(name):
    make, shape = RANDOM[name]
    layer, x = make(**WIDE), draw(*shape, dtype=np.float64)
    assert layer(x) is x
    assert len({layer(x, training=True).tobytes() for _ in range(20)}) > 1
    # Each is x * factor + term for one draw: the gradient is the factor.
    twins = [make(**WIDE) for _ in range(2)]
    for twin in twins:
        twin._draws = random.Draws(7)
    y, backward = twins[0].forward(x)
    moved = twins[1](x + 1, training=True)
    np.testing.assert_allclose(backward(np.ones(shape)), moved - y, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", sorted(MERGES))
def test_merges_in_each_type(name, dtype):
    make, shapes = MERGES[name]
    layer, inputs = make(dtype=dtype.name), [draw(*shape, dtype=dtype) for shape in shapes]
    y, backward = layer.forward(inputs)
    assert y.shape == layer.compute_output_shape(shapes) and y.dtype == dtype
    unknown = layer.compute_output_shape([(None, *shape[1:]) for shape in shapes])
    assert unknown == (None, *y.shape[1:])
    grads = backward(np.ones_like(y))
    assert [grad.shape for grad in grads] == shapes and all(grad.dtype == dtype for grad in grads)
    wide = make(**WIDE)([x.astype(np.float64) for x in inputs])
    assert_close(y, wide, terms=8, magnitude=20, roundings=6)
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_16_bit_values(name, dtype):
    if dtype.itemsize > 2:
        return
    make, shape = MAKERS[name]
    x = draw(*shape, dtype=dtype)
    narrow, wide = make(dtype=dtype.name), make(**WIDE)
    for training in (False, True):
        y, back = narrow.forward(x, training=training)
        wide.build(shape)
        wide.set_weights(narrow.get_weights()) if training is False else None
        expected, wide_back = wide.forward(x.astype(np.float64), training=training)
        assert_close(y, expected, terms=30, magnitude=10, roundings=2, what="y")
        dy = draw(*y.shape, dtype=dtype)
        assert_close(
            back(dy), wide_back(dy.astype(np.float64)), terms=30, magnitude=20, roundings=4, what="dx"
        )


def test_integers_stay_in_what_rearranges_them():
    x = np.arange(12, dtype=np.int32).reshape(2, 6)
    for layer in (layers.RepeatVector(2), layers.Permute((1,)), layers.Identity()):
        assert layer(x).dtype == np.int32
    y = layers.Concatenate()([x, x])
    assert y.dtype == np.int32 and y.shape == (2, 12)
    assert layers.Concatenate()([x, x.astype(np.float32)]).dtype == np.float32
    assert layers.Average()([x, x]).dtype == np.float32


def test_concatenate_and_its_gradient():
    a, b = draw(2, 3, 2), draw(2, 3, 1)
    y, backward = layers.Concatenate().forward([a, b])
    np.testing.assert_array_equal(y, np.concatenate([a, b], -1))
    for grad, x in zip(backward(y), (a, b)):
        np.testing.assert_array_equal(grad, x)
    np.testing.assert_array_equal(layers.concatenate([a, b], axis=-1), y)


def test_concatenate_along_the_batch():
    a, b = draw(2, 3), draw(4, 3)
    layer = layers.Concatenate(axis=0)
    y, backward = layer.forward([a, b])
    np.testing.assert_array_equal(y, np.concatenate([a, b]))
    assert layer.compute_output_shape([(2, 3), (4, 3)]) == (6, 3)
    assert [grad.shape for grad in backward(y)] == [(2, 3), (4, 3)]
    with pytest.raises(ValueError, match="differ in axis -1 alone. Received: "):
        layers.Concatenate()([a, b])


def test_activity_regularization():
    x = draw(2, 3)
    layer = layers.ActivityRegularization(l1=0.5, l2=0.25)
    y, backward = layer.forward(x)
    assert y is x
    np.testing.assert_allclose(layer.losses, [(0.5 * abs(x) + 0.25 * x * x).sum() / 2], rtol=1e-6)
    grad = backward(np.zeros_like(x))
    np.testing.assert_allclose(grad, (0.5 * np.sign(x) + 0.5 * x) / 2, rtol=1e-6)
    again = layers.ActivityRegularization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.l2 == 0.25


def test_dot():
    a, b = draw(2, 3, 4), draw(2, 5, 3)
    np.testing.assert_allclose(layers.Dot((1, 2))([a, b]), np.einsum("nij,nki->njk", a, b), rtol=1e-5)
    u, v = draw(2, 3), draw(2, 3)
    cosine = (
        (u * v).sum(1, keepdims=True)
        / np.linalg.norm(u, axis=1)[:, None]
        / np.linalg.norm(v, axis=1)[:, None]
    )
    np.testing.assert_allclose(layers.Dot(1, normalize=True)([u, v]), cosine, rtol=1e-5)
    assert layers.Dot(1).compute_mask([a, a], [np.ones((2, 3), bool)] * 2) is None


def test_masks_of_merges():
    a, b = draw(2, 3, 2), draw(2, 3, 2)
    first, second = np.array([[1, 1, 0], [0, 0, 1]], bool), np.array([[1, 0, 0], [0, 1, 1]], bool)
    for layer in (layers.Add(), layers.Multiply(), layers.Maximum(), layers.Average(), layers.Subtract()):
        np.testing.assert_array_equal(layer.compute_mask([a, b], [first, second]), first | second)
        assert layer.compute_mask([a, b], [first, None]) is None
        assert layer.compute_mask([a, b], None) is None
    joined = layers.Concatenate(1).compute_mask([a, b], [first, None])
    np.testing.assert_array_equal(joined, np.concatenate([first, np.ones((2, 3), bool)], 1))
    product = layers.Multiply()([a, b], mask=[first, second])
    expected = np.where(first[..., None], a, 1) * np.where(second[..., None], b, 1)
    np.testing.assert_allclose(product, expected * (first | second)[..., None], rtol=1e-6)
    largest = layers.Maximum()([a, b], mask=[first, second])
    alone = np.where((second & ~first)[..., None], b, a)
    np.testing.assert_array_equal(largest, np.where((first & second)[..., None], np.maximum(a, b), alone))


@pytest.mark.parametrize("name", ["Multiply", "Maximum", "Minimum"])
def test_backward_of_merges_under_masks(name):
    masks = [np.array([[1, 1, 0], [0, 0, 1]], bool), np.array([[1, 0, 0], [0, 1, 1]], bool)]
    for given in (masks, [masks[0], None], [None, masks[1]]):
        report = gpulayers.check_gradients(getattr(layers, name)(**WIDE), [(2, 3, 2)] * 2, mask=given)
        assert report, report


def test_equals_share_the_gradient_of_a_maximum():
    x = np.array([[1.0, 2.0]], np.float32)
    _, backward = layers.Maximum().forward([x, x])
    for grad in backward(np.ones_like(x)):
        np.testing.assert_array_equal(grad, 0.5)


def test_softmax_under_a_mask():
    x, mask = draw(2, 4), np.array([[1, 1, 0, 1], [0, 0, 0, 0]], bool)
    y = layers.Softmax()(x, mask=mask)
    expected = np.exp(x[0, mask[0]]) / np.exp(x[0, mask[0]]).sum()
    np.testing.assert_allclose(y[0, mask[0]], expected, rtol=1e-5)
    np.testing.assert_array_equal(y[~mask], 0)
    report = gpulayers.check_gradients(layers.Softmax(**WIDE), (2, 4), mask=mask)
    assert report, report


def test_masking():
    x = np.array([[[0, 0], [1, 0], [0, 2]]], np.float32)
    layer = layers.Masking()
    np.testing.assert_array_equal(layer.compute_mask(x), [[False, True, True]])
    np.testing.assert_array_equal(layer(x), x)
    layer = layers.Masking([1.0, 0.0])
    np.testing.assert_array_equal(layer.compute_mask(x), [[True, False, True]])
    np.testing.assert_array_equal(layer(x)[0, 1], 0)


def test_moving_statistics():
    layer, x = layers.BatchNormalization(momentum=0.75, epsilon=0.1), draw(5, 4, 3)
    layer(x, training=True)
    names = [variable.name for variable in layer.weights]
    assert names == ["gamma", "beta", "moving_mean", "moving_variance"]
    mean, variance = x.mean((0, 1)), x.var((0, 1))
    np.testing.assert_allclose(layer.moving_mean.value, mean / 4, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.value, 0.75 + variance / 4, rtol=1e-5)
    kept = layer.get_weights()
    expected = (x - kept[2]) / np.sqrt(kept[3] + 0.1)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True), layer(x))
    y, backward = layer.forward(x)
    backward(y)
    assert layer.gamma.grad is None
    for before, after in zip(kept, layer.get_weights()):
        np.testing.assert_array_equal(before, after)


def test_batch_statistics_under_a_mask():
    layer, x = layers.BatchNormalization(momentum=0.0, **WIDE), draw(2, 3, 2, dtype=np.float64)
    mask = np.array([[1, 1, 0], [0, 0, 1]], bool)
    layer(x, mask=mask, training=True)
    np.testing.assert_allclose(layer.moving_mean.value, x[mask].mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.value, x[mask].var(0), rtol=1e-6)
    report = gpulayers.check_gradients(layers.BatchNormalization(**WIDE), (2, 3, 2), mask=mask, training=True)
    assert report, report


def test_what_has_no_gamma_or_beta():
    for make in (layers.BatchNormalization, layers.LayerNormalization, layers.GroupNormalization):
        options = dict(groups=2) if make is layers.GroupNormalization else {}
        layer = make(center=False, scale=False, **options, **WIDE)
        report = gpulayers.check_gradients(layer, (3, 2, 4), training=True)
        assert report and layer.trainable_weights == []
    with pytest.warns(DeprecationWarning, match="rms_scaling"):
        layer = layers.LayerNormalization(rms_scaling=True, **WIDE)
    report = gpulayers.check_gradients(layer, (3, 4))
    assert report and [variable.name for variable in layer.weights] == ["gamma"]


def test_deprecated_name_of_the_slope():
    with pytest.warns(DeprecationWarning, match="alpha"):
        assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).standard_normal((400, 400)).astype(np.float32)
    y = layers.AlphaDropout(0.3, seed=1)(x, training=True)
    assert abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01
    y = layers.GaussianDropout(0.2, seed=1)(np.ones_like(x), training=True)
    assert abs(y.mean() - 1) < 0.01 and abs(y.std() - 0.5) < 0.01
    y = layers.GaussianNoise(0.25, seed=1)(0 * x, training=True)
    assert abs(y.mean()) < 0.01 and abs(y.std() - 0.25) < 0.01


def test_spatial_dropout_drops_whole_channels():
    y = layers.SpatialDropout2D(0.5, seed=1)(np.ones((8, 3, 3, 16), np.float32), training=True)
    flat = y.reshape(8, 9, 16)
    assert (flat == flat[:, :1]).all() and set(np.unique(y)) == {0, 2}
