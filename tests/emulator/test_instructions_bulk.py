"""cp.async.bulk, cp.reduce.async.bulk and the tensor copies of TMA."""

import ml_dtypes
import numpy as np
import pytest

from .device import EmulatedDevice
from .errors import EmulatorError
from .programs import Map, Out, Program

RANDOM = np.random.default_rng(7)
ORDERS = ["forward", "reverse", "random"]


def program(name, file, kernel, arguments, **launch):
    return Program(name, file, kernel, arguments, **{"block": 64, "architecture": "sm_90", **launch})


def numbers(*shape):
    return RANDOM.integers(0, 2**32, shape, np.uint32)


# ---- bulk copies


def plain_programs():
    x = numbers(256)
    yield program("round trip", "bulk.cu", "round_trip_program", (x, Out(x[::-1].copy())))
    x = numbers(8, 32)
    expected = x + np.arange(8, dtype=np.uint32)[:, None]
    yield program("buffers", "bulk.cu", "buffers_program", (x, Out(expected)), block=32)
    x = numbers(2, 4, 64)
    expected = np.where(np.array([1, 0, 1, 1])[:, None], x[:, :1], 7).astype(np.uint32)
    launch = {"grid": 8}
    yield program(
        "multicast", "bulk.cu", "multicast_program", (x, Out(expected), np.uint16(0b1101)), **launch
    )
    sums = x.astype(np.uint64).sum(1).astype(np.uint32)
    arguments = (x, Out(np.roll(x, 1, 1)), Out(sums))
    yield program("cluster copy", "bulk.cu", "cluster_copy_program", arguments, **launch)


_REDUCTIONS = {
    "AddF32": (np.float32, np.add),
    "AddF64": (np.float64, np.add),
    "AddF16": (np.float16, np.add),
    "AddBF16": (ml_dtypes.bfloat16, np.add),
    "MaxBF16": (ml_dtypes.bfloat16, np.maximum),
    "MinS32": (np.int32, np.minimum),
    "MaxU64": (np.uint64, np.maximum),
    "XorB32": (np.uint32, np.bitwise_xor),
    "IncU32": (np.uint32, lambda x, limit: np.where(x >= limit, 0, x + 1).astype(np.uint32)),
}


def reduce_program(name):
    dtype, model = _REDUCTIONS[name]
    count = 256 // np.dtype(dtype).itemsize

    def values():
        if np.dtype(dtype).kind in "iu":
            return RANDOM.integers(0, 9, count).astype(dtype)
        return RANDOM.standard_normal(count).astype(dtype)

    before, operand = values(), values()
    out = Out(model(before, operand).astype(dtype), initial=before)
    return program(name, "bulk.cu", f"reduce_program<{name}>", (operand.view(np.uint32), out))


# ---- tensor copies


def swizzled(tile, mode):
    """The bytes of a tile as the swizzle lays them out: 16-byte units change places by their row."""
    raw = np.ascontiguousarray(tile).reshape(-1).view(np.uint8).reshape(-1, 16)
    result = np.empty_like(raw)
    for unit, value in enumerate(raw):
        row = unit // 8
        result[unit ^ (row % {0: 1, 1: 2, 2: 4, 3: 8}[mode])] = value
    return result.reshape(-1)


