"""Adaptive pooling problems that drive every test of the operations."""

import dataclasses

from gpulayers import ops

from .pooling import FORMATS, Case


@dataclasses.dataclass(frozen=True)
class AdaptiveCase:
    """Images of `spatial` sizes and `channels`, pooled to `output_size` bins."""

    name: str
    batch: int
    spatial: tuple
    channels: int
    output_size: int | tuple

    shape = Case.shape


CASES = [
    AdaptiveCase("one element", 1, (1,), 1, 1),
    AdaptiveCase("bins apart", 2, (8, 6), 8, (4, 3)),
    AdaptiveCase("bins that overlap", 2, (7, 5), 16, (3, 4)),
    AdaptiveCase("odd channels", 1, (5, 9), 3, 4),
    AdaptiveCase("more bins than inputs", 1, (3, 2), 8, (7, 5)),
    AdaptiveCase("inputs in two bins each along one axis", 2, (3, 2), 5, (3, 4)),
    AdaptiveCase("1 dimension", 3, (11,), 5, 4),
    AdaptiveCase("3 dimensions", 1, (3, 4, 5), 4, (2, 3, 1)),
    AdaptiveCase("more than one block", 3, (20, 18), 8, (9, 8)),
    AdaptiveCase("no images", 0, (4, 4), 3, 2),
]


def run(case, device, dtype):
    """Calls every function of the operation once, on zeros, in each format."""
    for data_format in FORMATS:
        shape, form = case.shape(data_format), dict(data_format=data_format)
        x = device.zeros(shape, dtype)
        y, argmax = ops.adaptive_max_pool_with_argmax(x, case.output_size, **form)
        ops.adaptive_max_pool_backward(y, argmax, shape, **form)
        y = ops.adaptive_average_pool(x, case.output_size, **form)
        ops.adaptive_average_pool_backward(y, shape, **form)
