"""The process's seed and dropout."""

import random

import numpy as np
import pytest

import gpulayers
from gpulayers.ops import random as seeds


def test_the_seed_repeats_everything():
    found = []
    for seed in (7, 7, 8):
        gpulayers.set_random_seed(seed)
        found.append((seeds.next_seed(), seeds.next_seed(), random.random(), np.random.random()))
    assert found[0] == found[1]
    assert all(a != b for a, b in zip(found[0], found[2]))
    assert found[0][0] != found[0][1]


@pytest.mark.parametrize(
    "seed, error",
    [(-1, ValueError), (2**32, ValueError), (1.5, TypeError), ("a", TypeError), (None, TypeError)],
)
def test_wrong_seeds(seed, error):
    with pytest.raises(error, match="Received: "):
        gpulayers.set_random_seed(seed)


def test_dropout(dtype):
    x = np.ones((200, 300), dtype)
    y, keep = seeds.dropout(x, 0.25, seeds.host_generator(3))
    assert y.dtype == dtype
    assert abs(keep.mean() - 0.75) < 0.01
    np.testing.assert_array_equal(y, np.where(keep, np.array(1 / 0.75, dtype), 0))
    np.testing.assert_array_equal(seeds.dropout_backward(x, keep, 0.25), y)


def test_dropout_of_a_shared_shape():
    y, keep = seeds.dropout(np.ones((4, 5, 6)), 0.5, seeds.host_generator(1), (4, 1, 6))
    assert keep.shape == (4, 1, 6)
    np.testing.assert_array_equal(y, np.broadcast_to(keep, y.shape) * 2.0)


def test_dropout_of_everything():
    y, _ = seeds.dropout(np.ones((3, 3)), 1.0, seeds.host_generator(1))
    np.testing.assert_array_equal(y, 0)
