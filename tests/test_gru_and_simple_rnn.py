"""The GRU and the simple recurrent cell: the references against scalar loops and numeric gradients, kernels
against both."""

import dataclasses

import numpy as np
import pytest

from gpulayers import ops
from gpulayers.ops import arrays
from gpulayers.ops.recurrent import GRUProblem, SimpleRNNProblem, launching
from tests.cases import gru, simple_rnn
from tests.recurrent_loops import gru_loop, simple_rnn_loop
from tests.tolerances import assert_close, assert_exact

KINDS = {gru.Case: "gru", simple_rnn.Case: "simple rnn"}
LOOPS = {gru.Case: gru_loop, simple_rnn.Case: simple_rnn_loop}
CASES = gru.CASES + simple_rnn.CASES
GRADIENTS = ("x", "weight", "recurrent_weight", "bias", "initial_h")


def of(chosen):
    return pytest.mark.parametrize("case", chosen, ids=lambda case: f"{KINDS[type(case)]}: {case.name}")


cases = of(CASES)


def rounded(named, dtype):
    """The floats among the arrays in that dtype."""
    return {name: array if array.dtype == bool else array.astype(dtype) for name, array in named.items()}


def run_forward(case, operands, device, training):
    moved = {name: device.asarray(array) for name, array in operands.items()}
    *results, residuals = case.forward(**moved, **case.options, training=training)
    return [device.to_numpy(array) for array in results], residuals


def run_backward(case, residuals, grads, device):
    results = case.run_backward({name: device.asarray(array) for name, array in grads.items()}, residuals)
    return [None if array is None else device.to_numpy(array) for array in results]


def check(case, dtype, device):
    """Forward and backward against the float64 reference, which other tests compare with loops and
    differences.

    16-bit types round h, the saved gates and their gradients once a step, and each of these passes on what
    it got.
    """
    operands, grads = (rounded(named, dtype) for named in case.draw())
    values, residuals = run_forward(case, operands, device, True)
    results = run_backward(case, residuals, grads, device)
    truth, truth_residuals = run_forward(case, rounded(operands, np.float64), arrays.CPU, True)
    true_results = run_backward(case, truth_residuals, rounded(grads, np.float64), arrays.CPU)

    steps = max(1, case.steps)
    terms = (case.input_dim + case.units) * steps
    for name, actual, expected in zip(("outputs", "h"), values, truth):
        assert actual.dtype == dtype
        magnitude = max(1.0, np.abs(expected).max(initial=0))
        assert_close(actual, expected, terms, magnitude, roundings=2, what=name)
    terms = (case.input_dim + case.gates * case.units + case.batch) * steps
    for name, actual, expected in zip(GRADIENTS, results, true_results):
        assert (actual is None) == (expected is None), name
        if expected is not None:
            assert actual.dtype == dtype
            magnitude = max(1.0, np.abs(expected).max(initial=0))
            assert_close(actual, expected, terms, magnitude, roundings=4, what=f"grad_{name}")

    without, nothing = run_forward(case, operands, device, False)
    again, residuals = run_forward(case, operands, device, True)
    assert nothing is None
    for name, first, second, third in zip(("outputs", "h"), values, without, again):
        assert first.tobytes() == second.tobytes(), f"{name} depends on training"
        assert first.tobytes() == third.tobytes(), f"{name}: two runs differ in bits"
    for name, first, second in zip(GRADIENTS, results, run_backward(case, residuals, grads, device)):
        assert first is None or first.tobytes() == second.tobytes(), f"grad_{name}: two runs differ in bits"


@cases
def test_references_against_scalar_loops(case):
    operands, _ = case.draw()
    results, _ = run_forward(case, operands, arrays.CPU, False)
    for name, actual, expected in zip(("outputs", "h"), results, LOOPS[type(case)](case, **operands)):
        assert_close(actual, expected, 100 * max(1, case.steps), 1.0, what=name)


def check_numeric_gradients(case, operands, grads):
    """Central differences of the loss sum(grad * result) at up to 30 elements of every operand."""
    _, residuals = run_forward(case, operands, arrays.CPU, True)
    results = dict(zip(GRADIENTS, run_backward(case, residuals, grads, arrays.CPU)))
    assert (results["bias"] is None) == (not case.bias)

    def loss(changed):
        values = dict(zip(("outputs", "h"), run_forward(case, changed, arrays.CPU, False)[0]))
        return sum(float((grads[name] * values[name]).sum()) for name in grads)

    for name in GRADIENTS:
        if name == "bias" and not case.bias:
            continue
        array = operands.get(name, np.zeros((case.batch, case.units)))  # an absent state is a zero one
        assert results[name].shape == array.shape
        for at in np.random.default_rng(3).permutation(array.size)[:30]:
            step, ends = 1e-5, []
            for sign in (1, -1):
                moved = array.copy()
                moved.reshape(-1)[at] += sign * step
                ends.append(loss(operands | {name: moved}))
            numeric = (ends[0] - ends[1]) / (2 * step)
            found = results[name].reshape(-1)[at]
            # Truncation step^2 and rounding 2^-53 / step of sums near 100.
            assert abs(numeric - found) < 2e-8 * max(1, abs(numeric)), (name, at, numeric, found)


