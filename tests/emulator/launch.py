"""One launch: its sizes checked against the machine, the grid run in every order, its findings read."""

import ctypes
import dataclasses
import time

from .arguments import PackedArguments, check_aliases, check_argument
from .counters import Counters
from .errors import EmulatorError
from .reports import Finding, with_places
from .residency import check_residency
from .runtime_library import LaunchOptions, runtime

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

    def _cluster(self, cluster):
        """The cluster that a launch asks for, or that the kernel was compiled for."""
        compiled = self._entry.cluster
        if cluster and compiled and cluster != compiled:
            raise EmulatorError(
                f"launch: {self.expression}: expected clusters of __cluster_dims__{compiled}. Received: {cluster}"
            )
        return cluster or compiled

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
        cluster = self._cluster(cluster)
        if count and not self.library.check:
            raise EmulatorError(f"launch: {self.expression}: counters need check=True")
        packed = PackedArguments(self.parameters, arguments)
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
