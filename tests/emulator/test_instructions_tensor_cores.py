"""ldmatrix, stmatrix, movmatrix and mma.sync against the fragment tables of the PTX manual.

Small integers as operands: every sum is exact in every order, so that results must agree in every bit.
"""

import ml_dtypes
import numpy as np
import pytest

from .device import EmulatedDevice
from .programs import Out, Program

RANDOM = np.random.default_rng(1)
DTYPES = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "tf32": np.float32,
    "f32": np.float32,
    "f64": np.float64,
}
DTYPES |= {"s8": np.int8, "u8": np.uint8, "s32": np.int32}


def mma_fragments(m, k, per):
    """(row, k) of each element of A, (k, column) of B, (row, column) of C, by lane and register.

    From the figures of the PTX manual, "Matrix Fragments for mma.m16n8k16" and others: groupID = lane / 4,
    threadID_in_group = lane % 4.
    """
    a, b, c = [], [], []
    for lane in range(32):
        group, thread = divmod(lane, 4)
        registers = m * k // 32 // per
        rows = []
        for register in range(registers):
            row = group if m == 8 or register % 2 == 0 else group + 8
            block = register if m == 8 else register // 2
            rows += [(row, block * 4 * per + thread * per + i) for i in range(per)]
        a.append(rows)
        b.append(
            [
                (register * 4 * per + thread * per + i, group)
                for register in range(8 * k // 32 // per)
                for i in range(per)
            ]
        )
        c.append([(group + 8 * half, thread * 2 + i) for half in range(m // 8) for i in range(2)])
    return np.array(a), np.array(b), np.array(c)


def mma_program(m, k, d, a, b=None, saturate=False):
    b = b or a
    per = 1 if a == "f64" else 4 // np.dtype(DTYPES[a]).itemsize
    fragments_a, fragments_b, fragments_c = mma_fragments(m, k, per)

    def values(kind, shape):
        low = 0 if kind == "u8" else -7
        return RANDOM.integers(low, 8, shape).astype(DTYPES[kind])

    x, y, z = values(a, (m, k)), values(b, (k, 8)), values(d, (m, 8))
    if saturate:
        x[:], y[:] = np.where(RANDOM.random((m, 1)) < 0.5, -128, 127), 127
        z = RANDOM.choice([2**31 - 5, 5 - 2**31, 3], (m, 8)).astype(np.int32)
    exact = np.float64 if d[0] == "f" else np.int64
    product = x.astype(exact) @ y.astype(exact) + z.astype(exact)
    if saturate:
        product = np.clip(product, -(2**31), 2**31 - 1)
    result = product.astype(DTYPES[d])

    def registers(matrix, places):
        return np.ascontiguousarray(matrix[places[..., 0], places[..., 1]])

    suffix = f"_{b}" if b != a else ""
    name = f"MmaM{m}N8K{k}_{d}_{a}{suffix}{'_satfinite' if saturate else ''}"
    arguments = (registers(x, fragments_a), registers(y, fragments_b), registers(z, fragments_c))
    out = Out(registers(result, fragments_c))
    newer = a == "f64" and (m, k) != (8, 4)
    return Program(
        name, "mma.cu", f"mma_program<{name}>", (*arguments, out), architecture="sm_90" if newer else "sm_80"
    )


def matrix_programs():
    for count in (1, 2, 4):
        for transposed in (False, True):
            matrices = RANDOM.integers(0, 2**16, (count, 8, 8), np.uint16)
            # Lane l holds the two elements 2 * (l % 4) and the next of row l / 4 of each matrix.
            stored = matrices.swapaxes(1, 2) if transposed else matrices
            halves = np.ascontiguousarray(stored.reshape(count, 32, 2).swapaxes(0, 1))
            registers = halves.view(np.uint32).reshape(32, count)
            template = f"<{count}, {'true' if transposed else 'false'}>"
            suffix = f"x{count}{'.trans' if transposed else ''}"
            yield Program(
                f"ldmatrix.{suffix}", "matrices.cu", "ldmatrix_program" + template, (matrices, Out(registers))
            )
            arguments = (registers, Out(matrices))
            yield Program(
                f"stmatrix.{suffix}",
                "matrices.cu",
                "stmatrix_program" + template,
                arguments,
                architecture="sm_90",
            )
    matrix = RANDOM.integers(0, 2**16, (8, 8), np.uint16)
    registers = [np.ascontiguousarray(m).view(np.uint32).reshape(32) for m in (matrix, matrix.T)]
    yield Program("movmatrix", "matrices.cu", "movmatrix_program", (registers[0], Out(registers[1])))


PROGRAMS = [
    *matrix_programs(),
    *(mma_program(16, k, d, "f16") for k in (8, 16) for d in ("f16", "f32")),
    *(mma_program(16, k, "f32", "bf16") for k in (8, 16)),
    *(mma_program(16, k, "f32", "tf32") for k in (4, 8)),
    *(mma_program(m, k, "f64", "f64") for m, k in ((8, 4), (16, 4), (16, 8), (16, 16))),
    *(mma_program(m, k, "s32", a) for m, k in ((8, 16), (16, 16), (16, 32)) for a in ("s8", "u8")),
    mma_program(16, 32, "s32", "s8", "u8"),
    mma_program(16, 32, "s32", "u8", "s8"),
    mma_program(16, 32, "s32", "s8", saturate=True),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program):
    program.check(EmulatedDevice(program.architecture), together=PROGRAMS)


def test_accumulator_is_rounded_once_to_half():
    """The sum is made in float, whatever the accumulator: 2048 + 1 + 1 in half precision would stay 2048."""
    program = mma_program(16, 16, "f16", "f16")
    a, b, c, out = program.arguments
    a[:], b[:], c[:] = 1, 0, 2048
    places = mma_fragments(16, 16, 2)[1]
    b[(places[..., 0] < 2)] = 1
    program.arguments = (a, b, c, Out(np.full_like(out.expected, 2050)))
    program.check(EmulatedDevice("sm_80"))
