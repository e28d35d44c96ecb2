"""Row-sparse gradients: the value type, optimizers that take them, layers that give them, trainings."""

import tracemalloc

import numpy as np
import pytest

import gpulayers
from gpulayers import Variable, constraints, layers, models, ops, optimizers
from gpulayers.ops import RowSparseGradient, arrays
from tests.tolerances import assert_close, assert_exact

SHAPE = (7, 4)


def gradient(device=arrays.CPU, ids=(1, 3, 6), dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).standard_normal((len(ids), SHAPE[1])).astype(dtype)
    return RowSparseGradient(device.asarray(np.array(ids)), device.asarray(values), SHAPE)


def table(device=arrays.CPU, dtype=np.float32):
    value = np.random.default_rng(9).standard_normal(SHAPE).astype(dtype)
    return Variable(device.asarray(value), "embeddings")


# The value type


def test_value(kernel_device, dtype):
    for device in (kernel_device, arrays.CPU):
        grad = gradient(device, dtype=dtype)
        dense = device.to_numpy(grad.dense())
        assert dense.shape == SHAPE and dense.dtype == grad.dtype == dtype
        assert_exact(dense[[1, 3, 6]], device.to_numpy(grad.values))
        assert not dense[[0, 2, 4, 5]].astype(bool).any()
        norm = float((dense.astype(np.float64) ** 2).sum())
        assert float(device.to_numpy(grad.squared_norm())) == pytest.approx(norm, rel=1e-6)
        for scaled in (grad * 0.5, 0.5 * grad, np.float64(0.5) * grad):
            assert scaled.dtype == dtype
            assert_exact(device.to_numpy(scaled.dense()), 0.5 * dense.astype(np.float64))
        assert grad.astype(np.float64).dtype == np.float64 and grad.astype(dtype, copy=False) is grad


def test_sum(kernel_device, dtype):
    for device in (kernel_device, arrays.CPU):
        one, other = gradient(device, dtype=dtype), gradient(device, (0, 3, 5, 6), dtype, seed=1)
        total = one + other
        assert device.to_numpy(total.ids).tolist() == [0, 1, 3, 5, 6] and total.dtype == dtype
        wide = [device.to_numpy(part.dense()).astype(np.float64) for part in (one, other)]
        assert_close(device.to_numpy(total.dense()), wide[0] + wide[1], 2)
        nothing = RowSparseGradient(device.zeros((0,), np.int64), device.zeros((0, 4), dtype), SHAPE)
        assert device.to_numpy((nothing + one).values).tobytes() == device.to_numpy(one.values).tobytes()
        assert len((nothing + nothing).ids) == 0 and not device.to_numpy(nothing.dense()).any()


def test_it_does_not_become_an_array_by_itself():
    for call in (np.asarray, np.sum, lambda grad: np.ones(SHAPE) + grad, lambda grad: grad + np.ones(SHAPE)):
        with pytest.raises(TypeError):
            call(gradient())
    assert repr(gradient()) == "<RowSparseGradient of 3 rows, shape=(7, 4), dtype=float32>"


ROWS = np.ones((2, 4), np.float32)


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: RowSparseGradient(np.array([3, 1]), ROWS, SHAPE), ValueError),
        (lambda: RowSparseGradient(np.array([3, 3]), ROWS, SHAPE), ValueError),
        (lambda: RowSparseGradient(np.array([3, 7]), ROWS, SHAPE), ValueError),
        (lambda: RowSparseGradient(np.array([-1, 3]), ROWS, SHAPE), ValueError),
        (lambda: RowSparseGradient(np.array([1, 2, 3]), ROWS, SHAPE), ValueError),
        (lambda: RowSparseGradient(np.array([1, 2]), ROWS[:, :3], SHAPE), ValueError),
        (lambda: RowSparseGradient(np.array([1, 2]), ROWS, (7,)), ValueError),
        (lambda: RowSparseGradient(np.array([1.0, 2.0]), ROWS, SHAPE), TypeError),
        (lambda: RowSparseGradient(np.array([1, 2]), ROWS.astype(int), SHAPE), TypeError),
        (lambda: gradient() + RowSparseGradient(np.array([1, 2]), ROWS, (9, 4)), ValueError),
        (lambda: gradient() + gradient(dtype=np.float64), ValueError),
    ],
)
def test_wrong_values(make, error):
    with pytest.raises(error, match="Received: "):
        make()


