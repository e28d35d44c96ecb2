"""Tensor maps: the descriptions of arrays that TMA instructions take."""

import struct


class TensorMap:
    """The emulator's form of the 128 bytes that cuTensorMapEncodeTiled or ...EncodeIm2col makes on a GPU.

    Args:
        array: an EmulatedArray whose last axis is contiguous.
        box: elements of a tile along each axis, innermost first.
        swizzle: 0 none, 1 32 bytes, 2 64 bytes, 3 128 bytes.
        im2col: None, or (lower corner (w, h), upper corner (w, h), channels, pixels) of an NHWC array.
    """

    def __init__(self, array, box=(), swizzle=3, im2col=None):
        self.array, self.box, self.swizzle, self.im2col = array, box, swizzle, im2col

    def __len__(self):
        return 128

    def __bytes__(self):
        array = self.array
        dims = [*array.shape[::-1], *[1] * (5 - array.ndim)]
        strides = [*array.strides[-2::-1], *[0] * (5 - array.ndim)]
        box = [*self.box, *[1] * (5 - len(self.box))]
        lower, upper, channels, pixels = self.im2col or ((0, 0), (0, 0), 0, 0)
        address = array.__array_interface__["data"][0]
        head = (address, array.itemsize, array.ndim, self.swizzle, int(bool(self.im2col)))
        tail = (*dims, *strides, *box, *lower, *upper, channels, pixels)
        return struct.pack("<QIIII5i4x4Q5i4i2i", *head, *tail).ljust(128, b"\0")
