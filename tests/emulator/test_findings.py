"""What the checker says: kind, argument, offset, thread, block, the other party, place."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.emulator import EmulatedDevice, EmulatorError

RULES = Path(__file__).parent / "kernels" / "rules.cu"


def line_of(text):
    lines = RULES.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def findings(device, name, grid, block, arguments):
    """The findings of a launch that must have some."""
    with pytest.raises(EmulatorError) as raised:
        device.kernel(RULES, name)(grid, block, arguments)
    assert raised.value.report.findings and str(raised.value.report.findings[0]) in str(raised.value)
    return raised.value.report.findings


def shifted(device, x, y, n, shift=0):
    device.kernel(RULES, "shifted")((1,), (32,), (x, y, np.int32(n), np.int32(shift)))


@pytest.fixture
def x(emulated):
    return emulated.asarray(np.arange(16, dtype=np.float32))


@pytest.mark.parametrize(
    "n, shift, text",
    [
        (
            16,
            1,
            r"4-byte read .* 0 bytes past the end of 'x' \(arg.* 0, float32\[16\]\) .* by thread \(15,0,0\)",
        ),
        (8, -1, r"4-byte read .* 4 bytes before 'x' \(argument 0, float32\[16\]\) .* by thread \(0,0,0\)"),
        (9, 0, r"4-byte write .* 0 bytes past the end of 'y' \(argument 1, float32\[8\]\)"),
    ],
)
def test_out_of_bounds(emulated, x, n, shift, text):
    y = emulated.empty(8 if shift == 0 else 16, np.float32)
    (finding,) = findings(emulated, "shifted", (1,), (32,), (x, y, np.int32(n), np.int32(shift)))
    assert finding.kind == "out of bounds (global)"
    assert re.search(
        text + r".* of block \(0,0,0\) @ rules.cu:" + str(line_of("if (i < n) y[i]")), finding.text
    )


def test_a_view_bounds_what_the_kernel_may_touch(emulated, x):
    y = emulated.empty(8, np.float32)
    shifted(emulated, x[4:12], y, 8)
    assert (emulated.to_numpy(y) == np.arange(4, 12)).all()
    for n, shift, sign, offset in ((8, 1, r"\+", 32), (8, -1, "-", 4)):
        (finding,) = findings(emulated, "shifted", (1,), (32,), (x[4:12], y, np.int32(n), np.int32(shift)))
        assert finding.kind == "out of bounds (global)"
        assert re.search(
            rf"read of 'x' \(argument 0, float32\[8\]\){sign}{offset}, outside the view", finding.text
        )


def test_null_pointer(emulated, x):
    (finding,) = findings(emulated, "shifted", (1,), (32,), (x, None, np.int32(3), np.int32(0)))
    assert finding.text.startswith("4-byte write through a null pointer, at byte 0, by thread (0,0,0)")


def test_uninitialised_state_outlives_launches(emulated, x):
    y, z = emulated.empty(16, np.float32), emulated.empty(16, np.float32)
    shifted(emulated, x, y, 10)
    shifted(emulated, y, z, 10)  # reads what the first launch wrote
    (finding,) = findings(emulated, "shifted", (1,), (32,), (y, z, np.int32(11), np.int32(0)))
    assert finding.kind == "uninitialised (global)"
    assert re.search(
        r"'x' \(argument 0, float32\[16\]\)\+40, never written; by thread \(10,0,0\)", finding.text
    )
    y[10:] = 0
    shifted(emulated, y, z, 16)


def test_unwritten_output(emulated, x):
    y = emulated.empty(16, np.float32)
    shifted(emulated, x, y, 15)
    with pytest.raises(EmulatorError, match="to_numpy reads 1 of 16 elements"):
        emulated.to_numpy(y)


def test_write_through_const(emulated, x):
    (finding,) = findings(emulated, "write_const", (1,), (2,), (x,))
    assert finding.kind == "read-only" and "'x' (argument 0" in finding.text


def test_race(emulated, x):
    found = findings(emulated, "racing_sum", (1,), (16,), (emulated.zeros(1, np.float32), x))
    assert {finding.kind for finding in found} == {"race (global)"}
    text = r"'total' \(argument 0, float32\[1\]\)\+0 conflicts with an unordered (write|read) by thread"
    assert re.search(text, found[0].text) and f"rules.cu:{line_of('*total +=')}" in found[0].text


def test_shared_memory(emulated):
    y = emulated.empty(64, np.float32)
    kernel = emulated.kernel(RULES, "tile")
    kernel((1,), (64,), (y, np.int32(32), np.bool_(True)))
    assert (emulated.to_numpy(y) == (np.arange(64) + 32) % 64).all()
    found = findings(emulated, "tile", (1,), (64,), (y, np.int32(32), np.bool_(False)))
    assert {finding.kind for finding in found} == {"uninitialised (shared)"} or "race (shared)" in {
        f.kind for f in found
    }
    (finding,) = findings(emulated, "tile", (1,), (64,), (y, np.int32(64), np.bool_(True)))
    assert (
        finding.kind == "out of bounds (shared)"
        and "past the end of shared array values (256 bytes)" in finding.text
    )


def test_other_kinds(emulated):
    y = emulated.empty(4, np.float32)
    (finding,) = findings(emulated, "misaligned", (1,), (1,), (y, np.int32(1)))
    assert finding.kind == "misaligned"
    assert "barrier" in str(findings(emulated, "divergent", (1,), (64,), ())[0])
    (finding,) = findings(emulated, "never_ends", (1,), (1,), (emulated.zeros(1, np.int32),))
    assert finding.kind.startswith(("hang", "livelock"))


def test_a_place_in_a_header_names_its_caller(emulated, x):
    order = emulated.asarray(np.full(8, 16))
    sizes = np.array((8, 1.0, 0), np.dtype([("rows", "i4"), ("scale", "f4"), ("columns", "i8")], align=True))
    name = "gather_scaled<float, long long, 1>"
    (finding,) = findings(
        emulated, name, (1,), (32,), (x, order, emulated.empty(8, np.float32), sizes, np.bool_(False))
    )
    assert finding.text.endswith(f"@ rules.cu:{line_of('scaled_load<T>(x')} via scaled_load.cuh:4")


def test_a_launch_runs_in_every_order_from_the_same_memory():
    device = EmulatedDevice(order=("forward", "reverse", "random"))
    total = device.zeros(4, np.int32)
    with pytest.raises(
        EmulatorError,
        match=r"order: 'winner' \(argument 0, int32\[4\]\) differs in 1 elements between forward and reverse",
    ):
        device.kernel(RULES, "last_wins")((1,), (32,), (total,))
    x, y = device.asarray(np.arange(16, dtype=np.float32)), device.empty(16, np.float32)
    shifted(device, x, y, 16)
    z = device.zeros(16, np.float32)
    shifted(device, y, z, 16)
    assert (device.to_numpy(z) == np.arange(16)).all()


def test_the_array_that_differs_is_named():
    device = EmulatedDevice(order=("forward", "reverse"))
    x, y = device.zeros(2, np.float32), device.zeros(32, np.int32)
    with pytest.raises(EmulatorError, match=r"'places' \(argument 1, int32\[32\]\) differs in 32 elements"):
        device.kernel(RULES, "numbered")((1,), (32,), (x.view(np.int32), y))


def test_findings_of_another_order_say_so(x):
    device = EmulatedDevice(order="reverse")
    found = findings(
        device,
        "racing_sum",
        (1,),
        (16,),
        (device.zeros(1, np.float32), device.asarray(np.ones(16, np.float32))),
    )
    assert "(threads in reverse order)" in found[0].text


def test_without_the_checker_only_the_numbers_count():
    device = EmulatedDevice(check=False)
    x, y = device.asarray(np.arange(16, dtype=np.float32)), device.empty(16, np.float32)
    shifted(device, x, y, 16)
    assert (device.to_numpy(y) == np.arange(16)).all()
