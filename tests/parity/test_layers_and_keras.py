"""Layers of array code against Keras on PyTorch in float64, over random configurations: weights, outputs,
masks, gradients to inputs and weights, in training and inference."""

import os

import numpy as np
import pytest

from gpulayers import layers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras")
CLOSE = dict(rtol=1e-9, atol=1e-10)  # float64 on both sides
SINGLE = dict(rtol=1e-4, atol=2e-5)  # Keras computes normalisations, products and extrema in float32
SEEDS = range(6)


class Draw:
    """Random choices of one seed."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def integer(self, low, high):
        return int(self.generator.integers(low, high + 1))

    def number(self, low=0.0, high=1.0):
        return float(self.generator.uniform(low, high))

    def of(self, *options):
        return options[self.integer(0, len(options) - 1)]

    def shape(self, rank, low=2, high=5):
        return tuple(self.integer(low, high) for _ in range(rank))

    def pairs(self, rank, high):
        """Any of the forms that padding and cropping take."""
        form = self.integer(0, 2)
        if form == 0 or (rank == 1 and form == 1):
            return self.integer(0, high)
        if form == 1:
            return tuple(self.integer(0, high) for _ in range(rank))
        pairs = tuple((self.integer(0, high), self.integer(0, high)) for _ in range(rank))
        return pairs[0] if rank == 1 else pairs

    def data_format(self):
        return self.of("channels_last", "channels_first")

    def initializer(self):
        return self.of("zeros", "ones", "random_normal")


def scaling(draw):
    return dict(
        epsilon=draw.of(1e-3, 0.1),
        center=draw.of(True, False),
        scale=draw.of(True, False),
        beta_initializer=draw.initializer(),
        gamma_initializer=draw.initializer(),
        beta_regularizer=draw.of(None, "l2"),
        gamma_constraint=draw.of(None, "non_neg"),
    )


def spatial(rank):
    return lambda draw: dict(data_format=draw.data_format()) if rank > 1 else {}


def broadcastable(draw):
    full = draw.shape(draw.integer(2, 4))
    shapes = [full]
    for _ in range(draw.integer(1, 3)):
        shape = tuple(size if n == 0 else draw.of(size, size, 1) for n, size in enumerate(full))
        shapes.append(shape)
    return shapes


def joined(draw):
    full, shapes = draw.shape(draw.integer(2, 4)), []
    axis = draw.integer(1, len(full) - 1)
    for _ in range(draw.integer(1, 3)):
        shapes.append(full[:axis] + (draw.integer(1, 4),) + full[axis + 1 :])
    return dict(axis=draw.of(axis, axis - len(full))), shapes


def dotted(draw):
    batch, size = draw.integer(1, 3), draw.integer(2, 5)
    shapes, axes = [], []
    for _ in range(2):
        rest = draw.shape(draw.integer(0, 2))
        axis = draw.integer(1, len(rest) + 1)
        shapes.append((batch, *rest[: axis - 1], size, *rest[axis - 1 :]))
        axes.append(axis)
    axes = axes[0] if axes[0] == axes[1] and draw.of(True, False) else tuple(axes)
    return dict(axes=axes, normalize=draw.of(False, True)), shapes


def over_axes(draw, **options):
    # Keras on PyTorch takes adjoining axes for the last ones, whichever they are, and the scale of
    # RMSNormalization for one of the last axes.
    rank = draw.integer(2, 4)
    axis = draw.of(
        -1, rank - 1, [rank - 1], list(range(1, rank)), [1, 3] if rank == 4 and "center" in options else [-1]
    )
    return dict(axis=axis, **options), draw.shape(rank)


def grouped(draw):
    groups, rank, axis = draw.integer(1, 3), draw.integer(2, 4), draw.of(-1, 1)
    shape = list(draw.shape(rank))
    shape[axis] = groups * draw.integer(1, 3)
    return dict(groups=draw.of(groups, -1), axis=axis, **scaling(draw)), tuple(shape)


def normalised_batch(draw):
    rank = draw.integer(2, 5)
    axis = draw.of(-1, 1, rank - 1)
    options = dict(
        scaling(draw), axis=axis, momentum=draw.number(), moving_mean_initializer=draw.initializer()
    )
    if draw.of(False, False, True):
        options["renorm"] = True
        options["renorm_clipping"] = draw.of(None, {"rmax": 1.5, "rmin": 0.7, "dmax": 0.5})
        options["renorm_momentum"] = draw.number()
    return options, draw.shape(rank)


def shared_alpha(draw):
    shape = draw.shape(draw.integer(2, 4))
    axes = sorted({draw.integer(1, len(shape) - 1) for _ in range(draw.integer(0, 2))})
    return dict(alpha_initializer=draw.initializer(), shared_axes=draw.of(axes or None, None)), shape


def permuted(draw):
    rank = draw.integer(1, 4)
    return dict(dims=tuple(int(n) + 1 for n in draw.generator.permutation(rank))), draw.shape(rank + 1)


def upsampled(draw):
    interpolation = draw.of("nearest", "bilinear", "bicubic")
    size = draw.of(draw.integer(1, 4), draw.shape(2, 1, 3))
    return dict(size=size, data_format=draw.data_format(), interpolation=interpolation), draw.shape(4)


def rectified(draw):
    options = dict(
        max_value=draw.of(None, 6, 1.0, 2.5), negative_slope=draw.of(0.0, 0.3), threshold=draw.of(0.0, 0.25)
    )
    return options, draw.shape(draw.integer(1, 4))


def softened(draw):
    rank = draw.integer(2, 4)
    return dict(axis=draw.of(-1, rank - 1, 1, [1], [0, 1], [-1, 1] if rank > 2 else -1)), draw.shape(rank)


def any_shape(draw):
    return draw.shape(draw.integer(2, 4))


def cut(rank):
    return lambda draw: (
        dict(cropping=draw.pairs(rank, 2), **spatial(rank)(draw)),
        draw.shape(rank + 2, 5, 7),
    )


def adaptive(rank):
    return lambda draw: (
        dict(output_size=draw.shape(rank, 1, 4), data_format=draw.data_format()),
        draw.shape(rank + 2, 3, 8),
    )


# Name -> function of a Draw that returns (constructor's arguments, input shape or shapes).
CONFIGURATIONS = {
    "ReLU": rectified,
    "LeakyReLU": lambda draw: (dict(negative_slope=draw.number()), any_shape(draw)),
    "PReLU": shared_alpha,
    "ELU": lambda draw: (dict(alpha=draw.number(0.1, 2)), any_shape(draw)),
    "Softmax": softened,
    "Identity": lambda draw: ({}, any_shape(draw)),
    "Masking": lambda draw: (dict(mask_value=draw.of(0.0, 1.0)), any_shape(draw)),
    "Rescaling": lambda draw: (dict(scale=draw.number(), offset=draw.of(0.0, 2, -1.5)), any_shape(draw)),
    "Dropout": lambda draw: (dict(rate=draw.of(0.0, 0)), any_shape(draw)),
    "Permute": permuted,
    "RepeatVector": lambda draw: (dict(n=draw.integer(1, 4)), draw.shape(2)),
    "ZeroPadding1D": lambda draw: (
        dict(padding=draw.pairs(1, 3), data_format=draw.data_format()),
        draw.shape(3),
    ),
    "ZeroPadding2D": lambda draw: (dict(padding=draw.pairs(2, 3), **spatial(2)(draw)), draw.shape(4)),
    "ZeroPadding3D": lambda draw: (dict(padding=draw.pairs(3, 2), **spatial(3)(draw)), draw.shape(5)),
    "Cropping1D": cut(1),
    "Cropping2D": cut(2),
    "Cropping3D": cut(3),
    "UpSampling1D": lambda draw: (dict(size=draw.integer(1, 4)), draw.shape(3)),
    "UpSampling2D": upsampled,
    "UpSampling3D": lambda draw: (dict(size=draw.shape(3, 1, 3), **spatial(3)(draw)), draw.shape(5)),
    "BatchNormalization": normalised_batch,
    "LayerNormalization": lambda draw: over_axes(draw, **scaling(draw)),
    "GroupNormalization": grouped,
    "RMSNormalization": lambda draw: over_axes(draw, epsilon=draw.of(1e-6, 0.1)),
    "UnitNormalization": over_axes,
    "Add": lambda draw: ({}, broadcastable(draw)),
    "Subtract": lambda draw: ({}, broadcastable(draw)[:2]),
    "Multiply": lambda draw: ({}, broadcastable(draw)),
    "Average": lambda draw: ({}, broadcastable(draw)),
    "Maximum": lambda draw: ({}, broadcastable(draw)),
    "Minimum": lambda draw: ({}, broadcastable(draw)),
    "AdaptiveAveragePooling1D": adaptive(1),
    "AdaptiveAveragePooling2D": adaptive(2),
    "AdaptiveAveragePooling3D": adaptive(3),
    "AdaptiveMaxPooling1D": adaptive(1),
    "AdaptiveMaxPooling2D": adaptive(2),
    "AdaptiveMaxPooling3D": adaptive(3),
    "Concatenate": joined,
    "Dot": dotted,
}
RANDOM = {
    "SpatialDropout1D": (dict(rate=0.4), (2, 3, 4)),
    "SpatialDropout2D": (dict(rate=0.4, data_format="channels_first"), (2, 3, 4, 2)),
    "SpatialDropout3D": (dict(rate=0.4), (2, 3, 4, 2, 2)),
    "GaussianNoise": (dict(stddev=0.5), (2, 3)),
    "GaussianDropout": (dict(rate=0.5), (2, 3)),
    "AlphaDropout": (dict(rate=0.5), (2, 3)),
}


def compare(name, arguments, inputs, training, masks=None, seed=0):
    """Runs the layer in both libraries and compares all that comes out."""
    theirs = getattr(keras.layers, name)(**arguments, dtype="float64", name="same")
    ours = getattr(layers, name)(**arguments, dtype="float64", name="same")
    check_config(ours, theirs)
    several = isinstance(inputs, list)
    tensors = [torch.tensor(x, requires_grad=True) for x in (inputs if several else [inputs])]
    for tensor, mask in zip(tensors, masks or []):
        if mask is not None:
            keras.src.backend.set_keras_mask(tensor, torch.tensor(mask))
    theirs.build([tuple(t.shape) for t in tensors] if several else tuple(tensors[0].shape))
    ours.build([t.shape for t in tensors] if several else tuple(tensors[0].shape))
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    generator = np.random.default_rng(seed)
    weights = [0.2 + generator.random(w.shape) for w in ours.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)

    expected = theirs(tensors if several else tensors[0], training=training)
    mask = None if masks is None else masks if several else masks[0]
    keywords = {"mask": mask} if mask is not None and ours.takes_mask else {}
    y, backward = ours.forward(inputs, training=training, **keywords)
    close = SINGLE if name in ("Dot", "Maximum", "Minimum") or "Normalization" in name else CLOSE
    what = f"{name}({arguments}) of {[t.shape for t in tensors]}"
    np.testing.assert_allclose(y, expected.detach().numpy(), **close, err_msg=what)
    shapes = [(None, *t.shape[1:]) for t in tensors]
    known = ours.compute_output_shape(shapes if several else shapes[0])
    assert tuple(known[1:]) == tuple(expected.shape[1:]) and known[0] is None, what

    expected_mask = keras.src.backend.get_keras_mask(expected)
    our_mask = ours.compute_mask(inputs, mask)
    assert (our_mask is None) == (expected_mask is None), what
    if our_mask is not None:
        np.testing.assert_array_equal(our_mask, expected_mask.numpy(), err_msg=what)

    grad = generator.standard_normal(y.shape)
    expected.backward(torch.tensor(grad))
    found = backward(grad)
    for tensor, part in zip(tensors, found if several else [found]):
        true = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        np.testing.assert_allclose(part, true, **close, err_msg="gradient of " + what)
    for variable, true in zip(ours.trainable_weights, theirs.trainable_weights):
        gradient = true.value.grad.numpy()
        np.testing.assert_allclose(variable.grad, gradient, **close, err_msg=variable.name + " of " + what)
    for variable, true in zip(ours.non_trainable_weights, theirs.non_trainable_weights):
        np.testing.assert_allclose(
            variable.value, true.numpy(), **close, err_msg=variable.name + " of " + what
        )


def check_config(ours, theirs):
    """Keras's configuration has no entry that ours lacks, and makes a layer here."""
    config = theirs.get_config()
    assert set(config) <= set(ours.get_config()), set(config) - set(ours.get_config())
    plain = {key: value for key, value in config.items() if key != "dtype"}
    again = type(ours).from_config(dict(plain, dtype="float64"))
    assert again.get_config() == type(ours).from_config(ours.get_config()).get_config()


