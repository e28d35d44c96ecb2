"""Runs the CUDA kernels on the CPU under a checker of CUDA's rules, driven by the product's own launchers."""

from .arrays import EmulatedArray
from .device import EmulatedDevice, EmulatedKernel, Launch
from .errors import EmulatorError, Unsupported
from .tensor_maps import TensorMap

__all__ = [
    "EmulatedArray",
    "EmulatedDevice",
    "EmulatedKernel",
    "EmulatorError",
    "Launch",
    "TensorMap",
    "Unsupported",
]
