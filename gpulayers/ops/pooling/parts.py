"""How the references cut a pooling into parts whose values stay in the processor's cache."""

import dataclasses

BLOCK_BYTES = 1 << 21


def image_blocks(images, image_bytes):
    """Slices of so many images as make a block."""
    step = max(1, BLOCK_BYTES // max(1, image_bytes))
    return (slice(start, min(start + step, images)) for start in range(0, images, step))


def output_parts(problem, itemsize):
    """Cuts the output: (index into the input, index into the output, the part's window)."""
    window = problem.window.lifted()
    axis, row_bytes = _cut_axis(problem, window, itemsize)
    step, extent = window.strides[axis], _extent(window, axis)
    rows = max(1, (BLOCK_BYTES // row_bytes - extent) // step + 1)
    for images, start, stop in _blocks(problem, window, axis, row_bytes, rows, window.output_size[axis]):
        first = start * step - window.pad_low[axis]
        low = min(max(first, 0), window.input_size[axis])
        high = max(low, min(first + (stop - 1 - start) * step + extent, window.input_size[axis]))
        yield _part(window, images, axis, (low, high), (start, stop))


def input_parts(problem, itemsize):
    """Cuts the input: as `output_parts`, with all outputs whose windows reach into the part."""
    window = problem.window.lifted()
    axis, row_bytes = _cut_axis(problem, window, itemsize)
    step, extent, pad = window.strides[axis], _extent(window, axis), window.pad_low[axis]
    # Parts that begin where windows do share few outputs.
    rows = max(1, BLOCK_BYTES // row_bytes // step) * step
    for images, low, high in _blocks(problem, window, axis, row_bytes, rows, window.input_size[axis]):
        start = min(max(0, -((extent - 1 - low - pad) // step)), window.output_size[axis])
        stop = max(start, min(window.output_size[axis], -(-(high + pad) // step)))
        yield _part(window, images, axis, (low, high), (start, stop))


def _extent(window, axis):
    return (window.size[axis] - 1) * window.dilation[axis] + 1


def _cut_axis(problem, window, itemsize):
    """The first axis that has more than one position, and the bytes of one of its rows."""
    long = [axis for axis in range(3) if window.input_size[axis] > 1]
    axis = long[0] if long else 2
    row_bytes = problem.inner * itemsize
    for other in range(axis + 1, 3):
        row_bytes *= max(window.input_size[other], window.output_size[other])
    return axis, row_bytes


def _blocks(problem, window, axis, row_bytes, rows, length):
    """(images, first row, end of the rows): several whole images, or rows of one."""
    image_bytes = row_bytes * max(window.input_size[axis], window.output_size[axis])
    rows = length if image_bytes <= BLOCK_BYTES else rows
    for images in image_blocks(problem.outer, image_bytes):
        for start in range(0, length, rows):
            yield images, start, min(start + rows, length)


def _part(window, images, axis, inputs, outputs):
    def replaced(sizes, value):
        return (*sizes[:axis], value, *sizes[axis + 1 :])

    first = outputs[0] * window.strides[axis] - window.pad_low[axis]
    part = dataclasses.replace(
        window,
        input_size=replaced(window.input_size, inputs[1] - inputs[0]),
        output_size=replaced(window.output_size, outputs[1] - outputs[0]),
        pad_low=replaced(window.pad_low, inputs[0] - first),
    )
    before = (images, *(slice(None),) * axis)
    return (*before, slice(*inputs)), (*before, slice(*outputs)), part
