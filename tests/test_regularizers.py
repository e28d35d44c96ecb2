"""Regularizers and constraints on values worked out by hand."""

import numpy as np
import pytest

import gpulayers
from gpulayers import constraints, layers, regularizers

X = np.array([[3.0, -4.0], [0.0, 1.0]])


def test_penalties_and_their_gradients():
    assert regularizers.L1(0.5)(X) == 4
    assert regularizers.L2(0.5)(X) == 13
    both = regularizers.L1L2(0.5, 0.25)
    assert both(X) == 10.5
    np.testing.assert_array_equal(both.gradient(X), [[2, -2.5], [0, 1]])
    assert regularizers.get("l2").l2 == 0.01 and regularizers.get("l1").l1 == 0.01
    assert regularizers.get(regularizers.serialize(both)).get_config() == {"l1": 0.5, "l2": 0.25}
    assert both.gradient(X.astype(np.float16)).dtype == np.float16


@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 2), (2, 1)])
def test_orthogonal_regularizer(mode, shape):
    """Against cosines pair by pair, and differences of them."""
    x = np.random.default_rng(1).standard_normal(shape)
    regularizer = regularizers.OrthogonalRegularizer(0.5, mode)

    def penalty(matrix):
        vectors = list(matrix if mode == "rows" else matrix.T)
        pairs = [(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
        cosines = [abs(a @ b) / np.sqrt((a @ a) * (b @ b)) for a, b in pairs]
        return 0.5 * float(np.mean(cosines)) if cosines else 0.0

    np.testing.assert_allclose(regularizer(x), penalty(x), rtol=1e-12)
    numeric = np.zeros_like(x)
    for index in np.ndindex(shape):
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * 1e-6
            numeric[index] += sign * penalty(moved) / 2e-6
    np.testing.assert_allclose(regularizer.gradient(x), numeric, rtol=1e-6, atol=1e-9)
    assert regularizer.gradient(x.astype(np.float32)).dtype == np.float32


def test_classes_and_functions_of_ones_own():
    class Half(constraints.Constraint):
        def __call__(self, weight):
            return weight / 2

    node = {"class_name": "Half", "config": {}}
    assert isinstance(constraints.deserialize(node, {"Half": Half}), Half)
    assert isinstance(constraints.get(Half), Half)
    function = constraints.get(lambda weight: weight * 3)
    np.testing.assert_array_equal(function(X), 3 * X)
    layer = layers.Dense(2, kernel_constraint=lambda weight: weight * 0, use_bias=False)
    model = gpulayers.Sequential([gpulayers.Input((2,)), layer])
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((1, 2), np.float32), np.ones((1, 2), np.float32))
    np.testing.assert_array_equal(layer.kernel.value, 0)


def test_constraints():
    np.testing.assert_array_equal(constraints.NonNeg()(X), [[3, 0], [0, 1]])
    np.testing.assert_allclose(constraints.MaxNorm(2, axis=1)(X), [[1.2, -1.6], [0, 1]], rtol=1e-6)
    np.testing.assert_allclose(constraints.UnitNorm(axis=1)(X), [[0.6, -0.8], [0, 1]], rtol=1e-6)
    np.testing.assert_allclose(
        constraints.MinMaxNorm(2, 4, rate=0.5, axis=1)(X), [[2.7, -3.6], [0, 1.5]], rtol=1e-6
    )
    assert constraints.get(constraints.serialize(constraints.MaxNorm(3, 1))).get_config() == {
        "max_value": 3,
        "axis": 1,
    }
    assert constraints.get(None) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: regularizers.L1(-1),
        lambda: regularizers.L2("x"),
        lambda: regularizers.get("l3"),
        lambda: constraints.get("norm"),
        lambda: constraints.serialize(constraints.get(lambda weight: weight)),
        lambda: regularizers.get(lambda weight: 0),
        lambda: regularizers.L1(float("inf")),
        lambda: regularizers.L2(float("nan")),
        lambda: regularizers.OrthogonalRegularizer(mode="both"),
        lambda: regularizers.OrthogonalRegularizer()(np.ones(3)),
        lambda: regularizers.OrthogonalRegularizer().gradient(np.ones((1, 2, 3))),
    ],
)
def test_errors(call):
    with pytest.raises((ValueError, TypeError), match="Received: "):
        call()