def test_variable_adds_gradients_of_one_kind():
    variable = table()
    variable.add_grad(gradient(dtype=np.float64))
    variable.add_grad(gradient(ids=(0, 1), seed=1))
    assert variable.grad.dtype == np.float32 and variable.grad.ids.tolist() == [0, 1, 3, 6]
    with pytest.raises(TypeError, match="sparse_gradient=False.*Received: dense after row-sparse"):
        variable.add_grad(np.ones(SHAPE, np.float32))
    variable.grad = np.ones(SHAPE, np.float32)
    with pytest.raises(TypeError, match="Received: row-sparse after dense"):
        variable.add_grad(gradient())


# Optimizers

OPTIONS = [
    {},
    {"clipvalue": 0.5},
    {"clipnorm": 0.5},
    {"global_clipnorm": 0.5},
    {"loss_scale_factor": 4.0, "clipnorm": 0.5},
    {"use_ema": True, "ema_overwrite_frequency": 2},
]


def trained(optimizer, device, dtype, sparse, ids=((1, 3, 6), (0, 1), (3,))):
    """A table and a bias after a step for each of the ids' batches."""
    variables = [table(device, dtype), Variable(device.asarray(np.ones(3, dtype)), "bias")]
    for step, used in enumerate(ids):
        grad = gradient(device, used, dtype, seed=step)
        bias = np.random.default_rng(step).standard_normal(3).astype(dtype)
        variables[0].grad = grad if sparse else grad.dense()
        variables[1].grad = device.asarray(bias)
        optimizer.apply(variables)
        assert variables[0].grad is None
    return [device.to_numpy(variable.value) for variable in variables]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_sgd_is_that_of_the_dense_gradient_to_the_bit(options, kernel_device, dtype):
    for device in (kernel_device, arrays.CPU):
        ours = trained(optimizers.SGD(0.1, **options), device, dtype, sparse=True)
        dense = trained(optimizers.SGD(0.1, **options), device, dtype, sparse=False)
        norms = bool({"clipnorm", "global_clipnorm"} & set(options))  # whose sums are in another order
        for one, other in zip(ours, dense):
            assert_close(one, other.astype(np.float64), 3 * norms) if norms else assert_exact(one, other)


@pytest.mark.parametrize("kind", ["SGD", "LazyAdam"])
@pytest.mark.parametrize("options", OPTIONS[:4] + [{"weight_decay": 0.1}], ids=str)
def test_with_every_row_used_it_is_the_dense_optimizer(kind, options, kernel_device):
    every = [tuple(range(SHAPE[0]))] * 3
    own = {"momentum": 0.9, "nesterov": True} if kind == "SGD" else {"amsgrad": True}
    base = {"SGD": "SGD", "LazyAdam": "Adam"}[kind]
    for device in (kernel_device, arrays.CPU):
        ours = trained(getattr(optimizers, kind)(0.1, **own, **options), device, np.float32, True, every)
        dense = trained(getattr(optimizers, base)(0.1, **own, **options), device, np.float32, False, every)
        assert ours[0].tobytes() == dense[0].tobytes() and ours[1].tobytes() == dense[1].tobytes()


