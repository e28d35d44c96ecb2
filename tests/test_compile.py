"""Every kernel in every configuration that a launcher chooses compiles, without spills, for every architecture."""

import functools
import importlib
import pkgutil
import re

import pytest

import tests.cases
from gpulayers import jit
from gpulayers.ops import arrays
from gpulayers.ops.recording import RecordingDevice

ARCHITECTURES = ["sm_80", "sm_90", "sm_100", "sm_120"]
FAMILIES = [module.name for module in pkgutil.iter_modules(tests.cases.__path__)]
_GLOBAL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)\s*)?(\w+)\s*\(")

needs_compiler = pytest.mark.skipif(
    jit.nvrtc_problem() is not None, reason=f"kernels cannot be compiled here: {jit.nvrtc_problem()}"
)


@functools.cache
def instances(family, architecture):
    """What the family's launchers ask for over its table of cases: {(file, expression, feature)}."""
    module = importlib.import_module(f"tests.cases.{family}")
    device = RecordingDevice(architecture)
    for case in module.CASES:
        for dtype in arrays.FLOAT_DTYPES:
            module.run(case, device, dtype)
    return device.instances


FILES = sorted(path.relative_to(jit.kernels_folder()).as_posix() for path in jit.kernels_folder().rglob("*.cu"))


@needs_compiler
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", FILES)
def test_every_instance_compiles_without_spills(file, architecture):
    groups = {}
    for asked, expression, feature in set().union(*(instances(family, architecture) for family in FAMILIES)):
        if asked == file:
            groups.setdefault(feature, []).append(expression)
    assert groups, "no launcher asks for a kernel of this file"
    for feature, expressions in groups.items():
        target = architecture + ("a" if feature else "")
        resources = jit.kernel_resources(file, expressions, target)
        spilling = {name: used for name, used in resources.items() if used.spills}
        assert not spilling, f"{file} for {target} spills registers: {spilling}"


def test_every_kernel_is_exercised_by_a_case():
    launched = {
        (file, expression.split("<")[0]) for family in FAMILIES for file, expression, _ in instances(family, "sm_90")
    }
    folder = jit.kernels_folder()
    written = {
        (path.relative_to(folder).as_posix(), name)
        for path in folder.rglob("*.cu")
        for name in _GLOBAL.findall(path.read_text())
    }
    assert written and written <= launched, f"no case launches {sorted(written - launched)}"
