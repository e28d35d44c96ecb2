"""Wrong calls over the whole public interface.

Each gives a ValueError, TypeError or IndexError that names what was received; never another error, a result
or a crash.
"""

import numpy as np
import pytest

import gpulayers
from gpulayers import (
    Input,
    Sequential,
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
)
from gpulayers.preprocessing import sequence, text

X = np.ones((2, 6, 4), np.float32)
IMAGE = np.ones((2, 6, 6, 3), np.float32)
KERNEL = np.ones((3, 3, 3, 5), np.float32)
TABLE = np.ones((7, 3), np.float32)
IDS = np.array([[1, 2], [3, 6]])
ROWS = np.ones((2, 4), np.float32)
Y, ARGMAX = ops.max_pool_with_argmax(IMAGE, 2)
LSTM = [np.ones((4, 12), np.float32), np.ones((3, 12), np.float32), np.ones(12, np.float32)]
STATE = np.ones((2, 3), np.float32)


def model(compiled=True):
    made = Sequential([Input((4,)), layers.Dense(3)])
    if compiled:
        made.compile("sgd", "mse")
    return made


def functional():
    x = Input((4,))
    return models.Model(x, layers.Dense(3)(x))


def unbuilt():
    return Sequential([layers.Dense(3)])


def of_another_size(layer, first, second):
    layer(first)
    return layer(second)


