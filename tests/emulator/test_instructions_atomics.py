"""atom and red in all types and vector forms."""

import ml_dtypes
import numpy as np
import pytest

from .device import EmulatedDevice
from .programs import Out, Program

RANDOM = np.random.default_rng(3)
DTYPES = {
    "u32": np.uint32,
    "s32": np.int32,
    "b32": np.uint32,
    "u64": np.uint64,
    "s64": np.int64,
    "b64": np.uint64,
    "f32": np.float32,
}
DTYPES |= {
    "f64": np.float64,
    "f16": np.float16,
    "f16x2": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "bf16x2": ml_dtypes.bfloat16,
}
MODELS = {
    "add": lambda x, v: x + v,
    "min": np.minimum,
    "max": np.maximum,
    "and": lambda x, v: x & v,
    "or": lambda x, v: x | v,
    "xor": lambda x, v: x ^ v,
    "exch": lambda x, v: v,
    "inc": lambda x, v: np.where(x >= v, 0, x + 1).astype(x.dtype),
    "dec": lambda x, v: np.where((x == 0) | (x > v), v, x - 1).astype(x.dtype),
}


def values(dtype, count):
    if np.dtype(dtype).kind in "iu":
        information = np.iinfo(dtype)
        wide = RANDOM.integers(information.min, information.max, count, dtype, endpoint=True)
        return np.where(RANDOM.random(count) < 0.5, wide, RANDOM.integers(0, 9, count).astype(dtype))
    return (RANDOM.standard_normal(count) * 4).astype(dtype)


def atomic_program(operation, kind, vector=1, red=False):
    dtype = DTYPES[kind]
    count = 32 * vector * (2 if kind.endswith("x2") else 1)
    memory, operands = values(dtype, count), values(dtype, count)
    updated = MODELS[operation](memory, operands).astype(dtype)
    result = np.zeros_like(memory) if red else memory
    name = f"{'Red' if red else 'Atom'}_{operation}_{kind}" + (f"_v{vector}" if vector > 1 else "")
    newer = vector > 1 or kind.startswith("bf16")
    arguments = (Out(updated, initial=memory), operands, Out(result))
    return Program(
        name, "atomics.cu", f"atomic_program<{name}>", arguments, architecture="sm_90" if newer else "sm_80"
    )


def exchange_program(bits, compares):
    words = 2 if bits == 128 else 1
    dtype = np.dtype(f"u{min(bits, 64) // 8}")
    memory = RANDOM.integers(0, 2**16, (32, words)).astype(dtype)
    compare, value = memory.copy(), RANDOM.integers(0, 2**16, (32, words)).astype(dtype)
    compare[::3, -1] += 1  # these are not equal
    swapped = (compare == memory).all(1, keepdims=True) if compares else True
    arguments = [Out(np.where(swapped, value, memory).astype(dtype), initial=memory), value, Out(memory)]
    if compares:
        arguments.insert(1, compare)
    name = f"{'cas' if compares else 'exch'}_b{bits}_program"
    file, architecture = ("atomics_b128.cu", "sm_90") if bits == 128 else ("atomics.cu", "sm_80")
    return Program(name, file, name, tuple(arguments), architecture=architecture)


_VECTORS = [("f32", 2), ("f32", 4)] + [(kind, n) for kind in ("f16x2", "bf16x2") for n in (2, 4)]
_VECTORS += [(kind, n) for kind in ("f16", "bf16") for n in (2, 4, 8)]
PROGRAMS = [atomic_program(op, kind) for kind in ("u32", "s32", "u64") for op in ("add", "min", "max")]
PROGRAMS += [atomic_program(op, "s64") for op in ("min", "max")]
PROGRAMS += [atomic_program(op, kind) for kind in ("b32", "b64") for op in ("and", "or", "xor", "exch")]
PROGRAMS += [atomic_program(op, "u32") for op in ("inc", "dec")]
PROGRAMS += [atomic_program("add", kind) for kind in ("f32", "f64", "f16x2", "f16", "bf16", "bf16x2")]
PROGRAMS += [atomic_program("add", kind, n, red) for kind, n in _VECTORS for red in (False, True)]
PROGRAMS += [atomic_program("max", kind, n) for kind, n in (("f16x2", 4), ("bf16", 8), ("bf16x2", 2))]
PROGRAMS += [
    atomic_program("min", kind, n, red=True) for kind, n in (("f16x2", 4), ("bf16", 8), ("bf16x2", 2))
]
_REDUCTIONS = (
    ("add", "u32"),
    ("add", "f32"),
    ("max", "s32"),
    ("or", "b32"),
    ("add", "f16x2"),
    ("add", "bf16x2"),
    ("add", "u64"),
)
PROGRAMS += [atomic_program(op, kind, red=True) for op, kind in _REDUCTIONS]
PROGRAMS += [exchange_program(bits, True) for bits in (16, 32, 64, 128)] + [exchange_program(128, False)]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program):
    program.check(EmulatedDevice(program.architecture), together=PROGRAMS)
