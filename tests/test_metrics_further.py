"""Confusion counts, scores, AUC and top-k on values worked out by hand."""

import numpy as np
import pytest

from gpulayers import Input, Sequential, layers, metrics

LABELS, SCORES = np.array([1, 0, 1, 0, 1]), np.array([0.9, 0.6, 0.4, 0.2, 0.8])


def test_counts():
    found = {
        name: getattr(metrics, name)()(LABELS, SCORES)
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    }
    assert found == {"TruePositives": 2, "FalsePositives": 1, "TrueNegatives": 1, "FalseNegatives": 1}
    weighted = metrics.TruePositives()(LABELS, SCORES, sample_weight=[2, 1, 1, 1, 0.5])
    assert weighted == 2.5
    masked = metrics.FalsePositives()
    masked.update_state(LABELS, SCORES, mask=np.array([1, 0, 1, 1, 1], bool))
    assert masked.result() == 0


def test_precision_and_recall():
    assert metrics.Precision()(LABELS, SCORES) == pytest.approx(2 / 3)
    assert metrics.Recall()(LABELS, SCORES) == pytest.approx(2 / 3)
    np.testing.assert_allclose(metrics.Recall([0.1, 0.5, 0.85])(LABELS, SCORES), [1, 2 / 3, 1 / 3])
    one_hot, shares = np.eye(3)[[0, 1, 2]], np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.1, 0.5, 0.4]])
    assert metrics.Precision(top_k=1)(one_hot, shares) == pytest.approx(1 / 3)
    assert metrics.Recall(top_k=2)(one_hot, shares) == 1
    assert metrics.Recall(class_id=2, thresholds=0.3)(one_hot, shares) == 1


def test_area_under_the_curve():
    # Of the six pairs of a positive and a negative five are in order.
    assert metrics.AUC(num_thresholds=1001)(LABELS, SCORES) == pytest.approx(5 / 6)
    assert metrics.AUC()([0, 1], np.array([0.2, 0.7])) == pytest.approx(1)
    assert metrics.AUC(curve="PR")([0, 1], np.array([0.2, 0.7])) == pytest.approx(1)


def test_scores():
    true, predicted = np.eye(2)[[0, 0, 1]], np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    np.testing.assert_allclose(metrics.F1Score()(true, predicted), [2 / 3, 2 / 3], rtol=1e-5)
    assert metrics.FBetaScore("micro", 2.0)(true, predicted) == pytest.approx(2 / 3, rel=1e-5)
    assert metrics.R2Score()(np.array([[1.0], [2], [3]]), np.array([[1.0], [2], [4]])) == pytest.approx(0.5)
    assert metrics.RootMeanSquaredError()([[0.0, 0.0]], np.array([[3.0, 4.0]])) == pytest.approx(12.5**0.5)
    assert metrics.CosineSimilarity()([[3.0, 4.0]], np.array([[4.0, 3.0]])) == pytest.approx(0.96)
    assert metrics.Sum()([1, 2, 3]) == 6


def test_areas_of_several_labels():
    true = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    scores = np.array([[0.9, 0.4], [0.2, 0.3], [0.8, 0.8], [0.1, 0.1]])
    areas = [metrics.AUC(num_thresholds=1001)(true[:, i], scores[:, i]) for i in range(2)]
    assert areas == [pytest.approx(1.0), pytest.approx(0.75)]
    assert metrics.AUC(num_thresholds=1001, multi_label=True)(true, scores) == pytest.approx(0.875)
    weighted = metrics.AUC(num_thresholds=1001, multi_label=True, label_weights=[3.0, 1.0])
    assert weighted(true, scores) == pytest.approx((3 * 1 + 0.75) / 4)


def test_one_rate_where_another_is_high_enough():
    # By falling score: 1 0 1 0 1 0, so that recall and precision go 1/3 1/1, 2/3 2/3, 3/3 3/5.
    true, scores = [1, 0, 1, 0, 1, 0], np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert metrics.PrecisionAtRecall(0.6)(true, scores) == pytest.approx(2 / 3)
    assert metrics.RecallAtPrecision(0.6)(true, scores) == 1
    assert metrics.RecallAtPrecision(0.9)(true, scores) == pytest.approx(1 / 3)
    assert metrics.SensitivityAtSpecificity(0.6)(true, scores) == pytest.approx(2 / 3)
    assert metrics.SpecificityAtSensitivity(0.6)(true, scores) == pytest.approx(2 / 3)


