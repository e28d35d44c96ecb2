"""From a file of cuda/ to a callable: sources, template arguments, NVRTC, the disk cache, the launch."""

from .cache import cache_folder
from .compiler import CompilationError, Compiled, compile, nvrtc_problem, nvrtc_version
from .cuda_driver import CudaFunction, load
from .names import CPP_TYPES, as_structure, field_types, name_expression
from .resources import MULTIPROCESSORS, Resources, kernel_resources, occupancy, read_resources
from .sources import kernels_folder, resolved_source

__all__ = [
    "CPP_TYPES",
    "CompilationError",
    "Compiled",
    "CudaFunction",
    "MULTIPROCESSORS",
    "Resources",
    "as_structure",
    "cache_folder",
    "compile",
    "field_types",
    "kernel_resources",
    "kernels_folder",
    "load",
    "name_expression",
    "nvrtc_problem",
    "nvrtc_version",
    "occupancy",
    "read_resources",
    "resolved_source",
]
