"""The fused optimizer steps on the kernels' device against plain float64 formulas."""

import numpy as np
import pytest

from gpulayers import Variable, optimizers
from gpulayers.ops import arrays
from gpulayers.ops import optimizers as ops

from .cases.optimizers import CASES
from .tolerances import assert_close, assert_exact


def draw(case, dtype, whole):
    """(values, gradients, states, decays) in the types of a step, from whole numbers or normal ones."""
    generator = np.random.default_rng(0)
    wide = arrays.accumulation_dtype(dtype)

    def make(shape, kind, positive=False):
        drawn = generator.integers(-4, 5, shape) * 4 if whole else generator.standard_normal(shape)
        return np.asarray(np.abs(drawn) if positive else drawn).astype(kind)

    values = [make(shape, dtype) for shape in case.shapes]
    grads = [make(shape, wide) for shape in case.shapes]
    states = [[make(shape, wide, positive=i > 0) for i in range(case.slots)] for shape in case.shapes]
    return values, grads, states, [0.0 if i % 2 else 0.25 for i in range(len(values))]


def expected(case, values, grads, states, decays):
    """The step in float64, element by element of the formulas in the headers of the kernels."""
    found = []
    for w, g, state, decay in zip(values, grads, states, decays):
        w, g, *state = (np.array(array, np.float64) for array in (w, g, *state))
        w = w - decay * w
        if case.rule == "sgd":
            momentum = case.options.get("momentum", 0.0)
            change = -0.5 * g
            if momentum:
                state[0] = momentum * state[0] + change
                change = momentum * state[0] + change if case.options.get("nesterov") else state[0]
            w = w + change
        else:
            state[0] = state[0] + 0.25 * (g - state[0])
            state[1] = state[1] + 0.5 * (g * g - state[1])
            largest = state[1]
            if case.options.get("amsgrad"):
                largest = state[2] = np.maximum(state[2], state[1])
            w = w - 0.5 * state[0] / (np.sqrt(largest) + 1.0)
        found.append((w, state))
    return found


def stepped(case, device, values, grads, states, decays):
    values = [device.asarray(value.copy()) for value in values]
    states = [[device.asarray(array.copy()) for array in state] for state in states]
    case.step(values, [device.asarray(grad.copy()) for grad in grads], states, decays)
    return [
        (device.to_numpy(value), [device.to_numpy(array) for array in state])
        for value, state in zip(values, states)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_floats(case, kernel_device, dtype):
    drawn = draw(case, dtype, whole=False)
    for device in (kernel_device, arrays.CPU):
        for (w, state), (exact_w, exact_state) in zip(stepped(case, device, *drawn), expected(case, *drawn)):
            assert w.dtype == dtype
            assert_close(w, exact_w, terms=12, magnitude=12.0)
            for array, exact in zip(state, exact_state):
                assert_close(array, exact, terms=8, magnitude=12.0)


@pytest.mark.parametrize("case", [case for case in CASES if case.rule == "sgd"], ids=lambda case: case.name)
def test_whole_numbers_are_exact(case, kernel_device, dtype):
    drawn = draw(case, dtype, whole=True)
    found = stepped(case, kernel_device, *drawn)
    for (w, state), (exact_w, exact_state) in zip(found, expected(case, *drawn)):
        assert_exact(w, exact_w)
        for array, exact in zip(state, exact_state):
            assert_exact(array, exact)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_one_launch_a_step(name, emulated):
    variables = [Variable(emulated.zeros(shape, np.float32), "w") for shape in ((3, 4), (5,), (2, 2))]
    optimizer = getattr(optimizers, name)(0.1)
    for _ in range(2):
        for variable in variables:
            variable.grad = emulated.asarray(np.ones(variable.shape, np.float32))
        before = len(emulated.launches)
        optimizer.apply(variables)
        assert len(emulated.launches) == before + 1
    assert (np.asarray(variables[0].value) < 0).all()


def test_the_choice_is_explained(kernel_device):
    problem = ops.StepProblem("adam", (3,), np.dtype(np.float32))
    assert "-> adam_multi_tensor_step" in ops.STEP.explain(problem, kernel_device)
    scattered = ops.StepProblem("sgd", (3,), np.dtype(np.float32), contiguous=False)
    assert "contiguous arrays only" in ops.STEP.explain(scattered, kernel_device)
    assert ops.STEP.choose(scattered, kernel_device).name == "array_module.step"
    assert problem.bytes_moved() == 3 * 4 * 7 and problem.flops() == 42


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: ops.sgd_step([np.ones(2)], [np.ones(3)], [[]], [0.0], rate=1.0), ValueError),
        (lambda: ops.sgd_step([np.ones(2, np.float32)], [np.ones(2)], [[]], [0.0], rate=1.0), TypeError),
        (lambda: ops.sgd_step([np.ones(2, int)], [np.ones(2)], [[]], [0.0], rate=1.0), TypeError),
    ],
)
def test_errors(call, error):
    with pytest.raises(error, match="Received: "):
        call()
