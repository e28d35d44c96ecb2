"""Work element by element on large arrays: in blocks that stay in the cache, on several threads."""

from . import arrays, threads


def divides(*operands):
    """Whether `run` gains something: arrays of one shape that are contiguous and larger than a block."""
    block = arrays.device_of(operands[0]).block_elements
    if block is None or operands[0].size <= block:
        return False
    shape = operands[0].shape
    return all(array.shape == shape and array.flags.c_contiguous for array in operands)


def run(function, *operands):
    """Calls `function(*parts)`, which writes into some of them, on parts of operands that `divides` accepts."""
    block, size = arrays.device_of(operands[0]).block_elements, operands[0].size
    flat = [array.reshape(-1) for array in operands]
    parts = [[array[start : start + block] for array in flat] for start in range(0, size, block)]
    threads.run(lambda part: function(*part), parts, threads=1 if size < 4 * block else None)
