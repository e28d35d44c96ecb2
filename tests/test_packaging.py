"""A wheel, installed away from the checkout, has everything and compiles its kernels."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import gpulayers
from gpulayers import jit

CHECKOUT = Path(gpulayers.__file__).parent.parent
KERNELS = {
    path.relative_to(CHECKOUT).as_posix()
    for path in (CHECKOUT / "cuda").rglob("*")
    if path.suffix in (".cu", ".cuh")
}
MODULES = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "gpulayers").rglob("*.py")}
IMPORT_SECONDS = 0.4


def build(source, folder):
    """The wheel of the project in `source`, built without network."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel"]
    done = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = Path(folder).glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(CHECKOUT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs Python code in an empty folder, where only the installed wheel holds gpulayers."""
    target, empty = tmp_path_factory.mktemp("target"), tmp_path_factory.mktemp("empty")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target), "GPULAYERS_CACHE": str(empty / "cache")}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=empty, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.strip()

    run.target = target
    return run


def test_the_wheel_holds_the_package_and_the_kernels_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {name for name in names if name.endswith((".py", ".cu", ".cuh"))}
    assert sources == MODULES | {f"gpulayers/{name}" for name in KERNELS}
    assert {name.split("/")[0] for name in names} == {"gpulayers"}


def test_the_source_distribution_gives_the_same_wheel(wheel, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "source", filter="data")
    [source] = (tmp_path / "source").iterdir()
    again = build(source, tmp_path / "wheel")
    assert again.name == wheel.name
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(wheel).namelist())


def test_it_is_imported_from_where_it_is_installed_without_cupy(installed):
    shown = installed(
        "-c", "import sys, gpulayers; print(gpulayers.__file__, [m for m in sys.modules if 'cupy' in m])"
    )
    assert shown == f"{installed.target / 'gpulayers' / '__init__.py'} []"


def test_the_import_is_quick(installed):
    """Processor time, the best of several, so that a busy machine does not decide."""
    code = "import time; start = time.process_time(); import gpulayers; print(time.process_time() - start)"
    assert min(float(installed("-c", code)) for _ in range(5)) < IMPORT_SECONDS


def test_the_kernels_lie_inside_the_package(installed):
    shown = installed("-c", "from gpulayers import jit; print(jit.kernels_folder())")
    assert shown == str(installed.target / "gpulayers" / "cuda")


@pytest.mark.skipif(bool(jit.nvrtc_problem()), reason=f"{jit.nvrtc_problem()}")
def test_a_kernel_compiles_there(installed):
    code = """
from gpulayers import jit
expression = "embedding_gather_forward<float, int, 4>"
compiled = jit.compile("embedding/gather.cu", [expression], "sm_90")
print(compiled.binary[:4], expression in compiled.lowered, len(list(jit.cache_folder().iterdir())))
"""
    assert installed("-c", code) == r"b'\x7fELF' True 1"


def test_the_command_runs_there(installed):
    assert str(installed.target) in installed("-m", "gpulayers", "info")
    assert (installed.target / "bin" / "gpulayers").is_file() or (installed.target / "Scripts").is_dir()