def test_lazy_steps_by_hand(kernel_device):
    """Momentum, Adam's moments with a global bias correction and decay, in the rows used alone."""
    for device in (kernel_device, arrays.CPU):
        batches = ((1, 3, 6), (0, 1), (3,))
        sgd = optimizers.SGD(0.1, 0.9, weight_decay=0.5)
        found = trained(sgd, device, np.float64, True, batches)[0]
        adam = optimizers.LazyAdam(0.1, 0.8, 0.95, 1e-3)
        found_adam = trained(adam, device, np.float64, True, batches)[0]
        w, x = (device.to_numpy(table(device, np.float64).value).copy() for _ in range(2))
        moment, m, v = np.zeros((3, *SHAPE))
        for step, used in enumerate(batches):
            grads = device.to_numpy(gradient(device, used, np.float64, seed=step).values)
            for g, row in zip(grads, used):
                w[row] -= 0.5 * 0.1 * w[row]
                moment[row] = 0.9 * moment[row] - 0.1 * g
                w[row] += moment[row]
                m[row] = 0.8 * m[row] + 0.2 * g
                v[row] = 0.95 * v[row] + 0.05 * g * g
                t = step + 1
                alpha = 0.1 * np.sqrt(1 - 0.95**t) / (1 - 0.8**t)
                x[row] -= alpha * m[row] / (np.sqrt(v[row]) + 1e-3)
        np.testing.assert_allclose(found, w, rtol=1e-13)
        np.testing.assert_allclose(found_adam, x, rtol=1e-12)


def test_row_wise_adagrad(kernel_device):
    batches = ((1, 3, 6), (0, 1), (3,))
    for device in (kernel_device, arrays.CPU):
        for sparse in (True, False):
            optimizer = optimizers.RowWiseAdagrad(0.1, 0.25, 1e-3)
            found, bias = trained(optimizer, device, np.float64, sparse, batches)
            w, a = device.to_numpy(table(device, np.float64).value).copy(), np.full(SHAPE[0], 0.25)
            b, c = np.ones(3), np.full(3, 0.25)
            for step, used in enumerate(batches):
                grads = device.to_numpy(gradient(device, used, np.float64, seed=step).values)
                for g, row in zip(grads, used):
                    a[row] += sum(g * g) / SHAPE[1]
                    w[row] -= 0.1 * g / (np.sqrt(a[row]) + 1e-3)
                g = np.random.default_rng(step).standard_normal(3)
                c += g * g
                b -= 0.1 * g / (np.sqrt(c) + 1e-3)
            np.testing.assert_allclose(found, w, rtol=1e-12)
            np.testing.assert_allclose(bias, b, rtol=1e-12)
            states = {v.name: v.shape for v in optimizer.variables[2:]}
            assert states == {"embeddings_accumulator": (7,), "bias_accumulator": (3,)}


def test_row_wise_adagrad_of_other_ranks():
    for shape in ((), (3,), (3, 2, 2)):
        optimizer, variable = optimizers.RowWiseAdagrad(0.5), Variable(np.zeros(shape), "w")
        optimizer.apply([np.full(shape, 2.0)], [variable])
        np.testing.assert_allclose(variable.value, np.full(shape, -0.5))


TAKERS = {"SGD", "LazyAdam", "RowWiseAdagrad", "LossScaleOptimizer", "Optimizer"}
OTHERS = [name for name in optimizers.__all__ if name[0].isupper() and name not in TAKERS]


@pytest.mark.parametrize("name", OTHERS)
def test_other_optimizers_name_those_that_take_it(name):
    variable = table()
    before = variable.numpy()
    for optimizer in (
        getattr(optimizers, name)(),
        optimizers.LossScaleOptimizer(getattr(optimizers, name)()),
    ):
        variable.grad = gradient()
        with pytest.raises(TypeError, match="SGD, LazyAdam or RowWiseAdagrad. Received: a row-sparse"):
            optimizer.apply([variable])
        assert variable.numpy().tobytes() == before.tobytes() and int(optimizer.iterations) == 0


def test_accumulated_gradients_are_refused():
    optimizer = optimizers.SGD(gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match="gradient_accumulation_steps.*Received: "):
        optimizer.apply([gradient()], [table()])


