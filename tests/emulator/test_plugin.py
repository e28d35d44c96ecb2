"""The fixture, the option and the marker, in a pytest of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

def test_default(emulated):
    print(emulated, emulated.order.orders)

@pytest.mark.architecture("sm_80")
def test_marked(emulated):
    print(emulated)
"""


def run(folder, *options, environment=None):
    (folder / "test_it.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-s",
        "-rs",
        "-p",
        "tests.emulator.plugin",
        "-c",
        "/dev/null",
        *options,
    ]
    process = subprocess.run(
        [*command, str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return process.stdout + process.stderr


@pytest.mark.parametrize("orders", [("forward",), ("forward", "reverse"), ("forward", "reverse", "random")])
def test_orders(tmp_path, orders):
    printed = run(tmp_path, "--orders", str(len(orders)), "--strict-markers")
    assert f"emulated sm_90 {orders!r}" in printed and "emulated sm_80" in printed and "2 passed" in printed


def test_unknown_orders(tmp_path):
    assert "invalid choice: 4" in run(tmp_path, "--orders", "4")


def test_skips_with_the_reason_where_nothing_can_be_compiled(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "/no/such/compiler")
    printed = run(tmp_path)
    assert "2 skipped" in printed and "the emulator cannot run: /no/such/compiler is not installed" in printed
