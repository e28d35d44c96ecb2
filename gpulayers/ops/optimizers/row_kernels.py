"""Launchers of the kernels of cuda/optimizers that step rows of a table."""

import math

import numpy as np

from ..arrays import accumulation_dtype, address_of
from ..dispatch import cuda_implementation
from ..pooling.kernels import power_of_two

_THREADS = 256
_BLOCKS_PER_MULTIPROCESSOR = 8  # grid-stride loops beyond that


def _width(problem, value, grad, states):
    """Elements of an access: of no array more than 16 bytes, as rows and addresses allow."""
    whole = (value, grad, *states)
    most = math.gcd(16 // max(array.itemsize for array in whole), problem.columns)
    return math.gcd(most, *(address_of(array) // array.itemsize for array in whole))


def _reason(rule):
    def unsupported(problem, device):
        if problem.rule != rule:
            return f"computes {rule}"
        if not problem.contiguous:
            return "takes contiguous arrays only"
        if problem.columns > 2**31 - 1 or problem.count > 2**31 - 1:
            return "takes up to 2^31 - 1 columns and rows"
        return None

    return unsupported


def _arguments(problem, value, ids, grad, states, decay, clip, scalars):
    """(template, arguments) in the kernels' order."""
    width = _width(problem, value, grad, states if problem.rule != "row_wise_adagrad" else ())
    template = (problem.dtype, problem.grad_dtype, problem.index_dtype or np.dtype(np.int32))
    factor = None
    if clip.factors is not None:
        position = clip.position(0)
        factor = clip.factors[position : position + 1]
    wide = accumulation_dtype(problem.dtype).type
    numbers = map(wide, (decay, clip.scale, clip.limit or 0.0, *scalars))
    sizes = np.int64(problem.count), np.int32(problem.columns)
    return template, width, (ids, grad, value, *states), (factor, *sizes, *numbers)


def _launcher(rule, slots):
    """Of a rule whose kernel takes `slots` states, of which the last may be absent."""

    def launch(problem, device, *operands):
        if problem.count == 0 or problem.columns == 0:
            return
        template, width, operands, rest = _arguments(problem, *operands)
        operands += (None,) * (slots - problem.slots)
        threads = problem.count * (problem.columns // width)
        blocks = min(-(-threads // _THREADS), _BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors)
        kernel = device.kernel(file, launch.__name__, (*template, *problem.switches, width))
        kernel((blocks,), (_THREADS,), (*operands, *rest))

    file = f"optimizers/{rule}.cu"
    launch.__name__ = f"{rule}_row_sparse_step"
    launch.__doc__ = "All rows that have a gradient in one launch."
    return cuda_implementation(file, _reason(rule))(launch)


sgd_row_sparse_step, adam_row_sparse_step = _launcher("sgd", 1), _launcher("adam", 3)


@cuda_implementation("optimizers/row_wise_adagrad.cu", _reason("row_wise_adagrad"))
def row_wise_adagrad_step(problem, device, *operands):
    """A few lanes a row, in one launch."""
    if problem.count == 0 or problem.columns == 0:
        return
    template, width, operands, rest = _arguments(problem, *operands)
    lanes = min(32, power_of_two(problem.columns // width))
    sparse = problem.index_dtype is not None
    name = "row_wise_adagrad_step"
    kernel = device.kernel("optimizers/row_wise_adagrad.cu", name, (*template, sparse, width))
    kernel((-(-problem.count * lanes // _THREADS),), (lanes, _THREADS // lanes), (*operands, *rest))
