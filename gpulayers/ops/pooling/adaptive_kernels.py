"""Launchers of cuda/pooling/adaptive_pool.cu."""

import dataclasses
import math

import numpy as np

from ... import jit
from ..dispatch import cuda_implementation
from .kernels import lanes_of, launch_planes

_FILE = "pooling/adaptive_pool.cu"


@dataclasses.dataclass(frozen=True)
class AdaptiveGeometry:
    """Mirrors the structure in cuda/pooling/adaptive_pool.cu; depth, height, width."""

    outer: np.int64
    inner: np.int32
    input: (np.int32, 3)
    output: (np.int32, 3)


def _too_large(problem, device):
    pairs = list(zip(*problem.lifted()))
    if any((n + 1) * (m + 1) >= 2**31 for n, m in pairs):
        return "the product of input and output size must be less than 2**31 along each dimension"
    if any(math.prod(sizes) * problem.inner >= 2**31 for sizes in problem.lifted()):
        return "an image must have fewer than 2**31 elements"
    if problem.outer * max(pairs[0]) >= 2**31:
        return "there must be fewer than 2**31 depth slices"
    return None


def _launch(problem, device, name, maximum, sizes, operands, vectors):
    """Runs forward or backward, a thread an element vector of the side that has those sizes."""
    if problem.batch == 0:
        return
    width = lanes_of(problem.inner, *vectors)
    kernel = device.kernel(_FILE, f"adaptive_pool_{name}", (problem.dtype, maximum, width))
    g = jit.as_structure(AdaptiveGeometry(problem.outer, problem.inner, *problem.lifted()))
    plane = sizes[1] * sizes[2] * (problem.inner // width)
    launch_planes(kernel, plane, problem.outer * sizes[0], (*operands, g))


@cuda_implementation(_FILE, _too_large)
def max_with_argmax(problem, device, x):
    y = device.empty(problem.output_shape, problem.dtype)
    argmax = device.empty(problem.output_shape, problem.argmax_dtype)
    _launch(problem, device, "forward", True, problem.lifted()[1], (x, y, argmax), (x, y))
    return y, argmax


@cuda_implementation(_FILE, _too_large)
def average_forward(problem, device, x):
    y = device.empty(problem.output_shape, problem.dtype)
    _launch(problem, device, "forward", False, problem.lifted()[1], (x, y, None), (x, y))
    return y


@cuda_implementation(_FILE, _too_large)
def max_backward(problem, device, grad_output, argmax):
    dx = device.empty(problem.input_shape, problem.dtype)
    operands = (grad_output, argmax, dx)
    _launch(problem, device, "backward", True, problem.lifted()[0], operands, (grad_output, dx))
    return dx


@cuda_implementation(_FILE, _too_large)
def average_backward(problem, device, grad_output):
    dx = device.empty(problem.input_shape, problem.dtype)
    operands = (grad_output, None, dx)
    _launch(problem, device, "backward", False, problem.lifted()[0], operands, (grad_output, dx))
    return dx
