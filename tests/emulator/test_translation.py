"""Translation of PTX to C++, and the table of instructions."""

import pytest

from tests.emulator import Unsupported
from tests.emulator.instructions import names_in_table
from tests.emulator.instructions.table import instruction
from tests.emulator.ptx import Variable
from tests.emulator.translation import SharedMemory, source_name, translate


def kernel(body):
    return (
        ".visible .entry k(.param .u64 p)\n{\n.reg .b32 %r<9>;\n.reg .b64 %rd<9>;\n"
        ".reg .f32 %f<9>;\n.reg .pred %p<9>;\n"
        f".loc 1 42 7\n{body}\nret;\n}}\n"
        '.file 1 "folder/name.cu"'
    )


def test_a_statement_for_each_instruction_and_a_line_for_each_place():
    lines = translate(kernel("add.s32 %r1, %r2, -3; @%p1 mov.b32 %r3, %r1;")).splitlines()
    at = lines.index('#line 42 "name.cu"')
    assert lines[at + 1 : at + 4] == [
        "assign(Rr1, add<s32>(as<s32>(Rr2), as<s32>(-3ll)));",
        '#line 42 "name.cu"',
        "if (Rp1) { assign(Rr3, as<u32>(Rr1)); }",
    ]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("tex.2d.v4.f32.f32 {%f1,%f2,%f3,%f4}, [%rd1, {%f1,%f2}];", "not in the table"),
        ("add.xorsign.f32 %f1, %f2, %f3;", "unknown modifier .xorsign"),
        ("ld.global.nc.unknown_hint.f32 %f1, [%rd1];", "unknown modifier .unknown_hint"),
        ("add.s32 %r1, %r2, %nowhere;", "%nowhere"),
        ("bra $nowhere;", "nowhere"),
        ("cvt.rm.f32.f64 %f1, %rd1;", "rounding"),
        ("atom.global.frob.u32 %r1, [%rd1], %r2;", "expected one of"),
        ("call.uni nobody, ();", "no function nobody"),
    ],
)
def test_unsupported_names_the_instruction_and_its_line(text, reason):
    with pytest.raises(Unsupported) as raised:
        translate(kernel(text))
    assert f"'{text[:-1]}' at name.cu:42" in str(raised.value) and reason in str(raised.value)


def test_hints_are_taken_for_granted():
    assert "LOAD(f32" in translate(kernel("ld.global.nc.L1::no_allocate.L2::128B.f32 %f1, [%rd1];"))
    assert translate(kernel("prefetch.global.L2::evict_last [%rd1];")) == translate(kernel(""))


def test_longest_name_in_the_table_wins():
    text = translate(kernel("cp.async.wait_group 1; cp.async.wait_all;"))
    assert "cp_async_wait(1ll);" in text and "cp_async_wait(0);" in text


def test_a_name_enters_the_table_once():
    with pytest.raises(ValueError, match="Two functions for the instruction add"):
        instruction("add")(lambda code, op: "")
    assert names_in_table() == sorted(set(names_in_table()))


def test_shared_arrays_are_kept_apart():
    shared = SharedMemory(
        [Variable("a", "b8", 40, 4), Variable("d", "b8", 0, 128), Variable("b", "f32", 8, 16)]
    )
    (a, start_a), (b, start_b) = shared.static
    assert (start_a, start_b) == (0, 64), "16 bytes between them at least, and 16-byte alignment"
    assert shared.static_bytes == shared.offsets["d"] == 128, "the dynamic array lies behind, aligned"


def test_names_of_shared_arrays():
    assert source_name("_ZZ4gemmvE2Bs") == "Bs"
    assert source_name("_ZZN5outer9transposeILi33EEEvPKfPfiE4tile") == "tile"
    assert source_name("plain") == "plain"


def test_float_constants_keep_their_bits():
    text = translate(
        ".const .align 4 .f32 t[2] = {0f3F800000, 0fFF800000};\n.const .align 8 .f64 d = 0d3FF0000000000000;"
    )
    assert "bits<f32>(0xFF800000u)" in text and "bits<f64>((u64)0x3FF0000000000000ull)" in text


SHARED = """
.shared .align 4 .b8 mine[40];
.shared .align 4 .b8 yours[400];
.shared .align 4 .b8 common[8];
.func helper() { .reg .b32 %r<2>; mov.u32 %r1, common; ret; }
.visible .entry a() { .reg .b32 %r<2>; mov.u32 %r1, mine; call.uni helper, (); ret; }
.visible .entry b() .maxntid 64, 2, 1 { .reg .b32 %r<2>; mov.u32 %r1, yours; ret; }
"""


def test_a_kernel_has_the_shared_memory_that_it_uses():
    text = translate(SHARED)
    assert 'return ";;;48;64"' in text and 'return ";64, 2, 1;;408;432"' in text
    assert 'emu_shared_layout_a[] = {{0, 8, "common"}, {24, 40, "mine"}, {0, 0, nullptr}}' in text


def test_only_the_wanted_kernels_are_translated():
    text = translate(SHARED, {"b"})
    assert "emu_thunk_b" in text and "emu_thunk_a" not in text and "void helper(" in text
