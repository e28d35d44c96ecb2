"""check_gradients: it passes every layer of the library and names each mistake of a wrong one."""

import numpy as np
import pytest

import gpulayers
from gpulayers import Input, Model, Sequential, layers

from . import layer_makers

WIDE = dict(dtype="float64")
SHAPED = {
    **layer_makers.MAKERS,
    **layer_makers.MERGES,
    **layer_makers.RECURRENT,
    **layer_makers.PLAIN,
    **layer_makers.RANDOM,
}
# In training they draw anew at each call, or take numbers for constants that depend on the input.
NOT_IN_TRAINING = {*layer_makers.RANDOM, "Dropout", "BatchNormalization, renorm"}


@pytest.mark.parametrize("name", SHAPED)
def test_every_layer_passes(name):
    make, shape = SHAPED[name]
    for training in (False,) if name in NOT_IN_TRAINING else (False, True):
        gpulayers.set_random_seed(3)
        layer = make(**WIDE)
        report = gpulayers.check_gradients(layer, shape, training=training, samples=12)
        assert report, report
        inputs = [part for part in report.errors if "/" not in part]
        assert len(inputs) == (len(shape) if isinstance(shape, list) else 1)
        assert len(report.errors) == len(layer.trainable_weights) + len(inputs)


@pytest.mark.parametrize("name", layer_makers.INTEGERS)
def test_layers_of_ids_pass(name):
    make, inputs = layer_makers.INTEGERS[name]
    report = gpulayers.check_gradients(make(**WIDE), None, inputs=inputs)
    assert report and not any("input" in part for part in report.errors), report


def test_penalties_on_outputs_count():
    assert gpulayers.check_gradients(layers.Dense(3, activity_regularizer="l2", **WIDE), (4, 2))


def test_stateful_layers_and_statistics_pass_and_stay():
    layer = layers.LSTM(3, stateful=True, return_sequences=True, **WIDE)
    assert gpulayers.check_gradients(layer, (2, 4, 3))
    layer = layers.BatchNormalization(**WIDE)
    layer.build((None, 3))
    before = layer.get_weights()
    assert gpulayers.check_gradients(layer, (6, 3), training=True)
    assert all(map(np.array_equal, before, layer.get_weights()))


def test_models_of_dicts_pass():
    first, second = Input((3,), dtype="float64", name="first"), Input((2,), dtype="float64", name="second")
    joined = layers.Concatenate(**WIDE)([first, second])
    outputs = {"a": layers.Dense(2, **WIDE)(joined), "b": layers.Dense(1, **WIDE)(joined)}
    model = Model([first, second], outputs, **WIDE)
    assert gpulayers.check_gradients(model, [(4, 3), (4, 2)])


@pytest.mark.parametrize("make", [layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.Softmax])
def test_kinks_pass(make):
    x = np.array([[0.0, 1.0, -1.0, 0.0], [1e-7, -1e-7, 0.0, 2.0]])
    report = gpulayers.check_gradients(make(**WIDE), None, inputs=x)
    assert report, report


def test_ties_pass():
    x = np.ones((1, 4, 4, 1))
    assert gpulayers.check_gradients(layers.MaxPooling2D(**WIDE), None, inputs=x)
    assert gpulayers.check_gradients(layers.Maximum(**WIDE), None, inputs=[x, x])


def test_small_and_large_gradients():
    x = np.random.default_rng(0).standard_normal((3, 4))
    for scale in (1e-9, 1e9):
        assert gpulayers.check_gradients(layers.Rescaling(scale, **WIDE), None, inputs=x)
        report = gpulayers.check_gradients(Scaled(scale, **WIDE), None, inputs=x)
        assert not report and report.errors["input"] == pytest.approx(0.5), report


def test_small_gradients_that_are_assigned_are_named():
    x = 1e-10 * np.random.default_rng(0).standard_normal((3, 4))
    report = gpulayers.check_gradients(Assigns(**WIDE), None, inputs=x)
    assert "does not add to the gradient" in str(report), report


def test_floats_of_other_types_are_checked():
    report = gpulayers.check_gradients(Doubled(**WIDE), None, inputs=np.ones((2, 3), np.float32))
    assert list(report.errors) == ["input"] and not report


