"""Whole constructors against Keras: the signature of every layer, and random arguments in all the forms that
they take: names, objects, classes and configurations of initializers, regularizers, constraints, activations."""

import copy
import inspect
import json
import os

import numpy as np
import pytest

import gpulayers
from gpulayers import layers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
    pytest.mark.filterwarnings("ignore:.*softmax over axis"),
    pytest.mark.filterwarnings("ignore:rms_scaling divides by the deviation:DeprecationWarning"),
]
SEEDS = range(6)
CLOSE = dict(rtol=1e-4, atol=3e-5)  # Keras computes some of them in float32
BASE = {"activity_regularizer", "trainable", "dtype", "autocast", "name"}
OF_KERAS_ALONE = {"lora_rank", "lora_alpha", "quantization_config"}  # must be None here
# Constructors without arguments of their own have those of the base class here.
SHARED = sorted(
    name
    for name in dir(layers)
    if isinstance(getattr(layers, name), type)
    and isinstance(getattr(keras.layers, name, None), type)
    and name not in ("Layer", "InputLayer")
)


def parameters_of(kind):
    found = inspect.signature(kind.__init__).parameters.values()
    return [p for p in found if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


@pytest.mark.parametrize("name", SHARED)
def test_signature(name):
    theirs = [p for p in parameters_of(getattr(keras.layers, name)) if p.name not in OF_KERAS_ALONE]
    ours = parameters_of(getattr(layers, name))
    if not theirs:
        assert {p.name for p in ours} <= BASE
        return
    if name in ("Conv3DTranspose", "Convolution3DTranspose"):  # the rest is passed on
        theirs = theirs[: len(ours)]
    assert [p.name for p in ours][: len(theirs)] == [p.name for p in theirs]
    for own, their in zip(ours, theirs):
        size = {own.default, *(their.default if isinstance(their.default, tuple) else [their.default])}
        assert own.default == their.default or len(size) == 1, own.name  # 1 stands for (1, 1)
    # What comes after is beyond Keras or taken by Keras in **kwargs, and given by name only.
    extra = [p.name for p in ours[len(theirs) :] if p.kind is not p.KEYWORD_ONLY]
    assert extra in ([], ["rms_scaling"])


class Named:
    """An object of both libraries: `form` is how it is given."""

    def __init__(self, form, module, name, **arguments):
        self.form, self.module, self.name, self.arguments = form, module, name, arguments

    def of(self, library):
        if self.form == "config":
            return {"class_name": self.name, "config": dict(self.arguments)}
        kind = getattr(getattr(library, self.module), self.name)
        return kind if self.form == "class" else kind(**self.arguments)

    def __repr__(self):
        return f"{self.form} {self.name}({self.arguments})"


class Draw:
    """Random choices of one seed."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def integer(self, low, high):
        return int(self.generator.integers(low, high + 1))

    def of(self, *options):
        return options[self.integer(0, len(options) - 1)]

    def shape(self, rank, low=1, high=5):
        return tuple(self.integer(low, high) for _ in range(rank))

    def named(self, module, *choices):
        name, arguments = self.of(*choices)
        form = self.of("name", "class", "object", "config")
        if form == "name":
            return self.of(name, keras.src.utils.naming.to_snake_case(name))
        return Named(form, module, name, **({} if form == "class" else arguments))

    def initializer(self):
        choices = [("Zeros", {}), ("Ones", {}), ("RandomUniform", dict(minval=-1.0, seed=2))]
        choices += [("RandomNormal", dict(stddev=0.5, seed=2)), ("TruncatedNormal", dict(seed=2))]
        return self.named("initializers", *choices)

    def matrix_initializer(self):
        choices = [("GlorotUniform", {}), ("HeNormal", dict(seed=2)), ("LecunUniform", dict(input_axes=[0]))]
        choices += [("VarianceScaling", dict(scale=2.0, mode="fan_avg")), ("Orthogonal", dict(gain=0.5))]
        return self.of(self.initializer(), self.named("initializers", *choices), "uniform", "normal")

    def regularizer(self):
        choices = [("L1", dict(l1=0.25)), ("L2", dict(l2=0.5)), ("L1L2", dict(l1=0.25, l2=0.5))]
        return self.of(None, self.named("regularizers", *choices))

    def constraint(self):
        choices = [("MaxNorm", dict(max_value=0.5)), ("NonNeg", {}), ("UnitNorm", {}), ("MinMaxNorm", {})]
        return self.of(None, self.named("constraints", *choices))

    def activation(self):
        name = self.of(*(set(gpulayers.activations.ACTIVATIONS) - {"glu", "threshold", "sparsemax"}))
        return self.of(None, name, Named("class", "activations", name))

    def some(self, **choices):
        """Some of the arguments, each a value or a function without arguments that draws it."""
        kept = {name: value for name, value in choices.items() if self.of(True, False)}
        return {name: value() if callable(value) else value for name, value in kept.items()}

    def weight(self, kind, initializer=None):
        return self.some(
            **{
                f"{kind}_initializer": initializer or self.initializer,
                f"{kind}_regularizer": self.regularizer,
                f"{kind}_constraint": self.constraint,
            }
        )

    def data_format(self):
        return self.of(None, "channels_last", "channels_first")


def dense(draw):
    arguments = draw.some(activation=draw.activation, use_bias=lambda: draw.of(True, False))
    arguments |= draw.weight("kernel", draw.matrix_initializer) | draw.weight("bias")
    return dict(units=draw.integer(1, 4), **arguments), draw.shape(draw.integer(2, 4))


def embedding(draw):
    arguments = draw.some(mask_zero=lambda: draw.of(True, False))
    arguments |= draw.weight("embeddings", draw.matrix_initializer)
    dtype = draw.of(np.int32, np.int64, np.uint8, np.float32)
    ids = draw.generator.integers(0, 5, draw.shape(draw.integer(1, 3))).astype(dtype)
    return dict(input_dim=5, output_dim=draw.integer(1, 4), **arguments), ids


def prelu(draw):
    shape = draw.shape(3)
    axes = lambda: draw.of(None, 1, [2], (1, 2))  # noqa: E731
    return draw.weight("alpha") | draw.some(shared_axes=axes), shape


def normalized(draw, rank, **more):
    arguments = draw.some(
        epsilon=lambda: draw.of(1e-3, 0.5),
        center=lambda: draw.of(True, False),
        scale=lambda: draw.of(True, False),
        **more,
    )
    return arguments | draw.weight("beta") | draw.weight("gamma"), draw.shape(rank, 3, 5)


def batch_normalization(draw):
    rank = draw.integer(2, 4)
    more = dict(axis=lambda: draw.of(-1, 1), momentum=lambda: draw.of(0.5, 0.0), synchronized=False)
    more |= dict(moving_mean_initializer=draw.initializer, moving_variance_initializer="ones")
    return normalized(draw, rank, **more)


def reshaped(draw):
    shape = (2, 4, 6)
    return dict(target_shape=draw.of((24,), (-1,), [2, -1, 3], (6, 4), (-1, 8), (1, 24, 1))), shape


def dropped(draw):
    shape = draw.shape(3)
    noise = lambda: draw.of(None, (None, 1, None), [shape[0], 1, shape[2]])  # noqa: E731
    return dict(rate=draw.of(0, 0.0, 0.3, 1)) | draw.some(
        noise_shape=noise, seed=lambda: draw.of(None, 3)
    ), shape


def spatially_dropped(rank):
    def drawn(draw):
        more = draw.some(data_format=draw.data_format) if rank > 1 else {}
        return dict(rate=draw.of(0.0, 0.5)) | more | draw.some(seed=3), draw.shape(rank + 2)

    return drawn


def cut_or_padded(name, rank):
    def drawn(draw):
        one, pair = lambda: draw.integer(0, 1), lambda: draw.of(tuple, list)(draw.shape(2, 0, 1))
        forms = [one, lambda: draw.shape(rank, 0, 1), lambda: tuple(pair() for _ in range(rank))]
        value = draw.of(*([one, pair] if rank == 1 else forms))
        more = dict(data_format=draw.data_format) if rank > 1 else {}
        return draw.some(**{name: value}, **more), draw.shape(rank + 2, 3, 5)

    return drawn


def enlarged(rank):
    def drawn(draw):
        size = draw.integer(1, 3) if rank == 1 else draw.of(draw.integer(1, 3), draw.shape(rank, 1, 3))
        more = dict(data_format=draw.data_format) if rank > 1 else {}
        if rank == 2:
            more["interpolation"] = lambda: draw.of("nearest", "bilinear", "bicubic")
        return draw.some(size=size, **more), draw.shape(rank + 2, 2, 4)

    return drawn


def merged(count):
    def drawn(draw):
        full = draw.shape(3)
        others = [draw.of(full, full[:1] + (1,) + full[2:], full[:1] + full[2:]) for _ in range(count - 1)]
        return {}, [full, *others]

    return drawn


def concatenated(draw):
    shape, axis = draw.shape(3), draw.integer(-3, 2)
    sizes = [list(shape) for _ in range(draw.integer(1, 3))]
    for size in sizes:
        size[axis] = draw.integer(1, 4)
    return dict(axis=axis), [tuple(size) for size in sizes]


CONSTRUCTORS = {
    "Dense": dense,
    "Embedding": embedding,
    "Activation": lambda draw: (dict(activation=draw.activation()), draw.shape(draw.integer(1, 4))),
    "ActivityRegularization": lambda draw: (draw.some(l1=0.5, l2=0.25), draw.shape(2)),
    "ReLU": lambda draw: (draw.some(max_value=2.0, negative_slope=0.25, threshold=0.5), draw.shape(2)),
    "LeakyReLU": lambda draw: (draw.some(negative_slope=0.25), draw.shape(2)),
    "ELU": lambda draw: (draw.some(alpha=0.25), draw.shape(2)),
    "PReLU": prelu,
    "Softmax": lambda draw: (draw.some(axis=lambda: draw.of(-1, 1, 0, [0, 1])), draw.shape(3)),
    "BatchNormalization": batch_normalization,
    "LayerNormalization": lambda draw: normalized(
        draw, 3, axis=lambda: draw.of(-1, 2, [1, 2]), rms_scaling=True
    ),
    "GroupNormalization": lambda draw: (
        dict(groups=draw.of(-1, 1)) | normalized(draw, 3)[0],
        draw.shape(3, 3),
    ),
    "RMSNormalization": lambda draw: (draw.some(axis=2, epsilon=0.5), draw.shape(3, 2)),
    "UnitNormalization": lambda draw: (draw.some(axis=lambda: draw.of(1, [1, 2])), draw.shape(3, 2)),
    "Flatten": lambda draw: (draw.some(data_format=draw.data_format), draw.shape(draw.integer(1, 5))),
    "Reshape": reshaped,
    "Permute": lambda draw: (dict(dims=draw.of((2, 1), [2, 1], (1, 2))), draw.shape(3)),
    "RepeatVector": lambda draw: (dict(n=draw.integer(1, 3)), draw.shape(2)),
    "Masking": lambda draw: (draw.some(mask_value=lambda: draw.of(1, 0.5)), draw.shape(3)),
    "Identity": lambda draw: ({}, draw.shape(2)),
    "Rescaling": lambda draw: (dict(scale=draw.of(2, 0.5)) | draw.some(offset=1.5), draw.shape(2)),
    "Dropout": dropped,
    "AlphaDropout": lambda draw: (dict(rate=draw.of(0, 0.5)) | draw.some(seed=3), draw.shape(2)),
    "GaussianDropout": lambda draw: (dict(rate=draw.of(0, 0.5)) | draw.some(seed=3), draw.shape(2)),
    "GaussianNoise": lambda draw: (dict(stddev=draw.of(0, 0.5)) | draw.some(seed=3), draw.shape(2)),
    "Concatenate": concatenated,
    "Dot": lambda draw: (dict(axes=draw.of(1, (2, 2), [2, 1])) | draw.some(normalize=True), [(2, 3, 3)] * 2),
}
for number in (1, 2, 3):
    CONSTRUCTORS[f"SpatialDropout{number}D"] = spatially_dropped(number)
    CONSTRUCTORS[f"ZeroPadding{number}D"] = cut_or_padded("padding", number)
    CONSTRUCTORS[f"Cropping{number}D"] = cut_or_padded("cropping", number)
    CONSTRUCTORS[f"UpSampling{number}D"] = enlarged(number)
for name in ("Add", "Average", "Multiply", "Maximum", "Minimum"):
    CONSTRUCTORS[name] = merged(3)
CONSTRUCTORS["Subtract"] = merged(2)


def made(library, name, arguments, by_position):
    given = {
        key: value.of(library) if isinstance(value, Named) else value for key, value in arguments.items()
    }
    kind = getattr(library.layers, name)
    positional = []
    for parameter in parameters_of(getattr(keras.layers, name))[:by_position]:
        if parameter.name not in given:
            break
        positional.append(given.pop(parameter.name))
    return kind(*positional, **given)


def plain(value):
    """A configuration with factors as Keras keeps them, and without what is None."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return float(np.float32(value)) if isinstance(value, float) else value


def check_configurations(name, ours, theirs):
    configs = ours.get_config(), theirs.get_config()
    mine, expected = map(plain, configs)
    for each in (mine, expected):
        if name.startswith("SpatialDropout"):  # of which Keras writes the name alone
            del each["dtype"]
        if name in ("LayerNormalization", "RMSNormalization"):  # which Keras changes when it builds
            each["axis"] = each["axis"] if isinstance(each["axis"], list) else [each["axis"]]
    assert mine == expected
    assert type(theirs).from_config(copy.deepcopy(configs[0])).get_config()["name"] == configs[0]["name"]
    for config in configs:
        again = type(ours).from_config(json.loads(json.dumps(config)))
        assert plain(again.get_config()) | {"axis": 0} == plain(configs[0]) | {"axis": 0}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructor(name, seed):
    draw = Draw(seed)
    arguments, given = CONSTRUCTORS[name](draw)
    arguments["dtype"] = "float64"
    if name not in ("ELU", "Identity", "ActivityRegularization") and not name.startswith("Spatial"):
        # Keras cannot write the first two then.
        arguments |= draw.some(activity_regularizer=draw.regularizer)
    arguments |= draw.some(name="given") | ({} if name.startswith("Spatial") else draw.some(trainable=False))
    ours, theirs = (made(library, name, arguments, seed % 4) for library in (gpulayers, keras))
    several = isinstance(given, list)
    if isinstance(given, np.ndarray):
        inputs, shapes = given, given.shape
    else:
        shapes = given
        inputs = (
            [draw.generator.standard_normal(s) for s in given]
            if several
            else draw.generator.standard_normal(given)
        )
    for unknown in (lambda shape: (None, *shape[1:]), lambda shape: (None,) * len(shape), tuple):
        asked = [unknown(shape) for shape in shapes] if several else unknown(shapes)
        try:
            expected = theirs.compute_output_shape(asked)
        except (ValueError, TypeError):
            continue
        assert tuple(ours.compute_output_shape(asked)) == tuple(expected), asked
    for layer in (ours, theirs):
        if not layer.built:
            layer.build(shapes)
    assert [(w.name, tuple(w.shape), w.trainable) for w in ours.weights] == [
        (w.name, tuple(w.shape), w.trainable) for w in theirs.weights
    ]
    assert ours.count_params() == theirs.count_params() and ours.trainable == theirs.trainable
    weights = [draw.generator.uniform(0.2, 1, w.shape) for w in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    compare(name, ours, theirs, inputs, draw)
    for variable, true in zip(ours.weights, theirs.weights):
        for part in ("regularizer", "constraint"):
            own, their = getattr(variable, part), getattr(true, part)
            assert (own is None) == (their is None)
            if own is not None:
                expected = their(torch.tensor(variable.numpy()))
                np.testing.assert_allclose(own(variable.value), expected.numpy(), rtol=1e-5)  # as CLOSE
    if ours.get_config()["name"] != "given":
        ours.name = theirs.name = "same"
    check_configurations(name, ours, theirs)


def compare(name, ours, theirs, inputs, draw):
    """Outputs, penalties and gradients in inference."""
    several = isinstance(inputs, list)
    given = inputs if several else [inputs]
    tensors = [torch.tensor(x, requires_grad=x.dtype == np.float64) for x in given]
    expected = theirs(tensors if several else tensors[0])
    y, backward = ours.forward(inputs, training=False)
    np.testing.assert_allclose(y, expected.detach().numpy(), **CLOSE)
    theirs_losses = [float(part.detach()) for part in theirs.losses]
    np.testing.assert_allclose(ours.losses, theirs_losses, rtol=1e-5)  # some in float32, as CLOSE
    penalties = theirs._get_own_losses()  # on outputs: those on weights a backward does not know
    direction = draw.generator.standard_normal(y.shape)
    total = (expected * torch.tensor(direction)).sum() + sum(penalties)
    grads = backward(direction)
    if not total.requires_grad:
        return
    total.backward()
    for tensor, grad in zip(tensors, grads if several else [grads]):
        if tensor.requires_grad:
            true = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
            np.testing.assert_allclose(grad, true, **CLOSE)
    for variable, true in zip(ours.weights, theirs.weights):
        if variable.trainable:
            np.testing.assert_allclose(variable.grad, true.value.grad, **CLOSE)
        else:
            assert variable.grad is None


def test_arguments_that_must_be_none():
    for kind, arguments in ((layers.Dense, (2,)), (layers.Embedding, (2, 2))):
        kind(*arguments, lora_rank=None, quantization_config=None)
        with pytest.raises(ValueError, match="lora_rank is not supported. Received: "):
            kind(*arguments, lora_rank=4)


def test_masks_of_inputs_of_fewer_axes_do_not_count():
    generator = np.random.default_rng(0)
    inputs = [generator.standard_normal((2, 2, 3, 4)), generator.standard_normal((2, 3, 4))]
    masks = [generator.random((2, 2, 3)) < 0.5, generator.random((2, 3)) < 0.5]
    for name in ("Multiply", "Maximum", "Minimum"):
        tensors = [torch.tensor(x) for x in inputs]
        for tensor, mask in zip(tensors, masks):
            keras.src.backend.set_keras_mask(tensor, torch.tensor(mask))
        expected = getattr(keras.layers, name)(dtype="float64")(tensors)
        y, _, _ = getattr(layers, name)(dtype="float64").run(inputs, masks, False, True)
        np.testing.assert_allclose(y, expected.numpy(), **CLOSE)
