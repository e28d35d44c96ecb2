"""The rows under pytest-benchmark: `python -m pytest bench`."""

import pytest

from . import baselines, workloads
from .baselines import Candidate
from .conftest import chosen_device
from .runner import OURS
from .workloads import float32_precision_of

NAMES = (OURS, "torch", "torch channels_last", "cupy", "keras (torch)", "keras (jax)")


def pytest_generate_tests(metafunc):
    config = metafunc.config
    quick = not config.getoption("--all-rows")
    rows = workloads.all_rows(chosen_device(config).name, config.getoption("--only"), quick)
    metafunc.parametrize("workload", rows, ids=[row.key for row in rows])


@pytest.mark.parametrize("name", NAMES)
def test_workload(benchmark, request, workload, name):
    device = chosen_device(request.config)
    with float32_precision_of(workload), baselines.precision(workload, device):
        operands = workload.module.operands(workload, device, seed=len(workload.key))
        if name == OURS:
            candidate = Candidate(workload.module.ours(workload, operands))
        else:
            candidate = baselines.candidates(workload, operands, device).get(name)
        if candidate is None:
            pytest.skip(f"{name} does not run here or has no such function")
        # A wrong result is not timed.
        workload.module.check(workload, operands, candidate.outputs(candidate.run()), device)
        flops, moved = workload.module.work(workload)
        benchmark.group = workload.key
        benchmark.extra_info.update(candidate=name, flops=flops, bytes=moved)
        run = candidate.run
        if device.name == "gpu":
            synchronize = device.array_module.cuda.runtime.deviceSynchronize

            def run():
                candidate.run()
                synchronize()

        benchmark.pedantic(run, rounds=5, warmup_rounds=1)
