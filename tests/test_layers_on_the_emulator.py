"""Layers, losses, metrics and optimizers on the emulated GPU, which has of NumPy only what CuPy has.

The numbers are the CPU's, of layers bit for bit.
"""

import numpy as np
import pytest

import gpulayers
from gpulayers import layers, losses, metrics, models, optimizers
from gpulayers.ops import arrays
from gpulayers.ops.activations import ACTIVATIONS, activate

from .layer_makers import MAKERS, MERGES, RANDOM
from .tolerances import ROUNDING, assert_close

EVERY = {**MAKERS, **RANDOM, **MERGES}


def normal(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def on_both(compute, request):
    """The results of `compute(device)` on the CPU and on the emulated device, as lists of NumPy arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "default_device", lambda: arrays.CPU)
        gpulayers.set_random_seed(2)
        expected = [np.asarray(result) for result in compute(arrays.CPU)]
    device = request.getfixturevalue("emulated_default")
    gpulayers.set_random_seed(2)
    results = list(compute(device))
    on_device = [result for result in results if isinstance(result, np.ndarray)]
    assert on_device and all(arrays.device_of(result) is device for result in on_device)
    return expected, [arrays.to_numpy(result) for result in results]


def same(pair):
    for expected, result in zip(*pair, strict=True):
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


# Whose sums NumPy forms in another order, along long rows or one axis after the other: the same to rounding.
SUMMED = {  # numbers in a sum
    "AdaptiveAveragePooling2D": 6,
    "AdaptiveAveragePooling3D": 12,
    "BatchNormalization": 12,
    "GroupNormalization": 15,
    "LayerNormalization": 12,
}


@pytest.mark.parametrize("name", EVERY)
def test_layers(name, request):
    make, shape = EVERY[name]
    several = isinstance(shape, list)

    def compute(device):
        layer = make()
        xs = [device.asarray(normal(i, s)) for i, s in enumerate(shape if several else [shape])]
        y, backward = layer.forward(xs if several else xs[0], training=True)
        gradients = backward(device.asarray(normal(9, y.shape)))
        gradients = gradients if several else [gradients]
        weights = [w for variable in layer.trainable_weights for w in (variable.value, variable.grad)]
        return [y, layer(xs if several else xs[0]), *gradients, *weights]

    pair = on_both(compute, request)
    if name not in SUMMED:
        same(pair)
        return
    for expected, result in zip(*pair, strict=True):
        assert_close(result, expected, terms=SUMMED[name], what=name)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"threshold"}))  # which has no default parameters
def test_activations(name, request):
    def compute(device):
        y, backward = activate(
            ACTIVATIONS[name], device.asarray(np.linspace(-8, 8, 24, dtype=np.float32).reshape(4, 6))
        )
        return [y, backward(device.asarray(normal(1, y.shape)))]

    same(on_both(compute, request))


def concrete(module, base):
    """The names of a module's classes that a classifier can be compiled with."""
    named = ((name, getattr(module, name)) for name in dir(module))
    classes = [(name, kind) for name, kind in named if isinstance(kind, type) and issubclass(kind, base)]
    return [
        name
        for name, kind in classes
        if kind is not base
        and name not in ("MeanMetricWrapper", "Mean", "Sum", "Loss", "FunctionLoss", "CTC")
    ]


def fit(request, optimizer=optimizers.SGD, loss="mean_squared_error", metric="accuracy"):
    """The weights and the history of one epoch are the CPU's, but for the rounding of fused products."""

    def compute(device):
        model = models.Sequential([layers.Dense(3, activation="softmax")])
        model.compile(
            optimizer(), loss, metrics=[metric() if callable(metric) else metric], weighted_metrics=[]
        )
        labels = np.random.default_rng(1).integers(0, 3, 8)
        numbers = any(part in str(loss) for part in ("Sparse", "Circle", "Generalized"))
        y = labels if numbers else np.eye(3, dtype=np.float32)[labels]
        history = model.fit(normal(0, (8, 5)), y, batch_size=4, verbose=0).history
        # A metric's result is on the host: a number, or one for each class.
        shown = [float(number) for key in history for result in history[key] for number in np.ravel(result)]
        return [variable.value for variable in model.weights] + shown

    for expected, result in zip(*on_both(compute, request), strict=True):
        assert_close(np.float32(result), expected, terms=16)


@pytest.mark.parametrize("name", concrete(losses, losses.Loss))
def test_losses(name, request):
    fit(request, loss=getattr(losses, name)())


def test_ctc(request):
    def compute(device):
        labels = device.asarray(np.array([[1, 2], [3, 0]]))
        return list(losses.CTC().forward(labels, device.asarray(normal(0, (2, 6, 4)))))

    for expected, result in zip(*on_both(compute, request), strict=True):
        assert_close(result, expected, terms=16)


@pytest.mark.parametrize("name", concrete(optimizers, optimizers.Optimizer))
def test_optimizers(name, request):
    kind = getattr(optimizers, name)
    wraps = name == "LossScaleOptimizer"
    fit(request, optimizer=(lambda: kind(optimizers.SGD())) if wraps else kind)


ROWS = {"sparse_y_true": False, "sparse_y_pred": False}
METRICS = {  # arguments of those that need some
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2], **ROWS},
    "MeanIoU": {"num_classes": 3, **ROWS},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


