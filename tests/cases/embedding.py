"""Embedding problems that drive every test of the operation."""

import dataclasses

import numpy as np

from gpulayers import ops


@dataclasses.dataclass(frozen=True)
class Case:
    """Ids of a shape, looked up in a table (input_dim, output_dim); `ids` says how they are drawn."""

    name: str
    shape: tuple
    input_dim: int
    output_dim: int
    ids: str = "uniform"
    index: str = "int32"

    def draw_ids(self, seed=0):
        generator = np.random.default_rng(seed)
        if self.ids == "same":
            drawn = np.full(self.shape, self.input_dim - 1)
        elif self.ids == "skewed":
            drawn = np.minimum(generator.zipf(1.3, self.shape), self.input_dim) - 1
        else:
            drawn = generator.integers(0, self.input_dim, self.shape)
        return drawn.astype(self.index)


CASES = [
    Case("one", (1,), 1, 1),
    Case("scalar", (), 3, 4),
    Case("rows of 16 bytes and more", (5, 7), 11, 8),
    Case("odd width", (4, 3), 10, 7),
    Case("wide rows", (9,), 5, 67, index="int64"),
    Case("aligned wide rows", (3, 5), 6, 128, index="int64"),
    Case("many duplicates", (300,), 4, 33),
    Case("all the same", (70,), 9, 8, ids="same"),
    Case("skewed", (20, 10), 50, 12, ids="skewed", index="int64"),
    Case("more than one block", (40, 30), 100, 16),
    Case("large table", (6,), 1000, 3),
    Case("more than a block's columns", (30,), 7, 264, ids="skewed"),
    Case("no ids", (0, 5), 4, 3),
    Case("no columns", (2, 5), 4, 0),
]


def run(case, device, dtype):
    """Calls every function of the operation once, on zeros."""
    ids = device.asarray(np.zeros(case.shape, case.index))
    ops.embedding(ids, device.zeros((case.input_dim, case.output_dim), dtype))
    grad_output = device.zeros((*case.shape, case.output_dim), dtype)
    ops.embedding_backward(ids, grad_output, case.input_dim)
    ops.embedding_backward_sparse(ids, grad_output, case.input_dim)
