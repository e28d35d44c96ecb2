"""Schedules, averages, accumulation and loss scaling, worked out by hand."""

import numpy as np
import pytest

from gpulayers import Input, Sequential, Variable, layers, optimizers
from gpulayers.optimizers import schedules


def path(optimizer, grads, start=1.0):
    variable = Variable(np.array([start]), "w")
    found = []
    for grad in grads:
        optimizer.apply_gradients([(np.array([grad]), variable)])
        found.append(float(variable.value[0]))
    return found


def test_schedules():
    assert schedules.ExponentialDecay(1.0, 2, 0.25)(1) == 0.5
    assert schedules.ExponentialDecay(1.0, 2, 0.25, staircase=True)(3) == 0.25
    assert schedules.InverseTimeDecay(1.0, 2, 3.0)(4) == pytest.approx(1 / 7)
    found = [schedules.PiecewiseConstantDecay([1, 3], [3.0, 2.0, 1.0])(step) for step in range(5)]
    assert found == [3, 3, 2, 2, 1]
    assert schedules.PolynomialDecay(1.0, 4, 0.0)(1) == 0.75
    assert schedules.PolynomialDecay(1.0, 4, 0.5)(9) == 0.5
    assert schedules.PolynomialDecay(1.0, 4, 0.0, cycle=True)(6) == 0.25
    assert schedules.CosineDecay(1.0, 4)(2) == pytest.approx(0.5)
    assert schedules.CosineDecay(1.0, 4, 0.3)(9) == 0.3
    warm = schedules.CosineDecay(0.0, 4, warmup_target=1.0, warmup_steps=2)
    assert [warm(0), warm(1), warm(2)] == [0.0, 0.5, 1.0] and warm(4) == pytest.approx(0.5)
    again = schedules.CosineDecayRestarts(1.0, 2, t_mul=2.0, m_mul=0.5)
    assert [again(0), again(2), again(6)] == [1.0, 0.5, 0.25] and again(1) == pytest.approx(0.5)


def test_an_optimizer_follows_a_schedule():
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]))
    assert path(optimizer, [1, 1, 1], start=3.0) == [2, 1.5, 1.25] and optimizer.learning_rate == 0.25
    rates = iter([1.0, 0.5])
    # Asked for by the decay and by the step.
    assert path(optimizers.SGD(lambda: next(rates)), [1], start=3.0) == [2.5]
    again = optimizers.get(optimizers.serialize(optimizer))
    assert again.learning_rate == 1.0 and again.get_config() == optimizer.get_config()


def test_averages():
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.75)
    variable = Variable(np.array([4.0]), "w")
    for _ in range(2):
        optimizer.apply_gradients([(np.array([1.0]), variable)])
    assert variable.value[0] == 2
    optimizer.finalize_variable_values([variable])
    assert variable.value[0] == 0.75 * 3 + 0.25 * 2
    replaced = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    assert path(replaced, [1, 1], start=4.0) == [3, 2.5]


def test_averages_are_there_after_a_training():
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1))])
    model.compile(optimizers.SGD(0.0, use_ema=True), "mse")
    model.fit(np.ones((2, 1)), np.ones((2, 1)), epochs=2, verbose=0)
    assert model.get_weights()[0] == pytest.approx(1.0)


def test_accumulated_gradients():
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=3)
    assert path(optimizer, [3, 0, 6, 9, 0, 0]) == [1, 1, -2, -2, -2, -5] and optimizer.iterations == 2


def test_loss_scale():
    model = Sequential([Input((1,)), layers.Dense(1, use_bias=False, kernel_regularizer="l2")])
    plain = Sequential.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    x, y = np.array([[1.0], [2.0]]), np.array([[2.0], [1.0]])
    for net, optimizer in (
        (model, optimizers.LossScaleOptimizer(optimizers.SGD(0.1), 1024.0)),
        (plain, optimizers.SGD(0.1, loss_scale_factor=64.0)),
    ):
        net.compile(optimizer, "mse")
        net.fit(x, y, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-6)
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(1.0), 8.0, dynamic_growth_steps=2)
    assert path(optimizer, [8.0, np.inf, 4.0, np.nan, 4.0], start=4.0) == [3, 3, 2, 2, 0]
    assert optimizer.iterations == 3 and optimizer.dynamic_scale.numpy() == 2.0
    again = optimizers.get(optimizers.serialize(optimizer))
    assert again.inner_optimizer.learning_rate == 1.0 and again.initial_scale == 8.0


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), ValueError),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), ValueError),
        (lambda: schedules.deserialize("linear"), ValueError),
        (lambda: setattr(optimizers.SGD(schedules.CosineDecay(0.1, 5)), "learning_rate", 0.1), TypeError),
        (lambda: optimizers.SGD(lambda: 0.1).get_config(), ValueError),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=2), ValueError),
        (lambda: optimizers.SGD(ema_overwrite_frequency=0), ValueError),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), ValueError),
        (lambda: optimizers.Lion(beta_1=0), ValueError),
        (lambda: optimizers.Nadam(beta_2=1.0), ValueError),
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1), ValueError),
        (lambda: optimizers.LossScaleOptimizer("adam"), TypeError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
