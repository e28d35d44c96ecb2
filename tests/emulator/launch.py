"""One launch: arguments checked against the signature and packed, the grid run, its findings read."""

import ctypes
import dataclasses
import itertools
import time

import numpy as np

from .counters import Counters
from .errors import EmulatorError
from .memory import EmulatedArray, allocation_of, mark_written
from .reports import Finding, with_places
from .residency import check_residency
from .runtime_library import LaunchOptions, runtime
from .tensor_maps import TensorMap

ORDERS = ("forward", "reverse", "random")
_STACK_BYTES = 64 << 10  # of each CUDA thread, for its local memory


@dataclasses.dataclass
class Report:
    """What a launch left behind.

    Attributes:
        seconds: time on the CPU.
        findings: broken rules; a launch that has any raises EmulatorError, whose `report` this is.
        counters: Counters, where they were asked for.
    """

    seconds: float
    findings: list
    counters: Counters = None


@dataclasses.dataclass(frozen=True)
class LaunchOrder:
    """In which orders threads and blocks take their turns, and when asynchronous copies land.

    Attributes:
        orders: some of ORDERS. Every launch runs once for each, from the same memory.
        seed: of the random order.
        deterministic: results that differ between two orders are a finding.
        strict: a barrier that some threads of a block reach at another line is a finding.
        async_late: asynchronous copies land at the wait that guarantees them, not at once.
    """

    orders: tuple = ("forward",)
    seed: int = 1
    deterministic: bool = True
    strict: bool = True
    async_late: bool = True

    def __post_init__(self):
        if not self.orders or any(order not in ORDERS for order in self.orders):
            raise ValueError(f"An order is one of {', '.join(ORDERS)}. Received: {self.orders!r}")

    def fill(self, options, order):
        """Writes the choices into the options of a launch."""
        options.order, options.seed = ORDERS.index(order), self.seed
        options.strict, options.async_late = int(self.strict), int(self.async_late)


def _describe(value):
    if isinstance(value, TensorMap):
        return "tensor map of " + _describe(value.array)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return f"{type(value).__name__} {value!r}"


def check_argument(kernel, index, value, parameter, device):
    """Raises EmulatorError if the kernel's parameter cannot take the value."""

    def wrong(expected):
        return EmulatorError(
            f"argument: {kernel} takes {expected} as argument {index}, '{parameter}'. "
            f"Received: {_describe(value)}"
        )

    if (
        isinstance(value, EmulatedArray)
        and value.ndim == 0
        and not parameter.pointer
        and allocation_of(value) is None
    ):
        value = value.view(np.ndarray)
    if isinstance(value, EmulatedArray):
        if parameter.pointer is False or parameter.size != 8:
            raise wrong(f"{parameter.size} bytes by value")
        if allocation_of(value) is None or value.device is not device:
            raise wrong(f"an array of {device!r}")
        if parameter.dtype is not None and value.dtype != parameter.dtype:
            raise wrong(f"an array of {parameter.dtype}")
    elif isinstance(value, TensorMap):
        if parameter.pointer or parameter.size != len(value):
            raise wrong(f"{parameter.size} bytes")
    elif value is None:
        if parameter.pointer is False or parameter.size != 8:
            raise wrong(f"{parameter.size} bytes by value")
    elif parameter.pointer:
        raise wrong("a device array or None")
    elif isinstance(value, np.ndarray) and value.ndim:
        raise wrong("a device array or a scalar")
    else:
        # What CuPy would push: a Python number takes 8 bytes.
        given = np.asarray(value).dtype
        if parameter.dtype is not None and given != parameter.dtype:
            raise wrong(f"a {parameter.dtype}")
        if given.itemsize != parameter.size:
            raise wrong(f"{parameter.size} bytes")


def _overlap(a, b):
    try:
        return np.shares_memory(a.view(np.ndarray), b.view(np.ndarray), max_work=100000)
    except np.exceptions.TooHardError:
        return False


