"""Embeddings and bags of them, their gradients and their optimizers against PyTorch's."""

import numpy as np
import pytest

from gpulayers import layers, optimizers

torch = pytest.importorskip("torch", reason="compares with PyTorch")


def pair(table, **options):
    """(our EmbeddingBag, PyTorch's) of one table; mode and mask_zero as options."""
    mode, padding = options.pop("mode"), options.pop("mask_zero", False)
    ours = layers.EmbeddingBag(*table.shape, mode, dtype="float64", mask_zero=padding, **options)
    ours.build(None)
    ours.set_weights([table])
    theirs = torch.nn.EmbeddingBag(
        *table.shape, mode=mode, padding_idx=0 if padding else None, dtype=torch.float64
    )
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(table))
    return ours, theirs


def compare(ours, theirs, ids, second=None, weights=None, seed=0):
    inputs = [part for part in (ids, second, weights) if part is not None]
    y, backward = ours.forward(inputs if len(inputs) > 1 else ids)
    given = None if weights is None else torch.tensor(weights, requires_grad=True)
    expected = theirs(
        torch.from_numpy(ids), None if second is None else torch.from_numpy(second), per_sample_weights=given
    )
    # float64 on both sides: sums of a few rows, in another order.
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-13)
    dy = np.random.default_rng(seed).standard_normal(y.shape)
    grads = backward(dy)
    expected.backward(torch.from_numpy(dy))
    grad = ours.embeddings.grad
    np.testing.assert_allclose(
        grad.dense() if ours.sparse_gradient else grad, theirs.weight.grad.numpy(), rtol=1e-12, atol=1e-14
    )
    if weights is not None:
        np.testing.assert_allclose(grads[-1], given.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("seed", range(4))
def test_bags(mode, seed, sparse):
    """Ragged with empty bags, and rows with and without a padding id; with ties in the maxima."""
    generator = np.random.default_rng(seed)
    table = generator.integers(-2, 3, (9, 5)).astype(np.float64)
    options = {"mode": mode, "sparse_gradient": sparse}
    lengths = generator.integers(0, 4, 6)
    ids, offsets = generator.integers(0, 9, lengths.sum()), np.cumsum([0, *lengths[:-1]])
    compare(*pair(table, **options), ids, offsets)
    rows = generator.integers(0, 9, (6, 4))
    rows[2] = 0
    compare(*pair(table, **options), rows)
    compare(*pair(table, mask_zero=True, **options), rows)
    if mode == "sum":
        compare(*pair(table, **options), ids, offsets, generator.standard_normal(len(ids)))
        compare(*pair(table, **options), rows, None, generator.standard_normal(rows.shape))
        compare(*pair(table, mask_zero=True, **options), rows, None, generator.standard_normal(rows.shape))


@pytest.mark.parametrize("name", ["SGD", "LazyAdam"])
def test_trainings_with_sparse_gradients(name):
    generator = np.random.default_rng(0)
    table = generator.standard_normal((30, 4))
    ours = layers.Embedding(30, 4, weights=table, dtype="float64", sparse_gradient=True)
    theirs = torch.nn.Embedding(30, 4, sparse=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(table))
    if name == "SGD":
        optimizer, other = optimizers.SGD(0.1), torch.optim.SGD(theirs.parameters(), 0.1)
    else:
        optimizer = optimizers.LazyAdam(0.1, 0.8, 0.95, 1e-4)
        other = torch.optim.SparseAdam(theirs.parameters(), 0.1, (0.8, 0.95), 1e-4)
    for _ in range(5):
        ids = generator.integers(0, 30, (4, 3))
        target = generator.standard_normal((4, 3, 4))
        y, backward = ours.forward(ids)
        backward(2 * (y - target))
        optimizer.apply([ours.embeddings])
        other.zero_grad()
        ((theirs(torch.from_numpy(ids)) - torch.from_numpy(target)) ** 2).sum().backward()
        other.step()
        np.testing.assert_allclose(ours.embeddings.value, theirs.weight.detach().numpy(), rtol=1e-11)