# (call, a part of the message that names the value received)
OPS = [
    (lambda: ops.conv(IMAGE.tolist(), KERNEL), "list"),
    (lambda: ops.conv(None, KERNEL), "NoneType"),
    (lambda: ops.conv(IMAGE, KERNEL.astype(np.float64)), "float64"),
    (lambda: ops.conv(IMAGE.astype(int), KERNEL), "int64"),
    (lambda: ops.conv(IMAGE[0, 0], KERNEL), "(6, 3)"),
    (lambda: ops.conv(IMAGE[..., :2], KERNEL), "2"),
    (lambda: ops.conv(IMAGE, KERNEL[0]), "(3, 3, 5)"),
    (lambda: ops.conv(IMAGE, KERNEL, KERNEL), "(3, 3, 3, 5)"),
    (lambda: ops.conv(IMAGE, KERNEL, strides=0), "0"),
    (lambda: ops.conv(IMAGE, KERNEL, strides="2"), "'2'"),
    (lambda: ops.conv(IMAGE, KERNEL, padding="full"), "'full'"),
    (lambda: ops.conv(IMAGE, KERNEL, padding=-1), "-1"),
    (lambda: ops.conv(IMAGE, KERNEL, dilation_rate=4), "window"),
    (lambda: ops.conv(IMAGE, KERNEL, groups=2), "2"),
    (lambda: ops.conv(IMAGE, KERNEL, data_format="NHWC"), "'NHWC'"),
    (lambda: ops.conv_backward_input(IMAGE, KERNEL, (2, 8, 8, 3)), "(2, 6, 6, 3)"),
    (lambda: ops.conv_backward_weight(IMAGE, IMAGE, KERNEL.shape), "(2, 6, 6, 3)"),
    (lambda: ops.max_pool(IMAGE, 0), "0"),
    (lambda: ops.max_pool(IMAGE, 7), "7"),
    (lambda: ops.max_pool(IMAGE, (2, 2, 2)), "(2, 2, 2)"),
    (lambda: ops.max_pool(IMAGE, 2, padding="causal"), "'causal'"),
    (lambda: ops.max_pool_backward(Y, ARGMAX.astype(np.int64), IMAGE.shape, 2), "int64"),
    (lambda: ops.max_pool_backward(Y[:1], ARGMAX[:1], IMAGE.shape, 2), "(1, 3, 3, 3)"),
    (lambda: ops.average_pool(IMAGE.astype(complex), 2), "complex128"),
    (lambda: ops.average_pool_backward(Y, (2, 9, 9, 3), 2), "(2, 3, 3, 3)"),
    (lambda: ops.global_max_pool(IMAGE[:, :0]), "(2, 0, 6, 3)"),
    (lambda: ops.global_average_pool(X[0]), "(6, 4)"),
    (lambda: ops.adaptive_max_pool(IMAGE, 0), "0"),
    (lambda: ops.adaptive_average_pool(IMAGE, "2"), "'2'"),
    (lambda: ops.max_unpool(Y, np.full(Y.shape, 99), 6), "99"),
    (lambda: ops.max_unpool(Y, Y, 6), "float32"),
    (lambda: ops.embedding(IDS + 4, TABLE), "id 7"),
    (lambda: ops.embedding(-IDS, TABLE), "-1"),
    (lambda: ops.embedding(IDS.astype(np.float32), TABLE), "float32"),
    (lambda: ops.embedding(IDS, TABLE[0]), "(3,)"),
    (lambda: ops.embedding(IDS, TABLE.astype(int)), "int64"),
    (lambda: ops.embedding([[1]], TABLE), "list"),
    (lambda: ops.embedding_backward(IDS, TABLE, 7), "(7, 3)"),
    (lambda: ops.embedding_backward(IDS, np.ones((2, 2, 3), np.float32), 0), "0"),
    (lambda: ops.embedding_backward(IDS, np.ones((2, 2, 3), np.float32), "a"), "'a'"),
    (lambda: ops.conv_backward_input(IMAGE, KERNEL, None), "None"),
    (lambda: ops.conv_backward_weight(IMAGE, IMAGE, "abcd"), "'abcd'"),
    (lambda: ops.max_pool_backward(Y, ARGMAX, (2, 6, 6, "a"), 2), "'a'"),
    (lambda: ops.average_pool_backward(Y, 5, 2), "5"),
    (lambda: ops.adaptive_average_pool_backward(Y, None), "None"),
    (lambda: ops.max_unpool_backward(Y, None), "NoneType"),
    (lambda: ops.lstm(None, *LSTM), "NoneType"),
    (lambda: ops.lstm(X, None, *LSTM[1:]), "NoneType"),
    (lambda: ops.gru(None, None, None, None), "NoneType"),
    (lambda: ops.simple_rnn(X, *LSTM), "(4, 12)"),
    (lambda: ops.lstm(X[0], *LSTM), "(6, 4)"),
    (lambda: ops.lstm(X, LSTM[0][:2], *LSTM[1:]), "(2, 12)"),
    (lambda: ops.lstm(X, LSTM[0], LSTM[1][:2], LSTM[2]), "(4, 12)"),
    (lambda: ops.lstm(X, *LSTM[:2], LSTM[2][:5]), "(5,)"),
    (lambda: ops.lstm(X.astype(np.float64), *LSTM), "float64"),
    (lambda: ops.lstm(X, *LSTM, initial_h=STATE[:1], initial_c=STATE), "(1, 3)"),
    (lambda: ops.lstm(X, *LSTM, mask=np.ones((2, 5), bool)), "(2, 5)"),
    (lambda: ops.lstm(X, *LSTM, activation="relo"), "relo"),
]
LAYERS = [
    (lambda: layers.Dense(-1), "-1"),
    (lambda: layers.Dense(None), "None"),
    (lambda: layers.Dense("3"), "'3'"),
    (lambda: layers.Dense(3, "relo"), "'relo'"),
    (lambda: layers.Dense(3, kernel_initializer="glorot"), "'glorot'"),
    (lambda: layers.Dense(3, kernel_regularizer=3), "3"),
    (lambda: layers.Dense(3, units_of=1), "units_of"),
    (lambda: layers.Dense(3, dtype="float8"), "'float8'"),
    (lambda: layers.Dense(3)(None), "NoneType"),
    (lambda: layers.Dense(3)("text"), "str"),
    (lambda: layers.Dense(3)(np.ones(4, np.float32)), "(4,)"),
    (lambda: of_another_size(layers.Dense(3), ROWS, ROWS[:, :2]), "2"),
    (lambda: layers.Dense(3).count_params(), "before build"),
    (lambda: layers.Dense(3).set_weights([ROWS]), "1"),
    (lambda: layers.Conv2D(4, (3, 3, 3)), "(3, 3, 3)"),
    (lambda: layers.Conv2D(4, 3, groups=3), "3"),
    (lambda: layers.Conv1D(4, 3)(IMAGE), "(2, 6, 6, 3)"),
    (lambda: layers.MaxPooling2D(2, dilation_rate=0), "0"),
    (lambda: layers.MaxPooling2D(7)(IMAGE), "(6, 6)"),
    (lambda: layers.AveragePooling2D((2,)), "(2,)"),
    (lambda: layers.GlobalMaxPooling1D()(IMAGE), "(2, 6, 6, 3)"),
    (lambda: layers.AdaptiveMaxPooling2D(None), "None"),
    (lambda: layers.AdaptiveAveragePooling3D(2)(IMAGE), "(2, 6, 6, 3)"),
    (lambda: layers.MaxUnpooling2D()([Y]), "list"),
    (lambda: layers.Embedding(0, 3), "0"),
    (lambda: layers.Embedding(3, 3)(np.array([[7]])), "7"),
    (lambda: layers.LSTM(0), "0"),
    (lambda: layers.LSTM(3)(ROWS), "(2, 4)"),
    (lambda: layers.LSTM(3)(X, mask=np.ones((2, 3), bool)), "(2, 3)"),
    (lambda: layers.ReLU(max_value=-1), "-1"),
    (lambda: layers.ReLU(negative_slope=None), "None"),
    (lambda: layers.ReLU(threshold="low"), "'low'"),
    (lambda: layers.LeakyReLU(-0.1), "-0.1"),
    (lambda: layers.ELU("one"), "'one'"),
    (lambda: layers.PReLU(shared_axes=[0]), "0"),
    (lambda: layers.PReLU(shared_axes=[3])(X), "[3]"),
    (lambda: layers.PReLU().build((None, None)), "(None, None)"),
    (lambda: of_another_size(layers.PReLU(), X, X[:, :2]), "(2, 2, 4)"),
    (lambda: layers.Softmax(3)(X), "3"),
    (lambda: layers.Softmax("last"), "'last'"),
    (lambda: layers.Softmax()(X, mask=np.ones((2, 6), bool)), "(2, 6)"),
    (lambda: layers.Softmax()(X, mask="all"), "str"),
    (lambda: layers.Dropout(1.5), "1.5"),
    (lambda: layers.SpatialDropout2D(0.5)(X), "(2, 6, 4)"),
    (lambda: layers.SpatialDropout1D(-1), "-1"),
    (lambda: layers.GaussianNoise(2), "2"),
    (lambda: layers.GaussianDropout(1), "1"),
    (lambda: layers.AlphaDropout("half"), "'half'"),
    (lambda: layers.Permute((1, 3)), "(1, 3)"),
    (lambda: layers.Permute((2, 1))(ROWS), "(2, 4)"),
    (lambda: layers.RepeatVector(0), "0"),
    (lambda: layers.RepeatVector(2)(X), "(2, 6, 4)"),
    (lambda: layers.ZeroPadding1D(-1), "-1"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), "(1, 2, 3)"),
    (lambda: layers.ZeroPadding2D("same"), "'same'"),
    (lambda: layers.ZeroPadding3D()(IMAGE), "(2, 6, 6, 3)"),
    (lambda: layers.Cropping1D(3)(X), "(2, 6, 4)"),
    (lambda: layers.Cropping2D(((1, 1), (1, 1, 1))), "(1, 1, 1)"),
    (lambda: layers.UpSampling1D(2.5), "2.5"),
    (lambda: layers.UpSampling2D(0), "0"),
    (lambda: layers.UpSampling2D(2, interpolation="lanczos9"), "'lanczos9'"),
    (lambda: layers.Masking("zero"), "'zero'"),
    (lambda: layers.Rescaling("two"), "'two'"),
    (lambda: layers.BatchNormalization(axis=1.5), "1.5"),
    (lambda: layers.BatchNormalization(axis=5)(X), "5"),
    (lambda: layers.BatchNormalization(epsilon=-1), "-1"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 1}), "'max'"),
    (lambda: layers.BatchNormalization().build((None, None)), "(None, None)"),
    (lambda: of_another_size(layers.BatchNormalization(), X, X[..., :2]), "(2, 6, 2)"),
    (lambda: layers.BatchNormalization()(X, mask=np.ones((2, 5), bool), training=True), "(2, 5)"),
    (lambda: layers.LayerNormalization(axis=[1, 1])(X), "[1, 1]"),
    (lambda: layers.LayerNormalization(axis="last"), "'last'"),
    (lambda: of_another_size(layers.LayerNormalization(), X, X[..., :2]), "(2, 6, 2)"),
    (lambda: layers.GroupNormalization(3)(X), "(2, 6, 4)"),
    (lambda: layers.GroupNormalization(0), "0"),
    (lambda: layers.RMSNormalization(epsilon=None), "None"),
    (lambda: layers.UnitNormalization(7)(X), "7"),
    (lambda: layers.Add()(X), "(2, 6, 4)"),
    (lambda: layers.Add()([]), "0"),
    (lambda: layers.Add()([X, X[:, :5]]), "(2, 5, 4)"),
    (lambda: layers.Add()([X, X[:1]]), "(1, 6, 4)"),
    (lambda: layers.Add()([X, None]), "NoneType"),
    (lambda: layers.Subtract()([X, X, X]), "3"),
    (lambda: layers.Multiply()([X, X], mask=[np.ones((2, 6), bool)]), "array"),
    (lambda: layers.Maximum()(5), "int"),
    (lambda: layers.Concatenate(3)([X, X]), "(2, 6, 4)"),
    (lambda: layers.Concatenate()([X, X[:, :5]]), "(2, 5, 4)"),
    (lambda: layers.Concatenate()([X, ROWS]), "(2, 4)"),
    (lambda: layers.Dot(0)([X, X]), "0"),
    (lambda: layers.Dot((1, 2, 3)), "(1, 2, 3)"),
    (lambda: layers.Dot(1)([X, X[:, :5]]), "(2, 5, 4)"),
    (lambda: layers.Dot(1)([X]), "1"),
    (lambda: layers.Dense(3).build((2, -1)), "-1"),
    (lambda: layers.Dense(3).build("ab"), "'ab'"),
    (lambda: layers.Dense(3).set_weights(None), "NoneType"),
    (lambda: layers.Flatten()([X, X]), "2"),
    (lambda: layers.Reshape(5), "5"),
    (lambda: layers.Reshape((2, "a")), "'a'"),
    (lambda: layers.Reshape((-2, 3)), "-2"),
    (lambda: layers.Dropout(0.5, noise_shape=3), "3"),
    (lambda: layers.Dropout(0.5, noise_shape=(3, 3))(ROWS, training=True), "(3, 3)"),
    (lambda: layers.Dropout(0.5, seed="a"), "'a'"),
    (lambda: layers.GaussianNoise(0.5, seed=-1), "-1"),
    (lambda: layers.Masking({"config": None}), "config"),
    (lambda: layers.Masking([1.0, 2.0])(X), "(2,)"),
    (lambda: layers.Rescaling([1, 2])(ROWS), "(2,)"),
    (lambda: layers.Rescaling([[1, 2], [3]]), "[3]"),
    (lambda: layers.LayerNormalization(axis=[])(X), "[]"),
    (lambda: layers.Softmax([1, 1])(X), "[1, 1]"),
    (lambda: layers.Maximum()([X, X], mask=[np.ones((2, 5), bool)] * 2), "(2, 5)"),
    (lambda: gpulayers.check_gradients(3, (2, 3)), "3"),
    (lambda: layers.deserialize({"class_name": "Denser", "config": {}}), "Denser"),
    (lambda: layers.deserialize(None), "None"),
    (lambda: layers.deserialize({"config": {}}), "config"),
]
MODELS = [
    (lambda: Input(3), "3"),
    (lambda: Input(), "None"),
    (lambda: Input((-1,)), "-1"),
    (lambda: Sequential([3]), "3"),
    (lambda: Sequential("dense"), "'d'"),
    (lambda: model()(ROWS[:, :3]), "(2, 3)"),
    (lambda: model().predict(ROWS[:, :3]), "3"),
    (lambda: model(False).fit(ROWS, ROWS[:, :3]), "fit"),
    (lambda: model(False).evaluate(ROWS, ROWS[:, :3]), "evaluate"),
    (lambda: model().fit(ROWS, ROWS[:1, :3]), "1"),
    (lambda: model().fit(ROWS, ROWS[:, :3], epochs=-1), "-1"),
    (lambda: model().fit(ROWS, ROWS[:, :3], batch_size=0), "0"),
    (lambda: model().fit(ROWS, ROWS[:, :3], validation_split=1.5), "1.5"),
    (lambda: model().compile("sdg", "mse"), "'sdg'"),
    (lambda: model().compile("sgd", "mses"), "'mses'"),
    (lambda: model().compile("sgd", "mse", metrics=["acuracy"]), "'acuracy'"),
    (lambda: model().get_layer("none"), "'none'"),
    (lambda: model().get_layer(index=9), "9"),
    (lambda: model().get_layer(), "None"),
    (lambda: model().summary(layer_range=["none", "dense"]), "'none'"),
    (lambda: model().summary(layer_range=3), "3"),
    (lambda: model().summary(positions=[0.5]), "[0.5]"),
    (lambda: model().summary(line_length=5), "5"),
    (lambda: unbuilt().count_params(), "before build"),
    (lambda: model().set_weights([]), "0"),
    (lambda: gpulayers.check_gradients(layers.Dense(2), (2, 3)), "float32"),
    (lambda: optimizers.get("adamm"), "'adamm'"),
    (lambda: optimizers.SGD(-0.1), "-0.1"),
    (lambda: losses.get("mses"), "'mses'"),
    (lambda: losses.MeanSquaredError(reduction="total"), "'total'"),
    (lambda: metrics.get("acuracy"), "'acuracy'"),
    (lambda: initializers.get("glorot"), "'glorot'"),
    (lambda: initializers.get(3), "3"),
    (lambda: regularizers.get("l3"), "'l3'"),
    (lambda: constraints.get("small"), "'small'"),
    (lambda: activations.get("relo"), "'relo'"),
    (lambda: activations.relu(np.array([1, 2])), "int64"),
    (lambda: gpulayers.set_device("tpu"), "'tpu'"),
    (lambda: gpulayers.set_floatx("float8"), "'float8'"),
    (lambda: gpulayers.set_image_data_format("NHWC"), "'NHWC'"),
    (lambda: gpulayers.set_float32_precision("half"), "'half'"),
    (lambda: gpulayers.set_random_seed(-1), "-1"),
    (lambda: gpulayers.set_random_seed("one"), "'one'"),
    (lambda: gpulayers.explain(3), "int"),
    (lambda: sequence.pad_sequences(5), "int"),
    (lambda: sequence.pad_sequences([[1]], padding="left"), "'left'"),
    (lambda: sequence.pad_sequences([[1]], maxlen=-1), "-1"),
    (lambda: text.Tokenizer(num_words="many").fit_on_texts(["a"]), "'many'"),
]
FURTHER = [
    (lambda: layers.Dense(3, use_bias="no"), "'no'"),
    (lambda: layers.LSTM(3, return_sequences="False"), "'False'"),
    (lambda: layers.Dense(10**30), "1000"),
    (lambda: layers.ReLU(negative_slope=float("inf")), "inf"),
    (lambda: layers.BatchNormalization(momentum=float("nan")), "nan"),
    (lambda: layers.LSTM(3, bias_initializer=None)(X), "None"),
    (lambda: layers.Bidirectional(layers.LSTM(2), weights=3), "3"),
    (lambda: layers.LSTM(3)([]), "0 inputs"),
    (lambda: layers.LSTM(3).build(None), "None"),
    (lambda: layers.Reshape((2, 2)).compute_output_shape(()), "()"),
    (lambda: layers.GroupNormalization(-1, 1).build((2, 0, 3)), "(2, 0, 3)"),
    (lambda: layers.Dense(3)(ROWS, training="yes"), "'yes'"),
    (lambda: layers.Dense(3).forward(ROWS)[1](ROWS), "(2, 4)"),
    (lambda: layers.Dense(3).forward(ROWS)[1](None), "NoneType"),
    (lambda: layers.LSTM(3, return_state=True).forward(X)[1]([STATE]), "1"),
    (lambda: layers.GlobalAveragePooling1D()(X, mask="mask"), "str"),
    (lambda: layers.Dense(3).set_weights(["a", "b"]), "2 arrays"),
    (lambda: layers.Dense.from_config(None), "None"),
    (lambda: layers.deserialize({"class_name": "Dense", "config": {"unitz": 3}}), "unitz"),
    (lambda: activations.softmax(ROWS, axis=2), "2"),
    (lambda: activations.elu(ROWS, alpha="one"), "'one'"),
    (lambda: activations.soft_shrink(ROWS, threshold=-0.5), "-0.5"),
    (lambda: activations.squareplus(ROWS, b=-1), "-1"),
    (lambda: activations.relu(ROWS, slope=0.1), "slope"),
    (lambda: initializers.RandomNormal(stddev=-1), "-1"),
    (lambda: initializers.GlorotUniform(seed="a"), "'a'"),
    (lambda: initializers.Zeros()((2, -1)), "-1"),
    (lambda: initializers.Constant(np.ones(3))((2, 2)), "(3,)"),
    (lambda: constraints.MaxNorm("two"), "'two'"),
    (lambda: constraints.MinMaxNorm(2.0, 1.0), "1.0"),
    (lambda: constraints.UnitNorm(axis=4)(ROWS), "4"),
    (lambda: regularizers.L2()("weights"), "str"),
    (lambda: losses.MeanSquaredError(dtype="nonsense"), "'nonsense'"),
    (lambda: losses.huber(ROWS, ROWS, delta=-1), "-1"),
    (lambda: losses.categorical_crossentropy(ROWS, ROWS, axis=5), "5"),
    (lambda: losses.SparseCategoricalCrossentropy()([0.5, 1], ROWS), "0.5"),
    (lambda: metrics.RootMeanSquaredError().update_state(np.ones(4), ROWS), "(4,)"),
    (lambda: metrics.MeanIoU(2).update_state([0, float("nan")], [0, 1]), "nan"),
    (lambda: metrics.AUC(thresholds=0.5), "0.5"),
    (lambda: optimizers.Ftrl(learning_rate_power="half"), "'half'"),
    (lambda: optimizers.Muon(exclude_layers=["("]), "'('"),
    (lambda: optimizers.SGD().apply(3), "int"),
    (lambda: optimizers.SGD().apply_gradients([3]), "[3]"),
    (lambda: optimizers.schedules.ExponentialDecay("a", 1, 0.5), "'a'"),
    (lambda: optimizers.schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5), "0.5"),
    (lambda: callbacks.EarlyStopping(restore_best_weights="yes"), "'yes'"),
    (lambda: callbacks.ModelCheckpoint("a.npz", initial_value_threshold="low"), "'low'"),
    (lambda: callbacks.CSVLogger(None), "None"),
    (lambda: model().compile("sgd", "mse", steps_per_execution=0), "0"),
    (lambda: model().compile("sgd", "mse", loss_weights=float("inf")), "inf"),
    (lambda: model().fit(ROWS, ROWS[:, :3], class_weight={"a": 1}), "'a'"),
    (lambda: model().fit(ROWS, ROWS[:, :3], validation_split="half"), "'half'"),
    (lambda: model().evaluate(ROWS, ROWS[:, :3], return_dict="yes"), "'yes'"),
    (lambda: model().get_layer(index="first"), "'first'"),
    (lambda: model().summary(print_fn=3), "3"),
    (lambda: models.clone_model(model(), clone_function=3), "3"),
    (lambda: models.clone_model(functional(), clone_function=lambda layer: 7), "7"),
    (lambda: models.model_from_json("{"), "{"),
    (lambda: models.model_from_json(None), "None"),
    (lambda: Sequential.from_config({"layers": [{"class_name": "Dense"}]}), "{}"),
    (lambda: model().weights[0].assign("a"), "<U1"),
    (lambda: model().weights[0].assign_add(np.ones(7)), "(7,)"),
    (lambda: model().weights[0].add_grad(np.ones(3)), "(3,)"),
    (lambda: sequence.pad_sequences([[1]], maxlen="long"), "'long'"),
    (lambda: text.Tokenizer(split=""), "''"),
    (lambda: text.tokenizer_from_json("{}"), "{}"),
    (lambda: gpulayers.check_gradients(layers.Dense(2, dtype="float64"), 3), "3"),
]
CASES = OPS + LAYERS + MODELS + FURTHER


def test_a_build_that_fails_leaves_nothing():
    layer = layers.Dense(3, bias_initializer=np.ones(5))
    for _ in range(2):
        with pytest.raises(ValueError, match="Received: shape"):
            layer.build((None, 4))
        assert not layer.weights and not layer.built


def test_a_compile_that_fails_leaves_the_former_one():
    compiled = model()
    before = compiled.optimizer, compiled.loss
    for wrong in (dict(optimizer=None), dict(loss="nope"), dict(metrics=3), dict(jit_compile="no")):
        with pytest.raises((ValueError, TypeError)):
            compiled.compile(**dict(optimizer="adam", loss="mae") | wrong)
        assert (compiled.optimizer, compiled.loss) == before


@pytest.mark.parametrize("number", range(len(CASES)))
def test_wrong_call(number):
    call, part = CASES[number]
    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
        call()
    _, _, received = str(caught.value).partition("Received")
    assert part in received, str(caught.value)


def test_the_table_is_large():
    assert len(CASES) >= 100
