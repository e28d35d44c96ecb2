"""Parameters from C++ signatures."""

import re

import ml_dtypes
import numpy as np
import pytest

from gpulayers import jit
from tests.emulator.signatures import Parameter, find_signature, parameters, without_comments

SOURCE = """
// __global__ void kernel(int decoy)
struct Config { int rows; };
template <typename T, typename Id = int, Config CONFIG = Config{.rows = (1 < 2)}, bool FLAG = false>
__global__ void __launch_bounds__(CONFIG.rows * (FLAG ? 2 : 1)) kernel(
    const T* __restrict__ x,  // input, (n, c)
    T *y, const Id* const __restrict__ ids, const __grid_constant__ Config config, unsigned long long seed,
    T scale, float4* vectors, Accumulator<T, 2>* sums, bool flag) {
    kernel(1, 2);
}
extern "C" __global__ void __launch_bounds__(64) plain() {}
template <int N> __global__ void caller(void* raw, int n) { helper(kernel<float>(1)); }
"""
SIZES = [8, 8, 8, 4, 8, 2, 8, 8, 1]


@pytest.fixture
def found():
    return parameters(SOURCE, "kernel<__nv_bfloat16, long long, Config{.rows = 4}, true>", SIZES)


def test_names(found):
    assert [parameter.name for parameter in found] == "x y ids config seed scale vectors sums flag".split()


def test_types_with_template_arguments_filled_in(found):
    bfloat16 = np.dtype(ml_dtypes.bfloat16)
    dtypes = [bfloat16, bfloat16, np.int64, None, np.uint64, bfloat16, None, None, np.bool_]
    assert [parameter.dtype for parameter in found] == [
        dtype if dtype is None else np.dtype(dtype) for dtype in dtypes
    ]
    assert [parameter.pointer for parameter in found] == [
        True,
        True,
        True,
        False,
        False,
        False,
        True,
        True,
        False,
    ]
    assert str(found[2]) == "const long long* const __restrict__ ids"


def test_const_belongs_to_what_is_pointed_to(found):
    assert [parameter.const for parameter in found] == [
        True,
        False,
        True,
        False,
        False,
        False,
        False,
        False,
        False,
    ]


def test_restrict(found):
    assert [parameter.name for parameter in found if parameter.restrict] == ["x", "ids"]


def test_every_kernel_of_the_project_is_found():
    bounds = re.compile(r"__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)")
    for file in sorted(jit.kernels_folder().rglob("*.cu")):
        source = without_comments(file.read_text())
        names = re.findall(r"__global__\s+void\s+(\w+)\s*\(", bounds.sub("", source))
        assert len(names) == source.count("__global__") > 0
        assert all(find_signature(source, name) for name in names)


def test_kernels_without_templates_or_parameters():
    assert parameters(SOURCE, "plain", []) == []
    raw, n = parameters(SOURCE, "caller<3>", [8, 4])
    assert (raw.name, raw.dtype, raw.pointer, n.dtype) == ("raw", None, True, np.int32)


def test_unknown_kernels_have_sizes_only():
    assert parameters(SOURCE, "elsewhere<float>", [8, 4]) == [
        Parameter("argument 0", 8),
        Parameter("argument 1", 4),
    ]


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="8 bytes for the parameter 'int n'"):
        parameters(SOURCE, "caller<3>", [8, 8])
