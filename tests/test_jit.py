"""From a kernel file to a callable: sources, names, structures, compilation, cache."""

import dataclasses
import enum
import multiprocessing
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from gpulayers import jit
from gpulayers.jit import cache, sources
from tests.test_compile import needs_compiler

KERNEL = "embedding/gather.cu"
EXPRESSION = "embedding_gather_forward<float, int, 1>"


@dataclasses.dataclass(frozen=True)
class Tile:
    rows: np.int32
    scale: np.float32
    wide: np.int64
    corner: (np.int32, 3)


class Mode(enum.Enum):
    FAST = 0


@dataclasses.dataclass(frozen=True)
class Config:
    rows: int
    wide: bool
    mode: Mode


def test_name_expression():
    assert jit.name_expression("f") == "f"
    template = (np.float32, ml_dtypes.bfloat16, np.dtype("float16"), True, 3, Config(4, False, Mode.FAST))
    assert jit.name_expression("f", template) == (
        "f<float, __nv_bfloat16, __half, true, 3, Config{.rows = 4, .wide = false, .mode = Mode::fast}>"
    )
    assert [jit.name_expression("f", (value,)) for value in (1, True, 1)] == ["f<1>", "f<true>", "f<1>"]
    with pytest.raises(TypeError, match="Received: 'no such'"):
        jit.name_expression("f", ("no such",))


def test_structure_has_the_layout_of_c():
    structure = jit.as_structure(Tile(1, 2.5, 3, (4, 5, 6)))
    assert structure.shape == () and structure.dtype.itemsize == 32
    assert [structure.dtype.fields[name][1] for name in structure.dtype.names] == [0, 4, 8, 16]
    assert structure["scale"] == np.float32(2.5) and structure["corner"].tolist() == [4, 5, 6]


def test_kernels_folder_is_the_checkout():
    folder = jit.kernels_folder()
    assert (folder / KERNEL).is_file()
    assert not (folder / "__init__.py").exists(), "it would shadow NVIDIA's namespace package"


def test_a_neighbour_named_cuda_counts_only_beside_the_project_file(tmp_path, monkeypatch):
    package = tmp_path / "site" / "gpulayers" / "jit"
    package.mkdir(parents=True)
    (tmp_path / "site" / "cuda").mkdir()
    monkeypatch.setattr(sources, "__file__", str(package / "sources.py"))
    with pytest.raises(FileNotFoundError, match="kernel sources are missing"):
        jit.kernels_folder.__wrapped__()
    (tmp_path / "site" / "pyproject.toml").touch()
    assert jit.kernels_folder.__wrapped__() == tmp_path / "site" / "cuda"
    (tmp_path / "site" / "gpulayers" / "cuda").mkdir()
    assert jit.kernels_folder.__wrapped__() == tmp_path / "site" / "gpulayers" / "cuda"


def test_digest_follows_nested_includes(tmp_path, monkeypatch):
    (tmp_path / "common").mkdir()
    (tmp_path / "k.cu").write_text('#include "common/a.cuh"\n')
    (tmp_path / "common" / "a.cuh").write_text('#include "b.cuh"\n')
    (tmp_path / "common" / "b.cuh").write_text("int b;\n")
    monkeypatch.setattr(sources, "kernels_folder", lambda: tmp_path)
    before = jit.resolved_source.__wrapped__("k.cu")
    (tmp_path / "common" / "b.cuh").write_text("int c;\n")
    after = jit.resolved_source.__wrapped__("k.cu")
    assert before != after and before.splitlines()[1:] == after.splitlines()[1:]
    (tmp_path / "common" / "b.cuh").unlink()
    with pytest.raises(FileNotFoundError, match='includes "b.cuh"'):
        jit.resolved_source.__wrapped__("k.cu")


def test_missing_kernel_file():
    with pytest.raises(FileNotFoundError, match="Received: 'pooling/no_such.cu'"):
        jit.resolved_source("pooling/no_such.cu")


@needs_compiler
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_90a", "sm_100", "sm_120"])
def test_compiles_without_a_gpu(architecture, empty_cache):
    compiled = jit.compile(KERNEL, (EXPRESSION,), architecture)
    assert compiled.binary[:4] == b"\x7fELF"
    assert "embedding_gather_forward" in compiled.lowered[EXPRESSION]
    assert compiled.lowered[EXPRESSION].encode() in compiled.binary


