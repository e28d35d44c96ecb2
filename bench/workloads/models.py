"""Whole models: inference of ResNet-50 and MobileNetV2, a digits CNN's epoch, a character LSTM's step."""

import dataclasses
import math

import numpy as np

import gpulayers

from . import FORWARD, Workload, assert_near, dtype_of, to_float64, uniform
from .networks import NETWORKS, Formula, Ours, Shapes

TRAINING = "training"
DIGITS, CHARACTERS = "digits CNN epoch", "character LSTM step"
IMAGES, ALPHABET, CHARACTER_UNITS, LENGTH = 1437, 96, 256, 64
_IMAGE = (224, 224, 3)


@dataclasses.dataclass(frozen=True)
class ModelProblem:
    """A model at a batch size."""

    model: str
    batch: int
    dtype: np.dtype


def row_of(model, batch, direction, precision="float32", importance=1):
    problem = ModelProblem(model, batch, dtype_of(precision))
    return Workload("models", f"{model} n{batch}", model, problem, "", direction, precision, importance)


def rows(device_name):
    """Inference at batch 1 and more; training in float32."""
    training = [row_of(DIGITS, 32, TRAINING, importance=0), row_of(CHARACTERS, 32, TRAINING, importance=0)]
    if device_name == "cpu":
        return training + [
            row_of(name, batch, FORWARD, importance=2) for name in NETWORKS for batch in (1, 8)
        ]
    inference = [
        row_of(
            name,
            batch,
            FORWARD,
            precision,
            0 if (precision, batch) == ("bfloat16", 64) else 1 + (batch in (8, 256)),
        )
        for precision in ("bfloat16", "float32", "tf32")
        for batch in (64, 1, 8, 256)
        for name in NETWORKS
    ]
    return sorted(inference + training, key=lambda row: row.importance)


def _shapes(workload):
    problem = workload.problem
    shapes = Shapes(problem.dtype)
    NETWORKS[problem.model](shapes, (problem.batch, *_IMAGE))
    return shapes


def operands(workload, device, seed):
    """Inference: images and weights by He's rule. Training: samples and their labels, on the host."""
    problem = workload.problem
    if problem.model in NETWORKS:
        generator = device.random_generator(seed)
        weights = []
        for shape in _shapes(workload).weights:
            scale = math.sqrt(6 / math.prod(shape[:-1])) / (2 if len(shape) == 4 and shape[0] == 1 else 1)
            bias = uniform(device, generator, shape[-1:], problem.dtype, 0.1)
            weights.append((uniform(device, generator, shape, problem.dtype, scale), bias))
        return {"x": uniform(device, generator, (problem.batch, *_IMAGE), problem.dtype), "weights": weights}
    random = np.random.default_rng(seed)
    if problem.model == DIGITS:
        # Ten patterns with noise: something that a network can learn, without a data set.
        patterns, labels = random.random((10, 8, 8, 1)), random.integers(0, 10, IMAGES)
        images = patterns[labels] + 0.5 * random.random((IMAGES, 8, 8, 1))
        return {"x": images.astype(np.float32), "labels": labels.astype(np.int32)}
    ids = random.integers(0, ALPHABET, (problem.batch, 1)) + 7 * np.arange(LENGTH + 1)
    return {
        "x": (ids[:, :-1] % ALPHABET).astype(np.int32),
        "labels": (ids[:, 1:] % ALPHABET).astype(np.int32),
    }


def _digits_network():
    layers = gpulayers.layers
    return gpulayers.Sequential(
        [
            gpulayers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(96, activation="relu"),
            layers.Dense(10),
        ]
    )


def _character_network():
    layers = gpulayers.layers
    return gpulayers.Sequential(
        [
            gpulayers.Input((None,), dtype="int32"),
            layers.Embedding(ALPHABET, 48),
            layers.LSTM(CHARACTER_UNITS, return_sequences=True),
            layers.Dense(ALPHABET),
        ]
    )


def ours(workload, operands):
    problem, x = workload.problem, operands["x"]
    if problem.model in NETWORKS:
        return lambda: {"output": NETWORKS[problem.model](Ours(operands["weights"]), x)}
    labels = operands["labels"]
    gpulayers.set_random_seed(0)
    model = _digits_network() if problem.model == DIGITS else _character_network()
    loss = gpulayers.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=gpulayers.optimizers.Adam(1e-3), loss=loss)
    if problem.model == DIGITS:
        return lambda: {
            "loss": model.fit(x, labels, batch_size=problem.batch, epochs=1, verbose=0).history["loss"][-1]
        }

    def step():
        model.reset_metrics()
        return {"loss": model.train_on_batch(x, labels)}

    return step


def operations(workload):
    """None: every layer chooses for itself."""
    return ()


def work(workload):
    """Inference: the sum over the layers. Training: three times the forward's products."""
    problem = workload.problem
    if problem.model in NETWORKS:
        shapes = _shapes(workload)
        return shapes.flops, shapes.bytes
    if problem.model == DIGITS:
        forward = IMAGES * 2 * (64 * 9 * 16 + 64 * 144 * 32 + 16 * 288 * 64 + 256 * 96 + 96 * 10)
        return 3 * forward, IMAGES * (8 * 8 + 4 * (64 * 48 + 16 * 96)) * 4
    rows, units = problem.batch * LENGTH, CHARACTER_UNITS
    forward = 2 * rows * (4 * units * (48 + units) + units * ALPHABET)
    return 3 * forward, rows * (48 + 10 * units + ALPHABET) * 4


def check(workload, operands, outputs, device):
    """Inference: the first image against the formulas in float64. Training: the loss is below guessing's."""
    problem = workload.problem
    if problem.model in NETWORKS:
        weights = [tuple(to_float64(device, array) for array in pair) for pair in operands["weights"]]
        expected = NETWORKS[problem.model](Formula(weights), to_float64(device, operands["x"][:1]))
        got, size = device.to_numpy(outputs["output"][:1]), np.abs(expected).max()
        # Roundings add up over some fifty layers as independent errors do: about the square root.
        assert_near(got, expected, workload.precision, 4096, size, "the first image's logits", roundings=8)
        return
    loss, guessing = float(outputs["loss"]), math.log(10 if problem.model == DIGITS else ALPHABET)
    assert 0 <= loss < 1.1 * guessing, f"the loss is {loss}; guessing has {guessing}"
