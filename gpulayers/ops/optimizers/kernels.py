"""Launchers of cuda/optimizers."""

import numpy as np

from ..arrays import accumulation_dtype, address_of
from ..dispatch import cuda_implementation

_ROW = np.dtype(  # VariableRow in cuda/optimizers/table.cuh
    [(name, np.int64) for name in ("value", "grad", "first_state", "second_state", "third_state")]
    + [("size", np.int64), ("first_block", np.int64), ("decay", np.float64)]
)
_THREADS = 256
_ELEMENTS = 2048  # of a block


def _unsupported(rule):
    def reason(problem, device):
        if problem.rule != rule:
            return f"computes {rule}"
        if not problem.contiguous:
            return "takes contiguous arrays only"
        if sum(-(-size // _ELEMENTS) for size in problem.sizes) > 2**31 - 1:
            return f"takes up to 2^31 - 1 blocks of {_ELEMENTS} elements"
        return None

    return reason


def _launch(problem, device, file, name, template, values, grads, states, decays, scalars):
    """One launch for all variables that have elements."""
    rows = np.zeros(len(values), _ROW)
    blocks, used, reached = 0, 0, []
    for value, grad, state, decay in zip(values, grads, states, decays):
        if value.size == 0:
            continue
        reached += [value, grad, *state]
        addresses = [address_of(array) for array in (value, grad, *state)]
        rows[used] = (*addresses, *[0] * (5 - len(addresses)), value.size, blocks, decay)
        blocks += -(-value.size // _ELEMENTS)
        used += 1
    if not used:
        return
    table = device.address_table(rows[:used].view(np.int64), reached)
    wide = accumulation_dtype(problem.dtype).type
    kernel = device.kernel(file, name, (problem.dtype, *template))
    kernel((blocks,), (_THREADS,), (table, np.int32(used), *map(wide, scalars)))


@cuda_implementation("optimizers/sgd.cu", _unsupported("sgd"))
def sgd_multi_tensor_step(problem, device, *operands):
    """All variables in one launch."""
    template = (problem.momentum, problem.nesterov)
    _launch(problem, device, "optimizers/sgd.cu", "sgd_multi_tensor_step", template, *operands)


@cuda_implementation("optimizers/adam.cu", _unsupported("adam"))
def adam_multi_tensor_step(problem, device, *operands):
    """All variables in one launch."""
    template = (problem.amsgrad,)
    _launch(problem, device, "optimizers/adam.cu", "adam_multi_tensor_step", template, *operands)