def window(array, start, box, steps):
    """The box of a zero-padded array whose first element stands at `start`; in the array's order of axes."""
    result = np.zeros([-(-n // step) for n, step in zip(box, steps)], array.dtype)
    for index in np.ndindex(*result.shape):
        place = [first + i * step for first, i, step in zip(start, index, steps)]
        if all(0 <= p < n for p, n in zip(place, array.shape)):
            result[index] = array[tuple(place)]
    return result


def tile_program(shape, dtype, box, at, swizzle=0, steps=None):
    """`shape`, `box`, `at` and `steps` in the array's order of axes, outermost first."""
    array = RANDOM.integers(0, 200, shape).astype(dtype)
    rank, steps = len(shape), steps or (1,) * len(shape)
    expected = swizzled(window(array, at, box, steps), swizzle).view(np.uint32)
    options = {"box": box[::-1], "swizzle": swizzle, "strides": steps[::-1]}
    coordinates = np.array([*at[::-1], *[0] * (5 - rank)], np.int32)
    kernel = f"tile_program<{rank}, {expected.nbytes}>"
    name = f"tile {shape} {np.dtype(dtype).name} {box} at {at} swizzle {swizzle} steps {steps}"
    return program(
        name,
        "tensor_copies.cu",
        kernel,
        (Map(array, options), coordinates, Out(expected)),
        shared_memory=expected.nbytes,
    )


def im2col_program(
    spatial, channels, pixels, start, kernel_size, padding, stride, offset, first_channel=0, swizzle=0
):
    """Pixels of [N, *spatial, C] from an output position on, at one offset of a filter."""
    batch, axes = 2, len(spatial)
    array = RANDOM.integers(1, 2000, (batch, *spatial, channels)).astype(np.uint16)
    inner = 16
    outputs = [(n + 2 * padding - kernel_size) // stride + 1 for n in spatial]
    positions = list(np.ndindex(batch, *outputs))
    begin = positions.index(start)
    rows = np.zeros((pixels, inner), np.uint16)
    for row, (n, *position) in enumerate(positions[begin : begin + pixels]):
        place = [p * stride - padding + o for p, o in zip(position, offset)]
        if all(0 <= p < size for p, size in zip(place, spatial)):
            values = array[(n, *place)][first_channel : first_channel + inner]
            rows[row, : len(values)] = values
    lower, upper = (-padding,) * axes, (padding - kernel_size + 1,) * axes
    options = {
        "swizzle": swizzle,
        "im2col": (lower, upper, inner, pixels),
        "strides": (1, *[stride] * axes, 1),
    }
    corner = [p * stride - padding for p in start[1:]]
    coordinates = np.array([first_channel, *corner[::-1], start[0], *[0] * (3 - axes)], np.int32)
    offsets = np.array([*offset[::-1], *[0] * (3 - axes)], np.int32)
    expected = swizzled(rows, swizzle).view(np.uint32)
    kernel = f"im2col_program<{axes + 2}, {expected.nbytes}>"
    name = f"im2col {spatial} from {start} offset {offset} stride {stride} channel {first_channel}"
    arguments = (Map(array, options), coordinates, offsets, Out(expected))
    return program(name, "tensor_copies.cu", kernel, arguments, shared_memory=expected.nbytes)


def store_program(shape, dtype, box, at, swizzle=0, operation=0):
    before = RANDOM.integers(-100, 100, shape).astype(dtype)
    tile = RANDOM.integers(-100, 100, box).astype(dtype)
    after = before.copy()
    for index in np.ndindex(*box):
        place = tuple(first + i for first, i in zip(at, index))
        if all(0 <= p < n for p, n in zip(place, shape)):
            after[place] = (lambda x, y: y, np.add, np.maximum)[operation](before[place], tile[index])
    laid_out = swizzled(tile, swizzle).view(np.uint32)
    coordinates = np.array([*at[::-1], *[0] * (5 - len(shape))], np.int32)
    kernel = f"store_program<{len(shape)}, {laid_out.nbytes}, {operation}>"
    name = f"store {operation} {shape} {np.dtype(dtype).name} {box} at {at} swizzle {swizzle}"
    arguments = (
        laid_out,
        Map(3, {"box": box[::-1], "swizzle": swizzle}),
        coordinates,
        Out(after, initial=before),
    )
    return program(name, "tensor_copies.cu", kernel, arguments, shared_memory=laid_out.nbytes)


def multicast_program():
    array = RANDOM.integers(0, 2**16, (40, 32), np.uint16)
    tiles = [window(array, at, (16, 32), (1, 1)) for at in ((5, 0), (30, 0))]
    laid_out = np.concatenate([swizzled(tile, 2) for tile in tiles]).view(np.uint32)
    coordinates = np.array([0, 5, 0, 30], np.int32)
    arguments = (
        Map(array, {"box": (32, 16), "swizzle": 2}),
        coordinates,
        Out(np.stack([laid_out, laid_out])),
    )
    launch = {"grid": 2, "cluster": 2, "shared_memory": 2048}
    return program("tensor multicast", "tensor_copies.cu", "multicast_program<1024>", arguments, **launch)


PROGRAMS = [*plain_programs(), *map(reduce_program, _REDUCTIONS)]
PROGRAMS += [
    tile_program((300,), np.uint8, (64,), (48,)),
    tile_program((300,), np.float32, (64,), (280,)),
    tile_program((20, 64), np.uint16, (8, 64), (3, 0), swizzle=3),
    tile_program((20, 72), np.uint16, (16, 32), (-3, 56), swizzle=2),
    tile_program((20, 24), np.uint16, (16, 16), (7, -5), swizzle=1),
    tile_program((20, 24), np.float64, (4, 8), (18, 20)),
    tile_program((6, 5, 32), np.float32, (2, 3, 32), (4, 3, 0), swizzle=3),
    tile_program((3, 4, 5, 16), np.uint16, (2, 2, 2, 16), (2, -1, 4, 0)),
    tile_program((2, 3, 4, 5, 16), np.uint16, (2, 1, 2, 2, 16), (0, 1, 3, -1, 0), swizzle=1),
    tile_program((40, 16), np.float32, (20, 16), (1, 0), steps=(3, 1)),
    tile_program((9, 12, 16), np.uint16, (5, 7, 16), (-1, 2, 0), steps=(2, 3, 1)),
    im2col_program((9,), 16, 32, (0, 0), 3, 1, 1, (0,)),
    im2col_program((7, 9), 16, 64, (0, 0, 0), 3, 1, 1, (2, 1), swizzle=1),
    im2col_program((7, 9), 40, 64, (0, 5, 3), 3, 1, 1, (0, 2), first_channel=32),
    im2col_program((8, 11), 16, 32, (0, 1, 2), 3, 1, 2, (1, 0)),
    im2col_program((9, 7), 16, 16, (1, 1, 0), 5, 2, 3, (4, 2)),
    im2col_program((3, 4, 5), 16, 64, (0, 1, 2, 3), 3, 1, 1, (2, 0, 1), swizzle=1),
    im2col_program((5, 6, 7), 16, 32, (0, 1, 0, 2), 3, 1, 2, (0, 1, 2)),
    store_program((300,), np.float32, (64,), (280,)),
    store_program((20, 64), np.int16, (8, 64), (3, 0), swizzle=3),
    store_program((20, 72), np.int16, (16, 32), (-3, 56), swizzle=2),
    store_program((6, 5, 32), np.float32, (2, 3, 32), (4, 3, 0), swizzle=3),
    store_program((20, 32), np.float32, (16, 32), (9, 0), swizzle=3, operation=1),
    store_program((20, 32), np.float16, (16, 32), (-2, 8), swizzle=2, operation=1),
    store_program((20, 32), np.int32, (4, 8), (18, 28), operation=2),
    multicast_program(),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_instruction(program):
    for order in ORDERS:
        program.check(EmulatedDevice(program.architecture, order=order), together=PROGRAMS)


@pytest.mark.parametrize(
    "options, what",
    [
        ({"box": (12, 4)}, "16 bytes"),
        ({"box": (64, 4), "swizzle": 2}, "fits the swizzle"),
        ({"box": (16, 300), "swizzle": 0}, "1 to 256"),
        ({"box": (16, 4), "swizzle": 0, "strides": (1, 9)}, "1 to 8"),
    ],
)
def test_map_that_no_driver_encodes(options, what):
    array = np.zeros((8, 64), np.uint16)
    kernel = tile_program((20, 64), np.uint16, (8, 64), (3, 0))
    kernel.arguments = (Map(array, options), *kernel.arguments[1:])
    with pytest.raises(ValueError, match=what):
        kernel.run(EmulatedDevice("sm_90"))


def test_tiled_copy_through_an_im2col_map():
    wrong = tile_program((2, 3, 4, 16), np.uint16, (1, 2, 2, 16), (0, 0, 0, 0))
    wrong.arguments[0].options.update(im2col=((0, 0), (0, 0), 16, 4))
    with pytest.raises(EmulatorError, match="tensor map"):
        wrong.run(EmulatedDevice("sm_90"))
