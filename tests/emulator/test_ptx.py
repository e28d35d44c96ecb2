"""Parsing of PTX."""

import pytest

from tests.emulator import Unsupported, ptx

TEXT = """
.version 8.0
.target sm_80 // comment with ; and {
.address_size 64
.extern .func  (.param .b32 func_retval0) vprintf (.param .b64 a, .param .b64 b);
.const .align 4 .f32 table[2] = {0f3F800000, 0f40000000};
.global .align 1 .b8 text[3] = {97, 59, 0};
.func  (.param .b32 result) twice(.param .b32 twice_param_0) { ret; }
.visible .entry kernel(.param .u64 .ptr .align 1 kernel_param_0, .param .align 8 .b8 kernel_param_1[24])
.maxntid 32, 4, 1
{
    .reg .pred %p<2>;
    .reg .b32 %r<3>, %odd;
    .local .align 16 .b8 __local_depot0[48];
    .shared .align 4 .b8 tile[256];
    .loc 1 7 5
    ld.param.u64 %rd1, [kernel_param_0];
    .loc 2 3 9, function_name $L__info_string0, inlined_at 1 8 12
    @!%p1 ld.global.v2.f32 {%f1, %f2}, [%rd1+8];
    .loc 3 30 1, function_name $L__info_string1, inlined_at 2 3 9
    /* begin
       inline */
    { .reg .b32 t; mov.b32 t, %r1; bra.uni $L1; $L1: }
$L__BB0_2:
    brx.idx %r1, $L_table;
$L_table: .branchtargets
    $L__BB0_2,
    $L__BB0_3;
$L__BB0_3: ret;
}
.file 1 "/somewhere/kernel.cu"
.file 2 "common/vector.cuh"
.file 3 "common/ptx.cuh"
.section .debug_str { $L__info_string0: .b8 95 .b8 90 }
"""


@pytest.fixture
def module():
    return ptx.parse(TEXT)


def instructions(function):
    return [statement for statement in function.body if isinstance(statement, ptx.Instruction)]


def test_variables(module):
    table, text = module.variables
    assert (table.name, table.type, table.count, table.size, table.initial) == (
        "table",
        "f32",
        2,
        8,
        "{0f3F800000, 0f40000000}",
    )
    assert (text.name, text.size, text.initial) == ("text", 3, "{97, 59, 0}")
    assert [(variable.name, variable.size, variable.align) for variable in module.shared] == [
        ("tile", 256, 4)
    ]


def test_functions(module):
    twice, kernel = module.functions
    assert (
        not twice.entry
        and [v.size for v in twice.results] == [4]
        and [v.name for v in twice.parameters] == ["twice_param_0"]
    )
    assert kernel.entry and kernel.max_threads == "32, 4, 1"
    assert [(v.name, v.size, v.align) for v in kernel.parameters] == [
        ("kernel_param_0", 8, 8),
        ("kernel_param_1", 24, 8),
    ]


def test_declarations(module):
    registers = [s for s in module.functions[1].body if isinstance(s, ptx.Declaration)]
    assert [v.name for v in registers[0].variables] == ["%p0", "%p1"]
    assert [v.name for v in registers[1].variables] == ["%r0", "%r1", "%r2", "%odd"]
    assert (registers[2].space, registers[2].variables[0].size, registers[2].variables[0].align) == (
        "local",
        48,
        16,
    )


def test_instructions(module):
    load, vector, move, branch, table, end = instructions(module.functions[1])
    assert (load.name, load.operands, load.predicate) == ("ld.param.u64", ("%rd1", "[kernel_param_0]"), None)
    assert (vector.operands, vector.predicate) == (("{%f1, %f2}", "[%rd1+8]"), "!%p1")
    assert (move.name, branch.operands, table.name, end.name) == ("mov.b32", ("$L1",), "brx.idx", "ret")


def test_places_name_the_line_of_the_kernel_file(module):
    load, vector, move, *_ = instructions(module.functions[1])
    assert load.place == ("kernel.cu", 7)
    assert vector.place == ("kernel.cu:8 via vector.cuh", 3)
    assert move.place == ("kernel.cu:8 via ptx.cuh", 30), "inlined twice"


def test_labels_and_branch_tables(module):
    labels = [statement for statement in module.functions[1].body if isinstance(statement, ptx.Label)]
    assert [label.name for label in labels] == ["$L1", "$L__BB0_2", "$L_table", "$L__BB0_3"]
    assert labels[2].targets == ("$L__BB0_2", "$L__BB0_3")


@pytest.mark.parametrize(
    "text", [".tex .u64 image;", ".global .texref t;", ".global .align 4 .b99 x;", "mov.b32 %r1, %r2"]
)
def test_what_is_not_known_is_said(text):
    with pytest.raises(Unsupported, match="PTX"):
        ptx.parse(text)
