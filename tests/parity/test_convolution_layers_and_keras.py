"""All convolution layers against Keras: random configurations over the whole signature, in float32."""

import os

import numpy as np
import pytest

from gpulayers import layers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),  # Keras meets new ones of NumPy
    pytest.mark.filterwarnings("ignore:.*You are using a softmax over axis"),  # of size 1: one filter
]
KINDS = [
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
]
CONFIGURATIONS = 40  # of each kind
ACTIVATIONS = [None, "relu", "tanh", "sigmoid", "elu", "gelu", "softplus", "softmax"]
INITIALIZERS = ["glorot_uniform", "he_normal", "lecun_uniform", "random_normal"]


def drawn(kind, generator):
    """(arguments, input shape) of a random configuration that Keras takes too."""
    rank = int(kind[kind.index("D") - 1]) if not kind.startswith("Depthwise") else int(kind[-2])
    transposed = kind.endswith("Transpose")

    def sizes(low, high):
        """One integer, or one a dimension, as the arguments take both."""
        if generator.random() < 0.4:
            return int(generator.integers(low, high + 1))
        return tuple(int(size) for size in generator.integers(low, high + 1, rank))

    def one_of(values):
        return values[generator.integers(len(values))]

    groups = int(generator.integers(1, 4)) if kind in ("Conv1D", "Conv2D", "Conv3D") else 1
    channels = groups * int(generator.integers(1, 4))
    arguments = {
        "kernel_size": sizes(1, 4),
        "padding": one_of(["valid", "same", "causal"] if kind == "Conv1D" else ["valid", "same", "SAME"]),
        "data_format": one_of([None, "channels_last", "channels_first"]),
        "activation": one_of(ACTIVATIONS),
        "use_bias": bool(generator.random() < 0.8),
        "bias_initializer": "random_normal",
    }
    arguments["strides" if generator.random() < 0.6 else "dilation_rate"] = sizes(1, 3)
    if "Depthwise" not in kind:
        arguments["filters"] = groups * int(generator.integers(1, 4))
    if groups > 1:
        arguments["groups"] = groups
    if "Depthwise" in kind or "Separable" in kind:
        arguments["depth_multiplier"] = int(generator.integers(1, 4))
        arguments["depthwise_initializer"] = one_of(INITIALIZERS)
        if "Separable" in kind:
            arguments["pointwise_initializer"] = one_of(INITIALIZERS)
    else:
        arguments["kernel_initializer"] = one_of(INITIALIZERS)
    if transposed and generator.random() < 0.4:
        strides = np.broadcast_to(arguments.get("strides", 1), rank)
        arguments["output_padding"] = tuple(int(generator.integers(stride)) for stride in strides)
    spatial = tuple(
        int(size) for size in generator.integers(1 if transposed else 10, 4 if transposed else 13, rank)
    )
    if rank == 3 and not transposed:
        spatial = tuple(max(size - 2, 8) for size in spatial)
        reach = np.broadcast_to(arguments.get("dilation_rate", 1), 3) * (
            np.broadcast_to(arguments["kernel_size"], 3) - 1
        )
        spatial = tuple(max(size, int(least) + 1) for size, least in zip(spatial, reach))
    batch = int(generator.integers(1, 4))
    last = arguments["data_format"] != "channels_first"
    return arguments, (batch, *spatial, channels) if last else (batch, channels, *spatial)


@pytest.mark.parametrize("number", range(CONFIGURATIONS))
@pytest.mark.parametrize("kind", KINDS)
def test_layer(kind, number):
    generator = np.random.default_rng([KINDS.index(kind), number])
    arguments, shape = drawn(kind, generator)
    theirs, ours = getattr(keras.layers, kind)(**arguments), getattr(layers, kind)(**arguments)
    unknown = (None, *shape[1:])
    what = f"{kind}({arguments}) of {shape}"
    expected_shape = tuple(theirs.compute_output_shape(unknown))
    if min(expected_shape[1:]) < 1:  # an output without elements, which Keras's layers let pass
        with pytest.raises(ValueError, match="Received: "):
            ours.compute_output_shape(unknown)
        return
    assert ours.compute_output_shape(unknown) == expected_shape, what
    theirs.build(unknown)
    ours.build(unknown)
    assert [(w.name, tuple(w.shape)) for w in theirs.weights] == [(w.name, w.shape) for w in ours.weights], (
        what
    )
    ours.set_weights(theirs.get_weights())

    x = generator.standard_normal(shape).astype(np.float32)
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor)
    grad_output = generator.standard_normal(tuple(expected.shape)).astype(np.float32)
    y, backward = ours.forward(x)
    grad_x = backward(grad_output)

    def close(actual, true, name):
        true = true.detach().numpy()
        # float32 on both sides: each sum is off by roundings of its partial sums, of the largest value's size.
        scale = max(1.0, float(np.abs(true).max(initial=0)))
        np.testing.assert_allclose(actual, true, rtol=0, atol=2e-5 * scale, err_msg=f"{name} of {what}")

    close(y, expected, "output")
    try:
        expected.backward(torch.tensor(grad_output))
    except RuntimeError as error:
        if "contiguous" not in str(error):
            raise
        pytest.skip(f"the outputs agree; torch has no gradients here: {error}")
    close(grad_x, tensor.grad, "gradient to the input")
    for variable, other in zip(ours.weights, theirs.weights):
        close(variable.grad, other.value.grad, f"gradient to {variable.name}")


@pytest.mark.parametrize("kind", KINDS)
def test_configuration(kind):
    """Each library's configuration makes a layer of the other one."""
    generator = np.random.default_rng(KINDS.index(kind))
    arguments, _ = drawn(kind, generator)
    arguments |= {"name": "given", "bias_regularizer": "l2", "bias_constraint": "non_neg", "trainable": False}
    theirs, ours = getattr(keras.layers, kind)(**arguments), getattr(layers, kind)(**arguments)
    again = getattr(keras.layers, kind).from_config(ours.get_config())
    assert set(ours.get_config()) == set(again.get_config())
    for name, value in arguments.items():
        if name not in ("activation",) and not name.endswith(("initializer", "regularizer", "constraint")):
            assert again.get_config()[name] == theirs.get_config()[name], name