def test_intersection_over_union():
    # Class 0: 1 right of a union of 2; class 1: 1 of 3.
    assert metrics.MeanIoU(2)([0, 0, 1, 1], [0, 1, 1, 0]) == pytest.approx((1 / 3 + 1 / 3) / 2)
    assert metrics.IoU(2, [0])([0, 0, 1], [0, 1, 1]) == pytest.approx(1 / 2)
    assert metrics.BinaryIoU([1], threshold=0.3)([0, 1, 1], np.array([0.1, 0.3, 0.9])) == pytest.approx(1)
    assert metrics.MeanIoU(2, ignore_class=1)([0, 0, 1], [0, 1, 1]) == pytest.approx((1 / 2 + 0) / 2)
    rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    assert metrics.OneHotMeanIoU(2)(np.eye(2)[[0, 1, 0]], rows) == pytest.approx((1 / 2 + 1 / 2) / 2)
    weighted = metrics.OneHotIoU(2, [0])
    weighted.update_state(np.eye(2)[[0, 1, 0]], rows, sample_weight=[3, 1, 1])
    assert weighted.result() == pytest.approx(3 / 4)


def test_correlations():
    true, predicted = np.array([[1.0, 2, 3, 4]]), np.array([[2.0, 4, 6, 8]])
    assert metrics.PearsonCorrelation()(true, predicted) == pytest.approx(1)
    # cov 2.5, variances 1.25 and 5, means 2.5 apart
    found = metrics.ConcordanceCorrelation()(true, predicted)
    assert found == pytest.approx(2 * 2.5 / (1.25 + 5 + 2.5**2), rel=1e-6)


def test_top_k():
    predicted = np.array([[0.1, 0.5, 0.4], [0.2, 0.3, 0.5]])
    assert metrics.SparseTopKCategoricalAccuracy(2)([2, 0], predicted) == 0.5
    assert metrics.TopKCategoricalAccuracy(2)(np.eye(3)[[2, 0]], predicted) == 0.5


def test_in_training():
    model = Sequential([Input((2,)), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "hinge", metrics=["precision", "Recall", metrics.AUC(name="area"), "rmse"])
    history = model.fit(np.ones((4, 2)), [0, 1, 1, 0], verbose=0).history
    assert set(history) == {"loss", "precision", "Recall", "area", "rmse"}


@pytest.mark.parametrize(
    "name",
    [
        "Precision",
        "Recall",
        "AUC",
        "F1Score",
        "FBetaScore",
        "R2Score",
        "TruePositives",
        "RootMeanSquaredError",
    ],
)
def test_configurations(name):
    metric = getattr(metrics, name)()
    again = metrics.get(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.Precision(thresholds=1.5),
        lambda: metrics.AUC(curve="LIFT"),
        lambda: metrics.AUC(num_labels=3),
        lambda: metrics.AUC(num_labels=3, multi_label=True)(np.ones((2, 2)), np.ones((2, 2))),
        lambda: metrics.AUC(label_weights=[1.0])(np.ones((2, 2)), np.ones((2, 2))),
        lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.Precision(class_id=2)(np.ones((2, 2)), np.ones((2, 2))),
        lambda: metrics.Precision(top_k=3)(np.ones((2, 2)), np.ones((2, 2))),
        lambda: metrics.Recall(thresholds=[]),
        lambda: metrics.PrecisionAtRecall(1.5),
        lambda: metrics.IoU(2, [2]),
        lambda: metrics.MeanIoU(0),
        lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]),
        lambda: metrics.R2Score()(np.ones(3), np.ones(3)),
        lambda: metrics.F1Score(average="mean"),
        lambda: metrics.F1Score(threshold=2.0),
        lambda: metrics.F1Score()(np.ones(3), np.ones(3)),
        lambda: metrics.R2Score("sum"),
        lambda: metrics.Recall()(np.ones((3, 2)), np.ones((3, 4))),
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match="Received: "):
        call()
