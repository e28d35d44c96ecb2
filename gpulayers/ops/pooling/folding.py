"""Sliding windows in NumPy, one dimension after the other, or tap by tap.

Arrays are (images, depth, height, width, inner).
"""

import itertools

import numpy as np


def fold(window, block, combine, empty):
    """Combines the values of each window; `empty` where a window lies wholly in the padding."""
    for axis in range(3):
        if not _is_identity(window, axis):
            block = _fold(window, axis, block, combine, empty)
    return block


def spread(window, block):
    """The adjoint of adding the values of each window."""
    for axis in range(3):
        if not _is_identity(window, axis):
            block = _spread(window, axis, block)
    return block


def phases(window, block=None, shape=None, dtype=None):
    """The columns of each remainder by the stride along the width, contiguous: of the block, or zeros for a
    block of that shape."""
    step = window.strides[2]
    used = {(tap * window.dilation[2] - window.pad_low[2]) % step for tap in range(window.size[2])}
    if block is None:
        width = window.input_size[2]
        return {j: np.zeros((*shape[:3], len(range(j, width, step)), shape[4]), dtype) for j in used}
    return {j: np.ascontiguousarray(block[:, :, :, j::step]) for j in used}


def places_of_taps(window):
    """For each tap, row by row, where it meets the input: (number of the phase, index into it, index into the
    output); None if nowhere."""
    step = window.strides[2]
    for taps in itertools.product(*map(range, window.size)):
        pairs = [_meeting(window, axis, tap) for axis, tap in enumerate(taps)]
        if None in pairs:
            yield None
            continue
        (*inside, along_width), outside = zip(*pairs)
        column, phase = divmod(along_width.start, step)
        columns = slice(column, column + outside[2].stop - outside[2].start)
        yield phase, (slice(None), *inside, columns), (slice(None), *outside)


def _meeting(window, axis, tap):
    """Slices of the input and the output along one axis, where the tap meets the input; None if nowhere."""
    first, stop = window.valid_range(axis, tap)
    if first >= stop:
        return None
    start = first * window.strides[axis] + tap * window.dilation[axis] - window.pad_low[axis]
    last = start + (stop - 1 - first) * window.strides[axis]
    return slice(start, last + 1, window.strides[axis]), slice(first, stop)


def _meetings(window, axis):
    pairs = (_meeting(window, axis, tap) for tap in range(window.size[axis]))
    return [pair for pair in pairs if pair is not None]


def _along(axis, part):
    return (slice(None),) * (axis + 1) + (part,)


def _is_identity(window, axis):
    same_size = window.input_size[axis] == window.output_size[axis]
    return window.size[axis] == window.strides[axis] == 1 and same_size and window.pad_low[axis] == 0


def _fold(window, axis, block, combine, empty):
    """Combines the taps along one axis."""
    length = window.output_size[axis]
    shape = (*block.shape[: axis + 1], length, *block.shape[axis + 2 :])
    result, whole = None, None
    # Taps that meet the input in every window come first: two of them make the result in one pass.
    for inside, outside in sorted(_meetings(window, axis), key=lambda pair: pair[1] != slice(0, length)):
        source = block[_along(axis, inside)]
        if result is None and outside == slice(0, length):
            if whole is None:
                whole = source
            else:
                result = combine(whole, source)
            continue
        if result is None:
            result = np.full(shape, empty, block.dtype) if whole is None else whole.copy()
        target = result[_along(axis, outside)]
        combine(target, source, out=target)
    if result is None:
        result = np.full(shape, empty, block.dtype) if whole is None else whole
    return result


def _spread(window, axis, block):
    """The adjoint of adding the taps along one axis."""
    length = window.input_size[axis]
    shape = (*block.shape[: axis + 1], length, *block.shape[axis + 2 :])
    places = _meetings(window, axis)
    if window.dilation[axis] == 1 and window.size[axis] <= window.strides[axis]:
        covered = sum(outside.stop - outside.start for _, outside in places) == length
        result = (np.empty if covered else np.zeros)(shape, block.dtype)
        for inside, outside in places:  # no two meet
            result[_along(axis, inside)] = block[_along(axis, outside)]
        return result
    places.sort(key=lambda pair: pair[0] != slice(0, length, 1))
    if places and places[0][0] == slice(0, length, 1):
        inside, outside = places.pop(0)
        result = block[_along(axis, outside)].copy()
    else:
        result = np.zeros(shape, block.dtype)
    for inside, outside in places:
        result[_along(axis, inside)] += block[_along(axis, outside)]
    return result
