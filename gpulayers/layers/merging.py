"""Layers that make one array of several: Add, Multiply, Concatenate, Dot and their like."""

from ..ops import arrays, merging, normalization
from ..ops.spatial import integer
from .calling import is_float
from .layer import Layer


class _Merge(Layer):
    """Several inputs (a list), one output. Inputs of fewer axes get axes of size 1 after the batch."""

    supports_masking = True
    converts_integers = False
    least, most = 1, None  # inputs

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def _checked(self, inputs):
        """The inputs in one type, after their shapes were checked."""
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"{self.name} takes a list of inputs. Received: an array of {tuple(inputs.shape)}")
        self.compute_output_shape([x.shape for x in inputs])
        if all(x.dtype == inputs[0].dtype for x in inputs):
            return list(inputs)
        return [x if is_float(x) else x.astype(self.dtype) for x in inputs]

    def _check_shapes(self, shapes):
        given = [tuple(shape) for shape in shapes if isinstance(shape, (list, tuple))]
        if len(given) != len(shapes):
            raise ValueError(f"{self.name} takes a list of inputs. Received: one of shape {tuple(shapes)}")
        if len(given) < self.least or (self.most is not None and len(given) > self.most):
            count = f"{self.least} inputs" if self.most else f"at least {self.least} input"
            raise ValueError(f"{self.name} takes {count}. Received: {len(given)}")
        if len({shape[0] for shape in given if shape and shape[0] is not None}) > 1:
            raise ValueError(f"{self.name} takes inputs of one batch size. Received: shapes {given}")
        return given

    def compute_output_shape(self, input_shape):
        given = self._check_shapes(input_shape)
        rank = max(map(len, given))
        lifted = [shape[:1] + (1,) * (rank - len(shape)) + shape[1:] for shape in given]
        sizes = []
        for number, along in enumerate(zip(*lifted)):
            known = {size for size in along if size != 1 and size is not None}
            if len(known) > 1:
                raise ValueError(f"{self.name} takes inputs that broadcast. Received: shapes {given}")
            unknown = None in along and (number > 0 or not known)
            sizes.append(None if unknown else known.pop() if known else 1)
        return tuple(sizes)

    def compute_mask(self, inputs, mask=None):
        """An element counts if any input's mask says so; no mask where an input has none."""
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if any(part is None for part in mask):
            return None
        kept = mask[0]
        for part in mask[1:]:
            kept = kept | part
        return kept

    def _check_masks(self, inputs, mask):
        if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
            raise ValueError(f"{self.name} takes a list of {len(inputs)} masks. Received: {mask!r}")

    def _masks(self, inputs, mask):
        """One mask an input, with an axis of size 1 at the end; none where ranks differ."""
        if mask is None or len({x.ndim for x in inputs}) > 1:
            return [None] * len(inputs)
        self._check_masks(inputs, mask)
        return [None if part is None else arrays.take(part, "mask").astype(bool)[..., None] for part in mask]

    def _fitted(self, inputs, same_rank, grads):
        """The gradients in the shapes of the inputs."""
        return [
            merging.reduced(grad, lifted.shape).reshape(x.shape)
            for x, lifted, grad in zip(inputs, same_rank, grads)
        ]


class Add(_Merge):
    """The sum of the inputs."""

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        same_rank = merging.aligned(inputs)
        y = merging.add(same_rank)
        return y, lambda dy: self._fitted(inputs, same_rank, [dy] * len(inputs))


class Average(_Merge):
    """The mean of the inputs."""

    def forward(self, inputs, training=True):
        inputs = [x if is_float(x) else x.astype(self.dtype) for x in self._checked(inputs)]
        same_rank = merging.aligned(inputs)
        y = merging.add(same_rank) / inputs[0].dtype.type(len(inputs))
        return y, lambda dy: self._fitted(inputs, same_rank, [dy / dy.dtype.type(len(inputs))] * len(inputs))


class Subtract(_Merge):
    """The first input minus the second."""

    least = most = 2

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        same_rank = merging.aligned(inputs)
        y = same_rank[0] - same_rank[1]
        return y, lambda dy: self._fitted(inputs, same_rank, [dy, -dy])


class Multiply(_Merge):
    """The product of the inputs; masked elements count as 1, and those masked everywhere give 0."""

    def forward(self, inputs, mask=None, training=True):
        inputs = self._checked(inputs)
        same_rank, masks = merging.aligned(inputs), self._masks(inputs, mask)
        y, factors, kept = merging.multiply(same_rank, masks)

        def backward(grad_output):
            grads = merging.multiply_backward(grad_output, factors, kept, masks)
            return self._fitted(inputs, same_rank, grads)

        return y, backward


class _Extremum(_Merge):
    larger = None

    def forward(self, inputs, mask=None, training=True):
        inputs = self._checked(inputs)
        same_rank, masks = merging.aligned(inputs), self._masks(inputs, mask)
        y, steps = merging.extremum(same_rank, masks, self.larger)

        def backward(grad_output):
            return self._fitted(inputs, same_rank, merging.extremum_backward(grad_output, steps, self.larger))

        return y, backward


class Maximum(_Extremum):
    """The largest of the inputs, element by element; masked elements do not compete."""

    larger = True


class Minimum(_Extremum):
    """The smallest of the inputs, element by element; masked elements do not compete."""

    larger = False


class Concatenate(_Merge):
    """The inputs one after the other along an axis.

    Args:
        axis: not the batch's; the other sizes agree.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = integer(axis, "axis", least=-(2**31))

    def compute_output_shape(self, input_shape):
        given = self._check_shapes(input_shape)
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
                    f"{self.name} takes inputs that differ in axis {self.axis} alone. Received: shapes {given}"
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
            if part is None:
                part = xp.ones(x.shape, bool)
            elif part.ndim < x.ndim:
                part = xp.broadcast_to(part[..., None], x.shape)
            masks.append(part)
        return xp.concatenate(masks, axis=self.axis).any(axis=-1)


class Dot(_Merge):
    """Sums of products of two inputs along an axis of each, sample by sample.

    Args:
        axes: one axis for both inputs, or a pair; not the batch's.
        normalize: whether the inputs first get length 1 along their axis.

    Shapes: (batch, ...), (batch, ...) -> (batch, the rest of the first, the rest of the second), or (batch, 1).
    """

    least = most = 2

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, (list, tuple)):
            axes = integer(axes, "axes", least=-(2**31))
        elif len(axes) != 2:
            raise ValueError(f"axes must be one axis or a pair. Received: {axes!r}")
        else:
            axes = type(axes)(integer(axis, "axes", least=-(2**31)) for axis in axes)
        self.axes, self.normalize = axes, bool(normalize)

    def _axes_of(self, shapes):
        axes = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes, self.axes)
        for axis, shape in zip(axes, shapes):
            if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ValueError(
                    f"axes must lie in the inputs and not be the batch's. Received: axes={self.axes}, shapes {shapes}"
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
        inputs = [x if is_float(x) else x.astype(self.dtype) for x in self._checked(inputs)]
        axes = self._axes_of([tuple(x.shape) for x in inputs])
        factors, results = inputs, None
        if self.normalize:
            results = [normalization.normalize_length(x, (axis,), 1e-7) for x, axis in zip(inputs, axes)]
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
maximum, minimum, concatenate = map(_functional, (Maximum, Minimum, Concatenate))


def dot(inputs, axes=-1, **kwargs):
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes, **kwargs)(inputs)
