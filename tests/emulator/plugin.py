"""Pytest: the fixture `emulated`, the option --orders, the marker `architecture`."""

import pytest

from gpulayers import jit

from .host_compiler import compiler_problem
from .launch import ORDERS


def pytest_addoption(parser):
    parser.addoption(
        "--orders",
        type=int,
        default=1,
        choices=range(1, len(ORDERS) + 1),
        help="in how many orders emulated threads and blocks run: 1 forward, 2 also reverse, 3 also random",
    )


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "architecture(name): what the fixture `emulated` emulates; sm_90 without it"
    )


def emulator_problem():
    """Why the emulator cannot run here, in plain words, or None."""
    return jit.nvrtc_problem() or compiler_problem()


@pytest.fixture
def emulated(request):
    """An EmulatedDevice whose launches run in each of the orders that --orders asks for.

    The test is skipped where nothing can be compiled.
    """
    if emulator_problem():
        pytest.skip(f"the emulator cannot run: {emulator_problem()}")
    from .device import EmulatedDevice

    marker = request.node.get_closest_marker("architecture")
    return EmulatedDevice(
        *(marker.args if marker else ()), order=ORDERS[: request.config.getoption("orders")]
    )


@pytest.fixture
def emulated_default(emulated, monkeypatch):
    """The device of `emulated`, on which layers make their weights and models compute during the test."""
    monkeypatch.setattr("gpulayers.ops.arrays.default_device", lambda: emulated)
    emulated.multiprocessors = 4
    return emulated
