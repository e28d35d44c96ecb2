"""The benchmarks' baselines compute the same as this library's operations."""

import numpy as np
import pytest

from bench import baselines, counters, workloads
from bench.workloads import BOTH, FORWARD, Workload, dense, embedding, models, recurrent_variants, transposed
from gpulayers.ops import arrays

pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")

_TABLE = embedding.EmbeddingProblem((90,), 60, 5, np.dtype(np.float32), np.dtype(np.int64))
ROWS = [
    *counters.rows(),
    *(
        Workload("embedding", f"tiny {ids}", "", _TABLE, ids, direction)
        for ids in ("uniform", "zipf")
        for direction in (embedding.SPARSE, embedding.SGD, embedding.ADAM)
    ),
    *(dense.row_of("tiny", 5, 7, 9, "relu", "", 0, direction, "float32") for direction in (FORWARD, BOTH)),
    *(transposed.row_of("dcgan 4x4/2 64>3 32", 1, direction) for direction in (FORWARD, BOTH)),
    transposed.row_of("3d 2x2x2/2 64>32 32", 1, BOTH),
    *recurrent_variants.tiny_rows(),
    models.row_of("MobileNetV2", 1, FORWARD),
    models.row_of(models.CHARACTERS, 4, models.TRAINING),
]


@pytest.mark.parametrize("workload", ROWS, ids=lambda row: row.key)
def test_baselines_are_right(workload):
    operands = workload.module.operands(workload, arrays.CPU, seed=1)
    with baselines.precision(workload, arrays.CPU):
        found = baselines.candidates(workload, operands, arrays.CPU)
        assert "torch" in found
        for name, candidate in found.items():
            workload.module.check(workload, operands, candidate.outputs(candidate.run()), arrays.CPU)


def test_keras_runs_on_arrays_it_is_given():
    """What closes over its arrays would be computed by JAX while it compiles, and timed as nothing."""
    from bench.baselines import with_keras

    if with_keras.unavailable(arrays.CPU):
        pytest.skip(with_keras.unavailable(arrays.CPU))
    for workload in ROWS:
        build = getattr(with_keras, f"_{workload.family}", None)
        found = build and build(workload, workload.module.operands(workload, arrays.CPU, seed=1), arrays.CPU)
        if found:
            function, given = found
            assert given and not [
                cell
                for cell in function.__closure__ or ()
                if hasattr(cell.cell_contents, "shape") and hasattr(cell.cell_contents, "dtype")
            ], workload.key


def test_every_cpu_row_has_pytorch():
    for row in workloads.all_rows("cpu", quick=True):
        operands = row.module.operands(row, arrays.CPU, seed=1)
        assert "torch" in baselines.candidates(row, operands, arrays.CPU), row.key


def test_precision_is_set_and_put_back():
    import torch

    row = next(row for row in workloads.all_rows("gpu") if row.precision == "tf32")
    read = (
        (lambda: torch.backends.cudnn.conv.fp32_precision)
        if hasattr(torch.backends.cudnn, "conv")
        else (lambda: torch.backends.cudnn.allow_tf32)
    )
    before = read()
    with baselines.precision(row, arrays.CPU):
        assert read() in ("tf32", True)
    assert read() == before
