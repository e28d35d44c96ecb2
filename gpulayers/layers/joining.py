"""Concatenate and Dot, and all merging layers as functions."""

from .. import config
from ..arguments import flag
from ..ops import arrays, merging, normalization
from ..ops.spatial import integer
from .merging import Add, Average, Maximum, Merge, Minimum, Multiply, Subtract


class Concatenate(Merge):
    """The inputs one after the other along an axis.

    Args:
        axis: the other sizes agree.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = integer(axis, "axis", least=-(2**31))

    def compute_output_shape(self, input_shape):
        given = self._check_shapes(input_shape, one_batch=False)
        rank = len(given[0])
        if any(len(shape) != rank for shape in given) or not -rank <= self.axis < rank:
            raise ValueError(
                f"{self.name} takes inputs of one rank that have axis {self.axis}. Received: shapes {given}"
            )
        axis, sizes = self.axis % rank, []
        for number, along in enumerate(zip(*given)):
            known = {size for size in along if size is not None}
            if number != axis and len(known) > 1:
                raise ValueError(
                    f"{self.name} takes inputs that differ in axis {self.axis} alone. "
                    f"Received: shapes {given}"
                )
            if number == axis:
                sizes.append(None if None in along else sum(along))
            else:
                sizes.append(known.pop() if known else None)
        return tuple(sizes)

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        axis, xp = self.axis % inputs[0].ndim, arrays.array_module(inputs[0])

        def backward(grad_output):
            grads, start = [], 0
            for x in inputs:
                stop = start + x.shape[axis]
                grads.append(arrays.contiguous(grad_output[(slice(None),) * axis + (slice(start, stop),)]))
                start = stop
            return grads

        return xp.concatenate(inputs, axis=axis), backward

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(part is None for part in mask):
            return None
        self._check_masks(inputs, mask)
        xp = arrays.array_module(inputs[0])
        masks = []
        for x, part in zip(inputs, mask):
            if part is not None and tuple(part.shape) not in (tuple(x.shape), tuple(x.shape[:-1])):
                raise ValueError(
                    f"A mask of {tuple(x.shape[:-1])} is expected. Received: {tuple(part.shape)}"
                )
            if part is None:
                part = xp.ones(x.shape, bool)
            elif part.ndim < x.ndim:
                part = xp.broadcast_to(part[..., None], x.shape)
            masks.append(part)
        return xp.concatenate(masks, axis=self.axis).any(axis=-1)


class Dot(Merge):
    """Sums of products of two inputs along an axis of each, sample by sample.

    Args:
        axes: one axis for both inputs, or a pair; not the batch's.
        normalize: whether the inputs first get length 1 along their axis.

    Shapes: (batch, ...), (batch, ...) -> (batch, rest of the first, rest of the second); (batch, 1) if
    nothing is left.
    """

    converts_integers = True
    least = most = 2

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, (list, tuple)):
            axes = integer(axes, "axes", least=-(2**31))
        elif len(axes) != 2:
            raise ValueError(f"axes must be one axis or a pair. Received: {axes!r}")
        else:
            axes = type(axes)(integer(axis, "axes", least=-(2**31)) for axis in axes)
        self.axes, self.normalize = axes, flag(normalize, "normalize")

    def _axes_of(self, shapes):
        axes = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes, self.axes)
        for axis, shape in zip(axes, shapes):
            if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ValueError(
                    "axes must lie in the inputs and not be the batch's. "
                    f"Received: axes={self.axes}, shapes {shapes}"
                )
        axes = tuple(axis % len(shape) for axis, shape in zip(axes, shapes))
        sizes = {shape[axis] for axis, shape in zip(axes, shapes) if shape[axis] is not None}
        if len(sizes) > 1:
            raise ValueError(
                f"The inputs must have the same size along axes={self.axes}. Received: shapes {shapes}"
            )
        return axes

    def compute_output_shape(self, input_shape):
        first, second = shapes = self._check_shapes(input_shape)
        axes = self._axes_of(shapes)
        batch = second[0] if first[0] is None else first[0]
        rest = [size for n, size in enumerate(first) if n not in (0, axes[0])]
        rest += [size for n, size in enumerate(second) if n not in (0, axes[1])]
        return (batch, *(rest or [1]))

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        axes = self._axes_of([tuple(x.shape) for x in inputs])
        factors, results = inputs, None
        if self.normalize:
            epsilon = config.epsilon()
            results = [normalization.normalize_length(x, (axis,), epsilon) for x, axis in zip(inputs, axes)]
            factors = [result.values.astype(x.dtype, copy=False) for result, x in zip(results, inputs)]

        def backward(grad_output):
            grads = merging.batch_dot_backward(grad_output, *factors, axes)
            if results is not None:
                grads = [r.backward(grad.astype(r.values.dtype)) for r, grad in zip(results, grads)]
            return [grad.astype(x.dtype, copy=False) for x, grad in zip(inputs, grads)]

        return merging.batch_dot(*factors, axes), backward

    def compute_mask(self, inputs, mask=None):
        return None


def _functional(kind):
    def merge(inputs, **kwargs):
        return kind(**kwargs)(inputs)

    merge.__name__ = merge.__qualname__ = kind.__name__.lower()
    merge.__doc__ = f"`{kind.__name__}(**kwargs)(inputs)`."
    return merge


add, average, subtract, multiply = map(_functional, (Add, Average, Subtract, Multiply))
maximum, minimum = map(_functional, (Maximum, Minimum))


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes, **kwargs)(inputs)
