"""Random functional models, built alike by both libraries: shapes, names, outputs, masks, gradients, configurations.

A graph is a sequence of random choices; both libraries make the same ones. Inputs are ids, sequences, vectors
and images.
"""

import json
import os

import numpy as np
import pytest

import gpulayers

torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the extra `parity` (keras) is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:keras"),  # Keras meets new ones of NumPy
    pytest.mark.filterwarnings("ignore:.*mask"),  # that a layer drops it
    pytest.mark.filterwarnings("ignore:.*You are using a softmax over axis"),  # of size 1
]
GRAPHS = 60
STEPS, SIZE, BATCH = 3, 5, 3
ACTIVATIONS = [None, "relu", "tanh", "sigmoid", "softmax"]


class Builder:
    """Builds the graph of a number with a library's layers."""

    def __init__(self, library, number):
        self.library, self.layers = library, library.layers
        self.generator = np.random.default_rng(number)
        self.tensors = {"ids": [], "sequence": [], "vector": [], "image": []}
        self.shared = {}
        self.kinds = []  # of the inputs, with their shapes

    def chance(self, share):
        return self.generator.random() < share

    def number(self, low, high):
        return int(self.generator.integers(low, high))

    def one_of(self, values):
        return values[self.number(0, len(values))]

    def build(self):
        for place in range(self.number(1, 4)):
            kind = self.one_of(list(self.tensors))
            shape = {
                "ids": (STEPS,),
                "sequence": (STEPS, self.number(1, 4)),
                "vector": (self.number(1, 5),),
                "image": (SIZE, SIZE, self.number(1, 3)),
            }[kind]
            self.kinds.append((kind, shape))
            options = {"dtype": "int32"} if kind == "ids" else {}
            unknown = kind in ("ids", "sequence") and self.chance(0.3)
            given = (None, *shape[1:]) if unknown else shape
            self.tensors[kind].append(self.library.Input(given, name=f"in{place}", **options))
        self.inputs = [tensor for kind in self.tensors.values() for tensor in kind]
        self.inputs.sort(key=lambda tensor: tensor.name)
        for _ in range(self.number(2, 9)):
            kind = self.one_of([kind for kind, tensors in self.tensors.items() if tensors])
            getattr(self, f"add_{kind}")(self.one_of(self.tensors[kind]))
        made = [tensor for kind in self.tensors.values() for tensor in kind]
        made = [tensor for tensor in made if not any(tensor is given for given in self.inputs)]
        if not made:
            kind, tensor = self.kinds[0][0], self.inputs[0]
            made = [self.layers.Embedding(5, 2)(tensor) if kind == "ids" else self.layers.Dense(2)(tensor)]
        order = self.generator.permutation(len(made))[: self.number(1, 4)]
        outputs = [made[number] for number in order]
        form, inputs = self.number(0, 3), self.inputs
        if form == 0:
            inputs = {tensor.name: tensor for tensor in inputs}
            outputs = {f"o{number}": tensor for number, tensor in enumerate(outputs)}
        elif form == 1 and len(outputs) == 1:
            outputs = outputs[0]
        return self.library.Model(inputs, outputs)

    def add_ids(self, x):
        if "embedding" not in self.shared or self.chance(0.6):
            masked = self.chance(0.6)
            self.shared["embedding"] = self.layers.Embedding(5, self.number(1, 4), mask_zero=masked)
        self.tensors["sequence"].append(self.shared["embedding"](x))

    def add_sequence(self, x):
        layers, units, activation = self.layers, self.number(1, 4), self.one_of(ACTIVATIONS)
        vectors, sequences, choice = self.tensors["vector"], self.tensors["sequence"], self.number(0, 13)
        if choice == 0:
            output, *states = layers.LSTM(units, return_sequences=True, return_state=True)(x)
            sequences.append(output)
            vectors.extend(states)
        elif choice == 1:
            vectors.append(layers.LSTM(units, go_backwards=self.chance(0.5))(x))
        elif choice == 2:
            inner = layers.GRU(units, return_sequences=True)
            sequences.append(layers.Bidirectional(inner, self.one_of(["concat", "sum", "ave", "mul"]))(x))
        elif choice == 3:
            sequences.append(layers.TimeDistributed(layers.Dense(units, activation))(x))
        elif choice == 4:
            vectors.append(layers.GlobalAveragePooling1D()(x))
        elif choice == 5:
            vectors.append(layers.GlobalMaxPooling1D()(x))
        elif choice == 6:
            sequences.append(layers.Masking(0.0)(x))
        elif choice == 7:
            sequences.append(layers.Dense(units, activation)(x))
        elif choice == 8:
            sequences.append(layers.Conv1D(units, 2, padding="same", activation=activation)(x))
        elif choice == 9:
            other = self.one_of(sequences)
            alike = other is not x and other.shape == x.shape
            kinds = ["Add", "Multiply", "Maximum", "Average", "Minimum", "Subtract"]
            merge = getattr(layers, self.one_of(kinds) if alike else "Concatenate")
            sequences.append(merge()([x, other] if alike or other.shape[1] == x.shape[1] else [x, x]))
        elif choice == 10:
            sequences.append(layers.Dropout(0.0)(x, training=False))
        elif choice == 11:
            sequences.append(layers.LayerNormalization()(x))
        elif vectors:
            state = self.one_of(vectors)
            sequences.append(layers.GRU(state.shape[-1], return_sequences=True)(x, initial_state=state))
        else:
            sequences.append(layers.SimpleRNN(units, return_sequences=True)(x))

    def add_vector(self, x):
        layers, size, activation = self.layers, x.shape[-1], self.one_of(ACTIVATIONS)
        vectors, choice = self.tensors["vector"], self.number(0, 9)
        if choice == 0:
            vectors.append(layers.Dense(self.number(1, 5), activation)(x))
        elif choice == 1:
            if size not in self.shared:
                self.shared[size] = layers.Dense(size, activation)
            vectors.append(self.shared[size](x))
        elif choice == 2:
            options = {"training": False} if self.chance(0.5) else {}
            vectors.append(layers.BatchNormalization()(x, **options))
        elif choice == 3:
            vectors.append(layers.concatenate([x, self.one_of(vectors)]))
        elif choice == 4:
            vectors.append(layers.add([x, self.one_of([v for v in vectors if v.shape == x.shape])]))
        elif choice == 5:
            self.tensors["sequence"].append(layers.RepeatVector(STEPS)(x))
        elif choice == 6:
            model = self.library.Sequential([layers.Dense(3, activation), layers.Dense(2)])
            vectors.append(model(x))
            if size == 2:
                vectors.append(model(vectors[-1]))
        elif choice == 7:
            first = self.library.Input((size,))
            hidden, several = layers.Dense(3, activation)(first), self.chance(0.5)
            outputs = [hidden, layers.Dense(2)(hidden)] if several else hidden
            found = self.library.Model(first, outputs)(x)
            vectors.extend(found if several else [found])
        else:
            vectors.append(layers.ReLU()(x))

    def add_image(self, x):
        layers, images, choice = self.layers, self.tensors["image"], self.number(0, 7)
        if choice == 0:
            activation = self.one_of(ACTIVATIONS)
            size = self.number(1, 3)
            images.append(layers.Conv2D(self.number(1, 4), size, padding="same", activation=activation)(x))
        elif choice == 1 and min(x.shape[1:3]) >= 2:
            images.append(layers.MaxPooling2D()(x))
        elif choice == 2:
            images.append(layers.BatchNormalization()(x))
        elif choice == 3:
            self.tensors["vector"].append(layers.GlobalAveragePooling2D()(x))
        elif choice == 4:
            self.tensors["vector"].append(layers.Flatten()(x))
        elif choice == 5:
            images.append(layers.Conv2DTranspose(2, 2, strides=2)(x))
        else:
            images.append(layers.DepthwiseConv2D(2, padding="same")(x))