def test_loss_scale(kernel_device):
    for device in (kernel_device, arrays.CPU):
        optimizer, variable = optimizers.LossScaleOptimizer(optimizers.SGD(1.0), 4.0), table(device)
        before = device.to_numpy(variable.value).copy()
        bad = gradient(device)
        bad.values[1, 2] = np.inf
        optimizer.apply([bad], [variable])
        assert device.to_numpy(variable.value).tobytes() == before.tobytes()
        assert float(optimizer.dynamic_scale) == 2.0
        grad = gradient(device)
        optimizer.apply([grad], [variable])
        expected = before - 0.5 * device.to_numpy(grad.dense())
        assert_close(device.to_numpy(variable.value), expected.astype(np.float64), 2)


def test_constraints_see_the_whole_table():
    variable = Variable(np.full((3, 2), -1.0), "w", constraint=constraints.NonNeg())
    optimizers.SGD(1.0).apply([RowSparseGradient(np.array([1]), np.full((1, 2), -3.0), (3, 2))], [variable])
    assert variable.value.tolist() == [[0, 0], [2, 2], [0, 0]]


def test_shapes_and_devices_of_gradients(emulated):
    with pytest.raises(ValueError, match=r"shape \(7, 4\). Received: \(9, 4\)"):
        optimizers.SGD().apply([RowSparseGradient(np.array([1, 2]), ROWS, (9, 4))], [table()])
    with pytest.raises(TypeError, match="must lie on its device cpu. Received: emulated"):
        optimizers.SGD().apply([gradient(emulated)], [table()])


@pytest.mark.parametrize("name", ["LazyAdam", "RowWiseAdagrad"])
def test_configurations(name):
    optimizer = getattr(optimizers, name)(0.5, weight_decay=0.1)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()


# Layers

IDS = np.array([[1, 5, 1], [0, 5, 5]])


def test_embedding(dtype):
    sparse, dense = (layers.Embedding(7, 4, sparse_gradient=flag, dtype=dtype.name) for flag in (True, False))
    for layer in (sparse, dense):
        layer.build((None, 3))
    sparse.set_weights(dense.get_weights())
    grad_output = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(dtype)
    for layer in (sparse, dense):
        y, backward = layer.forward(IDS)
        assert backward(grad_output) is None
    grad = sparse.embeddings.grad
    assert isinstance(grad, RowSparseGradient) and grad.ids.tolist() == [0, 1, 5]
    assert grad.dense().tobytes() == dense.embeddings.grad.tobytes()
    sparse.forward(IDS[:1] + 1)[1](grad_output[:1])  # a second use adds
    dense.forward(IDS[:1] + 1)[1](grad_output[:1])
    assert sparse.embeddings.grad.ids.tolist() == [0, 1, 2, 5, 6]
    assert_close(sparse.embeddings.grad.dense(), dense.embeddings.grad.astype(np.float64), 4, 10.0)
    sparse.embeddings.grad = None
    sparse.trainable = False
    sparse.forward(IDS)[1](grad_output)
    assert sparse.embeddings.grad is None


def test_embedding_on_the_kernels(emulated_default):
    layer = layers.Embedding(7, 4, sparse_gradient=True)
    y, backward = layer.forward(emulated_default.asarray(IDS))
    backward(y)
    grad = layer.embeddings.grad
    assert emulated_default.to_numpy(grad.ids).tolist() == [0, 1, 5]
    optimizers.LazyAdam().apply([layer.embeddings])
    names = [launch.expression.partition("<")[0] for launch in emulated_default.launches]
    assert names == [
        "embedding_gather_forward",
        "embedding_unique_ids",
        "embedding_runs_backward",
        "adam_row_sparse_step",
    ]


@pytest.mark.parametrize("kind", [layers.Embedding, layers.EmbeddingBag])
def test_configuration_of_layers(kind):
    assert "sparse_gradient" not in kind(7, 4).get_config()
    layer = kind(7, 4, sparse_gradient=True)
    assert layer.get_config()["sparse_gradient"] is True
    assert layers.deserialize(layers.serialize(layer)).sparse_gradient is True
    with pytest.raises(ValueError, match="weight_decay.*Received: "):
        kind(7, 4, embeddings_regularizer="l2", sparse_gradient=True)


