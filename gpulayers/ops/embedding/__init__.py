"""Embedding: rows of a table chosen by integer ids."""

import numpy as np

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from . import kernels, reference
from .problem import EmbeddingProblem

FORWARD = Operation(
    "embedding.forward", EmbeddingProblem, [kernels.gather_forward, numpy_implementation(reference.forward)]
)
BACKWARD = Operation(
    "embedding.backward", EmbeddingProblem, [kernels.sorted_backward, numpy_implementation(reference.backward)]
)


def embedding(ids, table):
    """Rows of a table.

    Args:
        ids: int32 or int64, any shape.
        table: (input_dim, output_dim), a float dtype.

    Returns:
        (*ids.shape, output_dim), the table's dtype.

    Raises:
        IndexError: an id below 0 or at least input_dim; names the first bad id and its position.
        TypeError: other dtypes, or arrays on different devices.
        ValueError: the table is not of rank 2.
    """
    ids, table = arrays.take(ids, "ids"), arrays.take(table, "table")
    device = arrays.common_device(ids=ids, table=table)
    problem = EmbeddingProblem.resolve(ids, table.shape, table.dtype)
    return _checked(problem, device, ids, FORWARD(problem, device, arrays.contiguous(ids), arrays.contiguous(table)))


def embedding_backward(ids, grad_output, input_dim):
    """The gradient to the table; deterministic, duplicates are summed in float32 (float64 for float64).

    Args:
        ids: as in the forward.
        grad_output: (*ids.shape, output_dim), a float dtype.
        input_dim: rows of the table.

    Returns:
        (input_dim, output_dim), the dtype of grad_output.

    Raises:
        IndexError: as in the forward.
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    ids, grad_output = arrays.take(ids, "ids"), arrays.take(grad_output, "grad_output")
    device = arrays.common_device(ids=ids, grad_output=grad_output)
    if grad_output.ndim != ids.ndim + 1 or grad_output.shape[:-1] != ids.shape:
        raise ValueError(f"grad_output must have shape {(*ids.shape, 'output_dim')}. Received: {grad_output.shape}")
    problem = EmbeddingProblem.resolve(ids, (input_dim, grad_output.shape[-1]), grad_output.dtype)
    result = BACKWARD(problem, device, arrays.contiguous(ids), arrays.contiguous(grad_output))
    return _checked(problem, device, ids, result)


def _checked(problem, device, ids, result):
    array, bad = result
    if bad is None:
        return array
    index = tuple(map(int, np.unravel_index(bad, problem.ids_shape)))
    value = int(device.to_numpy(ids[index]))
    where = index[0] if len(index) == 1 else index
    raise IndexError(f"Embedding ids must lie in [0, {problem.input_dim}). Received: id {value} at position {where}")
