"""Embedding: rows of a table chosen by integer ids."""

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from . import kernels, reference, runs_kernels
from .problem import EmbeddingProblem, bad_id

FORWARD = Operation(
    "embedding.forward", EmbeddingProblem, [kernels.gather_forward, numpy_implementation(reference.forward)]
)
BACKWARD = Operation(
    "embedding.backward",
    EmbeddingProblem,
    [runs_kernels.sorted_backward, numpy_implementation(reference.backward)],
)
BACKWARD_SPARSE = Operation(
    "embedding.backward_sparse",
    EmbeddingProblem,
    [runs_kernels.sorted_backward_sparse, numpy_implementation(reference.backward_sparse)],
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
    ids = arrays.contiguous(ids)
    rows, bad = FORWARD(problem, device, ids, arrays.contiguous(table))
    if bad is not None:
        raise _error(problem, device, ids, bad)
    return rows


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
    problem, device, ids, grad_output = _resolved(ids, grad_output, input_dim)
    grad_table, bad = BACKWARD(problem, device, ids, grad_output)
    if bad is not None:
        raise _error(problem, device, ids, bad)
    return grad_table


def embedding_backward_sparse(ids, grad_output, input_dim):
    """The rows of the gradient to the table that the ids use: nothing here has the table's size.

    On a GPU the host waits once, for the sorted ids; the sums run behind.

    Args:
        ids, grad_output, input_dim: as of `embedding_backward`.

    Returns:
        (unique_ids, rows): the ids that occur, ascending, (count,) of the ids' dtype; the sum of each one's
        rows of grad_output, (count, output_dim), those of `embedding_backward` to the bit.

    Raises:
        IndexError, TypeError, ValueError: as of `embedding_backward`.
    """
    problem, device, ids, grad_output = _resolved(ids, grad_output, input_dim)
    unique_ids, rows, bad = BACKWARD_SPARSE(problem, device, ids, grad_output)
    if bad is not None:
        raise _error(problem, device, ids, bad)
    return unique_ids, rows


def _resolved(ids, grad_output, input_dim):
    ids, grad_output = arrays.take(ids, "ids"), arrays.take(grad_output, "grad_output")
    device = arrays.common_device(ids=ids, grad_output=grad_output)
    if grad_output.ndim != ids.ndim + 1 or grad_output.shape[:-1] != ids.shape:
        raise ValueError(
            f"grad_output must have shape {(*ids.shape, 'output_dim')}. Received: {grad_output.shape}"
        )
    problem = EmbeddingProblem.resolve(ids, (input_dim, grad_output.shape[-1]), grad_output.dtype)
    return problem, device, arrays.contiguous(ids), arrays.contiguous(grad_output)


def _error(problem, device, ids, bad):
    value = int(device.to_numpy(ids.reshape(-1)[bad]))
    return bad_id(value, bad, problem.ids_shape, problem.input_dim)
