"""Losses against scalar formulas, their gradients against differences, and their reductions."""

import itertools
import math

import numpy as np
import pytest

from gpulayers import losses

from .tolerances import assert_close

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.05, 0.15, 0.8], [0.3, 0.3, 0.4]])
ONE_HOT = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0], [-1.5, 0.25, 1.0]])


def log_softmax(row):
    return [value - math.log(math.fsum(math.exp(other) for other in row)) for value in row]


def test_mean_squared_error():
    assert losses.MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [1, 0]]) == 0.5
    np.testing.assert_array_equal(losses.mean_squared_error([[0, 1], [0, 0]], [[1.0, 3], [1, 0]]), [2.5, 0.5])


def test_mean_absolute_error():
    assert losses.MeanAbsoluteError()([[0, 1], [0, 0]], [[1.0, 4], [1, 0]]) == 1.25


def test_binary_crossentropy():
    true, predicted = np.array([[0.0, 1], [0, 0]]), np.array([[0.6, 0.4], [0.4, 0.6]])
    expected = -np.array([(math.log(0.4) + math.log(0.4)) / 2, (math.log(0.6) + math.log(0.4)) / 2])
    assert_close(losses.binary_crossentropy(true, predicted), expected, terms=4)
    logits = np.log(predicted / (1 - predicted))
    assert_close(losses.binary_crossentropy(true, logits, from_logits=True), expected, terms=8)
    smoothed = true * 0.8 + 0.1
    expected = -(smoothed * np.log(predicted) + (1 - smoothed) * np.log(1 - predicted)).mean(-1)
    assert_close(losses.binary_crossentropy(true, predicted, label_smoothing=0.2), expected, terms=4)


def test_categorical_crossentropy():
    expected = [-math.log(0.7), -math.log(0.8), -math.log(0.3)]
    assert_close(losses.categorical_crossentropy(ONE_HOT, PROBABILITIES), expected, terms=4)
    assert_close(
        losses.categorical_crossentropy(ONE_HOT, 5 * PROBABILITIES),
        expected,
        terms=4,
        what="normalised first",
    )
    assert_close(losses.sparse_categorical_crossentropy([0, 2, 1], PROBABILITIES), expected, terms=4)
    assert_close(losses.sparse_categorical_crossentropy([[0], [2], [1]], PROBABILITIES), expected, terms=4)
    expected = [-log_softmax(row)[label] for row, label in zip(LOGITS, (0, 2, 1))]
    assert_close(losses.categorical_crossentropy(ONE_HOT, LOGITS, from_logits=True), expected, terms=8)
    assert_close(
        losses.sparse_categorical_crossentropy([0, 2, 1], LOGITS, from_logits=True), expected, terms=8
    )
    smoothed = 0.7 * ONE_HOT + 0.1
    expected = [-math.fsum(t * math.log(p) for t, p in zip(*rows)) for rows in zip(smoothed, PROBABILITIES)]
    assert_close(
        losses.categorical_crossentropy(ONE_HOT, PROBABILITIES, label_smoothing=0.3), expected, terms=8
    )