@cases
def test_references_against_numeric_gradients(case):
    check_numeric_gradients(case, *case.draw())


@cases
def test_references(case, dtype):
    check(case, dtype, arrays.CPU)


@cases
def test_kernels(case, dtype, kernel_device):
    check(case, dtype, kernel_device)


@pytest.fixture
def large_tiles(monkeypatch):
    """Large tiles for problems that are too small to deserve them."""

    def large(problem, device):
        wide = (
            problem.recurrent_scaled and problem.dtype == np.float64
        )  # more than static shared memory holds
        return launching.SMALL if wide else launching.LARGE

    monkeypatch.setattr(launching, "cell_config", large)


@of([case for case in CASES if max(case.batch, case.units) > 16])
def test_large_tiles(case, dtype, kernel_device, large_tiles):
    check(case, dtype, kernel_device)


def integers(case, seed=0):
    """Operands of -1, 0 and 1 so sparse that a linear cell's numbers stay small."""
    operands, grads = case.draw(seed)
    generator = np.random.default_rng(seed + 1)

    def sparse(array, density):
        return generator.integers(-1, 2, array.shape) * (generator.random(array.shape) < density)

    density = {"weight": 1.5 / case.input_dim, "recurrent_weight": 1 / case.units}
    operands = {
        name: array if array.dtype == bool else sparse(array, density.get(name, 0.9)).astype(np.float64)
        for name, array in operands.items()
    }
    return operands, {name: sparse(array, 0.5).astype(np.float64) for name, array in grads.items()}


EXACT = [
    dataclasses.replace(case, activation="linear", recurrent_activation="linear", steps=min(2, case.steps))
    for case in CASES
    if case.activation == "tanh" and min(case.batch, case.steps) > 0
]


@of(EXACT)
def test_references_are_exact_on_integers(case):
    operands, grads = integers(case)
    results, residuals = run_forward(case, rounded(operands, np.float32), arrays.CPU, True)
    for name, actual, expected in zip(("outputs", "h"), results, LOOPS[type(case)](case, **operands)):
        assert_exact(actual, expected, name)
    if case.units > 1 and case.mask != "all":
        assert np.count_nonzero(results[1]) * 8 >= results[1].size
        assert not case.grads or np.count_nonzero(
            run_backward(case, residuals, rounded(grads, np.float32), arrays.CPU)[1]
        )


def check_exact(case, device):
    operands, grads = integers(case)
    truth, true_residuals = run_forward(case, operands, arrays.CPU, True)
    true_results = run_backward(case, true_residuals, grads, arrays.CPU)
    values, residuals = run_forward(case, rounded(operands, np.float32), device, True)
    for name, actual, expected in zip(("outputs", "h"), values, truth):
        assert_exact(actual, expected, name)
    results = run_backward(case, residuals, rounded(grads, np.float32), device)
    for name, actual, expected in zip(GRADIENTS, results, true_results):
        if expected is not None:
            assert np.abs(expected).max(initial=0) < 2**22  # so every sum is exact in float32
            assert_exact(actual, expected, f"grad_{name}")


@of(EXACT)
def test_kernels_are_exact_on_integers(case, kernel_device):
    check_exact(case, kernel_device)


@of([case for case in EXACT if "many" in case.name or "full" in case.name])
def test_large_tiles_are_exact_on_integers(case, kernel_device, large_tiles):
    check_exact(case, kernel_device)


def test_dropout_of_gates_has_kernels(emulated):
    sizes = (2, 2, 2, 2, np.dtype(np.float32))
    for problem, name in (
        (GRUProblem(*sizes, recurrent_scaled=True), "cell"),
        (GRUProblem(*sizes, recurrent_scaled=True, reset_after=False), "reset_before"),
        (SimpleRNNProblem(*sizes, recurrent_scaled=True), "cell"),
    ):
        told = ops.explain(problem, emulated)
        assert f"-> {name}_forward" in told and f"-> {name}_backward" in told
    told = ops.explain(SimpleRNNProblem(*sizes, activation="silu"), emulated)
    assert "-> step_loop_forward" in told and "not silu" in told


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kind", [gru.Case, simple_rnn.Case])
def test_the_backward_leaves_the_forward_alone(kind, batch):
    """Its results and the outputs are the same a second time: one sequence is contiguous in any order."""
    case = kind("again", batch, 4, 3, 5)
    operands, grads = case.draw()
    _, residuals = run_forward(case, operands, arrays.CPU, True)
    outputs = residuals.outputs.copy()
    first, second = (run_backward(case, residuals, grads, arrays.CPU) for _ in range(2))
    assert np.array_equal(residuals.outputs, outputs)
    for name, one, other in zip(GRADIENTS, first, second):
        assert np.array_equal(one, other), name