def test_gradients_of_sparse_layers():
    wide = {"dtype": "float64", "sparse_gradient": True}
    for layer, inputs in (
        (layers.Embedding(7, 4, **wide), IDS),
        (layers.EmbeddingBag(7, 4, "max", **wide), IDS),
        (layers.EmbeddingBag(7, 4, "sum", **wide), [IDS, np.array([2, 0]), np.ones((2, 3)) / 3]),
    ):
        assert gpulayers.check_gradients(layer, None, inputs=inputs), layer


def test_a_weight_that_a_dense_layer_shares():
    layer = layers.Embedding(7, 4, sparse_gradient=True)
    y, backward = layer.forward(IDS)
    backward(y)
    with pytest.raises(TypeError, match=f"{layer.embeddings.path}.*sparse_gradient=False"):
        layer.embeddings.add_grad(np.zeros((7, 4), np.float32))


# Trainings


def recommender(sparse, dtype="float32"):
    """Two tables and a bag as in DLRM, a shared embedding used twice."""
    gpulayers.set_random_seed(1)
    options = {"sparse_gradient": sparse, "dtype": dtype}
    user, item = (layers.Input((1,), dtype="int32", name=name) for name in ("user", "item"))
    history = layers.Input((5,), dtype="int32", name="history")
    items = layers.Embedding(50, 8, name="items", **options)
    parts = [
        layers.Flatten()(layers.Embedding(40, 8, name="users", **options)(user)),
        layers.Flatten()(items(item)),
        layers.GlobalAveragePooling1D()(items(history)),
        layers.EmbeddingBag(50, 8, "mean", mask_zero=True, name="bags", **options)(history),
    ]
    x = layers.Dense(16, activation="relu", dtype=dtype)(layers.Concatenate()(parts))
    return models.Model([user, item, history], layers.Dense(1, activation="sigmoid", dtype=dtype)(x))


def clicks():
    generator = np.random.default_rng(0)
    user, item = (generator.integers(0, size, (64, 1)) for size in (40, 50))
    history = generator.integers(0, 50, (64, 5))
    return [user, item, history], (item % 2 == history[:, :1] % 2).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"clipnorm": 0.05}, {"global_clipnorm": 0.1}], ids=str)
def test_sgd_trains_the_same_with_and_without(options):
    found = []
    for sparse in (False, True):
        model = recommender(sparse)
        model.compile(optimizers.SGD(0.5, **options), "binary_crossentropy")
        history = model.fit(*clicks(), batch_size=16, epochs=4, verbose=0, shuffle=False)
        found.append((history.history["loss"], model.get_weights()))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=2e-6)
    for one, other in zip(found[0][1], found[1][1]):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert found[0][0][-1] < found[0][0][0]


@pytest.mark.parametrize("optimizer", ["lazyadam", "rowwiseadagrad"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_lazy_optimizers_train(optimizer, dtype):
    model = recommender(True, dtype)
    optimizer = {"lazyadam": optimizers.LazyAdam(0.02), "rowwiseadagrad": optimizers.RowWiseAdagrad(0.1)}[
        optimizer
    ]
    model.compile(optimizer, "binary_crossentropy")
    losses = model.fit(*clicks(), batch_size=16, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.LazyAdam, optimizers.RowWiseAdagrad])
def test_a_step_takes_no_memory_of_the_tables_size(make):
    """200000 rows of 32 columns are 25.6 MB; a step on 48 ids works in a small part of that."""
    model = models.Sequential(
        [layers.Embedding(200_000, 32, sparse_gradient=True), layers.Flatten(), layers.Dense(1)]
    )
    model.compile(make(0.1), "mse")
    ids, y = np.random.default_rng(0).integers(0, 200_000, (16, 3)), np.ones((16, 1), np.float32)
    model.train_on_batch(ids, y)  # makes the states
    tracemalloc.start()
    model.train_on_batch(ids, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
