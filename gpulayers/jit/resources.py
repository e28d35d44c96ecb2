"""What a compiled kernel takes of a multiprocessor, from the assembler's report, and how many of its warps fit."""

import dataclasses
import re

from .compiler import compile

_REPORT = "--ptxas-options=-v"  # makes the assembler report in `Compiled.log`

_ENTRY = re.compile(r"Compiling entry function '(\S+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


@dataclasses.dataclass(frozen=True)
class Resources:
    """registers a thread; stack and spills in bytes a thread; static shared memory in bytes a block."""

    registers: int = 0
    stack: int = 0
    spills: int = 0
    shared_memory: int = 0


def read_resources(log):
    """{mangled name: Resources} of every kernel in an assembler's report."""
    found, name = {}, None
    for line in log.splitlines():
        if entry := _ENTRY.search(line):
            name = entry.group(1)
            found[name] = Resources()
        elif name and (stack := _STACK.search(line)):
            frame, stores, loads = map(int, stack.groups())
            found[name] = dataclasses.replace(found[name], stack=frame, spills=stores + loads)
        elif name and (used := _REGISTERS.search(line)):
            shared = _SHARED.search(line)
            found[name] = dataclasses.replace(
                found[name], registers=int(used.group(1)), shared_memory=int(shared.group(1)) if shared else 0
            )
    return found


def kernel_resources(file, expressions, architecture):
    """{expression: Resources} of instances of a kernel file; arguments and errors as of `compile`."""
    compiled = compile(file, expressions, architecture, options=(_REPORT,))
    found = read_resources(compiled.log)
    return {expression: found[name] for expression, name in compiled.lowered.items()}


@dataclasses.dataclass(frozen=True)
class Multiprocessor:
    """Limits of one multiprocessor (CUDA C++ Programming Guide, table of compute capabilities)."""

    warps: int
    blocks: int
    shared_memory: int
    registers: int = 65536


MULTIPROCESSORS = {
    "sm_80": Multiprocessor(64, 32, 164 << 10),
    "sm_86": Multiprocessor(48, 16, 100 << 10),
    "sm_89": Multiprocessor(48, 24, 100 << 10),
    "sm_90": Multiprocessor(64, 32, 228 << 10),
    "sm_100": Multiprocessor(64, 32, 228 << 10),
    "sm_120": Multiprocessor(48, 24, 100 << 10),
}
_RESERVED_SHARED_MEMORY = 1024  # of every block, by the system
_REGISTER_UNIT = 256  # registers are given to warps in this measure


def occupancy(architecture, resources, threads, dynamic_shared_memory=0):
    """The share of a multiprocessor's warps that are resident: 0 (does not fit) to 1."""
    limits = MULTIPROCESSORS[architecture]
    warps = -(-threads // 32)
    a_warp = -(-resources.registers * 32 // _REGISTER_UNIT) * _REGISTER_UNIT
    shared = resources.shared_memory + dynamic_shared_memory + _RESERVED_SHARED_MEMORY
    # Each of the four schedulers has a quarter of the registers and takes whole warps.
    by_registers = limits.registers // 4 // max(a_warp, 1) * 4 // warps
    blocks = min(limits.blocks, limits.warps // warps, by_registers, limits.shared_memory // shared)
    return blocks * warps / limits.warps
