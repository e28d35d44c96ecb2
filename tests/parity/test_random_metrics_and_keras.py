"""Every metric of Keras: signatures, names, configurations, and random batches with weights."""

import inspect
import os
import random

import numpy as np
import pytest

import gpulayers
from gpulayers import metrics

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy, and casts weights of IoU to whole numbers.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:.*(regressors|predictors|Adjusted R2)"),
]
CLOSE = dict(rtol=2e-4, atol=2e-5)  # Keras adds up in float32, some of it differences of sums
NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.6},
    "SensitivityAtSpecificity": {"specificity": 0.6},
    "SpecificityAtSensitivity": {"sensitivity": 0.6},
}
CHOICES = {
    "average": [None, "micro", "macro", "weighted"],
    "beta": [1.0, 2.0],
    "class_aggregation": [None, "uniform_average", "variance_weighted_average"],
    "class_id": [None, 1],
    "curve": ["ROC", "PR", "PRGAIN"],
    "from_logits": [False, True],
    "from_sorted_ids": [False, True],
    "ignore_class": [None, 1],
    "k": [1, 2, 3],
    "label_smoothing": [0, 0.2],
    "label_weights": [None, [0.5, 1.0, 2.0]],
    "multi_label": [False, True],
    "num_regressors": [0, 1, 2],
    "num_thresholds": [2, 5, 50, 200],
    "sparse_y_pred": [False, True],
    "sparse_y_true": [False, True],
    "summation_method": ["interpolation", "majoring", "minoring"],
    "threshold": [0.5, 0.3],
    "thresholds": [None, [0.2, 0.5, 0.75], [0.0, 0.5, 1.0]],
    "top_k": [None, 1, 2],
}
PER_CLASS = ("multi_label", "label_weights", "class_id", "top_k")
COUNTED = "AUC Precision Recall Positives Negatives Sensitivity Specificity".split()
CLASSES = sorted(
    name
    for name in dir(keras.metrics)
    if isinstance(getattr(keras.metrics, name), type) and name not in ("Metric", "MeanMetricWrapper")
)


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.name != "self"]


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name):
    theirs, ours = getattr(keras.metrics, name), getattr(metrics, name)
    assert parameters(ours) == parameters(theirs.__init__)
    keras.utils.clear_session()
    gpulayers.utils.clear_session()
    for _ in range(2):
        first, second = theirs(**NEEDED.get(name, {})), ours(**NEEDED.get(name, {}))
        assert first.name == second.name
        config = second.get_config()
        assert first.get_config().items() <= config.items()
        assert set(config) - set(first.get_config()) <= {"axis"}  # which Keras forgets for the cosine
        assert metrics.get(metrics.serialize(second)).get_config() == config


@pytest.mark.parametrize(
    "name",
    sorted(
        n
        for n in dir(keras.metrics)
        if not n.startswith("_") and n.islower() and "serialize" not in n and n != "get"
    ),
)
def test_functions(name):
    assert parameters(getattr(metrics, name)) == parameters(getattr(keras.metrics, name))


def batch(name, options, chooser, generator):
    """(y_true, y_pred), or (values,)."""
    samples = chooser.randint(1, 6)
    shape = (samples, 2, 3) if chooser.random() < 0.3 else (samples, 3)
    if any(options.get(key) is not None and options[key] is not False for key in PER_CLASS):
        shape = (samples, 3)
    classes = generator.integers(0, 3, shape[:-1])
    shares = generator.random(shape).astype(np.float32)
    normal = generator.standard_normal(shape).astype(np.float32)
    if name in ("Mean", "Sum"):
        return (generator.standard_normal(chooser.choice([(samples,), (samples, 3), ()])).astype(np.float32),)
    if name.startswith("Sparse"):
        ids = np.argsort(-shares, axis=-1).astype(np.float32)
        return classes, ids if options.get("from_sorted_ids") else shares
    if name.startswith(("Categorical", "TopK")):
        return np.eye(3, dtype=np.float32)[classes], shares
    if name.startswith(("IoU", "MeanIoU")):
        first = generator.integers(-1, 4, shape[:-1]) if options.get("sparse_y_true", True) else shares
        return first, classes if options.get("sparse_y_pred", True) else normal
    if name.startswith("OneHot"):
        return np.eye(3)[classes], generator.integers(0, 3, shape[:-1]) if options.get(
            "sparse_y_pred"
        ) else shares
    if name in ("F1Score", "FBetaScore", "R2Score"):
        if name == "R2Score":
            return generator.standard_normal((samples + 3, 2)), generator.standard_normal((samples + 3, 2))
        return np.eye(3, dtype=np.float32)[generator.integers(0, 3, samples)], shares.reshape(-1, 3)[:samples]
    if name.startswith("Binary") or any(part in name for part in COUNTED):
        coarse = np.round(shares * 4) / 4 if chooser.random() < 0.3 else shares  # on the thresholds
        return generator.integers(0, 2, shape), coarse * 6 - 3 if options.get("from_logits") else coarse
    if "Hinge" in name or name == "Accuracy":
        return generator.integers(0, 2, shape), generator.integers(
            0, 2, shape
        ) if name == "Accuracy" else normal
    return (shares, shares[::-1]) if name in ("Poisson", "KLDivergence") else (shares, normal)


def weights(name, arrays, chooser, generator):
    if chooser.random() < 0.5 or np.ndim(arrays[0]) == 0:
        return None
    if "IoU" in name:  # one weight for each class number
        one_each = np.ndim(arrays[1]) < 3 and np.ndim(arrays[0]) == 1 + ("OneHot" in name)
        return generator.integers(0, 3, len(arrays[0])) if one_each else None
    if any(part in name for part in (*COUNTED, "Sparse")) and np.ndim(arrays[1]) == 3:
        return None  # which Keras spreads along another axis
    return generator.random(len(arrays[0])).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", CLASSES)
def test_random_batches(name, seed):
    chooser, generator = random.Random(f"{name} {seed}"), np.random.default_rng(seed)
    options = dict(NEEDED.get(name, {}))
    for key in inspect.signature(getattr(metrics, name)).parameters:
        if key in CHOICES and key not in options and (key == "k" or chooser.random() < 0.5):
            options[key] = chooser.choice(CHOICES[key])
    theirs, ours = getattr(keras.metrics, name)(**options), getattr(metrics, name)(**options)
    for _ in range(chooser.randint(1, 3)):
        arrays = batch(name, options, chooser, generator)
        weight = weights(name, arrays, chooser, generator)
        theirs.update_state(*arrays, sample_weight=weight)
        ours.update_state(*arrays, sample_weight=weight)
    expected = keras.ops.convert_to_numpy(theirs.result())
    assert np.shape(ours.result()) == expected.shape
    np.testing.assert_allclose(ours.result(), expected, err_msg=str(options), **CLOSE)
    theirs.reset_state()
    ours.reset_state()
    if name != "R2Score":  # of no samples: NaN there, 0 here
        np.testing.assert_allclose(ours.result(), keras.ops.convert_to_numpy(theirs.result()), atol=1e-6)