def inputs_of(draw, shapes):
    if isinstance(shapes, list):
        return [draw.generator.standard_normal(shape) for shape in shapes]
    return draw.generator.standard_normal(shapes)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_layer(name, seed, training):
    draw = Draw(seed)
    arguments, shapes = CONFIGURATIONS[name](draw)
    x = inputs_of(draw, shapes)
    if name == "Masking":
        x[draw.generator.random(x.shape[:-1]) < 0.5] = arguments["mask_value"]
    compare(name, arguments, x, training, seed=seed)


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_inference_of_random_layers(name):
    arguments, shape = RANDOM[name]
    compare(name, arguments, np.random.default_rng(0).standard_normal(shape), False)


MASKED = [
    "ReLU",
    "PReLU",
    "ELU",
    "LeakyReLU",
    "Identity",
    "Masking",
    "Rescaling",
    "UnitNormalization",
    "Dropout",
]
MASKED += ["BatchNormalization", "LayerNormalization", "GroupNormalization"]
MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MASKED)
def test_layer_under_a_mask(name, seed, training):
    draw = Draw(seed)
    arguments = dict(groups=2) if name == "GroupNormalization" else {}
    arguments = dict(rate=0.0) if name == "Dropout" else dict(scale=2.0) if name == "Rescaling" else arguments
    batch, steps = draw.shape(2, 3, 5)
    mask = draw.generator.random((batch, steps)) < 0.6
    x = inputs_of(draw, (batch, steps, 4))
    compare(name, arguments, x, training, [mask], seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_softmax_under_a_mask(seed):
    draw = Draw(seed)
    x = inputs_of(draw, (3, 4, 5))
    compare("Softmax", dict(axis=draw.of(-1, 1)), x, False, [draw.generator.random((3, 4, 5)) < 0.6], seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MERGES)
def test_merge_under_masks(name, seed):
    draw = Draw(seed)
    count = 2 if name == "Subtract" else draw.integer(2, 3)
    arguments = dict(axis=draw.of(1, -1)) if name == "Concatenate" else {}
    x = inputs_of(draw, [(3, 4, 2)] * count)
    masks = [draw.generator.random((3, 4)) < 0.6 for _ in range(count)]
    if draw.of(True, False):
        masks[draw.integer(0, count - 1)] = None
    compare(name, arguments, x, True, masks, seed)


def test_frozen_batch_normalization_uses_the_moving_statistics():
    x = np.random.default_rng(0).standard_normal((4, 3))
    compare("BatchNormalization", dict(trainable=False), x, True)
