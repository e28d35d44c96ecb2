"""The instruction programs elsewhere: the assembler takes them, and a GPU computes the same bits."""

import itertools
from pathlib import Path

import pytest

from gpulayers import jit
from gpulayers.ops import arrays

from . import test_instructions_atomics as atomics
from . import test_instructions_bulk as bulk
from . import test_instructions_clusters as clusters
from . import test_instructions_cooperative as cooperative
from . import test_instructions_copies as copies
from . import test_instructions_mbarriers as mbarriers
from . import test_instructions_tensor_cores as tensor_cores
from . import test_instructions_warp as warp
from . import test_instructions_wgmma as wgmma
from . import test_planted_bugs as planted
from .device import EmulatedDevice
from .programs import assert_same_bits

MODULES = (atomics, bulk, clusters, cooperative, copies, mbarriers, tensor_cores, warp)
PROGRAMS = [program for module in MODULES for program in module.PROGRAMS] + [
    kernel.program for kernel in planted.KERNELS
]


def _target(program):
    return str(program.path), program.architecture + ("a" if program.feature else "")


# (file, architecture): the programs
TARGETS = {
    target: list(programs) for target, programs in itertools.groupby(sorted(PROGRAMS, key=_target), _target)
}


@pytest.mark.parametrize(
    "file, architecture", TARGETS, ids=[f"{Path(file).name}-{target}" for file, target in TARGETS]
)
def test_assembler_takes_the_programs(file, architecture):
    """The emulator runs PTX; that it is PTX which a GPU could run is for the assembler to say."""
    expressions = tuple(dict.fromkeys(program.kernel for program in TARGETS[file, architecture]))
    assert len(jit.compile(file, expressions, architecture).binary) > 1000


def test_assembler_takes_wgmma(tmp_path):
    file = wgmma.write_kernels(tmp_path)
    expressions = tuple(dict.fromkeys(program.kernel for program in wgmma.programs(file)))
    assert len(jit.compile(file, expressions, "sm_90a").binary) > 1000


def _gpu_for(program):
    """The GPU, or a skip that says why the program cannot run on it."""
    if arrays.gpu_problem():
        pytest.skip(f"no GPU here: {arrays.gpu_problem()}")
    device = arrays.cuda_device()
    if int(device.architecture[3:]) < int(program.architecture[3:]) or (
        program.feature and device.architecture != program.architecture
    ):
        pytest.skip(f"{program.architecture} is needed, this is {device.architecture}")
    if program.needs_tensor_map:
        pytest.skip("the driver's tensor maps are not encoded here")
    if program.cluster:
        pytest.skip("CuPy's launch has no cluster attribute")
    return device


def _check_on_gpu(program, device):
    emulated = EmulatedDevice(program.architecture)
    for index, (actual, expected) in enumerate(zip(program.run(device), program.run(emulated))):
        assert_same_bits(f"output {index} of {program.name} on {device!r}", actual, expected)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_gpu_computes_the_same_bits(program):
    _check_on_gpu(program, _gpu_for(program))


def test_gpu_computes_the_same_bits_by_wgmma(tmp_path):
    for program in wgmma.programs(wgmma.write_kernels(tmp_path)):
        _check_on_gpu(program, _gpu_for(program))