@pytest.mark.parametrize("name", concrete(metrics, metrics.Metric))
def test_metrics(name, request):
    loss = losses.SparseCategoricalCrossentropy() if "Sparse" in name else losses.CategoricalCrossentropy()
    kind = getattr(metrics, name)
    fit(request, loss=loss, metric=lambda: kind(**METRICS.get(name, {})))


MIXED = {
    "Dense": (lambda **k: layers.Dense(4, "tanh", **k), (3, 5)),
    "Conv2D": (lambda **k: layers.Conv2D(4, 3, activation="relu", **k), (2, 5, 6, 3)),
    "DepthwiseConv2D": (lambda **k: layers.DepthwiseConv2D(2, **k), (2, 4, 5, 3)),
    "MaxPooling2D": (lambda **k: layers.MaxPooling2D(2, **k), (2, 4, 6, 3)),
    "BatchNormalization": (lambda **k: layers.BatchNormalization(**k), (4, 3)),
    "LayerNormalization": (lambda **k: layers.LayerNormalization(**k), (4, 3)),
    "LSTM": (lambda **k: layers.LSTM(4, return_sequences=True, **k), (2, 3, 5)),
    "GRU": (lambda **k: layers.GRU(4, **k), (2, 3, 5)),
    "Embedding": (lambda **k: layers.Embedding(7, 4, **k), (2, 3)),
    "Average": (lambda **k: layers.Average(**k), [(2, 3), (2, 3)]),
}


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", MIXED)
def test_mixed_policies(name, policy, request):
    make, shape = MIXED[name]
    several = isinstance(shape, list)

    def compute(device):
        layer = make(dtype=policy)
        xs = [device.asarray(normal(i, s)) for i, s in enumerate(shape if several else [shape])]
        if name == "Embedding":
            xs = [device.asarray(np.arange(6).reshape(shape))]
        y, backward = layer.forward(xs if several else xs[0], training=True)
        assert y.dtype == layer.compute_dtype and layer.compute_dtype.itemsize == 2
        gradients = backward(device.asarray(normal(9, y.shape)))
        gradients = [] if name == "Embedding" else gradients if several else [gradients]
        weights = [w for variable in layer.trainable_weights for w in (variable.value, variable.grad)]
        assert all(array.dtype == np.float32 for array in [*gradients, *weights])
        return [y, *gradients, *weights]

    expected, results = on_both(compute, request)
    rounding = ROUNDING[expected[0].dtype]
    for found, wanted in zip(results, expected, strict=True):
        assert found.dtype == wanted.dtype
        # The kernels add in another order, so that some numbers are rounded the other way, at most a few times.
        wide = wanted.astype(np.float64)
        bound = 8 * rounding * max(1.0, np.abs(wide).max())
        np.testing.assert_allclose(found.astype(np.float64), wide, rtol=0, atol=bound)
