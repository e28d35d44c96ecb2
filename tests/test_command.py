import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gpulayers
from gpulayers import demos, jit, tables
from gpulayers.__main__ import main
from gpulayers.jit.installation import Installation, installation

CHECKOUT = Path(gpulayers.__file__).parent.parent
WHOLE = Installation(
    driver=(13, 0),
    cupy_packages=(("cupy-cuda13x", "14.2.0"),),
    runtime=(13, 0),
    nvrtc=(13, 0),
    headers="/include",
    devices=("gpu:0",),
)


def changed(**fields):
    return Installation(**{**vars(WHOLE), **fields})


def test_nothing_is_missing_from_a_whole_installation():
    assert WHOLE.missing() == []
    assert changed(driver=(13, 1)).missing() == []


@pytest.mark.parametrize(
    "found, what, remedy",
    [
        (Installation(cupy_error="No module named 'cupy'"), "No NVIDIA driver", "Install NVIDIA's driver"),
        (
            Installation(cupy_error="x", driver=(13, 0)),
            "CuPy is not installed",
            'pip install "gpulayers[cuda13]"',
        ),
        (
            Installation(cupy_error="x", driver=(12, 4)),
            "CuPy is not installed",
            'pip install "gpulayers[cuda12]"',
        ),
        (changed(driver=(11, 8)), "only CUDA 11.8", "525 or newer"),
        (
            changed(cupy_packages=(("cupy-cuda12x", "14"), ("cupy-cuda13x", "14"))),
            "cupy-cuda12x and cupy-cuda13x are both installed",
            'pip uninstall cupy-cuda12x cupy-cuda13x, then pip install "gpulayers[cuda13]"',
        ),
        (changed(cupy_error="libX is absent"), "CuPy does not load: libX is absent", "--force-reinstall"),
        (
            changed(driver=(12, 8)),
            "CuPy is for CUDA 13.0, the driver supports 12.8",
            'pip uninstall cupy-cuda13x, then pip install "gpulayers[cuda12]"',
        ),
        (
            changed(nvrtc=None, nvrtc_error="no libnvrtc"),
            "NVRTC does not load: no libnvrtc",
            "gpulayers[cuda13]",
        ),
        (changed(headers=None), "header files", "gpulayers[cuda13]"),
        (changed(absent_libraries=("cuBLAS",)), "cuBLAS does not load", "gpulayers[cuda13]"),
        (changed(devices=(), device_error="busy"), "No GPU can be used: busy", "nvidia-smi"),
    ],
)
def test_what_is_missing(found, what, remedy):
    first = found.missing()[0]
    assert what in first[0]
    assert remedy in first[1]


def test_without_cupy_nothing_else_is_blamed():
    assert len(Installation(driver=(13, 0), cupy_error="x").missing()) == 1


def test_installation_of_this_machine():
    found = installation()
    assert found.nvrtc == jit.nvrtc_version()
    assert Path(found.headers, "cuda_fp16.h").is_file()


def test_info(capsys, empty_cache):
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    for text in (
        gpulayers.__version__,
        "numpy",
        "CuPy",
        "NVRTC",
        "h5py",
        str(jit.kernels_folder()),
        empty_cache,
    ):
        assert text in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["entries", "0"] in lines
    assert ["size", "0", "bytes"] in lines
    for what, remedy in installation().missing():
        assert what in shown and remedy in shown


def test_info_counts_the_cache(capsys, empty_cache):
    (jit.cache_folder() / "key.bin").write_bytes(bytes(2048))
    main(["info"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["entries", "1"] in lines
    assert ["size", "2", "KiB"] in lines


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "gpulayers", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_info_says_that_the_device_cannot_be_used():
    done = run("info", GPULAYERS_DEVICE="tpu")
    assert done.returncode == 1
    assert "device must be one of 'cpu', 'gpu'. Received: 'tpu'" in done.stdout
    done = run("demo", "digits", GPULAYERS_DEVICE="tpu")
    assert done.returncode == 1
    assert done.stderr == "device must be one of 'cpu', 'gpu'. Received: 'tpu'\n"


@pytest.mark.parametrize("given, threads", [(None, 1), ("2", min(2, os.cpu_count()))])
def test_one_thread_of_blas_unless_more_are_asked_for(given, threads):
    code = """
import gpulayers.__main__, threadpoolctl
print([pool["num_threads"] for pool in threadpoolctl.threadpool_info()])
"""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {} if given is None else {"OPENBLAS_NUM_THREADS": given}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"[{threads}]\n"


def test_without_a_command_the_usage_is_shown():
    done = run()
    assert done.returncode == 2
    assert "usage: gpulayers" in done.stderr


def test_demos_are_listed(capsys):
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in demos.DEMOS)


def test_unknown_demo(capsys):
    assert main(["demo", "digit"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "There is no demo 'digit'. The demos are: digits, text, embedding.\n"
    assert captured.out == ""


def test_every_demo_is_listed_and_has_help(capsys):
    files = {path.stem for path in Path(demos.__file__).parent.glob("[!_]*.py")}
    assert set(demos.DEMOS) <= files
    for name in demos.DEMOS:
        with pytest.raises(SystemExit, match="^0$"):
            main(["demo", name, "--help"])
        assert f"gpulayers demo {name}" in capsys.readouterr().out


def test_plain_table(capsys):
    tables.print_table("Title", ("a", "bb"), [("long cell", 1), ("x", "[red]")])
    assert capsys.readouterr().out == "Title\n  a          bb\n  long cell  1\n  x          [red]\n\n"


def test_table_in_a_terminal(monkeypatch):
    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    monkeypatch.setattr(tables, "_console", lambda: console)
    tables.print_table("Title", ("a", "b"), [("cell", "[red]")])
    shown = console.file.getvalue()
    assert "Title" in shown and "│ cell │ [red] │" in shown
