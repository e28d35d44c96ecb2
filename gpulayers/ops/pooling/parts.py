"""How the references cut a pooling into parts whose values stay in the processor's cache.

Parts depend on the problem alone, not on the number of threads. Arrays are (outer, depth, height, width, inner) in both
data formats.
"""

import functools
import itertools
import math
from typing import NamedTuple

from .passes import Line, Windows

BLOCK_BYTES = 1 << 21  # no intermediate array is larger, unless one window of one channel makes it so
_PART_COST = 1 << 14  # what Python spends on a part, in elements


class Part(NamedTuple):
    """What is computed at once.

    Attributes:
        inside, outside: indices into the lifted input and output.
        windows: their geometry.
    """

    inside: tuple
    outside: tuple
    windows: Windows


def output_parts(problem, itemsize, elements):
    """Cuts the output: a list of parts, each with all inputs of its windows.

    Args:
        itemsize: of intermediate values.
        elements: `elements(outputs, inputs)` tells how large arrays become, from the sizes of a part along the three
            axes: one of the functions below.
    """
    return _parts(problem, BLOCK_BYTES // itemsize, elements, _output_line)


def input_parts(problem, itemsize, elements):
    """Cuts the input: a list of parts, each with all windows that reach into it."""
    return _parts(problem, BLOCK_BYTES // itemsize, elements, _input_line)


# A part's own inputs or outputs, which are read or written in place, may be twice as large as intermediate arrays.


def of_sums(outputs, inputs):
    """The first axis with windows is combined, or spread, in place."""
    first = next((axis for axis in range(3) if inputs[axis] > outputs[axis]), 0)
    return max(math.prod(inputs) // inputs[first] * outputs[first], math.prod(inputs) // 2)


def of_copies(outputs, inputs):
    """All inputs are copied, or have a mask each."""
    return math.prod(inputs)


def of_places(outputs, inputs):
    """A sum for each input, a place of 8 bytes for each output."""
    return max(math.prod(inputs), 2 * math.prod(outputs))


def image_blocks(images, image_bytes):
    """Slices of so many images as make a block."""
    step = max(1, min(images, BLOCK_BYTES // max(1, image_bytes)))
    return [slice(start, min(start + step, images)) for start in range(0, images, step)]


@functools.lru_cache(maxsize=128)
def _parts(problem, block, elements, line_of):
    window = problem.window.lifted()
    images, pieces, channels = _pieces(problem, window, block, elements, line_of is _input_line)
    axes = [
        [line_of(window, axis, *piece) for piece in _cuts(window.output_size[axis], count)]
        for axis, count in enumerate(pieces)
    ]
    parts, known = [], {}
    for image, *chosen, channel in itertools.product(
        _cuts(problem.outer, images), *axes, _cuts(problem.inner, channels)
    ):
        inside, outside, lines = zip(*chosen)
        image, channel = slice(*image), slice(*channel)
        windows = known.setdefault(lines, Windows(lines))
        parts.append(Part((image, *inside, channel), (image, *outside, channel), windows))
    return parts


def _cuts(length, pieces):
    """The range in nearly equal pieces."""
    return [(length * n // pieces, length * (n + 1) // pieces) for n in range(pieces)]


def _pieces(problem, window, block, elements, shared):
    """Pieces of the images, along each axis and of the channels: what makes the least work of parts of at most so many
    elements.

    Args:
        shared: whether windows that reach into two parts are computed in both; else their inputs are read in both.
    """
    outer, inner = max(1, problem.outer), problem.inner
    extents = [(k - 1) * d + 1 for k, d in zip(window.size, window.dilation)]

    def sizes(pieces):
        """(outputs, inputs) of a part along each axis."""
        counts = [-(-size // number) for size, number in zip(window.output_size, pieces)]
        if shared:  # and zeros stand for windows beyond the ends
            beyond = (
                (extent - 1) // step + (size + low > windows * step)
                for extent, step, size, low, windows in zip(
                    extents, window.strides, window.input_size, window.pad_low, window.output_size
                )
            )
            counts = [count + further for count, further in zip(counts, beyond)]
        return counts, [(c - 1) * s + e for c, s, e in zip(counts, window.strides, extents)]

    def work(pieces):
        return math.prod(pieces) * (math.prod(sizes(pieces)[1]) * inner + _PART_COST), pieces[2], pieces[1]

    choices = [[min(size, 1 << n) for n in range((size - 1).bit_length() + 1)] for size in window.output_size]
    fitting = [p for p in itertools.product(*choices) if elements(*sizes(p)) * inner <= block]
    if fitting:
        pieces = min(fitting, key=work)
        images = min(outer, max(1, block // max(1, elements(*sizes(pieces)) * inner)))
        return -(-problem.outer // images), pieces, 1
    single = window.output_size
    return problem.outer, single, min(inner, -(-elements(*sizes(single)) * inner // block))


def _output_line(window, axis, start, stop):
    """(slice of the input, slice of the output, line) of the windows [start, stop)."""
    taps, step, dilation = window.size[axis], window.strides[axis], window.dilation[axis]
    first = start * step - window.pad_low[axis]
    end = first + (stop - 1 - start) * step + (taps - 1) * dilation + 1
    low = min(max(first, 0), window.input_size[axis])
    high = max(low, min(end, window.input_size[axis]))
    line = Line(taps, step, dilation, stop - start, low - first, high - low)
    return slice(low, high), slice(start, stop), line


def _input_line(window, axis, start, stop):
    """As `_output_line`, of the inputs from the beginning of window `start` to that of window `stop`, and all
    windows that reach there."""
    taps, step, dilation = window.size[axis], window.strides[axis], window.dilation[axis]
    length, windows, pad = window.input_size[axis], window.output_size[axis], window.pad_low[axis]
    low = min(max(start * step - pad, 0), length) if start else 0
    high = min(max(stop * step - pad, low), length) if stop < windows else length
    extent = (taps - 1) * dilation + 1
    # Windows begin at or before the part's first input, so that no input lies before the first of them.
    begin = min(max(0, -(-(low + pad - extent + 1) // step)), (low + pad) // step, windows)
    end = max(begin, min(windows, -(-(high + pad) // step)))
    line = Line(taps, step, dilation, end - begin, low + pad - begin * step, high - low)
    return slice(low, high), slice(begin, end), line
