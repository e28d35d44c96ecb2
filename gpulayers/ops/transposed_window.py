"""Padding and output sizes of transposed convolutions, over windows as in `spatial`."""

from .spatial import SlidingWindow, spatial_tuple

_ANY_SIZE = 2**30


def transposed_window(input_size, size, strides=1, padding="valid", output_padding=None, dilation=1):
    """The window of the convolution whose backward to the input is a transposed convolution of `input_size`.

    Per dimension, with n inputs, stride s, extent e = (size - 1) * dilation + 1 and output padding p, the
    uncropped result has (n - 1) * s + e positions, and of outputs there are
        "valid": (n - 1) * s + e + p, where p defaults to max(s - e, 0); nothing is cropped in front.
        "same":  (n - 1) * s + e % 2 + p, by default n * s. Seen as a convolution of the stretched input it
                 pads by s + e - 2 (with p by e + e % 2 - 2 + p), the odd one in front, there at most e - 1.
        pairs:   (n - 1) * s + e + p - before - after: what is cropped; p defaults to 0.

    Args:
        input_size: spatial sizes; their number is the rank.
        size, strides, dilation, output_padding: an integer, or one a spatial dimension.
        padding: "valid", "same", an integer for all sides, or a pair (before, after) a spatial dimension.

    Returns:
        A SlidingWindow: its input_size is the transposed convolution's output, its output_size the input.

    Raises:
        TypeError, ValueError: arguments of another form, an output_padding not below the stride, or an output
            without elements.
    """
    input_size = tuple(map(int, input_size))
    rank = len(input_size)
    size = spatial_tuple(size, rank, "The window size")
    strides = spatial_tuple(strides, rank, "strides")
    dilation = spatial_tuple(dilation, rank, "dilation_rate")
    extra = (None,) * rank
    if output_padding is not None:
        extra = spatial_tuple(output_padding, rank, "output_padding", least=0)
        if any(p >= s for p, s in zip(extra, strides)):
            raise ValueError(
                f"output_padding must be less than strides={strides}. Received: {output_padding!r}"
            )
    checked = SlidingWindow.resolve((_ANY_SIZE,) * rank, 1, padding=padding)
    pairs = zip(checked.pad_low, checked.pad_high)
    output_size, low, high = [], [], []
    for n, k, s, d, p, pair in zip(input_size, size, strides, dilation, extra, pairs):
        e = (k - 1) * d + 1
        if padding == "valid":
            before, length = 0, (n - 1) * s + (max(s, e) if p is None else e + p)
        elif padding == "same":
            total = s + e - 2 if p is None else e + e % 2 - 2 + p
            before = e - 1 - min(total // 2 + total % 2, e - 1)
            length = n * s if p is None else (n - 1) * s + e % 2 + p
        else:
            before, length = pair[0], (n - 1) * s + e + (p or 0) - sum(pair)
        output_size.append(length)
        low.append(before)
        # Output positions past the last window are padding of the transposed convolution, not of this one.
        high.append(max(0, (n - 1) * s + e - before - length))
    if min(output_size) < 1:
        raise ValueError(
            f"The output must have at least one element a dimension. Received: input {input_size}, "
            f"window {size}, padding {padding!r}, output_padding {output_padding!r}, which leave {output_size}"
        )
    return SlidingWindow(tuple(output_size), input_size, size, strides, dilation, tuple(low), tuple(high))
