"""Every loss of Keras: signatures, configurations, and random calls, the gradients against PyTorch's."""

import inspect
import os
import random

import numpy as np
import pytest

from gpulayers import losses

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

# Keras meets new deprecations of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
VALUE = dict(rtol=5e-5, atol=5e-5)  # float32 on both sides; logarithms, powers and means in other orders
GRADIENT = dict(rtol=5e-4, atol=5e-5)  # and quotients of rounded differences
CHOICES = {
    "alpha": [0.25, 0.6],
    "apply_class_balancing": [False, True],
    "beta": [0.5, 0.3],
    "delta": [1.0, 0.3],
    "from_logits": [False, True],
    "gamma": [2.0, 1.0, 0.0, 3.0],
    "ignore_class": [None, 1, -1],
    "label_smoothing": [0.0, 0.1, 0.5],
    "margin": [0.4, 0.2],
    "q": [0.5, 0.2],
    "reduction": ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None],
    "remove_diagonal": [False, True],
}
PROBABILITIES = "Crossentropy CrossEntropy Dice Tversky KLDivergence Poisson".split()


def public(kind):
    names = [name for name in dir(keras.losses) if not name.startswith("_")]
    return [name for name in names if isinstance(getattr(keras.losses, name), type) == (kind is type)]


CLASSES = sorted(set(public(type)) - {"Loss"})


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in found if p.name != "self"]


@pytest.mark.parametrize("name", CLASSES)
def test_classes(name):
    theirs, ours = getattr(keras.losses, name), getattr(losses, name)
    assert parameters(ours) == parameters(theirs.__init__)
    config = ours().get_config()
    assert theirs().get_config().items() <= config.items()
    assert losses.get({"class_name": name, "config": theirs().get_config()}).get_config() == config


@pytest.mark.parametrize("name", sorted(set(public(None)) - {"get", "serialize", "deserialize"}))
def test_functions(name):
    assert parameters(getattr(losses, name)) == parameters(getattr(keras.losses, name))
    assert type(losses.get(name)) is type(losses.get(getattr(losses, name)))


@pytest.mark.parametrize(
    "name", ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD"]
)
def test_aliases(name):
    assert keras.losses.get(name).__name__ == losses.get(name).__name__


