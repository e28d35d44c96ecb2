"""Initializers: their distributions, shapes and configurations."""

import numpy as np
import pytest

import gpulayers
from gpulayers import initializers, layers

SHAPE = (60, 50)


@pytest.mark.parametrize(
    "name, variance, limit",
    [
        ("glorot_uniform", 2 / 110, np.sqrt(6 / 110)),
        ("glorot_normal", 2 / 110, 2 * np.sqrt(2 / 110) / 0.87962566103423978),
        ("he_uniform", 2 / 60, np.sqrt(6 / 60)),
        ("he_normal", 2 / 60, 2 * np.sqrt(2 / 60) / 0.87962566103423978),
        ("lecun_uniform", 1 / 60, np.sqrt(3 / 60)),
        ("lecun_normal", 1 / 60, 2 * np.sqrt(1 / 60) / 0.87962566103423978),
        ("uniform", 0.05**2 / 3, 0.05),
        ("random_uniform", 0.05**2 / 3, 0.05),
        ("random_normal", 0.05**2, np.inf),
        ("truncated_normal", 0.05**2 * 0.87962566103423978**2, 0.1),
    ],
)
def test_distributions(name, variance, limit):
    gpulayers.set_random_seed(11)
    values = initializers.get(name)(SHAPE).astype(np.float64)
    count = values.size
    assert abs(values.mean()) < 5 * np.sqrt(variance / count)
    assert abs(values.var() / variance - 1) < 5 * np.sqrt(2 / count)
    assert np.abs(values).max() <= limit * (1 + 1e-6)
    assert np.unique(values).size > 0.99 * count
    if np.isfinite(limit):
        assert np.abs(values).max() > 0.9 * limit


@pytest.mark.parametrize(
    "shape, fans",
    [((), (1, 1)), ((7,), (7, 7)), ((3, 4), (3, 4)), ((3, 5, 4, 8), (60, 120)), ((2, 4, 8), (8, 16))],
)
def test_fans(shape, fans):
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 5)])
def test_orthogonal(shape):
    values = initializers.Orthogonal(gain=2.0)(shape, "float64").reshape(-1, shape[-1])
    few = values if values.shape[0] <= values.shape[1] else values.T
    np.testing.assert_allclose(few @ few.T, 4 * np.eye(len(few)), atol=1e-12)


def test_fixed_values():
    np.testing.assert_array_equal(initializers.get("zeros")((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.get("ones")((2,)), [1, 1])
    np.testing.assert_array_equal(initializers.Constant(2.5)((2,)), [2.5, 2.5])
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2, 2)), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(3)((2, 3)), [[3, 0, 0], [0, 3, 0]])


def test_dtype(dtype):
    for name in ("glorot_uniform", "zeros", "orthogonal", "truncated_normal"):
        assert initializers.get(name)((4, 4), dtype).dtype == dtype
    assert initializers.get("ones")((2,)).dtype == np.float32


def test_seeds():
    gpulayers.set_random_seed(5)
    first, second = initializers.GlorotUniform()((4, 4)), initializers.GlorotUniform()((4, 4))
    assert not np.array_equal(first, second)
    gpulayers.set_random_seed(5)
    np.testing.assert_array_equal(initializers.GlorotUniform()((4, 4)), first)
    seeded = initializers.HeNormal(seed=3)
    np.testing.assert_array_equal(seeded((4, 4)), seeded((4, 4)))
    np.testing.assert_array_equal(seeded((4, 4)), seeded.clone()((4, 4)))


def test_get_forms():
    assert initializers.get(None) is None
    assert isinstance(initializers.get("GlorotUniform"), initializers.GlorotUniform)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    node = initializers.serialize(initializers.RandomUniform(-1, 2, seed=4))
    assert node["module"] == "keras.initializers" and node["class_name"] == "RandomUniform"
    assert initializers.get(node).get_config() == {"minval": -1, "maxval": 2, "seed": 4}
    function = initializers.get(lambda shape, dtype: np.full(shape, 7.0))
    np.testing.assert_array_equal(function((2,), "float32"), np.array([7, 7], np.float32))
    values = initializers.get(np.arange(6.0).reshape(2, 3))((2, 3), "float32")
    assert values.dtype == np.float32 and values[1, 2] == 5
    assert isinstance(initializers.deserialize({"class_name": "Mine", "config": {}}, {"Mine": Mine}), Mine)


class Mine(initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 3, dtype)


def test_weights_of_ones_own_initializers():
    layer = layers.Dense(2, kernel_initializer=Mine(), bias_initializer=np.array([1.0, 2.0]))
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.kernel.value, np.full((3, 2), 3))
    np.testing.assert_array_equal(layer.bias.value, [1, 2])


def test_integers():
    for name, value in (("zeros", 0), ("ones", 1), (initializers.Constant(4), 4)):
        values = initializers.get(name)((2,), "int32")
        assert values.dtype == np.int32 and (values == value).all()
    with pytest.raises(TypeError, match="Received: int32"):
        initializers.get("glorot_uniform")((2, 2), "int32")
    layer = layers.Layer()
    assert layer.add_weight((2,), dtype="int32", trainable=False).numpy().tolist() == [0, 0]
    assert layer.add_weight((40, 40)).numpy().std() > 0
    assert layer.add_weight((2,), "ones", "float64").dtype == np.float64  # in Keras's order


def test_fans_of_given_axes():
    assert initializers.compute_fans((2, 3, 5), [0, 2], [1]) == (10, 3)
    values = initializers.HeNormal(seed=1, input_axes=[0], output_axes=[1, 2])((400, 5, 6))
    assert abs(values.var() / (2 / 400) - 1) < 0.05


@pytest.mark.parametrize(
    "call",
    [
        lambda: initializers.get("glorot"),
        lambda: initializers.get(3),
        lambda: initializers.get({"class_name": "Nothing", "config": {}}),
        lambda: initializers.VarianceScaling(scale=0),
        lambda: initializers.VarianceScaling(mode="fan"),
        lambda: initializers.VarianceScaling(distribution="cauchy"),
        lambda: initializers.Identity()((2, 2, 2)),
        lambda: initializers.Orthogonal()((3,)),
        lambda: initializers.get(lambda shape, dtype: np.zeros(3))((2, 2)),
        lambda: initializers.get(np.zeros(3))((2, 2)),
        lambda: initializers.serialize(initializers.get(lambda shape, dtype: 0)),
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match="Received: "):
        call()
