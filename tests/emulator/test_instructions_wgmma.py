"""wgmma: every N, types, majors, swizzles, A from registers, scales.

The kernels' source is written here, because the instruction's list of registers grows with N.
"""

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from .device import EmulatedDevice
from .errors import EmulatorError
from .programs import Out, Program

RANDOM = np.random.default_rng(8)
DTYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "tf32": np.float32, "f32": np.float32}


@dataclasses.dataclass(frozen=True)
class Instruction:
    """The compile-time part of a wgmma."""

    n: int
    kind: str = "bf16"
    accumulator: str = "f32"
    a_registers: bool = False
    negate_a: bool = False
    negate_b: bool = False
    transpose_a: bool = False
    transpose_b: bool = False

    @property
    def k(self):
        return 8 if self.kind == "tf32" else 16

    @property
    def registers(self):
        return self.n // 2 if self.accumulator == "f32" else self.n // 4

    @property
    def name(self):
        flags = "".join(str(int(v)) for v in dataclasses.astuple(self)[3:])
        return f"wgmma_{self.accumulator}_{self.kind}_{self.n}_{flags}"

    def source(self):
        """The kernel. Operands lie in shared memory as the host laid them out; `a_fields`, `b_fields` are all of
        the descriptors but the address."""
        count, letter, cpp = (
            self.registers,
            "f" if self.accumulator == "f32" else "r",
            "float" if self.accumulator == "f32" else "unsigned",
        )
        d = ", ".join(f"%{i}" for i in range(count))
        outs = ", ".join(f'"+{letter}"(d[{i}])' for i in range(count))
        if self.a_registers:
            a, a_inputs = (
                "{" + ", ".join(f"%{count + 2 + i}" for i in range(4)) + "}",
                "".join(f', "r"(a[{i}])' for i in range(4)),
            )
        else:
            a, a_inputs = f"%{count + 2}", ', "l"(a_fields | (address >> 4))'
        load_a = (
            "unsigned a[4]; for (int i = 0; i < 4; i++) a[i] = a_registers[t * 4 + i];"
            if self.a_registers
            else ""
        )
        immediates = [-1 if self.negate_a else 1, -1 if self.negate_b else 1]
        if self.kind != "tf32":
            immediates += (
                [int(self.transpose_b)]
                if self.a_registers
                else [int(self.transpose_a), int(self.transpose_b)]
            )
        shape = f"m64n{self.n}k{self.k}.{self.accumulator}.{self.kind}.{self.kind}"
        scales = ", ".join(map(str, immediates))
        instruction = f"wgmma.mma_async.sync.aligned.{shape} {{{d}}}, {a}, %{count}, p, {scales};"
        predicate = f".reg .pred p; setp.ne.b32 p, %{count + 1}, 0;"
        inputs = f'"l"(b), "r"(scale_d){a_inputs}'
        return f"""
extern "C" __global__ void __launch_bounds__(128) {self.name}(
    const unsigned* __restrict__ a_image, int a_words, const unsigned* __restrict__ b_image, int b_words,
    const unsigned* __restrict__ a_registers, const void* __restrict__ c, void* __restrict__ out,
    unsigned long long a_fields, unsigned long long b_fields, int a_start, int b_start, int scale_d) {{
    extern __shared__ __align__(1024) unsigned shared[];
    int t = threadIdx.x;
    for (int i = t; i < a_words; i += 128) shared[i] = a_image[i];
    for (int i = t; i < b_words; i += 128) shared[a_words + i] = b_image[i];
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    {"" if self.a_registers else "unsigned address = (unsigned)__cvta_generic_to_shared(shared) + a_start;"}
    unsigned long long b = b_fields | (((unsigned)__cvta_generic_to_shared(shared + a_words) + b_start) >> 4);
    {cpp} d[{count}];
    {load_a}
    for (int i = 0; i < {count}; i++) d[i] = ((const {cpp}*)c)[t * {count} + i];
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    asm volatile("{{ {predicate} {instruction} }}" : {outs} : {inputs});
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    for (int i = 0; i < {count}; i++) (({cpp}*)out)[t * {count} + i] = d[i];
}}
"""


