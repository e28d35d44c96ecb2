"""Tensor maps: the descriptions of arrays that TMA instructions take."""

import struct

_ELEMENTS = {
    "u4": 0,
    "i4": 1,
    "u8": 2,
    "i8": 3,
    "f4": 4,
    "f8": 5,
    "f2": 6,
    "bfloat16": 7,
}  # ReductionElement of runtime.h
_SWIZZLE_BYTES = (0, 32, 64, 128)


class TensorMap:
    """The emulator's form of the 128 bytes that cuTensorMapEncodeTiled or ...EncodeIm2col makes on a GPU.

    Args:
        array: an EmulatedArray whose last axis is contiguous.
        box: elements of a tile along each axis, innermost first.
        swizzle: 0 none, 1 32 bytes, 2 64 bytes, 3 128 bytes.
        im2col: None, or (lower corner, upper corner, channels, pixels) of an array [N, (D, (H,)) W, C];
            corners are (w, h, d).
        strides: of the traversal along each axis, innermost first: every so many elements is copied.

    Raises:
        ValueError: what the driver would not encode.
    """

    def __init__(self, array, box=(), swizzle=3, im2col=None, strides=None):
        self.array, self.swizzle, self.im2col = array, swizzle, im2col
        self.box = tuple(box) or (1,) * array.ndim
        self.strides = tuple(strides or (1,) * array.ndim)
        self._check()

    def _check(self):
        array = self.array
        if not 1 <= array.ndim <= 5 or array.strides[-1] != array.itemsize:
            raise ValueError(
                f"A tensor map takes 1 to 5 axes, the last contiguous. Received: {array.shape}, "
                f"{array.strides}"
            )
        if array.__array_interface__["data"][0] % 16 or any(stride % 16 for stride in array.strides[:-1]):
            raise ValueError(
                f"A tensor map takes an address and strides in multiples of 16. Received: {array.strides}"
            )
        if len(self.strides) != array.ndim or not all(1 <= stride <= 8 for stride in self.strides):
            raise ValueError(
                f"The strides of the traversal are 1 to 8, one for each axis. Received: {self.strides}"
            )
        if self.im2col:
            lower, upper, inner, pixels = self.im2col
            if not len(lower) == len(upper) == array.ndim - 2 >= 1 or not 1 <= pixels <= 1024:
                raise ValueError(
                    f"im2col takes corners with a number for each spatial axis. Received: {self.im2col}"
                )
        else:
            inner = self.box[0]
            if len(self.box) != array.ndim or not all(1 <= size <= 256 for size in self.box):
                raise ValueError(f"A box has 1 to 256 elements along each axis. Received: {self.box}")
        row = inner * array.itemsize
        if row % 16 or (self.swizzle and row > _SWIZZLE_BYTES[self.swizzle]):
            raise ValueError(
                "The innermost row of a box is a multiple of 16 bytes and fits the swizzle. "
                f"Received: {row} bytes"
            )

    def __len__(self):
        return 128

    def __bytes__(self):
        array = self.array
        none = [0] * (5 - array.ndim)
        lower, upper, channels, pixels = self.im2col or ((), (), 0, 0)
        element = _ELEMENTS.get(array.dtype.name, _ELEMENTS.get(array.dtype.str[1:], 255))
        head = (array.__array_interface__["data"][0], array.itemsize, element, array.ndim, self.swizzle)
        sizes = (*array.shape[::-1], *none, *array.strides[-2::-1], *none)
        box = (
            *(self.box if not self.im2col else (1,) * array.ndim),
            *none,
            *self.strides,
            *none,
            int(bool(self.im2col)),
        )
        corners = [(*corner, *[0] * (3 - len(corner))) for corner in (lower, upper)]
        return struct.pack(
            "<Q4B5i4q5H6B6h2H", *head, *sizes, *box, *corners[0], *corners[1], channels, pixels
        ).ljust(128, b"\0")
