"""Optimizers against their update rules written out in plain numbers."""

import inspect
import math

import numpy as np
import pytest

from gpulayers import Variable, constraints, optimizers

GRADS = [0.5, -1.25, 2.0, 0.1]


def run(optimizer, grads=GRADS, start=1.0, dtype=np.float64):
    variable = Variable(np.array([start], dtype), "w")
    path = []
    for grad in grads:
        variable.grad = np.array([grad], dtype)
        optimizer.apply([variable])
        assert variable.grad is None
        path.append(float(variable.value[0]))
    return path


def test_sgd():
    w, path = 1.0, []
    for g in GRADS:
        w -= 0.1 * g
        path.append(w)
    assert run(optimizers.SGD(0.1)) == pytest.approx(path, rel=1e-14)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_momentum(nesterov):
    w, m, path = 1.0, 0.0, []
    for g in GRADS:
        m = 0.9 * m - 0.1 * g
        w += 0.9 * m - 0.1 * g if nesterov else m
        path.append(w)
    assert run(optimizers.SGD(0.1, 0.9, nesterov)) == pytest.approx(path, rel=1e-14)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(amsgrad):
    w, m, v, largest, path = 1.0, 0.0, 0.0, 0.0, []
    for t, g in enumerate(GRADS, 1):
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g * g
        largest = max(largest, v)
        alpha = 0.01 * math.sqrt(1 - 0.95**t) / (1 - 0.8**t)
        w -= alpha * m / (math.sqrt(largest if amsgrad else v) + 1e-3)
        path.append(w)
    assert run(optimizers.Adam(0.01, 0.8, 0.95, 1e-3, amsgrad)) == pytest.approx(path, rel=1e-14)


def test_adam_first_step_is_the_learning_rate():
    assert run(optimizers.Adam(), [123.0]) == pytest.approx([1 - 0.001])


