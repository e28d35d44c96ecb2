"""The LSTM: the reference against scalar loops and numeric gradients, the kernels against both."""

import dataclasses
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from gpulayers import jit, ops
from gpulayers.ops import arrays
from gpulayers.ops.recurrent import GATES, GRU_GATES, LSTMProblem, kernels, launching, way_back, way_forward
from gpulayers.ops.recurrent.problem import ACTIVATIONS
from tests.cases.recurrent import CASES, Case
from tests.tolerances import assert_close, assert_exact

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
GRADIENTS = ("x", "weight", "recurrent_weight", "bias", "initial_h", "initial_c")

SCALAR = {
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "linear": lambda x: x,
    "hard_sigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
}


def lstm_loop(
    case,
    x,
    weight,
    recurrent_weight,
    bias=None,
    initial_h=None,
    initial_c=None,
    mask=None,
    input_scale=None,
    recurrent_scale=None,
):
    """(outputs, h, c) from the formulas, one scalar at a time."""
    batch, steps, units = case.batch, case.steps, case.units
    act, gate_act = SCALAR[case.activation], SCALAR[case.recurrent_activation]
    input_scale = np.ones((batch, 4, case.input_dim)) if input_scale is None else input_scale
    recurrent_scale = np.ones((batch, 4, units)) if recurrent_scale is None else recurrent_scale
    outputs = np.zeros((batch, steps, units))
    last_h, last_c = np.zeros((2, batch, units))
    for b in range(batch):
        h = [0.0] * units if initial_h is None else [float(v) for v in initial_h[b]]
        c = [0.0] * units if initial_c is None else [float(v) for v in initial_c[b]]
        for s in range(steps):
            t = steps - 1 - s if case.go_backwards else s
            if mask is None or mask[b, t]:
                new_h, new_c = [], []
                for k in range(units):
                    z = []
                    for gate in range(4):
                        column = gate * units + k
                        total = 0.0 if bias is None else float(bias[column])
                        total += sum(
                            float(x[b, t, i] * input_scale[b, gate, i]) * float(weight[i, column])
                            for i in range(case.input_dim)
                        )
                        factors = recurrent_scale[b, gate]
                        total += sum(h[j] * factors[j] * recurrent_weight[j, column] for j in range(units))
                        z.append(total)
                    state = gate_act(z[1]) * c[k] + gate_act(z[0]) * act(z[2])
                    new_c.append(state)
                    new_h.append(gate_act(z[3]) * act(state))
                h, c = new_h, new_c
            outputs[b, s] = h
        last_h[b], last_c[b] = h, c
    return outputs, last_h, last_c


def rounded(named, dtype):
    """The floats among the arrays in that dtype."""
    return {name: array if array.dtype == bool else array.astype(dtype) for name, array in named.items()}


def run_forward(case, operands, device, training):
    moved = {name: device.asarray(array) for name, array in operands.items()}
    outputs, h, c, residuals = ops.lstm(**moved, **case.options, training=training)
    return [device.to_numpy(array) for array in (outputs, h, c)], residuals


def run_backward(residuals, grads, device):
    moved = {name: device.asarray(array) for name, array in grads.items()}
    results = ops.lstm_backward(moved.get("outputs"), moved.get("h"), moved.get("c"), residuals)
    return [None if array is None else device.to_numpy(array) for array in results]


def check(case, dtype, device):
    """Forward and backward against the float64 reference, which the tests below compare with loops and differences.

    16-bit types round h, the saved gates and the gates' gradients once a step.
    """
    operands, grads = (rounded(named, dtype) for named in case.draw())
    (outputs, h, c), residuals = run_forward(case, operands, device, True)
    results = run_backward(residuals, grads, device)
    truth, truth_residuals = run_forward(case, rounded(operands, np.float64), arrays.CPU, True)
    true_results = run_backward(truth_residuals, rounded(grads, np.float64), arrays.CPU)

    steps = max(1, case.steps)
    terms = (case.input_dim + case.units) * steps
    for name, actual, expected in zip(("outputs", "h", "c"), (outputs, h, c), truth):
        assert actual.dtype == dtype
        magnitude = max(1.0, np.abs(expected).max(initial=0))
        assert_close(actual, expected, terms, magnitude, roundings=2, what=name)
    terms = (case.input_dim + 4 * case.units + case.batch) * steps
    for name, actual, expected in zip(GRADIENTS, results, true_results):
        assert (actual is None) == (expected is None), name
        if expected is not None:
            assert actual.dtype == dtype
            magnitude = max(1.0, np.abs(expected).max(initial=0))
            assert_close(actual, expected, terms, magnitude, roundings=4, what=f"grad_{name}")

    without, nothing = run_forward(case, operands, device, False)
    again, residuals = run_forward(case, operands, device, True)
    assert nothing is None
    for name, first, second, third in zip(("outputs", "h", "c"), (outputs, h, c), without, again):
        assert first.tobytes() == second.tobytes(), f"{name} depends on training"
        assert first.tobytes() == third.tobytes(), f"{name}: two runs differ in bits"
    for name, first, second in zip(GRADIENTS, results, run_backward(residuals, grads, device)):
        assert first is None or first.tobytes() == second.tobytes(), f"grad_{name}: two runs differ in bits"


