"""Embedding bags: rows of a table chosen by ids and reduced bag by bag. Not in Keras."""

import dataclasses
import functools
import math

import numpy as np

from .. import arrays
from ..dispatch import Operation, numpy_implementation
from . import bag_kernels, bag_reference, reference, runs_kernels
from .bag_problem import EmbeddingBagProblem
from .problem import bad_id

BAG_FORWARD = Operation(
    "embedding.bag_forward",
    EmbeddingBagProblem,
    [bag_kernels.bag_forward, numpy_implementation(bag_reference.forward)],
)
BAG_BACKWARD = Operation(
    "embedding.bag_backward",
    EmbeddingBagProblem,
    [runs_kernels.sorted_backward, numpy_implementation(reference.backward)],
)
BAG_BACKWARD_SPARSE = Operation(
    "embedding.bag_backward_sparse",
    EmbeddingBagProblem,
    [runs_kernels.sorted_backward_sparse, numpy_implementation(reference.backward_sparse)],
)
BAG_BACKWARD_WEIGHTS = Operation(
    "embedding.bag_backward_weights",
    EmbeddingBagProblem,
    [bag_kernels.bag_backward_weights, numpy_implementation(bag_reference.backward_weights)],
)


def embedding_bag(ids, offsets, table, *, mode="sum", weights=None, mask=None):
    """The sum, mean or maximum of the rows that each bag's ids choose.

    Args:
        ids: int32 or int64: (count,), of all bags, one after the other; or (bags, length), a bag a row.
        offsets: (bags,), integers, ascending from 0: where each bag begins; the last ends with the ids.
            None for ids (bags, length).
        table: (input_dim, output_dim), a float dtype.
        mode: "sum", "mean" or "max".
        weights: None, or of the ids' shape and the table's dtype: a factor for each row; with mode "sum".
        mask: None, or bools of the ids' shape: False where an id is left out of its bag, whatever it is.

    Returns:
        (y, argmax): y (bags, output_dim), the table's dtype, summed in float32 (float64 for float64), 0 for
        an empty bag; argmax, for "max", of y's shape: the number of the id each maximum came from, counted
        through the flattened ids, or -1; otherwise None.

    Raises:
        IndexError: an id below 0 or at least input_dim; names the first bad id and its position.
        TypeError, ValueError: dtypes, devices, shapes or offsets that do not fit.
    """
    bags = _Bags.of(ids, offsets, table, mode, weights, mask)
    y, argmax, bad = BAG_FORWARD(
        bags.problem, bags.device, bags.ids, bags.ends, bags.kept_weights, bags.table
    )
    if bad is not None:
        raise bags.error(bad if bags.places is None else int(bags.places[bad]))
    if argmax is not None and bags.places is not None:
        xp = bags.device.array_module
        argmax = xp.where(argmax < 0, argmax, bags.places[argmax]) if bags.problem.count else argmax
    return y, argmax


def embedding_bag_backward(
    grad_output, ids, offsets, table, *, mode="sum", weights=None, argmax=None, mask=None
):
    """The gradients of `embedding_bag`; deterministic.

    Args:
        grad_output: (bags, output_dim), the table's dtype.
        ids, offsets, table, mode, weights, mask: as in the forward.
        argmax: from the forward, for mode "max".

    Returns:
        (grad_table, grad_weights): the latter None without weights.

    Raises:
        IndexError: as in the forward.
        TypeError, ValueError: dtypes, devices or shapes that do not fit.
    """
    bags = _Bags.of(ids, offsets, table, mode, weights, mask)
    grad_table, bad = BAG_BACKWARD(bags.problem, bags.device, *bags.terms(grad_output, argmax))
    if bad is not None:
        raise bags.error(bad)
    return grad_table, bags.grad_weights(grad_output)


def embedding_bag_backward_sparse(
    grad_output, ids, offsets, table, *, mode="sum", weights=None, argmax=None, mask=None
):
    """As `embedding_bag_backward`, with the gradient of the rows used alone.

    Returns:
        (unique_ids, rows, grad_weights): as of `embedding_backward_sparse`, and as of
        `embedding_bag_backward`.
    """
    bags = _Bags.of(ids, offsets, table, mode, weights, mask)
    unique_ids, rows, bad = BAG_BACKWARD_SPARSE(bags.problem, bags.device, *bags.terms(grad_output, argmax))
    if bad is not None:
        raise bags.error(bad)
    return unique_ids, rows, bags.grad_weights(grad_output)