def test_further_losses_by_hand():
    assert losses.mean_absolute_percentage_error([[2.0, 4.0]], np.array([[1.0, 5.0]])) == 37.5
    found = losses.mean_squared_logarithmic_error([[1.0]], np.array([[3.0]]))
    assert found == pytest.approx(math.log(2) ** 2)
    assert losses.cosine_similarity([[3.0, 4.0]], np.array([[4.0, 3.0]])) == pytest.approx(-0.96)
    assert losses.huber([[0.0, 0.0]], np.array([[0.5, 3.0]])) == (0.125 + 2.5) / 2
    assert losses.log_cosh([[0.0]], np.array([[2.0]])) == pytest.approx(math.log(math.cosh(2)))
    assert losses.poisson([[2.0]], np.array([[3.0]])) == pytest.approx(3 - 2 * math.log(3))
    assert losses.kl_divergence([[0.5, 0.5]], np.array([[0.25, 0.75]])) == pytest.approx(
        0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    )
    assert losses.hinge([[1.0, 0.0]], np.array([[0.25, 0.5]])) == (0.75 + 1.5) / 2
    assert losses.squared_hinge([[1.0, -1.0]], np.array([[0.0, 0.5]])) == (1 + 2.25) / 2
    assert losses.categorical_hinge([[0.0, 1.0]], np.array([[0.75, 0.5]])) == 1.25
    found = losses.binary_focal_crossentropy([[1.0]], np.array([[0.75]]))
    assert found == pytest.approx(-(0.25**2) * math.log(0.75))
    found = losses.categorical_focal_crossentropy([[0.0, 1.0]], np.array([[0.25, 0.75]]))
    assert found == pytest.approx(-0.25 * 0.25**2 * math.log(0.75))


@pytest.mark.parametrize(
    "name", ["mape", "msle", "cosine_similarity", "huber", "logcosh", "poisson", "kld", "squared_hinge"]
)
def test_further_names(name):
    loss = losses.as_loss(name)
    again = losses.as_loss(losses.serialize(loss))
    assert again.get_config() == loss.get_config() and type(again) is type(loss)


def test_probabilities_are_clipped():
    loss, grad = losses.CategoricalCrossentropy().forward([[0.0, 1.0]], np.array([[1.0, 0.0]]))
    assert_close(loss, -math.log(1e-7), terms=4)
    np.testing.assert_array_equal(grad, [[0, 0]])
    loss = losses.BinaryCrossentropy()([[1.0]], np.array([[0.0]]))
    assert_close(loss, -math.log(1e-7), terms=4)


def test_extreme_logits_stay_finite():
    logits = np.array([[1e4, -1e4]], np.float32)
    loss, grad = losses.SparseCategoricalCrossentropy(from_logits=True).forward([1], logits)
    assert loss == 2e4
    np.testing.assert_array_equal(grad, [[1, -1]])
    assert losses.BinaryCrossentropy(from_logits=True)([[0.0, 1.0]], logits) == 1e4