@cases
def test_reference_against_scalar_loops(case):
    operands, _ = case.draw()
    results, _ = run_forward(case, operands, arrays.CPU, False)
    for name, actual, expected in zip(("outputs", "h", "c"), results, lstm_loop(case, **operands)):
        assert_close(actual, expected, 100 * max(1, case.steps), 1.0, what=name)


@cases
def test_reference_against_numeric_gradients(case):
    """Central differences of the loss sum(grad * result) at up to 30 elements of every operand."""
    operands, grads = case.draw()
    _, residuals = run_forward(case, operands, arrays.CPU, True)
    results = dict(zip(GRADIENTS, run_backward(residuals, grads, arrays.CPU)))
    assert (results["bias"] is None) == (not case.bias)

    def loss(changed):
        outputs = dict(zip(("outputs", "h", "c"), run_forward(case, changed, arrays.CPU, False)[0]))
        return sum(float((grads[name] * outputs[name]).sum()) for name in grads)

    state = np.zeros((case.batch, case.units))
    for name in GRADIENTS:
        if name == "bias" and not case.bias:
            continue
        array = operands.get(name, state)  # an absent state is a zero one
        assert results[name].shape == array.shape
        chosen = np.random.default_rng(3).permutation(array.size)[:30]
        for at in chosen:
            step, ends = 1e-5, []
            for sign in (1, -1):
                moved = array.copy()
                moved.reshape(-1)[at] += sign * step
                ends.append(loss(operands | {name: moved}))
            numeric = (ends[0] - ends[1]) / (2 * step)
            # Truncation step^2 and rounding 2^-53 / step of sums near 100.
            assert abs(numeric - results[name].reshape(-1)[at]) < 2e-8 * max(1, abs(numeric)), (
                name,
                at,
                numeric,
            )


@cases
def test_reference(case, dtype):
    check(case, dtype, arrays.CPU)


@cases
def test_kernels(case, dtype, kernel_device):
    check(case, dtype, kernel_device)


TILED = [case for case in CASES if max(case.batch, case.units) > 16] + CASES[1:2]


@pytest.fixture
def large_tiles(monkeypatch):
    """Large tiles for problems that are too small to deserve them."""

    def large(problem, device):
        wide = (
            problem.recurrent_scaled and problem.dtype == np.float64
        )  # more than static shared memory holds
        return launching.SMALL if wide else launching.LARGE

    monkeypatch.setattr(launching, "cell_config", large)


@pytest.mark.parametrize("case", TILED, ids=lambda case: case.name)
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
    dataclasses.replace(case, activation="linear", recurrent_activation="linear", steps=min(3, case.steps))
    for case in CASES
    if case.activation == "tanh" and min(case.batch, case.steps) > 0
]


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
def test_reference_is_exact_on_integers(case):
    operands, _ = integers(case)
    results, _ = run_forward(case, rounded(operands, np.float32), arrays.CPU, False)
    for name, actual, expected in zip(("outputs", "h", "c"), results, lstm_loop(case, **operands)):
        assert_exact(actual, expected, name)


