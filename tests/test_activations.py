"""Activation functions against scalar formulas, and their gradients against differences."""

import json
import math

import numpy as np
import pytest

from gpulayers import activations, layers
from gpulayers.ops import arrays, threads
from gpulayers.ops.activations import ACTIVATIONS, activate

from .tolerances import assert_close


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


SCALAR = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "exponential": math.exp,
    "hard_sigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
    "hard_silu": lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0),
    "hard_swish": lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0),
    "mish": lambda x: x * math.tanh(softplus(x)),
    "log_sigmoid": lambda x: -softplus(-x),
    "celu": lambda x: x if x > 0 else math.expm1(x),
    "hard_tanh": lambda x: min(max(x, -1.0), 1.0),
    "hard_shrink": lambda x: x if abs(x) > 0.5 else 0.0,
    "soft_shrink": lambda x: x - 0.5 if x > 0.5 else x + 0.5 if x < -0.5 else 0.0,
    "tanh_shrink": lambda x: x - math.tanh(x),
    "squareplus": lambda x: (x + math.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: 0.0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: min(max((x + 1) / 2, 0.0), 1.0),
}
OF_ROWS = {"softmax", "log_softmax", "sparsemax", "glu"}
# Not at the kinks of relu6, hard_sigmoid and their like, where no derivative exists.
POINTS = np.array([-9.5, -4.25, -2.5, -1.25, -0.75, -0.1, 0.1, 0.3, 0.8, 1.5, 2.9, 4.5, 5.75, 8.25])


def softmax(row):
    terms = [math.exp(value - max(row)) for value in row]
    return [term / math.fsum(terms) for term in terms]


def test_every_activation_is_tested():
    assert set(SCALAR) | OF_ROWS | {"threshold"} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", SCALAR)
def test_follows_the_formula(name, dtype):
    x = POINTS.astype(dtype)
    expected = [SCALAR[name](value) for value in x.astype(np.float64)]
    y = activations.get(name)(x)
    assert y.dtype == dtype
    assert_close(y, expected, terms=4)


@pytest.mark.parametrize("name", SCALAR)
def test_gradient_follows_differences_of_the_formula(name):
    step = 1e-6
    expected = np.array([(SCALAR[name](x + step) - SCALAR[name](x - step)) / (2 * step) for x in POINTS])
    grad_output = np.linspace(0.5, -1.5, POINTS.size)
    activation = activations.get(name)
    saved = activation(POINTS) if activation.from_output else POINTS
    np.testing.assert_allclose(
        activation.backward(grad_output, saved), grad_output * expected, rtol=1e-8, atol=3e-9
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_and_its_gradient(name, axis):
    x = np.random.default_rng(3).standard_normal((3, 4))
    activation = activations.get(name)

    def formula(values):
        rows = [softmax(list(row)) for row in np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])]
        result = np.moveaxis(np.array(rows).reshape(np.moveaxis(values, axis, -1).shape), -1, axis)
        return np.log(result) if name == "log_softmax" else result

    assert_close(activation(x, axis=axis), formula(x), terms=8)
    direction = np.random.default_rng(4).standard_normal(x.shape)
    grad = activation.backward(direction, activation(x, axis=axis), axis=axis)
    numeric = numeric_gradient(formula, x, direction)
    np.testing.assert_allclose(grad, numeric, rtol=1e-7, atol=1e-8)


def numeric_gradient(function, x, direction, step=1e-6):
    numeric = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            numeric[index] += sign * (function(moved) * direction).sum() / (2 * step)
    return numeric


