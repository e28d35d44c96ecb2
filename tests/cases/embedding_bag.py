"""Embedding bag problems that drive every test of the operation."""

import dataclasses

import numpy as np

from gpulayers import ops


@dataclasses.dataclass(frozen=True)
class Case:
    """Bags of these lengths, of rows of a table (input_dim, output_dim)."""

    name: str
    lengths: tuple
    input_dim: int
    output_dim: int
    index: str = "int32"

    @property
    def offsets(self):
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)

    def draw_ids(self, seed=0):
        generator = np.random.default_rng(seed)
        return generator.integers(0, self.input_dim, sum(self.lengths)).astype(self.index)


CASES = [
    Case("one", (1,), 1, 1),
    Case("empty bags", (0, 3, 0, 2, 0), 7, 8),
    Case("odd width", (4, 1, 5), 10, 7, index="int64"),
    Case("long bag", (60, 2), 5, 16),
    Case("more than one block", (2, 1) * 60, 20, 33),
]


def run(case, device, dtype):
    """Calls every function of the operation in each mode, on zeros."""
    ids, offsets = device.asarray(case.draw_ids() * 0), device.asarray(case.offsets)
    table = device.zeros((case.input_dim, case.output_dim), dtype)
    for mode in ("sum", "mean", "max", "weighted"):
        options = (
            {"mode": "sum", "weights": device.zeros(ids.shape, dtype)}
            if mode == "weighted"
            else {"mode": mode}
        )
        y, argmax = ops.embedding_bag(ids, offsets, table, **options)
        for backward in (ops.embedding_bag_backward, ops.embedding_bag_backward_sparse):
            backward(y, ids, offsets, table, argmax=argmax, **options)