def test_scales_are_factors_of_the_gates_operands():
    """With one step, scaling a gate's input or state is scaling that gate's weights."""
    generator = np.random.default_rng(1)
    x, weight, recurrent = (generator.standard_normal(shape) for shape in ((2, 1, 3), (3, 12), (4, 12)))
    h = generator.standard_normal((2, 4))
    input_scale, recurrent_scale = np.ones((2, 3, 3)), np.ones((2, 3, 4))
    for gate in range(3):
        changed, recurrent_changed = weight.copy(), recurrent.copy()
        changed[1, 4 * gate : 4 * gate + 4] *= gate
        recurrent_changed[2, 4 * gate : 4 * gate + 4] *= 2
        scaled, recurrent_scaled = input_scale.copy(), recurrent_scale.copy()
        scaled[:, gate, 1] = gate
        recurrent_scaled[:, gate, 2] = 2
        expected, _, _ = ops.gru(x, changed, recurrent_changed, initial_h=h)
        options = dict(initial_h=h, input_scale=scaled, recurrent_scale=recurrent_scaled)
        assert_close(ops.gru(x, weight, recurrent, **options)[0], expected, 10, 1.0)


BEFORE = [f"gru_{name}_forward" for name in ("gates", "candidate")]
BEFORE = BEFORE, [f"gru_{name}_backward" for name in ("candidate", "reset")]