def laid_out(operand, mode, mn_major):
    """(bytes, leading and stride offsets) of an operand [rows, k] in the canonical layout of the PTX manual.

    Mode 0 is no swizzle, 1 to 3 are of 32, 64 and 128 bytes. A swizzled pattern has eight rows of 16 << mode
    bytes; the 16-byte units of a row are permuted by the row's number.
    """
    size, (rows, depth), width = operand.dtype.itemsize, operand.shape, 16 << mode
    outer, inner = (depth, rows) if mn_major else (rows, depth)  # `inner` runs along the pattern's rows
    pattern = 8 * width
    inner_patterns, outer_patterns = -(-inner * size // width), outer // 8
    image = np.zeros(inner_patterns * outer_patterns * pattern, np.uint8)
    values = np.ascontiguousarray(operand.T if mn_major else operand).reshape(outer, inner)
    for i in range(outer):
        raw = values[i].view(np.uint8)
        row = i % 8
        for j in range(0, inner * size, 16):
            unit = j % width // 16 ^ {0: 0, 1: row // 4, 2: row // 2, 3: row}[mode]
            place = (i // 8 * inner_patterns + j // width) * pattern + row * width + unit * 16
            image[place : place + 16] = raw[j : j + 16]
    along_inner, along_outer = pattern, inner_patterns * pattern
    # Without swizzle the leading offset runs along k and the stride along the rows; with it, the leading
    # offset runs along the pattern's rows, where it is needed at all.
    if mode == 0 and mn_major:
        return image, along_outer, along_inner
    return image, along_inner, along_outer


def wgmma_program(file, instruction, mode_a=3, mode_b=3, k_offset=0, accumulate=True):
    kind, n, k = instruction.kind, instruction.n, instruction.k
    size, depth = np.dtype(DTYPES[kind]).itemsize, k
    if k_offset:  # the operand is a part of longer rows
        depth = 64 // (size // 2)
    a = RANDOM.integers(-4, 5, (64, depth)).astype(DTYPES[kind])
    b = RANDOM.integers(-4, 5, (n, depth)).astype(DTYPES[kind])
    c = RANDOM.integers(-9, 10, (64, n)).astype(DTYPES[instruction.accumulator])
    used = slice(k_offset, k_offset + k)
    product = a[:, used].astype(np.float64) @ b[:, used].astype(np.float64).T
    product *= (-1) ** (instruction.negate_a + instruction.negate_b)
    result = (product + (c.astype(np.float64) if accumulate else 0)).astype(c.dtype)
    # The manual's figure: row 16 * warp + lane / 4 (+ 8), columns 8 * i + 2 * (lane % 4) (+ 1).
    thread, register = np.ogrid[:128, : n // 2]
    row = thread // 32 * 16 + thread % 32 // 4 + register // 2 % 2 * 8
    column = register // 4 * 8 + thread % 4 * 2 + register % 2
    per = 4 // size
    register = np.arange(4 * per) // per
    a_row = thread // 32 * 16 + thread % 32 // 4 + register % 2 * 8
    a_k = register // 2 * 4 * per + thread % 4 * per + np.arange(4 * per) % per
    images, fields, starts = [], [], []
    for operand, mode, mn_major in (
        (a, mode_a, instruction.transpose_a),
        (b, mode_b, instruction.transpose_b),
    ):
        image, leading, stride = laid_out(operand, mode, mn_major)
        images.append(np.concatenate([image, np.zeros(-len(image) % 1024, np.uint8)]).view(np.uint32))
        layout = {0: 0, 3: 1, 2: 2, 1: 3}[mode]
        fields.append(np.uint64(leading >> 4 << 16 | stride >> 4 << 32 | layout << 62))
        starts.append(np.int32(k_offset * size))
    registers = np.ascontiguousarray(a[a_row, a_k + k_offset]).view(np.uint32)
    sizes = [np.int32(len(image)) for image in images]
    operands = (images[0], sizes[0], images[1], sizes[1], registers, c[row, column], Out(result[row, column]))
    suffix = "" if accumulate else " overwriting"
    name = f"{instruction.name[6:]} swizzles {mode_a} {mode_b} k {k_offset}{suffix}"
    arguments = (*operands, *fields, *starts, np.int32(accumulate))
    launch = {"shared_memory": 4 * int(sum(sizes)), "architecture": "sm_90", "feature": True}
    return Program(name, file, instruction.name, arguments, block=128, **launch)


ALL_N = [Instruction(n) for n in range(8, 257, 8)]
MAJORS = [
    Instruction(64, kind, transpose_a=a, transpose_b=b)
    for kind in ("bf16", "f16")
    for a in (False, True)
    for b in (False, True)
]
OTHERS = [
    Instruction(32, "tf32"),
    Instruction(96, "f16", "f16"),
    Instruction(8, "f16", "f16"),
    Instruction(256, "f16", "f16"),
]
OTHERS += [Instruction(40, kind, a_registers=True) for kind in ("bf16", "f16", "tf32")]
OTHERS += [
    Instruction(128, "bf16", a_registers=True, transpose_b=True),
    Instruction(16, "f16", "f16", a_registers=True),
]
OTHERS += [
    Instruction(24, negate_a=True),
    Instruction(24, "f16", negate_b=True),
    Instruction(24, "tf32", negate_a=True, negate_b=True),
]


INSTRUCTIONS = list(dict.fromkeys([*ALL_N, *MAJORS, *OTHERS]))


def write_kernels(folder):
    """The path of a .cu file with a kernel for each instruction."""
    path = folder / "wgmma.cu"
    path.write_text("".join(instruction.source() for instruction in INSTRUCTIONS))
    return str(path)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = write_kernels(tmp_path_factory.mktemp("wgmma"))
    EmulatedDevice("sm_90").load(path, [instruction.name for instruction in INSTRUCTIONS], feature=True)
    return path


def programs(file):
    """All of them, for the GPU."""
    yield from (wgmma_program(file, instruction, k_offset=16) for instruction in ALL_N)
    yield from (
        wgmma_program(file, instruction, a, b)
        for instruction in MAJORS
        for a, b in ((0, 0), (1, 2), (2, 3), (3, 1))
    )
    yield from (wgmma_program(file, instruction, mode, mode) for instruction in OTHERS for mode in range(4))


@pytest.mark.parametrize("instruction", ALL_N, ids=lambda i: i.name)
def test_every_n(file, instruction):
    """The second 32 bytes of rows of 128: a start inside the pattern."""
    wgmma_program(file, instruction, k_offset=16).check(EmulatedDevice("sm_90"))


@pytest.mark.parametrize("instruction", MAJORS, ids=lambda i: i.name)
def test_majors_and_swizzles(file, instruction):
    for mode_a, mode_b in ((0, 0), (1, 2), (2, 3), (3, 1)):
        wgmma_program(file, instruction, mode_a, mode_b).check(EmulatedDevice("sm_90"))


@pytest.mark.parametrize("instruction", OTHERS, ids=lambda i: i.name)
def test_types_registers_and_scales(file, instruction):
    for mode in range(4):
        wgmma_program(file, instruction, mode, mode).check(EmulatedDevice("sm_90"))
    offset = 0 if instruction.transpose_b else instruction.k
    wgmma_program(file, instruction, k_offset=offset, accumulate=False).check(
        EmulatedDevice("sm_90", order="reverse")
    )


def test_descriptor_that_leads_out_of_shared_memory(file):
    program = wgmma_program(file, ALL_N[7])
    arguments = list(program.arguments)
    arguments[8] |= np.uint64(0x1000 << 32)  # the stride of B: 64 KiB more
    program.arguments = tuple(arguments)
    with pytest.raises(EmulatorError, match="out of bounds"):
        program.run(EmulatedDevice("sm_90"))