def test_adamw():
    w, m, v, path = 1.0, 0.0, 0.0, []
    for t, g in enumerate(GRADS, 1):
        w -= w * 0.1 * 0.01
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= 0.01 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (math.sqrt(v) + 1e-7)
        path.append(w)
    assert run(optimizers.AdamW(0.01, weight_decay=0.1)) == pytest.approx(path, rel=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop(momentum, centered):
    w, v, average, m, path = 1.0, 0.0, 0.0, 0.0, []
    for g in GRADS:
        v = 0.9 * v + 0.1 * g * g
        average = 0.9 * average + 0.1 * g
        change = 0.01 * g / math.sqrt(v + 1e-7 - (average**2 if centered else 0))
        m = momentum * m + change
        w -= m if momentum else change
        path.append(w)
    optimizer = optimizers.RMSprop(0.01, momentum=momentum, centered=centered)
    assert run(optimizer) == pytest.approx(path, rel=1e-13)


@pytest.mark.parametrize("warmup", [0, 3])
def test_schedule_free(warmup):
    w = z = x = 1.0
    v, path = 0.0, []
    for t, g in enumerate(GRADS, 1):
        w *= 1 - 0.1 * 0.25
        x = (w - 0.2 * z) / 0.8
        v = 0.95 * v + 0.05 * g * g
        z -= 0.1 * min(1.0, t / warmup if warmup else 1.0) * g / (math.sqrt(v / (1 - 0.95**t)) + 1e-3)
        x += (z - x) / t
        w = 0.2 * z + 0.8 * x
        path.append(w)
    optimizer = optimizers.ScheduleFreeAdamW(0.1, 0.8, 0.95, 1e-3, warmup, weight_decay=0.25)
    assert run(optimizer) == pytest.approx(path, rel=1e-13)


def test_clipping():
    def step(grads, **clip):
        variables = [Variable(np.zeros(2), "a"), Variable(np.zeros(1), "b")]
        for variable, grad in zip(variables, grads):
            variable.grad = np.array(grad, float)
        optimizers.SGD(1.0, **clip).apply(variables)
        return [list(-variable.value) for variable in variables]

    grads = [[3.0, -4.0], [12.0]]
    assert step(grads) == [[3, -4], [12]]
    assert step(grads, clipvalue=3.5) == [[3, -3.5], [3.5]]
    assert step(grads, clipnorm=10) == [[3, -4], [10]]
    assert step(grads, clipnorm=2.5) == [pytest.approx([1.5, -2]), [2.5]]
    assert step(grads, global_clipnorm=6.5) == [pytest.approx([1.5, -2]), [6]]
    assert step(grads, global_clipnorm=13.5) == [[3, -4], [12]]


def test_weight_decay():
    assert run(optimizers.SGD(0.1, weight_decay=0.5), [2.0]) == pytest.approx([1 - 0.05 - 0.2])


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_state_is_kept_for_each_variable(name):
    options = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(optimizers, name)(0.01, **options)
    first, second = Variable(np.ones(1), "a"), Variable(np.ones(1), "b")
    for grad in GRADS:
        first.grad, second.grad = np.array([grad]), np.array([2 * grad])
        optimizer.apply([first, second])
    alone = getattr(optimizers, name)(0.01, **options)
    assert float(first.value[0]) == run(alone)[-1]
    assert optimizer.iterations == len(GRADS)


def test_variables_without_a_gradient_stay():
    first, second = Variable(np.ones(2), "a"), Variable(np.ones(2), "b")
    second.grad = np.ones(2)
    with pytest.warns(UserWarning, match="no gradients for \\['a'\\]"):
        optimizers.SGD(0.5).apply([first, second])
    np.testing.assert_array_equal([first.value, second.value], [[1, 1], [0.5, 0.5]])
    with pytest.raises(ValueError, match="Received: None for \\['a'\\]"):
        optimizers.Adam().apply([first])


def test_half_precision_updates_in_float32():
    # The squares of these gradients, times 1 - beta_2, underflow in float16: the moments must be wider.
    for dtype in (np.float16, np.float32):
        path = run(optimizers.Adam(0.01), [1e-4] * 20, dtype=dtype)
        assert path[-1] == pytest.approx(0.8, abs=0.02)


def test_learning_rate_can_change():
    optimizer, variable = optimizers.SGD(0.25), Variable(np.ones(1), "w")
    optimizer.apply([np.ones(1)], [variable])
    optimizer.learning_rate = 0.5
    optimizer.apply([np.ones(1)])
    assert variable.value[0] == 0.25 and optimizer.learning_rate == 0.5
    optimizer.variables[1].assign(2.0)
    assert optimizer.learning_rate == 2.0


def test_ways_to_apply_gradients():
    """Gradients with variables, or without those after `build`, pairs, or the variables' own."""
    variables = [Variable(np.full(2, 8.0), name) for name in "ab"]
    grads = [np.ones(2), np.full(2, 2.0)]
    optimizer = optimizers.SGD(0.5)
    assert not optimizer.built
    optimizer.build(variables)
    assert optimizer.built
    optimizer.apply(grads)
    optimizer.apply(grads, variables)
    assert optimizer.apply_gradients(zip(grads, variables)) == 3
    for variable, grad in zip(variables, grads):
        variable.grad = grad
    optimizer.apply(variables)
    assert [variable.grad for variable in variables] == [None, None] and optimizer.iterations == 4
    np.testing.assert_array_equal([v.value for v in variables], [[6, 6], [4, 4]])
    np.testing.assert_array_equal(grads, [[1, 1], [2, 2]])
    optimizer.apply([])
    assert optimizer.iterations == 4


def test_variables_of_an_optimizer():
    model = [
        Variable(np.zeros((2, 3), np.float32), "kernel", path="dense/kernel"),
        Variable(np.zeros(3), "b"),
    ]
    optimizer = optimizers.Adam(0.5, use_ema=True, gradient_accumulation_steps=2)
    assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate"]
    with pytest.raises(ValueError, match="Received: "):
        optimizer.set_weights([np.zeros(()), np.zeros(())])
    optimizer.build(model)
    names = [v.name for v in optimizer.variables]
    assert names == ["iteration", "learning_rate", "dense_kernel_average", "b_average"] + [
        "dense_kernel_gradient_accumulator",
        "b_gradient_accumulator",
        "dense_kernel_momentum",
        "dense_kernel_velocity",
        "b_momentum",
        "b_velocity",
    ]
    weights = [np.full(v.shape, float(i)) for i, v in enumerate(optimizer.variables)]
    optimizer.set_weights(weights)
    assert optimizer.learning_rate == 1.0 and optimizer.iterations == 0
    for variable, weight in zip(optimizer.variables, weights):
        np.testing.assert_array_equal(variable.numpy(), weight)
    with pytest.raises(ValueError, match="Received: "):
        optimizer.set_weights(weights[::-1])


def test_accumulated_gradients_of_variables_that_come_and_go():
    first, second = Variable(np.zeros(1), "a"), Variable(np.zeros(1), "b")
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=3)
    optimizer.build([first, second])
    with pytest.warns(UserWarning, match="no gradients"):
        optimizer.apply([np.ones(1), None])
        optimizer.apply([np.full(1, 2.0), np.full(1, 6.0)])
        assert first.value == second.value == 0
        optimizer.apply([None, np.full(1, 3.0)])
    # Only who has a gradient in the updating step is updated; the other's sum is dropped, as in Keras.
    assert first.value == 0 and second.value == -3
    for _ in range(3):
        optimizer.apply([np.full(1, 3.0), np.full(1, 3.0)])
    assert first.value == -3 and second.value == -6


