"""Instruction programs as data: a kernel, what it is given, what it must give.

They run on the emulator and, bit for bit the same,
on a GPU."""

import dataclasses
from pathlib import Path

import numpy as np

from .tensor_maps import TensorMap

KERNELS = Path(__file__).parent / "kernels"


@dataclasses.dataclass
class Out:
    """An output that the kernel must fill, and what must stand in it.

    Attributes:
        expected: the array, computed by a model that knows nothing of the emulator.
        initial: what stands there before, for kernels that update; otherwise it is uninitialised.
    """

    expected: np.ndarray
    initial: np.ndarray = None


@dataclasses.dataclass
class Map:
    """An argument that is a tensor map of another argument's array or of an array of its own.

    Attributes:
        array: a NumPy array, or the index of the argument whose array it describes.
        options: keyword arguments of TensorMap.
    """

    array: object
    options: dict


@dataclasses.dataclass
class Program:
    """A launch with known results.

    Attributes:
        file: in tests/emulator/kernels, or an absolute path.
        kernel: with its template arguments.
        arguments: NumPy arrays and scalars, Outs, Maps.
        architecture: the first that has the instruction; `feature`: only its "a" target has it.
    """

    name: str
    file: str
    kernel: str
    arguments: tuple
    block: int = 32
    grid: int = 1
    shared_memory: int = 0
    cluster: int = None
    cooperative: bool = False
    architecture: str = "sm_80"
    feature: bool = False

    def __str__(self):
        return self.name

    @property
    def needs_tensor_map(self):
        return any(isinstance(argument, Map) for argument in self.arguments)

    @property
    def path(self):
        """The .cu file."""
        return KERNELS / self.file

    def run(self, device):
        """The outputs as NumPy arrays, computed on the device."""
        given = []
        for argument in self.arguments:
            if isinstance(argument, Out):
                expected, initial = as_bits(argument.expected), argument.initial
                empty = initial is None
                given.append(
                    device.empty(expected.shape, expected.dtype)
                    if empty
                    else device.asarray(as_bits(initial))
                )
            elif isinstance(argument, np.ndarray) and argument.ndim:
                given.append(device.asarray(as_bits(argument)))
            else:
                given.append(argument)
        for index, argument in enumerate(given):
            if isinstance(argument, Map):
                array = (
                    given[argument.array]
                    if isinstance(argument.array, int)
                    else device.asarray(argument.array)
                )
                given[index] = TensorMap(array, **argument.options)
        kernel = device.kernel(str(self.path), self.kernel, feature=self.feature)
        launch = {"shared_memory": self.shared_memory, "cooperative": self.cooperative}
        kernel(
            (self.grid,),
            (self.block,),
            tuple(given),
            **launch,
            cluster=(self.cluster,) if self.cluster else None,
        )
        return [
            device.to_numpy(array)
            for array, argument in zip(given, self.arguments)
            if isinstance(argument, Out)
        ]

    def check(self, device, together=()):
        """Asserts that the device computes the expected bits. Compiles the kernels of `together` along with its own."""
        alike = [
            p.kernel
            for p in together
            if (p.file, p.architecture, p.feature) == (self.file, self.architecture, self.feature)
        ]
        if hasattr(device, "load"):
            device.load(str(self.path), list(dict.fromkeys(alike)), feature=self.feature)
        expected = [argument.expected for argument in self.arguments if isinstance(argument, Out)]
        for index, (actual, wanted) in enumerate(zip(self.run(device), expected)):
            assert_same_bits(f"output {index} of {self.name}", actual, wanted)


def as_bits(array):
    """The array, bfloat16 as integers: CuPy and the kernels' signatures know it under other names."""
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def assert_same_bits(what, actual, expected):
    """Asserts that two arrays hold the same bytes, NaNs included."""
    a, b = (
        np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(x.size, -1) for x in (actual, expected)
    )
    different = np.nonzero((a != b).any(1))[0]
    if len(different):
        rows = [
            f"{np.unravel_index(i, expected.shape)}: {actual.flat[i]!r}, expected {expected.flat[i]!r}"
            for i in different[:8]
        ]
        raise AssertionError(
            f"{what}: {len(different)} of {expected.size} elements differ\n" + "\n".join(rows)
        )