@dataclasses.dataclass(eq=False)
class _Bags:
    """A call's arrays, checked and laid out one bag after the other.

    Attributes:
        problem: of the ids that the mask leaves; device.
        shape: of the ids given; all_ids: these, flattened; ids: those that are left, (problem.count,).
        places: where these stood among all, None where all are left.
        all_ends: (bags + 1,) int64: where each bag begins, and the number of ids after them.
        ends: the same of the ids that are left.
        weights, kept_weights: of all ids, and of those left; or None.
        table: (input_dim, output_dim).
    """

    problem: EmbeddingBagProblem
    device: arrays.Device
    shape: tuple
    all_ids: object
    ids: object
    places: object
    all_ends: object
    ends: object
    weights: object
    kept_weights: object
    table: object

    @classmethod
    def of(cls, ids, offsets, table, mode, weights, mask):
        ids, table = arrays.take(ids, "ids"), arrays.take(table, "table")
        offsets, weights, mask = (
            None if array is None else arrays.take(array, name)
            for name, array in (("offsets", offsets), ("weights", weights), ("mask", mask))
        )
        device = arrays.common_device(ids=ids, offsets=offsets, table=table, weights=weights, mask=mask)
        problem = EmbeddingBagProblem.resolve(ids, offsets, table, mode, weights, mask)
        shape, xp = tuple(ids.shape), device.array_module
        if offsets is None:
            ends = xp.arange(problem.bags + 1, dtype=np.int64) * ids.shape[1]
        else:
            ends = _ends(problem, device, offsets)
        flat, weights, mask = (
            None if array is None else arrays.contiguous(array).reshape(-1) for array in (ids, weights, mask)
        )
        ids, kept, places, left = flat, weights, None, ends
        if mask is not None:
            places = xp.flatnonzero(mask)
            ids, kept = flat[places], None if weights is None else weights[places]
            before = device.zeros((mask.size + 1,), np.int64)
            before[1:] = xp.cumsum(mask)
            left = before[ends]
            problem = dataclasses.replace(problem, count=int(places.size))
        table = arrays.contiguous(table)
        return cls(problem, device, shape, flat, ids, places, ends, left, weights, kept, table)

    @functools.cached_property
    def bag_of(self):
        """(all ids,): the bag of each."""
        xp = self.device.array_module
        return xp.searchsorted(self.all_ends, xp.arange(math.prod(self.shape)), side="right") - 1

    def terms(self, grad_output, argmax):
        """What the backward operations take after the problem and the device."""
        problem, xp, factors = self.problem, self.device.array_module, None
        grad_output = self.checked(grad_output)
        if problem.mode == "max":
            if argmax is None:
                raise ValueError("mode='max' needs the argmax of the forward. Received: None")
            argmax = arrays.contiguous(arrays.take(argmax, "argmax"))
            if tuple(argmax.shape) != problem.output_shape or argmax.dtype != np.int64:
                raise ValueError(
                    f"argmax must be int64 of shape {problem.output_shape}. "
                    f"Received: {argmax.dtype} of shape {tuple(argmax.shape)}"
                )
        else:
            argmax = None
        wide = arrays.accumulation_dtype(problem.dtype)
        if problem.mode == "mean":
            counts = xp.maximum(self.ends[1:] - self.ends[:-1], 1)
            factors = (wide.type(1) / counts.astype(wide))[self.bag_of]
        elif self.weights is not None:
            factors = self.weights.astype(wide, copy=False)
        return self.ids, grad_output, self.bag_of, factors, argmax, self.places

    def grad_weights(self, grad_output):
        """Of the weights' shape, or None."""
        if self.weights is None:
            return None
        bag_of = self.bag_of if self.places is None else self.bag_of[self.places]
        operands = self.checked(grad_output), self.ids, bag_of, self.table
        grad = BAG_BACKWARD_WEIGHTS(self.problem, self.device, *operands)
        if self.places is not None:
            whole = self.device.zeros(self.weights.shape, grad.dtype)
            whole[self.places] = grad
            grad = whole
        return grad.reshape(self.shape)

    def checked(self, grad_output):
        grad_output, problem = arrays.take(grad_output, "grad_output"), self.problem
        arrays.common_device(table=self.table, grad_output=grad_output)
        if tuple(grad_output.shape) != problem.output_shape or grad_output.dtype != problem.dtype:
            raise ValueError(
                f"grad_output must be {problem.dtype} of shape {problem.output_shape}. "
                f"Received: {grad_output.dtype} of shape {tuple(grad_output.shape)}"
            )
        return arrays.contiguous(grad_output)

    def error(self, place):
        """The IndexError of the id at that place among all."""
        value = int(self.device.to_numpy(self.all_ids[place]))
        return bad_id(value, place, self.shape, self.problem.input_dim)


def _ends(problem, device, offsets):
    """The offsets, int64, with the number of ids after them."""
    ends = device.empty((problem.bags + 1,), np.int64)
    ends[:-1] = offsets
    ends[-1] = problem.count
    wrong = (ends[1:] < ends[:-1]).any() | (ends[0] != 0)
    if bool(wrong):
        raise ValueError(
            f"offsets must ascend from 0 to at most {problem.count} ids. Received: {device.to_numpy(offsets)}"
        )
    return ends
