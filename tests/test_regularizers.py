"""Regularizers and constraints on values worked out by hand."""

import numpy as np
import pytest

from gpulayers import constraints, regularizers

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
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match="Received: "):
        call()