def check_exact(case, device):
    operands, grads = integers(case)
    truth, true_residuals = run_forward(case, operands, arrays.CPU, True)
    true_results = run_backward(true_residuals, grads, arrays.CPU)
    values, residuals = run_forward(case, rounded(operands, np.float32), device, True)
    for name, actual, expected in zip(("outputs", "h", "c"), values, truth):
        assert_exact(actual, expected, name)
    for name, actual, expected in zip(
        GRADIENTS, run_backward(residuals, rounded(grads, np.float32), device), true_results
    ):
        if expected is not None:
            assert np.abs(expected).max(initial=0) < 2**22  # so every sum is exact in float32
            assert_exact(actual, expected, f"grad_{name}")


@pytest.mark.parametrize("case", EXACT, ids=lambda case: case.name)
def test_kernels_are_exact_on_integers(case, kernel_device):
    check_exact(case, kernel_device)


@pytest.mark.parametrize(
    "case", [case for case in EXACT if "many" in case.name or "full" in case.name], ids=lambda case: case.name
)
def test_large_tiles_are_exact_on_integers(case, kernel_device, large_tiles):
    check_exact(case, kernel_device)


def test_the_exact_cases_are_not_all_zeros():
    for case in EXACT:
        operands, grads = integers(case)
        values, residuals = run_forward(case, operands, arrays.CPU, True)
        if case.units > 1 and case.mask != "all":
            assert np.count_nonzero(values[2]) * 8 >= values[2].size, case.name
            assert not case.grads or np.count_nonzero(run_backward(residuals, grads, arrays.CPU)[1]), (
                case.name
            )


def run_plain(case, device, dtype=np.float32, seed=0, **changes):
    operands, grads = (rounded(named, dtype) for named in case.draw(seed))
    operands |= changes
    return operands, grads, *run_forward(case, operands, device, True)


PLAIN = Case("plain", 3, 5, 4, 6, states="hc")


def check_reversal(device):
    """go_backwards is the sequence reversed, its outputs in the order of processing, its gradient to x along x."""
    operands, grads, forward, residuals = run_plain(PLAIN, device)
    reverse = dataclasses.replace(PLAIN, go_backwards=True)
    turned = np.ascontiguousarray(operands["x"][:, ::-1])
    backward, reverse_residuals = run_forward(reverse, operands | {"x": turned}, device, True)
    for name, first, second in zip(("outputs", "h", "c"), forward, backward):
        assert first.tobytes() == second.tobytes(), name
    first, second = run_backward(residuals, grads, device), run_backward(reverse_residuals, grads, device)
    assert first[0].tobytes() == second[0][:, ::-1].tobytes(), "grad_x"
    assert np.abs(first[0]).max() > 0


def test_reversal_on_the_cpu():
    check_reversal(arrays.CPU)


def test_reversal_in_the_kernels(kernel_device):
    check_reversal(kernel_device)