def labels_and_predictions(name, options, chooser, generator):
    rank = chooser.choice([1, 2, 2, 3, 3 if name.startswith("Sparse") else 4])  # PyTorch cannot more
    shape = (*(chooser.randint(1, 4) for _ in range(rank - 1)), chooser.choice([2, 3, 4]))
    if name == "CTC":
        shape = (chooser.randint(1, 3), chooser.randint(4, 7), 4)
        labels = generator.integers(1, 4, (shape[0], 2))
        labels[0, 1] *= chooser.choice([0, 1])
        return labels, generator.standard_normal(shape)
    if name == "Circle":
        x = generator.standard_normal((chooser.randint(2, 6), 3))
        return generator.integers(0, 3, len(x)), x / np.linalg.norm(x, axis=1, keepdims=True)
    if name == "CategoricalGeneralizedCrossEntropy":
        shape = (chooser.randint(1, 4), 3)
    if "Categorical" in name and rank == 1:
        shape = (3, *shape)
    scale = chooser.choice([1.0, 1.0, 30.0]) if "Focal" not in name else 1.0
    predicted = generator.standard_normal(shape) * scale
    if any(part in name for part in PROBABILITIES) and not options.get("from_logits"):
        predicted = generator.random(shape)
    if name.startswith(("Sparse", "CategoricalGeneralized")):
        labels = generator.integers(0, shape[-1], shape[:-1])
        return (labels if options.get("ignore_class") != -1 else labels - (labels == 1) * 2), predicted
    if name in ("CategoricalCrossentropy", "CategoricalFocalCrossentropy"):
        return np.eye(shape[-1])[generator.integers(0, shape[-1], shape[:-1])], predicted
    if "Binary" in name or "Hinge" in name or name in ("Dice", "Tversky"):
        return generator.integers(0, 2, shape), predicted
    return generator.random(shape) if name in ("KLDivergence", "Poisson") else generator.standard_normal(
        shape
    ), predicted


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", CLASSES)
def test_random_calls(name, seed):
    chooser, generator = random.Random(f"{name} {seed}"), np.random.default_rng(seed)
    names = inspect.signature(getattr(losses, name)).parameters
    options = {
        key: chooser.choice(CHOICES[key]) for key in names if key in CHOICES and chooser.random() < 0.6
    }
    labels, predicted = labels_and_predictions(name, options, chooser, generator)
    if "axis" in names and name != "SparseCategoricalCrossentropy" and not options.get("label_smoothing"):
        options["axis"] = chooser.choice([-1, 0, predicted.ndim - 1])
    predicted = predicted.astype(np.float32)
    labels = labels.astype(np.float32) if labels.dtype.kind == "f" else labels
    theirs, ours = getattr(keras.losses, name)(**options), getattr(losses, name)(**options)
    tensor = torch.tensor(predicted, requires_grad=True)
    weight = None
    if name not in ("Circle", "SparseCategoricalCrossentropy") and chooser.random() < 0.5:
        each = ours.per_sample(*ours.prepared(labels, predicted))[0]
        weight = generator.random(np.shape(each) or (3,)).astype(np.float32)
        if np.ndim(each) == 1 and chooser.random() < 0.5:
            weight = weight[:, None]
    expected = theirs(labels, tensor, weight)
    loss, grad = ours.forward(labels, predicted, weight)
    np.testing.assert_allclose(loss, expected.detach().numpy(), err_msg=str(options), **VALUE)
    expected.sum().backward()
    largest = max(1.0, abs(tensor.grad.numpy()).max())
    np.testing.assert_allclose(
        grad / largest, tensor.grad.numpy() / largest, err_msg=str(options), **GRADIENT
    )


@pytest.mark.parametrize("labels", [[[1, 2, 0, 2]], [[0, 1, 0, 2]], [[2, 0, 0, 2]], [[1, 2, 1, 0]]])
def test_ctc_with_the_blank_among_the_labels(labels):
    """The values as Keras's; PyTorch's gradients are wrong there, ours is compared with differences."""
    predicted = (np.arange(18, dtype=np.float64).reshape(1, 6, 3) % 7 - 3) / 5
    expected = keras.losses.CTC()(np.array(labels), torch.tensor(predicted))
    loss, grad = losses.CTC().forward(np.array(labels), predicted)
    np.testing.assert_allclose(loss, expected.numpy(), **VALUE)
    for place in np.ndindex(predicted.shape):
        step = np.zeros_like(predicted)
        step[place] = 1e-6
        ends = [losses.CTC()(np.array(labels), predicted + sign * step) for sign in (1, -1)]
        np.testing.assert_allclose(grad[place], (ends[0] - ends[1]) / 2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["BinaryCrossentropy", "CategoricalCrossentropy"])
@pytest.mark.parametrize("value", [1e4, -1e4, 100.0, 1e30])
def test_extreme_logits(name, value):
    predicted = np.array([[value, 0.0, -3.0]], np.float32)
    theirs, ours = getattr(keras.losses, name)(from_logits=True), getattr(losses, name)(from_logits=True)
    for labels in ([[1.0, 0, 0]], [[0.0, 1, 0]]):
        tensor = torch.tensor(predicted, requires_grad=True)
        expected = theirs(np.array(labels), tensor)
        expected.backward()
        loss, grad = ours.forward(labels, predicted)
        np.testing.assert_allclose(loss, expected.detach().numpy(), **VALUE)
        np.testing.assert_allclose(grad, tensor.grad.numpy(), **GRADIENT)
