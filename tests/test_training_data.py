"""What fit, evaluate and predict take: several inputs and outputs, generators, numbered batches."""

import numpy as np
import pytest

from gpulayers import Input, Model, Sequential, layers, optimizers


def data(samples=10, seed=0):
    x = np.random.default_rng(seed).standard_normal((samples, 2)).astype(np.float32)
    return x, (x @ np.array([[1.0], [3.0]]) - 0.5).astype(np.float32)


def linear(**options):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.set_weights([np.array([[2.0], [-1.0]]), np.array([0.5])])
    model.compile(**{"optimizer": optimizers.SGD(0.1), "loss": "mse"} | options)
    return model


def pair(**options):
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = Model([a, b], [layers.Dense(1, name="p")(a), layers.Dense(1, name="q")(b)])
    model.set_weights([np.ones((2, 1)), np.zeros(1), np.full((2, 1), 2.0), np.ones(1)])
    model.compile(**{"optimizer": optimizers.SGD(0.0), "loss": "mse"} | options)
    return model


class Pieces:
    """Batches by number; records what is asked for."""

    def __init__(self, x, y, size):
        self.x, self.y, self.size, self.asked, self.passes = x, y, size, [], 0

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, number):
        self.asked.append(number)
        chosen = slice(number * self.size, (number + 1) * self.size)
        return self.x[chosen], self.y[chosen]

    def on_epoch_end(self):
        self.passes += 1


def squares(x, y, kernel, bias):
    return (x @ np.array(kernel)[:, None] + bias - y)[:, 0] ** 2


def test_several_inputs_and_outputs():
    (x, y), (x2, y2) = data(), data(seed=1)
    model = pair(metrics=[["mae"], None], loss_weights=[1.0, 0.5])
    p, q = squares(x, y, [1, 1], 0), squares(x2, y2, [2, 2], 1)
    found = model.evaluate([x, x2], [y, y2], batch_size=3, verbose=0, return_dict=True)
    assert set(found) == {"loss", "p_loss", "q_loss", "p_mae"}
    assert found["p_loss"] == pytest.approx(p.mean(), rel=1e-5)
    assert found["q_loss"] == pytest.approx(q.mean(), rel=1e-5)
    assert found["loss"] == pytest.approx(p.mean() + 0.5 * q.mean(), rel=1e-5)
    assert found["p_mae"] == pytest.approx(np.sqrt(p).mean(), rel=1e-5)
    named = model.evaluate({"b": x2, "a": x}, {"q": y2, "p": y}, batch_size=3, verbose=0, return_dict=True)
    assert named == found
    assert model.metrics_names == ["loss", "p_loss", "q_loss", "p_mae"]
    weights = np.linspace(0, 1, 10)
    weighted = model.evaluate([x, x2], [y, y2], sample_weight=[None, weights], verbose=0, return_dict=True)
    assert weighted["p_loss"] == pytest.approx(p.mean(), rel=1e-5)
    assert weighted["q_loss"] == pytest.approx((q * weights).mean(), rel=1e-5)
    spread = model.evaluate([x, x2], [y, y2], sample_weight=weights, verbose=0, return_dict=True)
    assert spread["p_loss"] == pytest.approx((p * weights).mean(), rel=1e-5)
    first, second = model.predict([x, x2], batch_size=4, verbose=0)
    assert first.shape == second.shape == (10, 1)
    one = pair(loss=["mse", None])
    assert one.evaluate([x, x2], [y, None], verbose=0) == pytest.approx(p.mean(), rel=1e-5)


def test_each_output_trains_by_its_weight():
    (x, y), (x2, y2) = data(), data(seed=1)
    model = pair(optimizer=optimizers.SGD(0.1), loss_weights={"p": 1.0, "q": 0.0})
    before = model.get_weights()
    history = model.fit([x, x2], [y, y2], validation_split=0.2, verbose=0).history
    assert set(history) == {"loss", "p_loss", "q_loss", "val_loss", "val_p_loss", "val_q_loss"}
    changed = [not np.array_equal(*w) for w in zip(before, model.get_weights())]
    assert changed == [True, True, False, False]