def check_mask(device):
    """Masked steps repeat the output before them, whatever x holds there, and get no gradient."""
    mask = np.array([[0, 1, 0, 0, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    case = dataclasses.replace(PLAIN, mask="holes")
    operands, grads, (outputs, h, c), residuals = run_plain(case, device, mask=mask)
    assert np.array_equal(outputs[0, 0], operands["initial_h"][0])
    assert np.array_equal(outputs[0, 2], outputs[0, 1]) and np.array_equal(outputs[0, 3], outputs[0, 1])
    assert not np.array_equal(outputs[0, 4], outputs[0, 3])
    assert np.array_equal(outputs[1, 4], outputs[1, 2]) and np.array_equal(h[1], outputs[1, 2])
    assert np.array_equal(h[2], operands["initial_h"][2]) and np.array_equal(c[2], operands["initial_c"][2])
    noisy = operands["x"].copy()
    noisy[~mask] = 1000.0
    (other, *_), _ = run_forward(case, operands | {"x": noisy}, device, True)
    assert other.tobytes() == outputs.tobytes()
    grad_x, *_, grad_initial_h, grad_initial_c = run_backward(residuals, grads, device)
    assert not grad_x[~mask].any() and grad_x[mask].all()
    # Nothing happens to the third sequence: its initial state is handed through.
    handed = grads["outputs"][2].astype(np.float64).sum(axis=0) + grads["h"][2]
    assert_close(grad_initial_h[2], handed, 6, 6.0, what="grad_initial_h")
    assert np.array_equal(grad_initial_c[2], grads["c"][2])


def test_mask_on_the_cpu():
    check_mask(arrays.CPU)


def test_mask_in_the_kernels(kernel_device):
    check_mask(kernel_device)


def check_chunks(device):
    """A sequence in two calls, states handed on, gives the outputs of one call."""
    operands, _, (outputs, h, c), _ = run_plain(PLAIN, device)
    x = operands.pop("x")
    first = dataclasses.replace(PLAIN, steps=2)
    (head, middle_h, middle_c), _ = run_forward(first, operands | {"x": x[:, :2]}, device, False)
    rest = operands | {"x": x[:, 2:], "initial_h": middle_h, "initial_c": middle_c}
    (tail, last_h, last_c), _ = run_forward(first, rest, device, False)
    assert_close(np.concatenate([head, tail], axis=1), outputs, 10, 1.0, what="outputs")
    assert_close(last_h, h, 10, 1.0, what="h")
    assert_close(last_c, c, 10, 1.0, what="c")


def test_chunks_on_the_cpu():
    check_chunks(arrays.CPU)


def test_chunks_in_the_kernels(kernel_device):
    check_chunks(kernel_device)


def check_saturation(dtype, device):
    """Gates far out on both sides: exact zeros and ones, no overflow, gradients of zero."""
    x = np.array([[[400.0]], [[-400.0]]], dtype)
    weight = np.array([[100, 100, 100, 100]], dtype)
    moved = [device.asarray(a) for a in (x, weight, np.zeros((1, 4), dtype))]
    outputs, h, c, residuals = ops.lstm(
        *moved, initial_c=device.asarray(np.array([[0.5], [0.5]], dtype)), training=True
    )
    assert_exact(device.to_numpy(c), [[1.5], [0.0]], "c")
    assert_close(device.to_numpy(h), [[math.tanh(1.5)], [0.0]], what="h")
    grads = ops.lstm_backward(outputs, None, None, residuals)
    assert all(
        np.isfinite(device.to_numpy(grad).astype(np.float64)).all() for grad in grads if grad is not None
    )
    assert not device.to_numpy(grads[0]).any()


def test_saturation_on_the_cpu(dtype):
    check_saturation(dtype, arrays.CPU)


def test_saturation_in_the_kernels(dtype, kernel_device):
    check_saturation(dtype, kernel_device)


def test_known_values():
    """Zero weights: the gates are those of the bias alone, whose order is i, f, c, o."""
    bias = np.array([0.0, 1.0, 2.0, -1.0])
    x, weight, recurrent = np.ones((1, 1, 1)), np.zeros((1, 4)), np.zeros((1, 4))
    outputs, h, c, _ = ops.lstm(x, weight, recurrent, bias, initial_c=np.array([[3.0]]))
    state = 1 / (1 + math.exp(-1)) * 3 + 0.5 * math.tanh(2)
    assert_close(c, [[state]], what="c")
    assert_close(outputs, [[[1 / (1 + math.exp(1)) * math.tanh(state)]]], what="outputs")


def test_blocks_of_steps(monkeypatch):
    """Sequences are cut into blocks of steps that fit the cache; where the cuts are makes no difference."""
    case = dataclasses.replace(PLAIN, steps=7, go_backwards=True)
    operands, grads = case.draw()
    whole, residuals = run_forward(case, operands, arrays.CPU, True)
    whole_grads = run_backward(residuals, grads, arrays.CPU)
    monkeypatch.setattr(way_forward, "_BLOCK", 3 * case.batch * 4 * case.units)
    monkeypatch.setattr(way_back, "_ROWS", 3 * case.batch)
    monkeypatch.setattr(way_back, "_CACHED", 2 * case.batch * case.units)
    for training in (False, True):
        blocked, residuals = run_forward(case, operands, arrays.CPU, training)
        for name, first, second in zip(("outputs", "h", "c"), whole, blocked):
            assert_close(second, first, 10, 1.0, what=name)
    for name, first, second in zip(GRADIENTS, whole_grads, run_backward(residuals, grads, arrays.CPU)):
        assert_close(second, first, 10 * case.steps, what=name)


def test_operands_are_left_alone(kernel_device):
    for device in (arrays.CPU, kernel_device):
        operands, grads = PLAIN.draw()
        moved = {name: device.asarray(array.copy()) for name, array in (operands | grads).items()}
        *_, residuals = ops.lstm(**{name: moved[name] for name in operands}, training=True)
        first = ops.lstm_backward(moved["outputs"], moved["h"], moved["c"], residuals)
        second = ops.lstm_backward(moved["outputs"], moved["h"], moved["c"], residuals)
        for name, array in (operands | grads).items():
            assert np.array_equal(device.to_numpy(moved[name]), array), name
        for one, other in zip(first, second):
            assert np.array_equal(device.to_numpy(one), device.to_numpy(other))


def test_non_contiguous_arguments(kernel_device):
    case = dataclasses.replace(PLAIN, mask="holes")
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    truth, truth_residuals = run_forward(case, operands, kernel_device, True)
    true_results = run_backward(truth_residuals, grads, kernel_device)
    turned = {
        name: kernel_device.asarray(np.ascontiguousarray(array.T)).T for name, array in operands.items()
    }
    outputs, h, c, residuals = ops.lstm(**turned, training=True)
    assert np.array_equal(kernel_device.to_numpy(outputs), truth[0])
    turned = {name: kernel_device.asarray(np.ascontiguousarray(array.T)).T for name, array in grads.items()}
    results = ops.lstm_backward(turned["outputs"], turned["h"], turned["c"], residuals)
    for name, actual, expected in zip(GRADIENTS, results, true_results):
        assert np.array_equal(kernel_device.to_numpy(actual), expected), name


@pytest.mark.parametrize(
    "changes, error, words",
    [
        (
            dict(x=np.zeros((3, 4))),
            ValueError,
            r"x must have shape \(batch, steps, input_dim\). Received: \(3, 4\)",
        ),
        (
            dict(weight=np.zeros((5, 24))),
            ValueError,
            r"weight must have shape .*\(4, 24\). Received: \(5, 24\)",
        ),
        (dict(weight=np.zeros((4, 18))), ValueError, r"weight must have shape .*Received: \(4, 18\)"),
        (
            dict(recurrent_weight=np.zeros((6, 18))),
            ValueError,
            r"recurrent_weight must .*Received: \(6, 18\)",
        ),
        (dict(recurrent_weight=np.zeros((0, 0))), ValueError, "at least one unit"),
        (dict(x=np.zeros((3, 5, 0))), ValueError, "at least one unit and one input"),
        (dict(bias=np.zeros(6)), ValueError, r"bias must have shape .*Received: \(6,\)"),
        (dict(initial_h=np.zeros((3, 5))), ValueError, r"initial_h must .*\(3, 6\). Received: \(3, 5\)"),
        (dict(initial_c=np.zeros((1, 6))), ValueError, r"initial_c must .*\(3, 6\). Received: \(1, 6\)"),
        (
            dict(mask=np.ones((3, 4), bool)),
            ValueError,
            r"mask must have shape .*\(3, 5\). Received: \(3, 4\)",
        ),
        (dict(mask=np.ones((3, 5), np.int32)), TypeError, "mask must be of dtype bool. Received: int32"),
        (dict(bias=np.zeros(24, np.float32)), TypeError, "one dtype. Received: .*bias float32"),
        (dict(x=np.zeros((3, 5, 4), np.int64)), TypeError, "x must be one of .*Received: int64"),
        (dict(x=[1, 2]), TypeError, "x must be a NumPy or CuPy array. Received: list"),
        (dict(activation="swoosh"), ValueError, "activation must be one of tanh.*Received: 'swoosh'"),
        (dict(recurrent_activation=None), ValueError, "recurrent_activation must be one of .*Received: None"),
    ],
)
def test_wrong_arguments(changes, error, words):
    operands, _ = PLAIN.draw()
    with pytest.raises(error, match=words):
        ops.lstm(**(operands | changes))


@pytest.mark.parametrize(
    "grads, error, words",
    [
        (
            (np.zeros((3, 5, 7)), None, None),
            ValueError,
            r"grad_outputs must have shape \(3, 5, 6\). Received: \(3, 5, 7\)",
        ),
        ((None, np.zeros((3, 5)), None), ValueError, r"grad_h must have shape \(3, 6\). Received"),
        ((None, None, np.zeros(6)), ValueError, r"grad_c must have shape \(3, 6\). Received"),
        (
            (np.zeros((3, 5, 6), np.float32), None, None),
            TypeError,
            "one dtype. Received: .*grad_outputs float32",
        ),
        ((3.0, None, None), TypeError, "grad_outputs must be a NumPy or CuPy array. Received: float"),
    ],
)
def test_wrong_gradients(grads, error, words):
    *_, residuals = ops.lstm(**PLAIN.draw()[0], training=True)
    with pytest.raises(error, match=words):
        ops.lstm_backward(*grads, residuals)


def test_residuals_are_needed():
    *_, residuals = ops.lstm(**PLAIN.draw()[0])
    assert residuals is None
    with pytest.raises(TypeError, match=r"training=True\). Received: NoneType"):
        ops.lstm_backward(None, None, None, residuals)


def test_mixed_devices(kernel_device):
    operands, _ = PLAIN.draw()
    operands["bias"] = kernel_device.asarray(operands["bias"])
    with pytest.raises(TypeError, match="same device"):
        ops.lstm(**operands)


def test_each_step_is_one_launch(emulated):
    operands, grads = (rounded(named, np.float32) for named in PLAIN.draw())
    _, residuals = run_forward(PLAIN, operands, emulated, True)
    names = [launch.expression.split("<")[0] for launch in emulated.launches]
    assert names == ["lstm_cell_forward"] * PLAIN.steps
    run_backward(residuals, grads, emulated)
    names = [launch.expression.split("<")[0] for launch in emulated.launches[PLAIN.steps :]]
    assert names == ["lstm_cell_backward"] * (PLAIN.steps + 1) + ["recurrent_bias_backward"]


@pytest.mark.parametrize("config", [launching.SMALL, launching.LARGE], ids=["small", "large"])
def test_traffic(config, emulated, monkeypatch):
    """A step reads the recurrent weight once for each tile of sequences, the state once for each tile of units and all
    else once; every access is coalesced and free of bank conflicts."""
    monkeypatch.setattr(launching, "cell_config", lambda problem, device: config)
    emulated.count = True
    case = Case("traffic", batch=64, steps=2, input_dim=4, units=64, states="hc")
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    _, residuals = run_forward(case, operands, emulated, True)
    run_backward(residuals, grads, emulated)
    of_units, of_rows, _ = config.grid(residuals.problem)
    launches = {"forward": emulated.launches[1], "backward": emulated.launches[3]}  # steps 1 and 0
    repeated = {
        "forward": {"recurrent_weight": of_rows, "y": of_units},
        "backward": {"recurrent_weight": of_rows, "dgates": of_units},
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


def test_a_batch_that_no_grid_holds_is_refused_in_words():
    problem = LSTMProblem(batch=2**22, steps=1, input_dim=1, units=1, dtype=np.dtype(np.float32))
    device = SimpleNamespace(multiprocessors=132)
    assert "over 65535" in kernels.cell_forward.unsupported(problem, device)
    assert kernels.cell_backward.unsupported(dataclasses.replace(problem, batch=2**20), device) is None


def test_work():
    problem = LSTMProblem(batch=2, steps=3, input_dim=5, units=7, dtype=np.dtype(np.float16), use_bias=True)
    assert problem.flops() == 2 * 2 * 3 * (5 + 7) * 28
    assert problem.bytes_moved() == (5 + 7 + 1) * 28 * 2 + 6 * (5 + 7) * 2
    assert dataclasses.replace(problem, training=True).bytes_moved() == problem.bytes_moved() + 6 * (
        28 * 2 + 7 * 4
    )


def test_the_headers_agree_with_python():
    source = (jit.kernels_folder() / "recurrent/cell.cuh").read_text()
    gates = re.search(r"enum Gate \{([^}]*)\}", source).group(1).lower().split(",")
    assert [name.strip() for name in gates] == [*GATES, "gates"]
    gates = re.search(r"enum GRUGate \{([^}]*)\}", source).group(1).lower().split(",")
    assert [name.strip() for name in gates] == [*GRU_GATES, "gru_gates"]
    activations = re.search(r"enum class CellActivation \{([^}]*)\}", source).group(1).split(",")
    assert [name.strip() for name in activations] == [name.name.lower() for name in launching.CellActivation]
    assert tuple(activation.value for activation in launching.CellActivation) == ACTIVATIONS
    fields = re.search(r"struct CellGeometry \{\s*int ([^;]*);", source).group(1).split(",")
    assert [name.strip() for name in fields] == [
        field.name for field in dataclasses.fields(launching.CellGeometry)
    ]
    assert {field.type for field in dataclasses.fields(launching.CellGeometry)} == {np.int32}


def test_case_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)
