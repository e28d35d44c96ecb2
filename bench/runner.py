"""Measuring one row: check first, then time the candidates in turns."""

import contextlib
import dataclasses
import gc
import traceback

from gpulayers.ops import dispatch

from . import baselines, timing
from .baselines import Candidate
from .ceilings import cublas_precision
from .workloads import float32_precision_of

OURS = "gpulayers"


def implementation(workload, device):
    """The implementations that the dispatcher chooses for the row, as one text."""
    chosen = (
        dispatch.OPERATIONS[name].choose(workload.problem, device).name
        for name in workload.module.operations(workload)
    )
    return ", ".join(dict.fromkeys(chosen))


def _verdict(workload, operands, candidate, device):
    """Runs a candidate once; None if its outputs are right, else what is wrong."""
    try:
        workload.module.check(workload, operands, candidate.outputs(candidate.run()), device)
    except AssertionError as error:
        return str(error)
    return None


class Runner:
    """Measures rows on a device.

    Args:
        device: a Device.
        ceilings: of the device.
        seconds: time for the turns of one row.
        with_baselines: whether to measure PyTorch, Keras and CuPy too.
        compiled: torch.compile as well.
        least: judge by the fastest turn, not by the median.
        timer: stands in for the device's own.
    """

    def __init__(
        self, device, ceilings, seconds=3.0, with_baselines=True, compiled=False, least=False, timer=None
    ):
        self.device, self.ceilings, self.seconds = device, ceilings, seconds
        self.with_baselines, self.compiled = with_baselines, compiled
        self.least = least
        self.timer = timer or timing.timer(device, least)

    def measure(self, workload):
        """The row's fields for a results file; `status` is "ok", "wrong" or "error", with `reason`."""
        fields = {
            "key": workload.key,
            "family": workload.family,
            "name": workload.name,
            "source": workload.source,
            "direction": workload.direction,
            "precision": workload.precision,
            "batch": getattr(workload.problem, "batch", None),
            "importance": workload.importance,
        }
        try:
            return fields | self._measure(workload)
        except Exception as error:  # one row that fails must not cost the others
            reason = f"{type(error).__name__}: {error}"
            return fields | {"status": "error", "reason": reason, "traceback": traceback.format_exc(limit=-4)}
        finally:
            self._free()

    def _measure(self, workload):
        module, device = workload.module, self.device
        with float32_precision_of(workload), self._precision(workload):
            operands = module.operands(workload, device, seed=len(workload.key))
            candidates = {OURS: Candidate(module.ours(workload, operands))}
            if self.with_baselines:
                candidates |= baselines.candidates(workload, operands, device, self.compiled)
            wrong = {}
            for name, candidate in candidates.items():
                wrong[name] = self._guarded_verdict(name, workload, operands, candidate)
                self._free()  # what one library keeps back, the next one may need
            if wrong[OURS]:
                return {"status": "wrong", "reason": wrong[OURS]}
            runs = {name: candidate.run for name, candidate in candidates.items() if not wrong[name]}
            with timing.OtherLoad() as load:
                waiting = {name for name in runs if candidates[name].waits}
                samples = self.timer.measure(runs, self.seconds, waiting)
            host = {name: self.timer.host(run) for name, run in runs.items()}
            fields = {
                "status": "ok",
                "implementation": implementation(workload, device),
                "other_cores": load.cores,
            }
        return fields | self._figures(workload, samples, host, wrong)

    def _guarded_verdict(self, name, workload, operands, candidate):
        if name == OURS:
            return _verdict(workload, operands, candidate, self.device)
        try:
            return _verdict(workload, operands, candidate, self.device)
        except Exception as error:  # a baseline may lack a type or run out of memory: the row says so
            return f"{type(error).__name__}: {error}"

    def _figures(self, workload, samples, host, wrong):
        flops, moved = workload.module.work(workload)
        own = timing.Timing.of(samples[OURS])
        seconds = own.least if self.least else own.median
        bound = self.ceilings.bound(flops, moved, workload.precision) if self.ceilings else None
        compared = {}
        for name, reason in wrong.items():
            if name == OURS:
                continue
            if reason:
                compared[name] = {"status": "wrong", "reason": reason}
                continue
            compared[name] = {
                "status": "ok",
                **dataclasses.asdict(timing.Timing.of(samples[name])),
                "ratio": (timing.ratio_of_least if self.least else timing.ratio)(
                    samples[OURS], samples[name]
                ),
                "host": host[name],
            }
        return {
            "seconds": seconds,
            "p10": own.p10,
            "p90": own.p90,
            "turns": own.count,
            "statistic": "least" if self.least else "median",
            "host": host[OURS],
            "flops": flops,
            "bytes": moved,
            "tflops": flops / seconds * 1e-12,
            "gbps": moved / seconds * 1e-9,
            "bound": bound,
            "percent_of_bound": 100 * bound / seconds if bound else None,
            "baselines": compared,
        }

    def _precision(self, workload):
        stack = contextlib.ExitStack()
        if self.with_baselines:
            stack.enter_context(baselines.precision(workload, self.device))
        if self.device.name == "gpu":
            stack.enter_context(cublas_precision(workload.precision))
        return stack

    def _free(self):
        gc.collect()
        if self.device.name == "gpu":
            self.device.array_module.get_default_memory_pool().free_all_blocks()
            if self.with_baselines:
                baselines.free_memory(self.device)
