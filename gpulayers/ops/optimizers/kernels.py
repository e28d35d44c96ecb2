"""Launchers of cuda/optimizers."""

import numpy as np

from ..arrays import accumulation_dtype, address_of
from ..dispatch import cuda_implementation
from .problem import RULES

# The fields of VariableRow in cuda/optimizers/table.cuh.
_STATES = slice(2, 5)
_VALUE, _GRAD, _FACTOR, _SIZE, _FIRST_BLOCK, _DECAY, _FIELDS = 0, 1, 5, 6, 7, 8, 9
_THREADS = 256
_ELEMENTS = 2048  # of a block


class _Table:
    """The rows of the variables that have elements.

    Attributes:
        numbers: of these variables; rows: int64, a row each; blocks: how many there are.
    """

    def __init__(self, sizes):
        self.numbers = [number for number, size in enumerate(sizes) if size]
        self.rows = np.zeros((len(self.numbers), _FIELDS), np.int64)
        sizes = np.array([sizes[number] for number in self.numbers], np.int64)
        blocks = -(-sizes // _ELEMENTS)
        self.rows[:, _SIZE], self.rows[:, _FIRST_BLOCK] = sizes, np.cumsum(blocks) - blocks
        self.blocks, self.reached = int(blocks.sum()), []

    def put(self, field, arrays):
        """Writes the addresses of arrays, one a variable, into a field."""
        arrays = [arrays[number] for number in self.numbers]
        self.rows[:, field] = [address_of(array) for array in arrays]
        self.reached += arrays

    def launch(self, device, file, name, template, *arguments):
        table = device.address_table(self.rows.reshape(-1), self.reached)
        kernel = device.kernel(f"optimizers/{file}", name, template)
        kernel((self.blocks,), (_THREADS,), (table, np.int32(len(self.rows)), *arguments))
        return table


def _refusal(problem):
    if not problem.contiguous:
        return "takes contiguous arrays only"
    if sum(-(-size // _ELEMENTS) for size in problem.sizes) > 2**31 - 1:
        return f"takes up to 2^31 - 1 blocks of {_ELEMENTS} elements"
    return None


def _step_launcher(rule):
    def unsupported(problem, device):
        return f"computes {rule}" if problem.rule != rule else _refusal(problem)

    def launch(problem, device, values, grads, states, decays, clip, scalars):
        table = _Table(problem.sizes)
        if not table.numbers:
            return
        table.put(_VALUE, values)
        table.put(_GRAD, grads)
        for slot in range(problem.slots):
            table.put(_STATES.start + slot, [state[slot] for state in states])
        if clip.factors is not None:
            first, stride = address_of(clip.factors), clip.factors.itemsize
            table.rows[:, _FACTOR] = [first + stride * clip.position(number) for number in table.numbers]
            table.reached.append(clip.factors)
        shares = np.array([decays[number] for number in table.numbers], np.float64)
        table.rows[:, _DECAY] = shares.view(np.int64)
        wide = accumulation_dtype(problem.dtype).type
        scalars = map(wide, (clip.scale, clip.limit or 0.0, *scalars))
        template = (problem.dtype, problem.grad_dtype, *problem.switches)
        table.launch(device, f"{rule}.cu", launch.__name__, template, *scalars)

    launch.__name__ = f"{rule}_multi_tensor_step"
    launch.__doc__ = "All variables in one launch."
    return cuda_implementation(f"optimizers/{rule}.cu", unsupported)(launch)


steps = [_step_launcher(rule) for rule in RULES]


@cuda_implementation("optimizers/norms.cu", lambda problem, device: _refusal(problem))
def clip_factors(problem, device, grads, limit, scale):
    """Two launches: sums of blocks, then of variables."""
    wide = accumulation_dtype(problem.dtype)
    table = _Table(problem.sizes)
    factors = device.array_module.ones(1 if problem.together else len(grads), wide)
    if not table.numbers:
        return factors
    table.put(_GRAD, grads)
    partials = device.empty((table.blocks,), np.float64)
    rows = table.launch(
        device, "norms.cu", "gradient_norm_partials", (problem.dtype,), wide.type(scale), partials
    )
    kernel = device.kernel("optimizers/norms.cu", "gradient_norm_factors", (wide, problem.together))
    few = 1 if problem.together else len(table.numbers)
    found = factors if few == len(factors) else device.empty((few,), wide)
    arguments = (rows, np.int32(len(table.rows)), partials, np.int32(table.blocks), wide.type(limit), found)
    kernel((few,), (_THREADS,), arguments)
    if found is not factors:
        factors[device.asarray(np.array(table.numbers))] = found
    return factors


@cuda_implementation("optimizers/finite.cu", lambda problem, device: _refusal(problem))
def all_finite(problem, device, grads):
    """One launch, then waits for the answer."""
    table = _Table(problem.sizes)
    if not table.numbers:
        return True
    table.put(_GRAD, grads)
    found = device.zeros((1,), np.int32)
    table.launch(device, "finite.cu", "gradient_finite_check", (problem.dtype,), found)
    return not int(device.to_numpy(found)[0])


@cuda_implementation("optimizers/blend.cu", lambda problem, device: _refusal(problem))
def blend(problem, device, sources, targets, keep, share):
    """All variables in one launch."""
    table = _Table(problem.sizes)
    if not table.numbers:
        return
    table.put(_GRAD, sources)
    table.put(_STATES.start, targets)
    wide = accumulation_dtype(problem.dtype).type
    template = (problem.dtype, problem.overwrite)
    table.launch(device, "blend.cu", "variable_blend", template, wide(keep), wide(share))