def check_aliases(kernel, parameters, arguments):
    """Raises EmulatorError if arrays overlap of which the kernel may write one and one is __restrict__."""
    arrays = [
        (index, parameter, value)
        for index, (parameter, value) in enumerate(zip(parameters, arguments))
        if isinstance(value, EmulatedArray) and value.size
    ]
    for (i, p, a), (j, q, b) in itertools.combinations(arrays, 2):
        if (p.restrict or q.restrict) and not (p.const and q.const) and _overlap(a, b):
            raise EmulatorError(
                f"alias: {kernel}: arguments {i} and {j}, '{p}' and '{q}', overlap in memory, "
                "which __restrict__ excludes"
            )


class _Arguments:
    """The arguments of a launch in the form in which kernels receive them: a list of addresses of values."""

    def __init__(self, parameters, values):
        self._alive = []
        self.pointers = []  # of each argument's allocation, or None
        self.arrays = [value.array if isinstance(value, TensorMap) else value for value in values]
        self.written = []  # indices of the arrays that the kernel may write
        self.addresses = (ctypes.c_void_p * max(len(values), 1))()
        for index, (parameter, value, array) in enumerate(zip(parameters, values, self.arrays)):
            allocation = allocation_of(array) if isinstance(array, EmulatedArray) else None
            self.pointers.append(allocation.pointer if allocation else None)
            if allocation:
                name = f"'{parameter.name}' (argument {index}, {_describe(array)})"
                first, last = np.lib.array_utils.byte_bounds(array.view(np.ndarray))
                runtime().emu_use(allocation.pointer, first, last, int(parameter.const), name.encode())
                if not parameter.const:
                    self.written.append(index)
            self.addresses[index] = self._address(value)

    def _address(self, value):
        if value is None:
            raw = bytes(8)
        elif isinstance(value, EmulatedArray):
            raw = value.__array_interface__["data"][0].to_bytes(8, "little")
        elif isinstance(value, TensorMap):
            raw = bytes(value)
        else:
            raw = np.asarray(value).tobytes()
        store = (ctypes.c_char * (len(raw) + 64))()
        address = -(-ctypes.addressof(store) // 64) * 64  # tensor maps lie on 64 bytes
        ctypes.memmove(address, raw, len(raw))
        self._alive.append(store)
        return address

    def mark_written(self):
        """For launches without the checker, which alone knows what was written."""
        for index in self.written:
            mark_written(self.arrays[index])

    def keep(self):
        """Remembers the memory that the kernel may write, for `restore`."""
        for pointer in self._writable():
            runtime().emu_keep(pointer)

    def restore(self):
        for pointer in self._writable():
            runtime().emu_restore(pointer)

    def contents(self):
        """A copy of each array that the kernel may write."""
        return [self.arrays[index].view(np.ndarray).copy() for index in self.written]

    def differences(self, parameters, first, second, orders):
        """A finding for each array whose bytes differ."""
        findings = []
        for index, before, after in zip(self.written, first, second):
            a, b = (
                np.ascontiguousarray(x).reshape(-1).view(np.uint8).reshape(x.size, x.itemsize)
                for x in (before, after)
            )
            places = np.nonzero((a != b).any(1))[0]
            if len(places):
                array = _describe(self.arrays[index])
                text = f"'{parameters[index].name}' (argument {index}, {array}) "
                text += f"differs in {len(places)} elements"
                text += f" between {orders} order, first at element {places[0]}: "
                text += f"{before.reshape(-1)[places[0]]} and {after.reshape(-1)[places[0]]}"
                findings.append(Finding("order", text))
        return findings

    def release(self):
        """The launch is over."""
        for pointer in filter(None, self.pointers):
            runtime().emu_unuse(pointer)
            runtime().emu_forget(pointer)

    def _writable(self):
        return {self.pointers[index] for index in self.written}


def _three(sizes):
    return (*map(int, sizes), 1, 1)[:3]


def _options(entry, check, grid, block, shared_memory, cooperative, cluster, count):
    options = LaunchOptions((ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block))
    options.static_bytes = entry.static_shared_bytes
    options.shared_bytes = shared_memory + entry.static_shared_bytes
    options.layout = entry.shared_layout
    options.check, options.count, options.cooperative = int(check), int(count), int(cooperative)
    options.stack = _STACK_BYTES
    options.cluster = (ctypes.c_uint * 3)(*(cluster or (1, 1, 1)))
    return options


class Kernel:
    """One kernel instance of a KernelLibrary."""

    def __init__(self, library, expression):
        self.library, self.expression = library, expression
        self._entry = library.entry(expression)
        self.parameters = self._entry.parameters

    def _check_launch(self, grid, block, shared_memory, cooperative, arguments, device):
        def wrong(text):
            return EmulatorError(f"launch: {self.expression}: {text}")

        if len(arguments) != len(self.parameters):
            raise wrong(f"expected {len(self.parameters)} arguments. Received: {len(arguments)}")
        threads = block[0] * block[1] * block[2]
        if (
            min(*grid, *block) < 1
            or grid[0] >= 2**31
            or max(grid[1:]) > 65535
            or threads > 1024
            or block[2] > 64
        ):
            raise wrong(f"no such grid and block can be launched. Received: grid {grid}, block {block}")
        if self._entry.max_threads and threads > self._entry.max_threads:
            raise wrong(
                f"expected at most __launch_bounds__({self._entry.max_threads}) threads. Received: {threads}"
            )
        total = shared_memory + self._entry.machine_shared_bytes
        if total > device.shared_memory_per_block:
            raise wrong(
                f"{device.architecture} has {device.shared_memory_per_block} bytes of shared memory. "
                f"Received: {total}"
            )
        if cooperative:
            check_residency(self.library, self.expression, device, grid, threads, shared_memory)
        for index, (value, parameter) in enumerate(zip(arguments, self.parameters)):
            check_argument(self.expression, index, value, parameter, device)
        check_aliases(self.expression, self.parameters, arguments)

    def run(
        self,
        device,
        grid,
        block,
        arguments,
        shared_memory=0,
        cooperative=False,
        cluster=None,
        *,
        order,
        count=False,
    ):
        """Runs the grid and returns its Report.

        Raises:
            EmulatorError: arguments or sizes that a launch cannot have, or any finding.
        """
        grid, block, cluster = _three(grid), _three(block), cluster and _three(cluster)
        self._check_launch(grid, block, shared_memory, cooperative, arguments, device)
        if count and not self.library.check:
            raise EmulatorError(f"launch: {self.expression}: counters need check=True")
        packed = _Arguments(self.parameters, arguments)
        options = _options(
            self._entry, self.library.check, grid, block, shared_memory, cooperative, cluster, count
        )
        try:
            report = self._run_in_orders(packed, options, order)
        finally:
            packed.release()
        if report.findings:
            text = "\n  ".join(map(str, report.findings))
            error = EmulatorError(
                f"{self.library.file}: {self.expression}, grid {grid}, block {block}:\n  {text}"
            )
            error.report = report
            raise error
        return report

    def _run_in_orders(self, packed, options, order):
        """Runs once for each order, each time from the same memory; stops at the first that has findings."""
        results = None
        if len(order.orders) > 1:
            packed.keep()
        for name in order.orders:
            if results is not None:
                packed.restore()
            order.fill(options, name)
            report = self._run_once(packed, options)
            if name != "forward":
                report.findings = [
                    Finding(found.kind, f"{found.text} (threads in {name} order)")
                    for found in report.findings
                ]
            if len(order.orders) > 1 and not report.findings:
                first, results = results, packed.contents()
                if order.deterministic and first is not None:
                    report.findings = packed.differences(
                        self.parameters, first, results, f"{order.orders[0]} and {name}"
                    )
            if report.findings:
                break
        return report

    def _run_once(self, packed, options):
        start = time.perf_counter()
        runtime().emu_launch(self._entry.address, packed.addresses, ctypes.byref(options))
        report = Report(time.perf_counter() - start, [])
        messages = with_places([runtime().emu_err(i).decode() for i in range(runtime().emu_nerr())])
        report.findings = [Finding.read(message) for message in messages]
        if options.count:
            report.counters = Counters([parameter.name for parameter in self.parameters], packed.pointers)
        if not self.library.check:
            packed.mark_written()
        return report