@pytest.mark.parametrize("mask", [None, "left", "right", "holes", "all"])
@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "dropout"])
@pytest.mark.parametrize(
    "case, forward, backward",
    [
        (gru.Case("after", 3, 3, 4, 5), ["gru_cell_forward"], ["gru_cell_backward"]),
        (gru.Case("before", 3, 3, 4, 5, reset_after=False), *BEFORE),
        (simple_rnn.Case("rnn", 3, 3, 4, 5), ["simple_rnn_cell_forward"], ["simple_rnn_cell_backward"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_launches_a_step_whatever_the_mask(case, forward, backward, scaled, mask, emulated):
    """The masks are read by the kernels alone: the launches do not depend on them."""
    case = dataclasses.replace(case, mask=mask, scaled=scaled)
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    _, residuals = run_forward(case, operands, emulated, True)
    run_backward(case, residuals, grads, emulated)
    names = [launch.expression.split("<")[0] for launch in emulated.launches]
    steps = forward * case.steps + backward * case.steps + backward[:1]  # the last: the initial state
    assert names[: len(steps)] == steps
    assert set(names[len(steps) :]) == {"recurrent_bias_backward"}


MASKED = [
    kind("dropout", 5, 4, 3, 6, states="h", mask=mask, scaled=True, go_backwards=turned, **options)
    for kind, options in ((gru.Case, {}), (gru.Case, {"reset_after": False}), (simple_rnn.Case, {}))
    for mask, turned in (("left", False), ("right", True), ("holes", False), ("all", False))
]


@pytest.mark.parametrize("case", MASKED, ids=repr)
def test_masked_steps_with_dropout(case, kernel_device):
    """A masked step repeats the output before it, whatever x holds there, and has no gradient."""
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    mask = operands["mask"]
    noisy = operands | {"x": np.where(mask[..., None], operands["x"], np.float32(1000))}
    for device in (arrays.CPU, kernel_device):
        (outputs, h), residuals = run_forward(case, operands, device, True)
        results = run_backward(case, residuals, grads, device)
        held = operands["initial_h"]
        for step in range(case.steps):
            masked = ~mask[:, case.steps - 1 - step if case.go_backwards else step]
            assert np.array_equal(outputs[masked, step], held[masked])
            held = outputs[:, step]
        assert np.array_equal(h, held)
        assert not results[GRADIENTS.index("x")][~mask].any()
        others, residuals = run_forward(case, noisy, device, True)
        assert outputs.tobytes() == others[0].tobytes()
        for name, one, other in zip(GRADIENTS, results, run_backward(case, residuals, grads, device)):
            assert np.array_equal(one, other), name
    check(case, np.dtype(np.float32), kernel_device)


@pytest.mark.parametrize("config", [launching.SMALL, launching.LARGE], ids=["small", "large"])
def test_traffic(config, emulated, monkeypatch):
    """A GRU's step reads the recurrent weight once for each tile of sequences, the state once for each tile
    of units (and once to be held by the update gate) and all else once; every access is coalesced and free
    of bank conflicts."""
    monkeypatch.setattr(launching, "cell_config", lambda problem, device: config)
    emulated.count = True
    case = gru.Case("traffic", batch=64, steps=2, input_dim=4, units=64, states="h")
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    _, residuals = run_forward(case, operands, emulated, True)
    run_backward(case, residuals, grads, emulated)
    of_units, of_rows, _ = config.grid(residuals.problem)
    launches = {"forward": emulated.launches[1], "backward": emulated.launches[3]}  # steps 1 and 0
    repeated = {
        "forward": {"recurrent_weight": of_rows, "y": of_units + 1},  # + 1: z h
        "backward": {"recurrent_weight": of_rows, "dstates": of_units},
    }
    for direction, launch in launches.items():
        counters = launch.report.counters
        assert counters.shared.extra_wavefronts == 0, direction
        for name, traffic in zip(counters.names, counters.arguments):
            if traffic is None or name == "bias":  # a few bytes, from the cache
                continue
            times = repeated[direction].get(name, 1)
            assert traffic.reread_factor in (0, times), (direction, name, traffic.reread_factor)
            assert traffic.load_efficiency in (0, 1) and traffic.store_efficiency in (0, 1), (direction, name)


WRONG = [
    (
        ops.gru,
        dict(bias=np.zeros(18)),
        r"bias must have shape \(2, 3 \* units\) = \(2, 18\). Received: \(18,\)",
    ),
    (
        ops.gru,
        dict(bias=np.zeros((2, 18)), reset_after=False),
        r"bias must have shape \(3 \* units,\) = \(18,\)",
    ),
    (ops.gru, dict(weight=np.zeros((4, 24))), r"weight must have shape .*\(4, 18\). Received: \(4, 24\)"),
    (ops.gru, dict(initial_h=np.zeros((3, 5))), r"initial_h must .*\(3, 6\). Received: \(3, 5\)"),
    (
        ops.gru,
        dict(recurrent_scale=np.zeros((3, 4, 6))),
        r"recurrent_scale must have shape .*Received: \(3, 4, 6\)",
    ),
    (ops.gru, dict(activation="swoosh"), "activation must be one of tanh.*Received: 'swoosh'"),
    (ops.gru, dict(x=np.zeros((3, 5))), r"x must have shape .*Received: \(3, 5\)"),
    (ops.simple_rnn, dict(bias=np.zeros(18)), r"bias must have shape \(units,\) = \(6,\). Received: \(18,\)"),
    (ops.simple_rnn, dict(activation=None), "activation must be one of tanh.*Received: None"),
    (ops.simple_rnn, dict(recurrent_weight=np.zeros((6, 5))), r"recurrent_weight must .*Received: \(6, 5\)"),
]


@pytest.mark.parametrize("function, changes, words", WRONG)
def test_wrong_arguments(function, changes, words):
    case = (gru if function is ops.gru else simple_rnn).Case("plain", 3, 5, 4, 6, bias=False, states="h")
    with pytest.raises(ValueError, match=words):
        function(**(case.draw()[0] | changes))


def test_residuals_of_another_operation():
    *_, residuals = ops.simple_rnn(**simple_rnn.CASES[1].draw()[0], training=True)
    with pytest.raises(TypeError, match=r"those of gru\(..., training=True\). Received: Residuals"):
        ops.gru_backward(None, None, residuals)
    with pytest.raises(ValueError, match=r"grad_h must have shape \(3, 7\). Received: \(3, 6\)"):
        ops.simple_rnn_backward(None, np.zeros((3, 6)), residuals)
    with pytest.raises(TypeError, match="mask must be of dtype bool. Received: int64"):
        ops.simple_rnn(
            np.zeros((1, 2, 3)), np.zeros((3, 4)), np.zeros((4, 4)), mask=np.ones((1, 2), np.int64)
        )


def test_work():
    problem = GRUProblem(batch=2, steps=3, input_dim=5, units=7, dtype=np.dtype(np.float16))
    assert problem.flops() == 2 * 2 * 3 * (5 + 7) * 21
    assert problem.bytes_moved() == (5 + 7 + 1) * 21 * 2 + 6 * (5 + 7) * 2
    assert dataclasses.replace(problem, training=True).bytes_moved() == problem.bytes_moved() + 6 * 28 * 2
    scaled = dataclasses.replace(problem, input_scaled=True, recurrent_scaled=True)
    assert scaled.bytes_moved() == problem.bytes_moved() + 2 * 3 * (5 + 7) * 2  # a factor a gate and operand
    assert SimpleRNNProblem(2, 3, 5, 7, np.dtype(np.float64)).flops() == 2 * 2 * 3 * 12 * 7