def data_of(kinds, generator):
    arrays = []
    for kind, shape in kinds:
        if kind == "ids":
            arrays.append(generator.integers(0, 3, (BATCH, *shape)).astype(np.int32))
            continue
        arrays.append(generator.standard_normal((BATCH, *shape)).astype(np.float32))
        if kind == "sequence":  # some steps are masked, the first ones never: means need one
            arrays[-1][:, 1:][generator.random((BATCH, STEPS - 1)) < 0.3] = 0
    return arrays


def flat(value):
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, (list, tuple)) else [value]


def close(found, expected, what):
    expected = expected.detach().numpy()
    # float32 on both sides, sums in different orders; gradients reach far above 1.
    scale = max(1.0, float(np.nan_to_num(np.abs(expected)).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=5e-5 * scale, err_msg=what)


def has_gradients(loss):
    """Whether PyTorch could form them: some of its convolutions fail on gradients with other strides."""
    try:
        loss.backward()
    except RuntimeError as error:
        if "contiguous" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("number", range(GRAPHS))
def test_graph(number):
    keras.utils.clear_session()
    theirs = Builder(keras, number).build()
    gpulayers.utils.clear_session()
    builder = Builder(gpulayers, number)
    ours = builder.build()
    assert ours.name == theirs.name
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]
    assert ours.output_names == theirs.output_names
    assert [t.shape for t in ours.outputs] == [tuple(t.shape) for t in theirs.outputs]

    generator = np.random.default_rng(number)
    weights = [0.4 * generator.standard_normal(v.shape).astype(np.float32) for v in ours.weights]
    weights = [abs(w) + 0.5 if v.path.endswith("variance") else w for w, v in zip(weights, ours.weights)]
    for model in (theirs, ours):
        model.set_weights(weights)
    arrays, training = data_of(builder.kinds, generator), bool(generator.random() < 0.5)
    tensors = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    names = [f"in{place}" for place in range(len(arrays))]
    as_dict = isinstance(theirs.input, dict)
    given = dict(zip(names, arrays)) if as_dict else arrays
    expected = theirs(dict(zip(names, tensors)) if as_dict else tensors, training=training)
    found, backward = ours.forward(given, training=training)
    assert isinstance(found, dict) == isinstance(expected, dict)
    for output, true in zip(flat(found), flat(expected)):
        close(output, true, "output")
    for mask, true in zip(flat(ours.compute_mask(given)), flat(expected)):
        true = getattr(true, "_keras_mask", None)
        assert (mask is None) == (true is None)
        if mask is not None:
            np.testing.assert_array_equal(mask, true.numpy())

    grads = [generator.standard_normal(output.shape).astype(np.float32) for output in flat(found)]
    loss = sum((true * torch.tensor(grad)).sum() for true, grad in zip(flat(expected), grads))
    if loss.requires_grad and has_gradients(loss):
        laid_out = dict(zip(sorted(found), grads)) if isinstance(found, dict) else grads
        grads_x = flat(backward(laid_out if isinstance(found, (list, dict)) else grads[0]))
        pairs = [(t.grad, g, "x") for t, g in zip(tensors, grads_x) if t.requires_grad]
        pairs += [
            (w.value.grad, v.grad, v.path)
            for w, v in zip(theirs.weights, ours.weights)
            if w.trainable and w.value.requires_grad
        ]
        for true, grad, what in pairs:
            if true is None or grad is None:  # nothing depends on it
                rest = [part for part in (true, grad) if part is not None]
                assert not any(float(abs(part).max()) for part in rest), what
            else:
                close(grad, true, what)
    for v, w in zip(ours.weights, theirs.weights):  # moving statistics too
        close(v.numpy(), w.value, v.path)

    again = type(ours).from_config(ours.get_config())
    from_theirs = type(ours).from_config(json.loads(json.dumps(theirs.get_config())))
    to_theirs = type(theirs).from_config(json.loads(json.dumps(ours.get_config())))
    clone = gpulayers.models.clone_model(ours)
    for model in (ours, again, from_theirs, to_theirs, clone):
        model.set_weights(weights)
    assert json.dumps(again.get_config()) == json.dumps(ours.get_config())
    expected = flat(ours(given))
    for model in (again, from_theirs, clone):
        np.testing.assert_equal(flat(model(given)), expected)
    for output, true in zip(expected, flat(to_theirs(given, training=False))):
        close(output, true, "output of Keras's model of the configuration")