def simplex_point(row):
    """By trying every size of the support."""
    for count in range(len(row), 0, -1):
        kept = sorted(row)[-count:]
        level = (math.fsum(kept) - 1) / count
        if kept[0] > level:
            return [max(value - level, 0.0) for value in row]


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax_and_its_gradient(axis):
    x = np.random.default_rng(5).standard_normal((4, 6))
    y = activations.sparsemax(x, axis)
    expected = [simplex_point(list(row)) for row in np.moveaxis(x, axis, -1)]
    assert_close(np.moveaxis(y, axis, -1), expected, terms=8)
    assert (y == 0).any() and (y > 0).any()
    direction = np.random.default_rng(6).standard_normal(x.shape)
    grad = activations.sparsemax.backward(direction, y, axis=axis)
    numeric = numeric_gradient(lambda moved: activations.sparsemax(moved, axis), x, direction)
    np.testing.assert_allclose(grad, numeric, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_glu_and_its_gradient(axis):
    x = np.random.default_rng(7).standard_normal((4, 6))
    first, second = np.split(x, 2, axis)
    assert_close(activations.glu(x, axis), first * np.vectorize(sigmoid)(second), terms=4)
    direction = np.random.default_rng(8).standard_normal(first.shape)
    grad = activations.glu.backward(direction, x, axis=axis)
    numeric = numeric_gradient(lambda moved: activations.glu(moved, axis), x, direction)
    np.testing.assert_allclose(grad, numeric, rtol=1e-7, atol=1e-8)
    with pytest.raises(ValueError, match="even size along axis 0. Received: shape"):
        activations.glu(np.ones((3, 4)), 0)


def test_threshold():
    x = np.array([-1.0, 0.5, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(activations.threshold(x, 1.0, -7.0), [-7, -7, -7, 2, np.nan])
    grad = activations.threshold.backward(np.ones(4), x[:4], threshold=1.0, default_value=-7.0)
    np.testing.assert_array_equal(grad, [0, 0, 0, 1])


def test_parameters_by_position():
    x = np.array([-2.0, 0.25, 0.75, 9.0])
    np.testing.assert_array_equal(activations.relu(x, 0.5, 4.0), [-1, 0.25, 0.75, 4])
    np.testing.assert_array_equal(activations.hard_shrink(x, 0.25), [-2, 0, 0.75, 9])
    np.testing.assert_array_equal(activations.soft_shrink(x, 0.25), [-1.75, 0, 0.5, 8.75])
    np.testing.assert_allclose(activations.celu(x, 2.0), [2 * math.expm1(-1), 0.25, 0.75, 9])
    np.testing.assert_allclose(activations.squareplus(x, 0), [0, 0.25, 0.75, 9])
    np.testing.assert_allclose(activations.elu(x.astype(np.float16), 2.0)[0], 2 * math.expm1(-2), rtol=1e-3)


def test_large_inputs_neither_overflow_nor_lose_their_limits():
    x = np.array([-1e4, 1e4], np.float32)
    for name, limits in {
        "sigmoid": (0, 1),
        "tanh": (-1, 1),
        "softplus": (0, 1e4),
        "silu": (0, 1e4),
        "gelu": (0, 1e4),
        "elu": (-1, 1e4),
        "mish": (0, 1e4),
        "log_sigmoid": (-1e4, 0),
        "softmax": (0, 1),
    }.items():
        np.testing.assert_array_equal(activations.get(name)(x), np.array(limits, np.float32), name)


def test_nan_stays_nan():
    for name in SCALAR:
        assert np.isnan(activations.get(name)(np.array([np.nan])))[0], name


def test_gelu_by_tanh():
    x = POINTS
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    assert_close(activations.gelu(x, approximate=True), 0.5 * x * (1 + np.tanh(inner)), terms=4)
    step = 1e-6
    numeric = (
        activations.gelu(x + step, approximate=True) - activations.gelu(x - step, approximate=True)
    ) / (2 * step)
    np.testing.assert_allclose(
        activations.gelu.backward(np.ones_like(x), x, approximate=True), numeric, atol=1e-8
    )


@pytest.mark.parametrize("size", [1, 4095, 4096, 2**15, 2**15 + 1, 2**17 + 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_relu_of_any_size_and_layout(size, dtype):
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 0, 1, -1, 3, -5], dtype)
    x = np.random.default_rng(size).choice(values, size)
    expected = np.where(np.isnan(x) | (x > 0), x, 0)
    twice = np.repeat(x, 2)
    for operand in (x, twice[::2], x.reshape(1, size, 1)):
        y = activations.relu(operand)
        np.testing.assert_array_equal(y, expected.reshape(operand.shape))
        assert not np.signbit(y[~np.isnan(y)]).any()
    apart = np.full(2 * size, 7, dtype)
    assert activations.relu.function(np, x, apart[::2]).base is apart
    np.testing.assert_array_equal(apart, np.stack([expected, np.full(size, 7)], axis=1).ravel())
    assert activations.relu(x, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_relu_with_parameters():
    x = np.array([-2.0, 0.5, 1.0, 1.25, 3.0, 9.0])
    options = dict(negative_slope=0.5, max_value=4.0, threshold=1.0)
    y = activations.relu(x, **options)
    np.testing.assert_array_equal(y, [-1.5, -0.25, 0.0, 1.25, 3.0, 4.0])
    grad = activations.relu.backward(np.ones(6), y, **options)
    np.testing.assert_array_equal(grad, [0.5, 0.5, 0.0, 1.0, 1.0, 0.0])  # 0 at the jump, as in Keras


@pytest.mark.parametrize("limit", [0.8, 0.7, 1 / 3, 6.0])
def test_the_gradient_of_relu_ends_at_its_maximum_in_every_type(limit, dtype):
    x = np.array([-1, limit / 2, limit + 1], dtype)
    y = activations.relu(x, max_value=limit)
    np.testing.assert_array_equal(y, np.array([0, limit / 2, limit]).astype(dtype))
    grad = activations.relu.backward(np.ones(3, dtype), y, max_value=limit)
    np.testing.assert_array_equal(grad, np.array([0, 1, 0], dtype))


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"glu", "threshold"}))
def test_in_place_gives_the_same(name, dtype):
    activation = activations.get(name)
    x = POINTS.reshape(2, 7).astype(dtype)
    expected = activation(x.copy())
    out = x.copy()
    assert activation(out, out=out) is out
    np.testing.assert_array_equal(out, expected)
    for stride in (2, 4, 8):  # some of NumPy's functions are wrong in place on some strides
        out = np.repeat(x.T[..., None], stride, axis=2)[..., :1].transpose(1, 0, 2)[..., 0]
        activation(out, out=out)
        # Vector and scalar code of one function may differ in the last bits.
        assert_close(out, expected.astype(np.float64), 4, np.abs(expected).max().astype(np.float64))


@pytest.mark.parametrize("name", ["relu", "gelu", "linear"])
def test_activate_pairs_the_output_with_its_gradient(name):
    activation, x = activations.get(name), POINTS.copy()
    y, backward = activate(activation, x.copy())
    np.testing.assert_array_equal(y, activation(x))
    saved = y if activation.from_output else x
    np.testing.assert_array_equal(backward(np.ones(x.size)), activation.backward(np.ones(x.size), saved))


def test_get():
    assert activations.get(None) is activations.linear
    assert activations.get("relu") is activations.relu
    assert activations.get(activations.tanh) is activations.tanh
    assert activations.serialize(activations.get("swish")) == "silu"
    custom = activations.Activation(
        "square", lambda xp, x, out: x * x, lambda xp, grad, x: 2 * x * grad, False
    )
    assert activations.get(custom) is custom
    assert activations.deserialize("square", {"square": custom}) is custom
    assert activations.deserialize({"class_name": "function", "config": "relu"}) is activations.relu


@pytest.mark.parametrize("make", [lambda: layers.LeakyReLU(0.5), lambda: layers.ReLU(4.0, 0.25, name="tanh")])
def test_a_layer_as_activation(make):
    x = np.array([[-2.0, 3.0, 6.0]], np.float32)
    dense, plain = layers.Dense(4, make()), layers.Dense(4)
    dense.build((1, 3))
    plain.build((1, 3))
    plain.set_weights(dense.get_weights())
    y, backward = dense.forward(x)
    before, plain_backward = plain.forward(x)
    expected, layer_backward = make().forward(before)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(backward(np.ones_like(y)), plain_backward(layer_backward(np.ones_like(y))))
    again = layers.Dense.from_config(json.loads(json.dumps(dense.get_config())))
    again.build((1, 3))
    again.set_weights(dense.get_weights())
    np.testing.assert_array_equal(again(x), y)
    np.testing.assert_array_equal(layers.Activation(make())(before), expected)
    convolved = layers.Conv1D(2, 1, activation=make(), kernel_initializer="ones")
    assert (convolved(-np.ones((1, 2, 3), np.float32)) < 0).all()
    assert layers.Dense(2, make(), dtype="float64")(np.ones((1, 3))).dtype == np.float64


@pytest.mark.parametrize(
    "identifier", ["relo", 3, len, lambda x: x, ["relu"], {"class_name": "relo"}, layers.PReLU()]
)
def test_unknown_activations(identifier):
    with pytest.raises(ValueError, match="Received: "):
        activations.get(identifier)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="Received: int64"):
        activations.relu(np.array([1, 2]))


ELEMENTWISE = sorted(name for name, activation in ACTIVATIONS.items() if activation.elementwise)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_large_arrays_are_computed_in_blocks(name, dtype, monkeypatch):
    """Block by block, on threads: values and gradients are those of whole arrays."""
    activation, generator = ACTIVATIONS[name], np.random.default_rng(4)
    x, grad = (generator.uniform(-8, 8, (33, 17)).astype(dtype) for _ in range(2))
    results = []
    for block in (None, 50):
        monkeypatch.setattr(arrays.CPU, "block_elements", block, raising=False)
        monkeypatch.setattr(threads, "num_threads", lambda: 2)
        y, inside = activation(x), x.copy()
        assert activation(inside, out=inside) is inside
        results.append((y, inside, activation.backward(grad, y if activation.from_output else x)))
    for what, whole, blocked in zip(("values", "in place", "gradient"), *results):
        assert blocked.dtype == dtype
        assert_close(blocked, whole, what=what)