class Scaled(layers.Layer):
    """Half of what it says."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def forward(self, x, training=True):
        return x * self.scale, lambda grad: grad * self.scale / 2


class Doubled(layers.Layer):
    def forward(self, x, training=True):
        return x * 2, lambda grad: grad


class Weighed(layers.Layer):
    """y = x w + v with mistakes: `backward(x, w, v, grad_output)` returns the gradient to x and adds the
    others."""

    def build(self, input_shape):
        size = input_shape[-1]
        self.w = self.add_weight((size, size), "glorot_uniform", name="w")
        self.v = self.add_weight((size,), "zeros", name="v")

    def forward(self, x, training=True):
        return self.cast(self.w).T.dot(x.T).T + self.v.value, lambda grad: self.mistaken(x, grad, training)

    def mistaken(self, x, grad, training):
        self.w.add_grad(x.T @ grad)
        self.v.add_grad(grad.sum(axis=0))
        return grad @ self.w.value.T


class WrongFactor(Weighed):
    def mistaken(self, x, grad, training):
        return 1.001 * super().mistaken(x, grad, training)


class WrongSign(Weighed):
    def mistaken(self, x, grad, training):
        self.w.add_grad(-(x.T @ grad))
        self.v.add_grad(grad.sum(axis=0))
        return grad @ self.w.value.T


class TransposedInput(Weighed):
    def mistaken(self, x, grad, training):
        super().mistaken(x, grad, training)
        return grad @ self.w.value


class TransposedWeight(Weighed):
    def mistaken(self, x, grad, training):
        self.w.add_grad(grad.T @ x)
        self.v.add_grad(grad.sum(axis=0))
        return grad @ self.w.value.T


class MissingWeight(Weighed):
    def mistaken(self, x, grad, training):
        self.w.add_grad(x.T @ grad)
        return grad @ self.w.value.T


class FirstSampleAlone(Weighed):
    def mistaken(self, x, grad, training):
        self.w.add_grad(x[:1].T @ grad[:1])
        self.v.add_grad(grad.sum(axis=0))
        return grad @ self.w.value.T


class MeanOverBatch(Weighed):
    def mistaken(self, x, grad, training):
        self.w.add_grad(x.T @ grad)
        self.v.add_grad(grad.mean(axis=0))
        return grad @ self.w.value.T


class RightForOnes(Weighed):
    def mistaken(self, x, grad, training):
        super().mistaken(x, grad, training)
        return np.ones_like(grad) @ self.w.value.T


class OneElement(Weighed):
    def mistaken(self, x, grad, training):
        grad_x = super().mistaken(x, grad, training)
        grad_x[-1, -1] += 0.5
        return grad_x


class InTraining(Weighed):
    def mistaken(self, x, grad, training):
        return super().mistaken(x, grad, training) * (2 if training else 1)


class Assigns(Weighed):
    def mistaken(self, x, grad, training):
        self.w.grad = x.T @ grad
        self.v.add_grad(grad.sum(axis=0))
        return grad @ self.w.value.T


class ChangesGradient(Weighed):
    def mistaken(self, x, grad, training):
        grad_x = super().mistaken(x, grad, training)
        grad *= 2
        return grad_x


class NoNumber(Weighed):
    def mistaken(self, x, grad, training):
        return super().mistaken(x, grad, training) * np.nan


MISTAKES = [  # class, what is wrong by the report, what the problems say
    (Weighed, set(), None),
    (WrongFactor, {"input"}, None),
    (WrongSign, {"w"}, None),
    (TransposedInput, {"input"}, None),
    (TransposedWeight, {"w"}, None),
    (MissingWeight, {"v"}, "adds no gradient to missing_weight/v"),
    (FirstSampleAlone, {"w"}, None),
    (MeanOverBatch, {"v"}, None),
    (RightForOnes, {"input"}, None),
    (OneElement, {"input"}, None),
    (InTraining, {"input"}, None),
    (Assigns, set(), "does not add to the gradient of assigns/w"),
    (ChangesGradient, set(), "changes the gradient it is given"),
    (NoNumber, {"input"}, None),
]


@pytest.mark.parametrize("kind, wrong, problem", MISTAKES, ids=[kind.__name__ for kind, *_ in MISTAKES])
def test_mistakes_are_named(kind, wrong, problem):
    gpulayers.set_random_seed(1)
    name = {"MissingWeight": "missing_weight", "Assigns": "assigns"}.get(kind.__name__)
    report = gpulayers.check_gradients(kind(name=name, **WIDE), (5, 4), training=True)
    found = {part.split("/")[-1] for part, error in report.errors.items() if not error <= report.tolerance}
    assert found == wrong, report
    assert bool(report) is (not wrong and problem is None)
    assert (problem or "gradients within") in str(report)
    assert ("WRONG" in str(report)) is bool(wrong)


def test_one_element_of_many_is_found():
    report = gpulayers.check_gradients(OneElement(**WIDE), (300, 20), training=True, samples=2)
    assert not report, report


def test_weights_that_are_not_trained_are_left_out():
    layer = MissingWeight(**WIDE)
    layer.build((None, 4))
    layer.v.trainable = False
    report = gpulayers.check_gradients(layer, (5, 4))
    assert report and not any("/v" in part for part in report.errors)


def test_weights_of_one_name_are_all_checked():
    class Twins(layers.Layer):
        def build(self, input_shape):
            self.both = [self.add_weight((4,), "ones", name="w") for _ in range(2)]

        def forward(self, x, training=True):
            first, second = self.both

            def backward(grad):
                first.add_grad((grad * x * second.value).sum(axis=0))
                return grad * first.value * second.value

            return x * first.value * second.value, backward

    report = gpulayers.check_gradients(Twins(**WIDE), (3, 4))
    assert len(report.errors) == 3 and not report


def of(function):
    """A layer whose forward is the function."""

    class Made(layers.Layer):
        def forward(self, x, training=True):
            return function(x)

    return Made(**WIDE)


REFUSED = [
    (ValueError, "gradient of its input's shape .* Received: shape", lambda x: (x, lambda g: g.sum(axis=0))),
    (ValueError, "for input 0. Received: None", lambda x: (x, lambda g: None)),
    (TypeError, "must return a pair.* Received: ndarray", lambda x: 2 * x),
    (TypeError, "needs outputs of float64. Received: float32", lambda x: (x.astype(np.float32), lambda g: g)),
    (TypeError, "output of .* must be an array. Received: NoneType", lambda x: (None, lambda g: g)),
    (ValueError, "same outputs .* Received: ", lambda x: (x * np.random.rand(), lambda g: g)),
]


@pytest.mark.parametrize("error, message, function", REFUSED)
def test_layers_that_cannot_be_checked(error, message, function):
    with pytest.raises(error, match=message):
        gpulayers.check_gradients(of(function), (3, 4))


def test_a_gradient_for_each_input():
    def product(xs):
        return xs[0] * xs[1], lambda grad: [grad * xs[1], grad * xs[0]]

    shapes = [(3, 4), (3, 4)]
    assert gpulayers.check_gradients(of(product), shapes)
    with pytest.raises(ValueError, match="list of 2 gradients. Received: 1"):
        gpulayers.check_gradients(of(lambda xs: (xs[0] * xs[1], lambda grad: [grad * xs[1]])), shapes)
    report = gpulayers.check_gradients(
        of(lambda xs: (xs[0] * xs[1], lambda grad: [grad * xs[1], grad * xs[1]])), shapes
    )
    assert {part for part, error in report.errors.items() if error > report.tolerance} == {"input 1"}


def test_a_changed_input_is_a_problem():
    def change(x):
        x *= 2
        return x, lambda grad: 2 * grad

    x = np.ones((3, 4))
    report = gpulayers.check_gradients(of(change), None, inputs=x)
    assert not report and "changes its input" in str(report) and report.errors == {"input": 0}
    assert (x == 1).all()


def test_a_failure_leaves_the_weights_alone():
    class Fails(Weighed):
        runs = 0

        def forward(self, x, training=True):
            self.runs += 1
            if self.runs > 20:
                raise RuntimeError("own")
            return super().forward(x, training)

    layer = Fails(**WIDE)
    layer.build((None, 4))
    before = layer.get_weights()
    with pytest.raises(RuntimeError, match="own"):
        gpulayers.check_gradients(layer, (3, 4), samples=4)
    assert all(map(np.array_equal, before, layer.get_weights()))


def test_weights_take_gradients_of_their_shape():
    layer = layers.Dense(2)
    layer.build((None, 3))
    for wrong in (np.ones((2, 3), np.float32), 1.0, None):
        with pytest.raises(ValueError, match="kernel must have its shape .* Received: "):
            layer.kernel.add_grad(wrong)


@pytest.mark.parametrize("wrong", [dict(samples=0), dict(step=0), dict(tolerance=-1), dict(seed="a")])
def test_arguments_are_checked(wrong):
    with pytest.raises((TypeError, ValueError), match=f"{next(iter(wrong))}.* Received: "):
        gpulayers.check_gradients(layers.Dense(2, **WIDE), (2, 3), **wrong)
    for shape in (3, "ab", [], (2, -1), [3]):
        with pytest.raises((TypeError, ValueError), match="Received: "):
            gpulayers.check_gradients(layers.Dense(2, **WIDE), shape)


def test_sequential_models_pass():
    model = Sequential([layers.Dense(3, "tanh", **WIDE), layers.Dense(2, **WIDE)], **WIDE)
    assert gpulayers.check_gradients(model, (4, 3))
