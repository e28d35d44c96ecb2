"""Metrics on values worked out by hand."""

import numpy as np
import pytest

from gpulayers import Input, Sequential, layers, losses, metrics


def test_mean():
    mean = metrics.Mean()
    mean.update_state([1, 3])
    mean.update_state([5, 7])
    assert mean.result() == 4
    mean.reset_state()
    mean.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    assert mean.result() == 2
    mean.reset_state()
    assert mean.result() == 0
    mean.update_state(2.0, sample_weight=30)
    mean.update_state(5.0, sample_weight=10)
    assert mean.result() == 2.75


def test_mean_of_steps_weighs_samples_equally():
    mean = metrics.Mean()
    mean.update_state(np.array([[1.0, 2], [3, 6]]))
    mean.update_state(np.array([[7.0, 7]]))
    assert mean.result() == pytest.approx((1.5 + 4.5 + 7) / 3)
    mean.reset_state()
    mean.update_state(np.array([[1.0, 2], [3, 6]]), sample_weight=np.array([[1, 0], [1, 1]]))
    assert mean.result() == pytest.approx((1 + 3 + 6) / 3)
    mean.reset_state()
    mean.update_state(np.array([[1.0, 2], [3, 6]]), sample_weight=np.array([3, 1]))
    assert mean.result() == pytest.approx((3 * 1.5 + 4.5) / 4)


def test_accuracies():
    assert metrics.Accuracy()([1, 2, 3, 4], np.array([0.0, 2, 3, 4])[:, None]) == 0.75
    assert metrics.BinaryAccuracy()([[1], [1], [0], [0]], np.array([[0.98], [1], [0], [0.6]])) == 0.75
    assert (
        metrics.BinaryAccuracy(threshold=0.7)([[1], [1], [0], [0]], np.array([[0.98], [1], [0], [0.6]])) == 1
    )
    predicted = np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0], [0.3, 0.2, 0.5]])
    assert metrics.CategoricalAccuracy()(np.eye(3)[[2, 1, 2]], predicted) == pytest.approx(2 / 3)
    assert metrics.SparseCategoricalAccuracy()([2, 1, 2], predicted) == pytest.approx(2 / 3)
    assert metrics.SparseCategoricalAccuracy()([[2], [1], [2]], predicted) == pytest.approx(2 / 3)
    assert metrics.SparseCategoricalAccuracy()(
        [2, 1, 2], predicted, sample_weight=[0.5, 1, 0]
    ) == pytest.approx(1 / 1.5)


def test_masked_steps_do_not_count():
    metric = metrics.SparseCategoricalAccuracy()
    predicted = np.eye(3)[[[0, 1, 2], [0, 1, 2]]]
    metric.update_state(
        np.array([[0, 2, 2], [1, 1, 1]]), predicted, mask=np.array([[1, 1, 0], [1, 0, 0]], bool)
    )
    assert metric.result() == pytest.approx(1 / 3)


def test_of_losses():
    true, predicted = np.array([[0.0, 1], [1, 0]]), np.array([[0.25, 0.75], [0.5, 0.5]])
    for name in (
        "mean_squared_error",
        "mean_absolute_error",
        "binary_crossentropy",
        "categorical_crossentropy",
    ):
        assert metrics.get(name)(true, predicted) == pytest.approx(
            float(losses.as_loss(name)(true, predicted))
        ), name
    assert metrics.get("sparse_categorical_crossentropy")([1, 0], predicted) == pytest.approx(
        -np.log([0.75, 0.5]).mean()
    )


@pytest.mark.parametrize(
    "true_shape, predicted_shape, kind",
    [
        ((8, 1), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 1), metrics.BinaryAccuracy),
        ((8,), (8, 5), metrics.SparseCategoricalAccuracy),
        ((8, 1), (8, 5), metrics.SparseCategoricalAccuracy),
        ((8, 5), (8, 5), metrics.CategoricalAccuracy),
        ((8, 3), (8, 3, 5), metrics.SparseCategoricalAccuracy),
    ],
)
@pytest.mark.parametrize("name", ["accuracy", "acc"])
def test_accuracy_takes_its_form_from_the_shapes(name, true_shape, predicted_shape, kind):
    metric = metrics.resolve(name, true_shape, predicted_shape)
    assert type(metric) is kind and metric.name == name


def test_functions_and_names():
    def largest_error(y_true, y_pred):
        return abs(y_true - y_pred).max(axis=-1)

    metric = metrics.resolve(largest_error, (2, 2), (2, 2))
    assert metric.name == "largest_error"
    assert metric(np.zeros((2, 2)), np.array([[1.0, -3], [2, 0]])) == 2.5
    assert metrics.resolve("mse", (2, 2), (2, 2)).name == "mse"
    assert metrics.resolve(losses.MeanSquaredError(), (2, 2), (2, 2))(np.zeros((1, 2)), np.ones((1, 2))) == 1


def test_logits_have_a_threshold_of_zero():
    assert metrics.BinaryAccuracy(threshold=0.0)([[1], [0], [1]], np.array([[3.0], [-2], [-1]])) == 2 / 3


def test_a_metric_of_ones_own():
    """Written as for Keras: variables that are set to zero, or plain numbers and a reset of its own."""

    class Largest(metrics.Metric):
        def __init__(self, name="largest", **keywords):
            super().__init__(name=name, **keywords)
            self.seen = self.add_variable(shape=(), initializer="zeros", name="seen")
            self.batches = self.add_weight(name="batches")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.seen.assign(max(float(self.seen), abs(np.asarray(y_pred) - y_true).max()))
            self.batches.assign_add(1)

        def result(self):
            return float(self.seen)

    metric = Largest()
    assert metric(np.zeros(2), np.array([1.0, -3.0])) == 3 and metric(np.zeros(1), np.ones(1)) == 3
    assert [float(variable) for variable in metric.variables] == [3, 2]
    metric.reset_state()
    assert metric.result() == 0 and metric.get_config() == {"name": "largest", "dtype": "float32"}
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Largest()])
    history = model.fit(np.ones((5, 2)), np.full((5, 1), 100.0), batch_size=2, verbose=0).history
    assert 90 < history["largest"][0] < 110


def test_a_loss_as_a_metric_is_averaged_over_batches():
    metric = metrics.get(losses.MeanSquaredError(name="squares"))
    metric.update_state(np.zeros((3, 1)), np.full((3, 1), 2.0))
    metric.update_state(np.zeros((1, 1)), np.full((1, 1), 4.0))
    assert metric.name == "squares" and metric.result() == (4 + 16) / 2


@pytest.mark.parametrize(
    "call", [lambda: metrics.get("accurate"), lambda: metrics.Mean()([1.0, 2], sample_weight=[1, 2, 3])]
)
def test_errors(call):
    with pytest.raises(ValueError, match="Received: "):
        call()
