"""Arguments and sizes of a launch against the kernel's signature and the machine's limits."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gpulayers import jit
from tests.emulator import EmulatedDevice, EmulatorError

RULES = Path(__file__).parent / "kernels" / "rules.cu"


@dataclasses.dataclass(frozen=True)
class Sizes:
    rows: np.int32
    scale: np.float32
    columns: np.int64


SIZES = jit.as_structure(Sizes(8, 2.0, 1))


@pytest.fixture
def launch(emulated):
    """Runs gather_scaled<float, long long, 2>, with some of its arguments replaced."""
    kernel = emulated.kernel(RULES, "gather_scaled", (np.float32, np.int64, 2))

    def run(grid=(1,), block=(32,), shared_memory=0, **replaced):
        arguments = {
            "x": emulated.asarray(np.arange(8, dtype=np.float32)),
            "order": emulated.asarray(np.arange(8)[::-1].copy()),
            "y": emulated.empty(8, np.float32),
            "sizes": SIZES,
            "negate": np.bool_(True),
        } | replaced
        kernel(grid, block, tuple(arguments.values()), shared_memory)
        return emulated.to_numpy(arguments["y"])

    return run


def test_right_arguments(launch):
    assert (launch() == -2 * np.arange(8)[::-1]).all()


@pytest.mark.parametrize(
    "name, make, expected",
    [
        (
            "x",
            lambda d: d.zeros(8, np.float64),
            "an array of float32 as argument 0, 'const float* __restrict__ x'. Received: float64[8]",
        ),
        ("order", lambda d: d.zeros(8, np.int32), "an array of int64 as argument 1"),
        (
            "y",
            lambda d: np.zeros(8, np.float32),
            "a device array or None as argument 2, 'float* __restrict__ y'",
        ),
        ("y", lambda d: np.float32(3), "a device array or None as argument 2"),
        ("y", lambda d: EmulatedDevice("sm_80").zeros(8, np.float32), "an array of emulated sm_90"),
        ("sizes", lambda d: np.int32(3), "16 bytes as argument 3, 'const Sizes sizes'. Received: int32"),
        ("sizes", lambda d: d.zeros(4, np.float32), "16 bytes by value as argument 3"),
        ("negate", lambda d: np.int32(1), "a bool as argument 4, 'bool negate'. Received: int32"),
        ("negate", lambda d: True, None),
        ("negate", lambda d: 1, "Received: int 1"),
        ("negate", lambda d: None, "1 bytes by value as argument 4"),
        ("negate", lambda d: np.ones(2, bool), "a device array or a scalar as argument 4"),
    ],
)
def test_every_argument_is_checked(launch, emulated, name, make, expected):
    if expected is None:
        launch(**{name: make(emulated)})
        return
    with pytest.raises(EmulatorError) as raised:
        launch(**{name: make(emulated)})
    assert f"gather_scaled<float, long long, 2> takes {expected}" in str(raised.value) or expected in str(
        raised.value
    )


@pytest.mark.parametrize("first, second, overlap", [(0, 0, True), (0, 7, True), (7, 0, True), (0, 8, False)])
def test_restrict_excludes_overlap(launch, emulated, first, second, overlap):
    memory = emulated.asarray(np.arange(16, dtype=np.float32))
    x, y = memory[first : first + 8], memory[second : second + 8]
    if overlap:
        with pytest.raises(
            EmulatorError, match="alias: .* arguments 0 and 2, 'const float.* x' and .* overlap"
        ):
            launch(x=x, y=y)
    else:
        assert (launch(x=x, y=y) == -2 * np.arange(8)[::-1]).all()


def test_what_is_only_read_may_overlap(emulated):
    x = emulated.asarray(np.arange(32))
    order = emulated.kernel(RULES, "gather_scaled<long long, long long, 1>")
    y = emulated.empty(8, np.int64)
    order((1,), (32,), (x, x, y, SIZES, np.bool_(False)))
    assert (emulated.to_numpy(y) == 2 * np.arange(8)).all()


def test_number_of_arguments(emulated):
    with pytest.raises(EmulatorError, match="shifted: expected 4 arguments. Received: 2"):
        emulated.kernel(RULES, "shifted")((1,), (32,), (None, None))


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"block": (65,)}, r"at most __launch_bounds__\(64\) threads. Received: 65"),
        ({"block": (64, 2)}, "Received: 128"),
        ({"block": (0,)}, "no such grid and block"),
        ({"grid": (1, 65536)}, "no such grid and block"),
        ({"grid": (0,)}, "no such grid and block"),
        ({"block": (1, 1, 65)}, "no such grid and block"),
        ({"shared_memory": 232449}, "sm_90 has 232448 bytes of shared memory. Received: 232449"),
    ],
)
def test_sizes_are_checked(launch, sizes, message):
    with pytest.raises(EmulatorError, match=message):
        launch(**sizes)


def test_history(emulated, launch):
    launch()
    with pytest.raises(EmulatorError):
        launch(block=(65,))
    first, second = emulated.launches
    assert (first.file, first.expression) == (str(RULES), "gather_scaled<float, long long, 2>")
    assert (first.grid, first.block, first.shared_memory) == ((1,), (32,), 0)
    assert first.report.findings == [] and first.report.counters is None and second.report is None


@pytest.mark.parametrize("wrong", [{"architecture": "sm_35"}, {"order": "backward"}, {"order": ()}])
def test_device_options(wrong):
    with pytest.raises(ValueError, match="Received"):
        EmulatedDevice(**wrong)