def test_an_optimizer_of_ones_own():
    class Signed(optimizers.Optimizer):
        slots = ("seen",)

        def update(self, value, grad, state, step):
            (seen,) = state
            seen += 1
            value -= self.learning_rate * np.sign(grad)

    optimizer = Signed(0.5, clipvalue=1.0, weight_decay=0.5)
    variables = [Variable(np.full(2, 4.0), "a"), Variable(np.ones((), np.float16), "b")]
    optimizer.apply([np.array([3.0, -3.0]), np.float16(2)], variables)
    np.testing.assert_array_equal(variables[0].value, [2.5, 3.5])
    assert variables[1].value == 0.25 and (optimizer.variables[2].value == 1).all()


def test_the_whole_signature_is_shown():
    for name in optimizers.__all__:
        kind = getattr(optimizers, name)
        if isinstance(kind, type) and name not in ("Optimizer", "LossScaleOptimizer"):
            parameters = list(inspect.signature(kind).parameters)
            assert parameters[0] == "learning_rate"
            assert {"weight_decay", "clipnorm", "use_ema", "name"} <= set(parameters)
            with pytest.raises(TypeError, match="Received: {'fast': True}"):
                kind(fast=True)


def test_constraints_are_applied():
    variable = Variable(np.array([0.5]), "w", constraint=constraints.NonNeg())
    variable.grad = np.array([10.0])
    optimizers.SGD(0.1).apply([variable])
    assert variable.value[0] == 0


def test_get_and_config():
    assert isinstance(optimizers.get("adam"), optimizers.Adam)
    assert isinstance(optimizers.get("SGD"), optimizers.SGD)
    for optimizer in (
        optimizers.SGD(0.1, 0.9, True, clipnorm=2),
        optimizers.Adam(0.2, amsgrad=True),
        optimizers.AdamW(),
        optimizers.RMSprop(rho=0.5),
    ):
        again = optimizers.get(optimizers.serialize(optimizer))
        assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: optimizers.get("adamant"), ValueError),
        (lambda: optimizers.get(3), ValueError),
        (lambda: optimizers.SGD(-1), ValueError),
        (lambda: optimizers.SGD(float("nan")), ValueError),
        (lambda: optimizers.SGD("fast"), TypeError),
        (lambda: optimizers.SGD(0.1, momentum=2), ValueError),
        (lambda: optimizers.Adam(beta_1=1.0), ValueError),
        (lambda: optimizers.Adam(beta_2="x"), ValueError),
        (lambda: optimizers.RMSprop(rho=-0.1), ValueError),
        (lambda: optimizers.SGD(clipnorm=1, clipvalue=1), ValueError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
