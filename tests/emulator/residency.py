"""Whether the blocks of a cooperative launch are resident together; if not, they wait for ever."""

import functools

from gpulayers import jit

from .errors import EmulatorError


@functools.cache
def _resources(file, expression, architecture):
    """What the assembler says of a kernel. Needs no GPU."""
    return jit.kernel_resources(file, (expression,), architecture)[expression]


def check_residency(library, expression, device, grid, threads, shared_memory):
    """Raises EmulatorError if registers, threads or shared memory do not let the device hold the grid."""
    used = _resources(library.file, expression, library.architecture)
    limits = jit.MULTIPROCESSORS[device.architecture]
    share = jit.occupancy(device.architecture, used, threads, shared_memory)
    blocks = round(share * limits.warps / -(-threads // 32))
    wanted = grid[0] * grid[1] * grid[2]
    if wanted > blocks * device.multiprocessors:
        raise EmulatorError(
            f"launch: {expression}: the blocks of a cooperative grid are resident together: {blocks} on each "
            f"of {device.multiprocessors} multiprocessors ({used.registers} registers, {threads} threads, "
            f"{used.shared_memory + shared_memory} bytes of shared memory). Received: {wanted} blocks"
        )