SIGNS = np.array([[1.0, -1, 1], [-1, -1, 1], [1, 1, -1]])
POSITIVE = np.array([[0.5, 2.0, 1.5], [3.0, 0.25, 1.0], [0.75, 1.25, 2.5]])
CASES = {
    "mape": (losses.MeanAbsolutePercentageError(), POSITIVE, LOGITS),
    "msle": (losses.MeanSquaredLogarithmicError(), POSITIVE, PROBABILITIES),
    "cosine": (losses.CosineSimilarity(), POSITIVE, LOGITS),
    "cosine axis": (losses.CosineSimilarity(axis=0), POSITIVE, LOGITS),
    "huber": (losses.Huber(0.7), ONE_HOT, LOGITS),
    "log cosh": (losses.LogCosh(), ONE_HOT, LOGITS),
    "poisson": (losses.Poisson(), POSITIVE, PROBABILITIES),
    "kl": (losses.KLDivergence(), PROBABILITIES[::-1], PROBABILITIES),
    "hinge": (losses.Hinge(), SIGNS, LOGITS * 0.7),
    "hinge of bits": (losses.Hinge(), ONE_HOT, LOGITS * 0.7),
    "squared hinge": (losses.SquaredHinge(), SIGNS, LOGITS * 0.7),
    "categorical hinge": (losses.CategoricalHinge(), ONE_HOT, LOGITS),
    "binary focal": (losses.BinaryFocalCrossentropy(), ONE_HOT, PROBABILITIES),
    "binary focal logits": (
        losses.BinaryFocalCrossentropy(True, 0.4, 1.5, from_logits=True, label_smoothing=0.1),
        ONE_HOT,
        LOGITS,
    ),
    "focal": (losses.CategoricalFocalCrossentropy(), ONE_HOT, 1.5 * PROBABILITIES),
    "focal logits": (
        losses.CategoricalFocalCrossentropy(0.5, 3.0, from_logits=True, label_smoothing=0.1),
        ONE_HOT,
        LOGITS,
    ),
    "bce axis": (losses.BinaryCrossentropy(axis=0), ONE_HOT, PROBABILITIES),
    "binary focal axis": (losses.BinaryFocalCrossentropy(axis=0), ONE_HOT, PROBABILITIES),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy(0.3), np.array([0, 2, 1]), PROBABILITIES),
    "dice": (losses.Dice(), ONE_HOT, PROBABILITIES),
    "dice axis": (losses.Dice(axis=(1,)), ONE_HOT, PROBABILITIES),
    "tversky": (losses.Tversky(0.3, 0.9), ONE_HOT, PROBABILITIES),
    "tversky axis": (losses.Tversky(0.3, 0.9, axis=-1), ONE_HOT, PROBABILITIES),
    "circle": (losses.Circle(3.0, 0.3), np.array([0, 1, 0]), LOGITS / 4),
    "circle diagonal": (losses.Circle(3.0, remove_diagonal=False), np.array([0, 1, 1]), LOGITS / 4),
    "ctc": (losses.CTC(), np.array([[1, 2], [1, 1], [2, 0]]), np.stack([LOGITS, LOGITS[::-1], -LOGITS])),
    "mse": (losses.MeanSquaredError(), ONE_HOT, LOGITS),
    "mae": (losses.MeanAbsoluteError(), ONE_HOT, LOGITS),
    "bce": (losses.BinaryCrossentropy(label_smoothing=0.1), ONE_HOT, PROBABILITIES),
    "bce logits": (losses.BinaryCrossentropy(from_logits=True), ONE_HOT, LOGITS),
    "cce": (losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT, 1.5 * PROBABILITIES),
    "cce logits": (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT * 0.5 + 0.1, LOGITS),
    "cce axis": (losses.CategoricalCrossentropy(axis=0), ONE_HOT, PROBABILITIES),
    "scce": (losses.SparseCategoricalCrossentropy(), np.array([0, 2, 1]), 1.5 * PROBABILITIES),
    "scce logits": (
        losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2),
        np.array([0, 2, 1]),
        LOGITS,
    ),
    "scce steps": (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        np.array([[0, 2, 1]] * 2),
        np.stack([LOGITS] * 2),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("name", CASES)
def test_gradients(name, reduction, weighted):
    loss, y_true, y_pred = CASES[name]
    loss = type(loss).from_config(loss.get_config() | {"reduction": reduction})
    weight = np.linspace(0.5, 2, len(y_true)) if weighted else None
    y_pred = np.ascontiguousarray(y_pred)
    value, grad = loss.forward(y_true, y_pred, weight)
    assert value == loss(y_true, y_pred, weight)
    for index in np.ndindex(y_pred.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = y_pred.copy()
            moved[index] += step
            sides.append(float(loss(y_true, moved, weight)))
        assert grad[index] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5, abs=1e-7), index


def test_reductions():
    values, weight = np.array([1.0, 4.0, 9.0]), np.array([1.0, 0.0, 3.0])
    true, predicted = np.zeros((3, 1)), np.sqrt(values)[:, None]
    for reduction, plain, weighted in [
        ("sum_over_batch_size", 14 / 3, 28 / 3),
        ("mean", 14 / 3, 28 / 3),
        ("sum", 14, 28),
        ("mean_with_sample_weight", 14 / 3, 7),
    ]:
        loss = losses.MeanSquaredError(reduction=reduction)
        assert loss(true, predicted) == pytest.approx(plain), reduction
        assert loss(true, predicted, weight) == pytest.approx(weighted), reduction
    np.testing.assert_allclose(losses.MeanSquaredError(reduction="none")(true, predicted, weight), [1, 0, 27])


def test_masked_samples_do_not_count():
    true, predicted = np.zeros((2, 3, 1)), np.array([[1.0, 2, 3], [4, 5, 6]])[..., None]
    mask = np.array([[True, False, True], [False, False, False]])
    loss, grad = losses.MeanSquaredError().forward(true, predicted, None, mask)
    assert loss == pytest.approx((1 + 9) / 2)
    np.testing.assert_allclose(grad[..., 0], [[1, 0, 3], [0, 0, 0]])
    loss, grad = losses.MeanSquaredError().forward(true, predicted, None, np.zeros((2, 3), bool))
    assert loss == 0 and not grad.any()


def test_ignored_classes_do_not_count():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    value, grad = loss.forward([0, 2, 1], PROBABILITIES)
    assert value == pytest.approx(-(math.log(0.7) + math.log(0.3)) / 2)
    assert not grad[1].any() and grad[0].any()
    masked = loss.forward([0, 2, 1], PROBABILITIES, mask=np.array([False, True, True]))[0]
    assert masked == pytest.approx(-math.log(0.3))


def test_ranks_that_differ_by_a_last_axis_of_one():
    assert losses.MeanSquaredError()([1.0, 2.0], np.array([[1.0], [4.0]])) == 2.0
    _, grad = losses.MeanSquaredError().forward([1.0, 2.0], np.array([[1.0], [4.0]]))
    np.testing.assert_array_equal(grad, [[0], [2]])


def test_half_precision_gradients_have_the_predictions_type(dtype):
    y_pred = PROBABILITIES.astype(dtype)
    loss, grad = losses.CategoricalCrossentropy().forward(ONE_HOT, y_pred)
    assert grad.dtype == dtype
    exact = y_pred.astype(np.float64)
    exact /= exact.sum(-1, keepdims=True)
    assert_close(loss, -np.log(exact[[0, 1, 2], [0, 2, 1]]).mean(), terms=8)


def test_integer_labels_do_not_widen_float32():
    loss, grad = losses.MeanSquaredError().forward(np.array([[1], [2]]), np.ones((2, 1), np.float32))
    assert loss.dtype == grad.dtype == np.float32


def test_get():
    assert isinstance(losses.as_loss("mse"), losses.MeanSquaredError)
    assert isinstance(losses.as_loss("sparse_categorical_crossentropy"), losses.SparseCategoricalCrossentropy)
    assert isinstance(losses.as_loss(losses.binary_crossentropy), losses.BinaryCrossentropy)
    assert losses.as_loss(None) is None
    loss = losses.CategoricalCrossentropy(label_smoothing=0.2, reduction="sum")
    again = losses.as_loss(losses.serialize(loss))
    assert again.get_config() == loss.get_config() and again.label_smoothing == 0.2


def test_a_loss_of_ones_own():
    class Cubed(losses.Loss):
        def per_sample(self, y_true, y_pred):
            difference = y_pred - y_true
            return (difference**3)[:, 0], lambda weights: 3 * difference**2 * weights[:, None]

    loss, grad = Cubed().forward([[1.0], [0.0]], np.array([[3.0], [1.0]]))
    assert loss == 4.5
    np.testing.assert_array_equal(grad, [[6], [1.5]])


def test_a_function_with_its_gradient():
    def cubed(y_true, y_pred):
        difference = y_pred - y_true
        return (difference**3)[:, 0], lambda weights: 3 * difference**2 * weights[:, None]

    loss = losses.as_loss(cubed)
    assert isinstance(loss, losses.Loss) and loss.name == "cubed"
    value, grad = loss.forward([[1.0], [0.0]], np.array([[3.0], [1.0]]))
    assert value == 4.5
    np.testing.assert_array_equal(grad, [[6], [1.5]])
    with pytest.raises(TypeError, match="must return .values, backward.*Received: ndarray"):
        losses.as_loss(lambda y_true, y_pred: (y_pred - y_true) ** 2)([[1.0]], np.array([[3.0]]))
    with pytest.raises(ValueError, match="Received: <function"):
        loss.get_config()


def test_samples_of_an_ignored_class_may_hold_anything():
    predicted = PROBABILITIES.copy()
    predicted[1] = np.nan
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    value, grad = loss.forward([0, 2, 1], predicted)
    assert value == pytest.approx(-(math.log(0.7) + math.log(0.3)) / 2)
    assert not grad[1].any() and np.isfinite(grad).all()


def test_ctc_by_all_alignments():
    """Every way through the steps that reads as the labels, one by one."""
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((1, 4, 3))
    log_p = np.array([log_softmax(row) for row in logits[0]])
    for labels in ([1, 2], [1, 1], [2, 0], [0, 0]):
        wanted = [label for label in labels if label]
        total = 0.0
        for way in itertools.product(range(3), repeat=4):
            read = [c for i, c in enumerate(way) if c and (i == 0 or way[i - 1] != c)]
            if read == wanted:
                total += math.exp(sum(log_p[step, c] for step, c in enumerate(way)))
        assert losses.CTC()([labels], logits) == pytest.approx(-math.log(total)), labels
    assert losses.CTC()([[1, 1, 1]], logits) == np.inf  # five steps would be needed


def test_overlap_by_hand():
    assert losses.dice([1.0, 0, 1], np.array([0.5, 0.25, 1])) == pytest.approx(1 - 3 / 3.75)
    found = losses.tversky([1.0, 0, 1], np.array([0.5, 0.25, 1]), 0.25, 2.0)
    assert found == pytest.approx(1 - 1.5 / (1.5 + 0.25 * 0.5 + 2 * 0.25))
    found = losses.Dice(axis=1)([[1.0, 0], [0, 1]], np.array([[0.5, 0.5], [0, 1.0]]))
    assert found == pytest.approx((1 - 1 / 2) / 2)
    weighted = losses.Dice()([1.0, 0], np.array([0.5, 0.5]), sample_weight=[2.0, 4.0])
    assert weighted == pytest.approx(3 * 0.5)
    found = losses.categorical_generalized_cross_entropy([1, 0], np.array([[0.75, 0.25], [1, 0]]), q=0.5)
    np.testing.assert_allclose(found, [1.0, 0.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.as_loss("msee"),
        lambda: losses.MeanSquaredError(reduction="average"),
        lambda: losses.CategoricalCrossentropy(label_smoothing=2),
        lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0),
        lambda: losses.CTC()(np.zeros((2, 3)), np.ones((2, 4))),
        lambda: losses.CTC()(np.full((2, 3), 9), np.ones((2, 5, 4))),
        lambda: losses.Circle()([1, 2, 3], np.ones((2, 4))),
        lambda: losses.MeanSquaredError()(np.zeros((2, 3)), np.zeros((2, 4))),
        lambda: losses.CategoricalCrossentropy()(np.zeros((2,)), np.ones((2, 4))),
        lambda: losses.SparseCategoricalCrossentropy()([0, 3], np.ones((2, 3))),
        lambda: losses.SparseCategoricalCrossentropy()([0, -1], np.ones((2, 3))),
        lambda: losses.SparseCategoricalCrossentropy()([0, 1, 1], np.ones((2, 3))),
        lambda: losses.MeanSquaredError()(np.zeros((2, 3)), np.zeros((2, 3)), np.ones(5)),
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match="Received: "):
        call()


def test_functions_are_serialized_by_name():
    function = losses.get("mse")
    node = losses.serialize(function)
    assert node["class_name"] == "function" and node["config"] == "mean_squared_error"
    assert losses.deserialize(node) is function
    with pytest.raises(TypeError, match="Received: <function"):
        losses.serialize(lambda y_true, y_pred: None)