@pytest.mark.parametrize("kind", ["generator", "list object", "numbered"])
def test_batches_give_what_arrays_give(kind):
    x, y = data()
    slices = [(x[i : i + 4], y[i : i + 4]) for i in range(0, 10, 4)]

    class Iterable:
        def __iter__(self):
            return iter(slices)

    give = {
        "generator": lambda: (batch for batch in slices),
        "list object": Iterable,
        "numbered": lambda: Pieces(x, y, 4),
    }[kind]
    plain, model = linear(), linear()
    expected = plain.fit(x, y, batch_size=4, shuffle=False, verbose=0).history
    assert model.fit(give(), shuffle=False, verbose=0).history == expected
    for first, second in zip(plain.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(first, second)
    assert model.evaluate(give(), verbose=0) == plain.evaluate(x, y, batch_size=4, verbose=0)
    np.testing.assert_array_equal(
        model.predict(give(), verbose=0), plain.predict(x, batch_size=4, verbose=0)
    )
    history = model.fit(x, y, validation_data=give(), verbose=0).history
    assert set(history) == {"loss", "val_loss"}


def test_a_numbered_source_is_shuffled_by_batches():
    pieces = Pieces(*data(40), 2)
    linear().fit(pieces, epochs=2, verbose=0)
    first, second = pieces.asked[:20], pieces.asked[20:]
    assert sorted(first) == sorted(second) == list(range(20)) and first != second and pieces.passes == 2
    pieces.asked.clear()
    linear().fit(pieces, shuffle=False, verbose=0)
    assert pieces.asked == list(range(20))


def test_shuffling_within_batches():
    seen = []

    class Spy(layers.Layer):
        def forward(self, x, training=True):
            seen.append(x[:, 0].tolist())
            return x, lambda grad: grad

    model = Sequential([Input((1,)), Spy(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(21, dtype=np.float32)[:, None]
    model.fit(x, x, batch_size=5, shuffle="batch", verbose=0)
    assert [sorted(batch) for batch in seen] == [x[i : i + 5, 0].tolist() for i in (0, 5, 10, 15, 20)]
    assert sum(seen, []) != x[:, 0].tolist()


def test_steps_of_an_epoch():
    x, y = data(12)
    model = linear()
    model.fit(x, y, batch_size=3, steps_per_epoch=2, epochs=4, verbose=0)
    assert model.optimizer.iterations == 8
    twin = linear()
    twin.fit(x, y, batch_size=3, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    other = linear()
    other.fit(x, y, batch_size=3, shuffle=False, verbose=0)  # the second epoch goes on where the first ended
    np.testing.assert_array_equal(twin.get_weights()[0], other.get_weights()[0])
    assert model.evaluate(x, y, batch_size=3, steps=2, verbose=0) == pytest.approx(
        model.evaluate(x[:6], y[:6], verbose=0)
    )
    assert model.predict(x, batch_size=3, steps=2, verbose=0).shape == (6, 1)
    with pytest.warns(UserWarning, match="ended after 1 of 3 steps"):
        model.fit(((x, y) for _ in range(1)), steps_per_epoch=3, verbose=0)
    with pytest.warns(UserWarning, match="The data has ended"):
        assert model.fit(((x, y) for _ in range(2)), epochs=3, verbose=0).epoch == [0]


def test_plain_lines_count_unknown_batches(capsys):
    x, y = data()
    linear().fit(((x, y) for _ in range(3)), verbose=2)
    assert capsys.readouterr().out.startswith("3/3 - ")


def test_weights_in_batches_and_in_validation():
    x, y = data(4)
    weights = np.array([1.0, 0, 0, 2])
    expected = linear().evaluate(x, y, sample_weight=weights, verbose=0)
    assert linear().evaluate(iter([(x, y, weights)]), verbose=0) == expected
    still = linear(optimizer=optimizers.SGD(0.0))
    history = still.fit(x, y, validation_data=iter([(x, y, weights)]), verbose=0).history
    assert history["val_loss"] == [expected]
    history = still.fit(x, y, epochs=3, validation_data=(x, y), validation_freq=[1, 3], verbose=0).history
    assert len(history["val_loss"]) == 2


X, Y = data()


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: pair().fit(X, Y), ValueError),
        (lambda: pair().fit([X, X, X], [Y, Y]), ValueError),
        (lambda: pair().fit([X, X[:3]], [Y, Y]), ValueError),
        (lambda: pair().fit({"a": X}, [Y, Y]), ValueError),
        (lambda: pair().fit([X, None], [Y, Y]), TypeError),
        (lambda: pair().fit([X, X], Y), ValueError),
        (lambda: pair().fit([X, X], [Y, None]), ValueError),
        (lambda: pair().fit([X, X], {"p": Y}), ValueError),
        (lambda: pair().fit([X, X], [Y, Y], class_weight={0: 1.0}), ValueError),
        (lambda: pair().fit([X, X], [Y, Y], sample_weight=[np.ones(10)]), ValueError),
        (lambda: pair(loss=["mse"]).fit([X, X], [Y, Y]), ValueError),
        (lambda: pair(loss={"p": "mse", "r": "mse"}).fit([X, X], [Y, Y]), ValueError),
        (lambda: pair(loss_weights=[1.0]).fit([X, X], [Y, Y]), ValueError),
        (lambda: pair(metrics=["mae"]).fit([X, X], [Y, Y]), ValueError),
        (lambda: pair(metrics={"r": "mae"}).fit([X, X], [Y, Y]), ValueError),
        (lambda: linear(loss=["mse", "mae"]).fit(X, Y), ValueError),
        (lambda: linear().fit(iter([(X, Y)]), Y), TypeError),
        (lambda: linear().fit(iter([(X, Y)]), validation_split=0.5), ValueError),
        (lambda: linear().fit(iter([])), ValueError),
        (lambda: linear().fit(iter([(X, Y, None, 3)])), ValueError),
        (lambda: linear().fit(iter([(X[:, :1], Y)])), ValueError),
        (lambda: linear().fit(X, Y, steps_per_epoch=0), ValueError),
        (lambda: linear().fit(X, Y, shuffle="all"), ValueError),
        (lambda: linear().fit(X, Y, class_weight=[1.0]), TypeError),
        (lambda: linear().evaluate(iter([])), ValueError),
        (lambda: linear().predict(iter([])), ValueError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
