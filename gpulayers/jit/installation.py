"""What of CUDA is installed on this machine, what is missing to use a GPU, and what mends it."""

import ctypes
import dataclasses
import functools
import importlib
import importlib.metadata
from pathlib import Path

from .compiler import cuda_include_folders, nvrtc_version

_DRIVER_LIBRARIES = ("libcuda.so.1", "nvcuda.dll")
_CUPY_PACKAGES = ("cupy-cuda12x", "cupy-cuda13x", "cupy")
_LIBRARIES = {"cublas": "cuBLAS (products of matrices)", "curand": "cuRAND (random numbers)"}


@dataclasses.dataclass(frozen=True)
class Installation:
    """What was found; versions are (major, minor), None where there is none.

    Attributes:
        driver: newest CUDA version that the NVIDIA driver supports.
        cupy_packages: pairs (package, version).
        cupy_error: why CuPy cannot be imported.
        runtime: CUDA version that CuPy was built for.
        nvrtc: version of the compiler; `nvrtc_error` why it does not load.
        headers: folder of CUDA's headers, or None.
        absent_libraries: texts, one for each of CUDA's libraries that does not load.
        devices: texts, one for each GPU; `device_error` why they cannot be asked for.
    """

    driver: tuple = None
    cupy_packages: tuple = ()
    cupy_error: str = None
    runtime: tuple = None
    nvrtc: tuple = None
    nvrtc_error: str = None
    headers: str = None
    absent_libraries: tuple = ()
    devices: tuple = ()
    device_error: str = None

    def extra(self):
        """The extra of this package that brings the CuPy that the driver can run."""
        return "cuda12" if self.driver and self.driver < (13, 0) else "cuda13"

    def missing(self):
        """Pairs (what stands in the way of the GPU, the command that mends it), first things first."""
        install = f'pip install "gpulayers[{self.extra()}]"'
        found = []
        if self.driver is None:
            found.append(
                (
                    "No NVIDIA driver is installed here",
                    "Install NVIDIA's driver; pip cannot. See nvidia.com/drivers",
                )
            )
        elif self.driver < (12, 0):
            found.append(
                (
                    f"The NVIDIA driver supports only CUDA {_dotted(self.driver)}",
                    "Update NVIDIA's driver to 525 or newer",
                )
            )
        if not self.cupy_packages and self.cupy_error:
            return [*found, ("CuPy is not installed", install)]
        names = [name for name, _ in self.cupy_packages]
        if len(names) > 1:
            found.append(
                (
                    f"{' and '.join(names)} are both installed and disturb each other",
                    f"pip uninstall {' '.join(names)}, then {install}",
                )
            )
        if self.cupy_error:
            return [*found, (f"CuPy does not load: {self.cupy_error}", f"{install} --force-reinstall")]
        if self.driver and self.runtime and self.driver[0] < self.runtime[0]:
            found.append(
                (
                    f"CuPy is for CUDA {_dotted(self.runtime)}, the driver supports {_dotted(self.driver)}",
                    f"pip uninstall {' '.join(names) or 'cupy'}, then {install}",
                )
            )
        if self.nvrtc is None:
            found.append((f"CUDA's compiler NVRTC does not load: {self.nvrtc_error}", install))
        if self.headers is None:
            found.append(("CUDA's header files are not found", install))
        found += [(f"{library} does not load", install) for library in self.absent_libraries]
        if self.driver and not self.devices:
            found.append(
                (
                    f"No GPU can be used: {self.device_error or 'CUDA reports no device'}",
                    "See whether nvidia-smi lists a GPU, and what CUDA_VISIBLE_DEVICES hides",
                )
            )
        return found


def _dotted(version):
    return ".".join(map(str, version))


def _cuda_version(number):
    """13020 -> (13, 2)."""
    return (number // 1000, number % 1000 // 10)


def _driver_version():
    for name in _DRIVER_LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        number = ctypes.c_int()
        if library.cuDriverGetVersion(ctypes.byref(number)) == 0:
            return _cuda_version(number.value)
    return None


def _cupy_packages():
    found = []
    for name in _CUPY_PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            pass
    return tuple(found)


def _devices(runtime):
    for index in range(runtime.getDeviceCount()):
        properties = runtime.getDeviceProperties(index)
        yield (
            f"gpu:{index}  {properties['name'].decode()}, sm_{properties['major']}{properties['minor']}, "
            f"{properties['multiProcessorCount']} multiprocessors, "
            f"{properties['totalGlobalMem'] / 2**30:.0f} GiB"
        )


def _loads(library):
    try:
        importlib.import_module(f"cupy_backends.cuda.libs.{library}")
    except ImportError:
        return False
    return True


@functools.cache
def installation():
    """The Installation of this machine."""
    found = {"driver": _driver_version(), "cupy_packages": _cupy_packages()}
    try:
        from cupy.cuda import runtime
    except ImportError as error:
        return Installation(**found, cupy_error=str(error).strip().partition("\n")[0])
    found["runtime"] = _cuda_version(runtime.runtimeGetVersion())
    try:
        found["devices"] = tuple(_devices(runtime))
    except runtime.CUDARuntimeError as error:
        found["device_error"] = str(error)
    try:
        found["nvrtc"] = nvrtc_version()
    except (ImportError, RuntimeError) as error:
        found["nvrtc_error"] = str(error).strip().partition("\n")[0]
    found["absent_libraries"] = tuple(text for library, text in _LIBRARIES.items() if not _loads(library))
    folders = (folder for folder in cuda_include_folders() if (Path(folder) / "cuda_fp16.h").is_file())
    return Installation(**found, headers=next(folders, None))