@needs_compiler
def test_ptx(empty_cache):
    text = jit.compile(KERNEL, (EXPRESSION,), "sm_80", output="ptx").binary.decode()
    assert ".target sm_80" in text and ".entry _Z24embedding_gather_forward" in text


@needs_compiler
def test_a_newer_chip_than_the_compiler_gets_ptx_of_the_newest_known(empty_cache):
    text = jit.compile(KERNEL, (EXPRESSION,), "sm_999").binary.decode()
    assert f".target sm_{jit.compiler.supported_architectures()[-1]}" in text


@needs_compiler
def test_an_older_chip_than_all_is_refused(empty_cache):
    with pytest.raises(jit.CompilationError, match="Received: 'sm_20'"):
        jit.compile(KERNEL, (EXPRESSION,), "sm_20")


@needs_compiler
def test_the_second_compilation_is_read_from_disk(empty_cache, monkeypatch):
    first = jit.compile(KERNEL, (EXPRESSION,), "sm_90")
    assert len(list(jit.cache_folder().iterdir())) == 1

    def refuse(*arguments):
        raise AssertionError("compiled again")

    monkeypatch.setattr(jit.compiler, "_compile", refuse)
    assert jit.compile(KERNEL, (EXPRESSION,), "sm_90") == first
    with pytest.raises(AssertionError, match="compiled again"):
        jit.compile(KERNEL, (EXPRESSION,), "sm_80")


@needs_compiler
def test_a_damaged_entry_is_compiled_again(empty_cache):
    first = jit.compile(KERNEL, (EXPRESSION,), "sm_90")
    (entry,) = jit.cache_folder().iterdir()
    whole = entry.read_bytes()
    for damage in (b"", whole[:5], whole[:-1], b"\xff" * 100):
        entry.write_bytes(damage)
        assert jit.compile(KERNEL, (EXPRESSION,), "sm_90") == first
        assert entry.read_bytes() == whole


def _compile_once(folder):
    os.environ["GPULAYERS_CACHE"] = folder
    return jit.compile(KERNEL, (EXPRESSION,), "sm_90").binary


@needs_compiler
def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        first, second = pool.map(_compile_once, [str(tmp_path)] * 2, chunksize=1)
    assert first == second
    assert [path.suffix for path in tmp_path.iterdir()] == [".bin"]


def test_cache_entry_round_trip(empty_cache):
    assert cache.read("key") is None
    cache.write("key", {"file": "f.cu"}, b"\0binary")
    assert cache.read("key") == ({"file": "f.cu", "size": 7}, b"\0binary")


def test_the_cache_keeps_within_its_limit(empty_cache, monkeypatch):
    """The entries read longest ago go first, until a quarter of the limit is free."""
    monkeypatch.setattr(cache, "_MOST_BYTES", 8000)
    monkeypatch.setattr(cache, "_CHECK_EVERY", 1)
    for index in range(7):
        cache.write(f"key{index}", {}, bytes(1000))
        os.utime(jit.cache_folder() / f"key{index}.bin", (index, index))
    assert cache.read("key0") is not None  # now the one read last
    cache.write("key7", {}, bytes(1000))
    left = {path.stem for path in jit.cache_folder().iterdir()}
    assert left == {"key0", "key4", "key5", "key6", "key7"}


@needs_compiler
def test_an_error_names_file_line_and_instance(tmp_path, empty_cache):
    source = tmp_path / "broken.cu"
    source.write_text("template <typename T>\n__global__ void broken(T* y) {\n    *y = no_such_name;\n}\n")
    with pytest.raises(jit.CompilationError) as caught:
        jit.compile(str(source), ("broken<float>",), "sm_90")
    text = str(caught.value)
    assert f'{source}(3)' in text and "no_such_name" in text and "broken<float>" in text and "sm_90" in text


def test_without_cupy_the_reason_is_told():
    """A process in which CuPy cannot be imported gets a sentence, not a traceback from inside."""
    code = (
        "import sys; sys.modules['cupy_backends'] = None\n"
        "from gpulayers import jit\n"
        "try: jit.compile('embedding/gather.cu', ('f',), 'sm_90')\n"
        "except jit.CompilationError as error: print(error)\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "CuPy is not installed" in printed and "pip install" in printed
