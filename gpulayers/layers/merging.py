"""Layers that make one array of several, element by element: Add, Multiply, Maximum and their like."""

from ..ops import arrays, merging
from .calling import is_float
from .layer import Layer


class Merge(Layer):
    """Several inputs (a list), one output. Inputs of fewer axes get axes of size 1 after the batch."""

    supports_masking = True
    converts_integers = False
    least, most = 1, None  # inputs

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def _checked(self, inputs):
        """The inputs in one type, after their shapes were checked."""
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"{self.name} takes a list of inputs. Received: an array of {tuple(inputs.shape)}"
            )
        self.compute_output_shape([x.shape for x in inputs])
        if all(x.dtype == inputs[0].dtype for x in inputs):
            return list(inputs)
        return [x if is_float(x) else x.astype(self.compute_dtype) for x in inputs]

    def _check_shapes(self, shapes, one_batch=True):
        given = [tuple(shape) for shape in shapes if isinstance(shape, (list, tuple))]
        if len(given) != len(shapes):
            raise ValueError(f"{self.name} takes a list of inputs. Received: one of shape {tuple(shapes)}")
        if len(given) < self.least or (self.most is not None and len(given) > self.most):
            count = f"{self.least} inputs" if self.most else f"at least {self.least} input"
            raise ValueError(f"{self.name} takes {count}. Received: {len(given)}")
        if one_batch and len({shape[0] for shape in given if shape and shape[0] is not None}) > 1:
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
        """One mask an input, with an axis of size 1 at the end; as in Keras none of inputs of fewer axes than
        the output."""
        if mask is None:
            return [None] * len(inputs)
        self._check_masks(inputs, mask)
        rank = max(x.ndim for x in inputs)
        masks = [
            None if part is None or x.ndim < rank else arrays.take(part, "mask").astype(bool)[..., None]
            for x, part in zip(inputs, mask)
        ]
        for x, part in zip(inputs, masks):
            if part is not None and (
                part.ndim != x.ndim or any(n not in (1, m) for n, m in zip(part.shape, x.shape))
            ):
                raise ValueError(
                    f"A mask of {tuple(x.shape[:-1])} is expected. Received: {tuple(part.shape[:-1])}"
                )
        return masks

    def _fitted(self, inputs, same_rank, grads):
        """The gradients in the shapes of the inputs."""
        return [
            merging.reduced(grad, lifted.shape).reshape(x.shape)
            for x, lifted, grad in zip(inputs, same_rank, grads)
        ]


class Add(Merge):
    """The sum of the inputs."""

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        same_rank = merging.aligned(inputs)
        y = merging.add(same_rank)
        return y, lambda dy: self._fitted(inputs, same_rank, [dy] * len(inputs))


class Average(Merge):
    """The mean of the inputs."""

    converts_integers = True

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        same_rank = merging.aligned(inputs)
        y = merging.add(same_rank) / inputs[0].dtype.type(len(inputs))
        return y, lambda dy: self._fitted(inputs, same_rank, [dy / dy.dtype.type(len(inputs))] * len(inputs))


class Subtract(Merge):
    """The first input minus the second."""

    least = most = 2

    def forward(self, inputs, training=True):
        inputs = self._checked(inputs)
        same_rank = merging.aligned(inputs)
        y = same_rank[0] - same_rank[1]
        return y, lambda dy: self._fitted(inputs, same_rank, [dy, -dy])


class Multiply(Merge):
    """The product of the inputs; masked elements count as 1, and those masked everywhere give 0."""

    def forward(self, inputs, mask=None, training=True):
        inputs = self._checked(inputs)
        same_rank, masks = merging.aligned(inputs), self._masks(inputs, mask)
        y, factors, kept = merging.multiply(same_rank, masks)

        def backward(grad_output):
            grads = merging.multiply_backward(grad_output, factors, kept, masks)
            return self._fitted(inputs, same_rank, grads)

        return y, backward


class _Extremum(Merge):
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
