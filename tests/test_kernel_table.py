"""What a compiled kernel takes, its predicted occupancy, and the table of all kernels."""

import re

import numpy as np
import pytest

from gpulayers import jit, kernel_table
from gpulayers.__main__ import main
from gpulayers.jit import Resources
from tests.test_compile import FAMILIES, instances, needs_compiler

LOG = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z1fv' for 'sm_90'
ptxas info    : Function properties for _Z1fv
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 2048 bytes smem, 400 bytes cmem[0]
ptxas info    : Compiling entry function '_Z1gv' for 'sm_90'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers
"""


def test_read_resources():
    assert jit.read_resources(LOG) == {"_Z1fv": Resources(40, 16, 20, 2048), "_Z1gv": Resources(255, 0, 0, 0)}


@pytest.mark.parametrize(
    "architecture, registers, threads, shared, expected",
    [
        ("sm_90", 32, 256, 0, 1.0),
        ("sm_90", 33, 256, 0, 48 / 64),  # 40 registers are given, 6 blocks fit
        ("sm_90", 64, 256, 0, 0.5),
        ("sm_90", 255, 256, 0, 8 / 64),
        ("sm_90", 255, 512, 0, 0.0),  # 16 warps of 256 registers need twice what there is
        ("sm_90", 32, 32, 0, 0.5),  # 32 blocks of a warp
        ("sm_90", 32, 256, 100 << 10, 16 / 64),
        ("sm_80", 32, 128, 40 << 10, 16 / 64),  # 4 blocks of 41 KiB
        ("sm_120", 32, 1024, 0, 32 / 48),
    ],
)
def test_occupancy(architecture, registers, threads, shared, expected):
    assert jit.occupancy(architecture, Resources(registers), threads, shared) == pytest.approx(expected)


def test_static_and_dynamic_shared_memory_add_up():
    both = jit.occupancy("sm_90", Resources(32, shared_memory=60 << 10), 256, 40 << 10)
    assert both == jit.occupancy("sm_90", Resources(32), 256, 100 << 10) < 1


@pytest.fixture
def one_family(monkeypatch):
    """The table of the embedding kernels alone: the compile matrix compiles them all."""
    monkeypatch.setattr(kernel_table, "_EXAMPLES", (kernel_table._embedding,))


@needs_compiler
def test_rows(one_family):
    rows = list(kernel_table.rows("sm_90", (np.dtype(np.float32),)))
    assert {row.file for row in rows} == {"embedding/bag.cu", "embedding/gather.cu", "embedding/runs.cu"}
    for row in rows:
        assert 8 <= row.resources.registers <= 255 and row.resources.spills == 0, row
        assert 0 < row.occupancy <= 1 and 32 <= row.threads <= 1024, row
    assert len({(row.expression, row.threads) for row in rows}) == len(rows)
    with pytest.raises(ValueError, match="Received: 'sm_20'"):
        list(kernel_table.rows("sm_20"))


def test_the_table_shows_every_kernel():
    """Whatever the test cases launch, whichever the types, is also in the table, in some configuration."""
    shown = {launch.expression.split("<")[0] for launch in kernel_table.launches("sm_90", (np.dtype(np.float32),))}
    tested = {expression.split("<")[0] for family in FAMILIES for _, expression, _ in instances(family, "sm_90")}
    assert tested <= shown


@needs_compiler
def test_command(one_family, capsys):
    assert main(["kernels", "--architecture", "sm_80", "--dtype", "float16"]) == 0
    printed = capsys.readouterr().out
    assert "sm_80, float16" in printed
    assert re.search(r"embedding_gather_forward<__half, int, 8> +256 +\d+ +0 +0 +100%", printed)
    assert main(["kernels", "--architecture", "sm_7"]) == 1
    assert "Received: 'sm_7'" in capsys.readouterr().err
