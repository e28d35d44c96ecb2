"""Losses with their gradients, and metrics, against Keras."""

import os

import numpy as np
import pytest

from gpulayers import losses, metrics

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
CLOSE = dict(rtol=2e-5, atol=2e-6)  # float32 on both sides, logarithms and means in other orders
RESULT = dict(rtol=1e-4, atol=1e-5)  # of metrics: running float32 totals in Keras, some of them differences of sums
LOSSES = [
    ("MeanAbsolutePercentageError", {}, "values"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("CosineSimilarity", {}, "values"),
    ("CosineSimilarity", {"axis": 1}, "values"),
    ("Huber", {"delta": 0.4}, "values"),
    ("LogCosh", {}, "values"),
    ("Poisson", {}, "positive"),
    ("KLDivergence", {}, "shares"),
    ("Hinge", {}, "bits"),
    ("SquaredHinge", {}, "signs"),
    ("CategoricalHinge", {}, "one-hot"),
    ("BinaryFocalCrossentropy", {"gamma": 1.5, "apply_class_balancing": True}, "bits of shares"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "bits"),
    ("CategoricalFocalCrossentropy", {"alpha": 0.4}, "one-hot of shares"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one-hot"),
]


def draw(kind, seed=0):
    generator = np.random.default_rng(seed)
    shape = (6, 3, 4)
    shares = generator.random(shape) + 0.05
    shares /= shares.sum(-1, keepdims=True)
    y_pred = {"positive": generator.random(shape) * 3, "shares": shares}.get(kind)
    if y_pred is None:
        y_pred = shares if kind.endswith("of shares") else generator.standard_normal(shape)
    y_true = {
        "values": generator.standard_normal(shape),
        "positive": generator.random(shape) * 2,
        "shares": shares[::-1],
        "bits": generator.integers(0, 2, shape),
        "signs": generator.integers(0, 2, shape) * 2 - 1,
        "one-hot": np.eye(4)[generator.integers(0, 4, shape[:2])],
    }[kind.removesuffix(" of shares")]
    return y_true.astype(np.float32), y_pred.astype(np.float32), generator.random(6).astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("name, options, kind", LOSSES)
def test_losses(name, options, kind, reduction, weighted):
    y_true, y_pred, weight = draw(kind)
    weight = weight[:, None] if weighted else None
    theirs = getattr(keras.losses, name)(reduction=reduction, **options)
    ours = getattr(losses, name)(reduction=reduction, **options)
    tensor = torch.tensor(y_pred, requires_grad=True)
    expected = theirs(y_true, tensor, weight)
    expected.backward()
    loss, grad = ours.forward(y_true, y_pred, weight)
    np.testing.assert_allclose(loss, expected.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(grad, tensor.grad.numpy(), **CLOSE)


METRICS = [
    ("MeanAbsolutePercentageError", {}, "values"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("RootMeanSquaredError", {}, "values"),
    ("CosineSimilarity", {}, "values"),
    ("LogCoshError", {}, "values"),
    ("Poisson", {}, "positive"),
    ("KLDivergence", {}, "shares"),
    ("Hinge", {}, "signs"),
    ("SquaredHinge", {}, "bits"),
    ("CategoricalHinge", {}, "one-hot"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one-hot"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "classes"),
    ("Precision", {}, "bits of shares"),
    ("Precision", {"thresholds": [0.2, 0.4]}, "bits of shares"),
    ("Precision", {"class_id": 2, "thresholds": 0.3}, "one-hot of shares"),
    ("Precision", {"top_k": 2}, "one-hot of shares"),
    ("Recall", {"thresholds": 0.3}, "bits of shares"),
    ("Recall", {"top_k": 1}, "one-hot of shares"),
    ("TruePositives", {"thresholds": 0.3}, "bits of shares"),
    ("TrueNegatives", {"thresholds": [0.1, 0.3]}, "bits of shares"),
    ("FalsePositives", {"thresholds": 0.2}, "bits of shares"),
    ("FalseNegatives", {"thresholds": 0.2}, "bits of shares"),
    ("AUC", {}, "bits of shares"),
    ("AUC", {"curve": "PR", "num_thresholds": 50}, "bits of shares"),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 20}, "bits of shares"),
    ("AUC", {"curve": "PR", "summation_method": "majoring", "num_thresholds": 20}, "bits of shares"),
    ("AUC", {"from_logits": True}, "bits"),
    ("F1Score", {}, "one-hot of shares"),
    ("F1Score", {"average": "macro"}, "one-hot of shares"),
    ("F1Score", {"average": "weighted", "threshold": 0.3}, "bits of shares"),
    ("FBetaScore", {"average": "micro", "beta": 2.0}, "one-hot of shares"),
    ("R2Score", {}, "values"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "values"),
    ("R2Score", {"class_aggregation": None}, "values"),
    ("Sum", {}, "values"),
]
FLAT = ("F1Score", "FBetaScore", "R2Score")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name, options, kind", METRICS)
def test_metrics(name, options, kind, weighted):
    theirs, ours = getattr(keras.metrics, name)(**options), getattr(metrics, name)(**options)
    assert theirs.name.split("_")[0] == ours.name.split("_")[0]
    for seed in range(2):
        y_true, y_pred, weight = draw("one-hot" if kind == "classes" else kind, seed)
        if kind == "classes":
            y_true = y_true.argmax(-1)
        if name in FLAT:
            y_true, y_pred = y_true[:, 0], y_pred[:, 0]
        elif name in ("Precision", "Recall") or name == "AUC" or "Positives" in name or "Negatives" in name:
            y_true, y_pred = y_true[:, 0], y_pred[:, 0]
            weight = weight[:, None] if "class_id" not in options else weight
        arguments = (y_true,) if name == "Sum" else (y_true, y_pred)
        if name == "Sum":
            weight = np.ones(6, np.float32)
        theirs.update_state(*arguments, sample_weight=weight if weighted else None)
        ours.update_state(*arguments, sample_weight=weight if weighted else None)
    expected = keras.ops.convert_to_numpy(theirs.result())
    np.testing.assert_allclose(ours.result(), expected, **RESULT)
    if name != "R2Score":  # of no samples: NaN there, 0 here
        ours.reset_state()
        theirs.reset_state()
        empty = keras.ops.convert_to_numpy(theirs.result())
        np.testing.assert_allclose(ours.result(), empty, atol=1e-6)  # Keras divides by sums plus 1e-7
