"""With strides of 1 the gradient to the input is a convolution too: of dy, with the weights mirrored."""

import dataclasses

import numpy as np


def mirrored(problem):
    """The convolution of dy that is the gradient to the input of one with strides of 1."""
    window = problem.window
    reach = [(size - 1) * dilation for size, dilation in zip(window.size, window.dilation)]
    swapped = dataclasses.replace(
        window,
        input_size=window.output_size,
        output_size=window.input_size,
        pad_low=tuple(r - pad for r, pad in zip(reach, window.pad_low)),
        pad_high=tuple(r - pad for r, pad in zip(reach, window.pad_high)),
    )
    return dataclasses.replace(
        problem, window=swapped, in_channels=problem.out_channels, out_channels=problem.in_channels
    )


def mirrored_weight(problem, weight):
    """The weights of the mirrored problem: taps in reverse, channels and filters of a group swapped."""
    size, rank = problem.window.size, problem.window.rank
    flipped = np.flip(weight, range(rank))
    split = flipped.reshape(*size, problem.group_in_channels, problem.groups, problem.group_out_channels)
    return np.swapaxes(split, -3, -1).reshape(*size, problem.group_out_channels, problem.in_channels)
