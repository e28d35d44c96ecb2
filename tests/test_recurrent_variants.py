"""The LSTM and the GRU with layer normalisation, zoneout, peepholes and projection: the references against
scalar loops and numeric gradients, the kernels against both."""

import dataclasses

import numpy as np
import pytest

from gpulayers import jit, ops
from gpulayers.ops import arrays
from gpulayers.ops.recording import RecordingDevice
from gpulayers.ops.recurrent import launching
from gpulayers.ops.recurrent.variant_problem import GRADIENTS, LSTMVariantProblem
from tests.cases.recurrent_variants import CASES, GRUCase, LSTMCase
from tests.recurrent_variant_loops import gru_variant_loop, lstm_variant_loop
from tests.tolerances import assert_close, assert_exact

LOOPS = {"lstm": lstm_variant_loop, "gru": gru_variant_loop}
CONSTANT = {"mask", "input_scale", "recurrent_scale", "update_h", "update_c"}


def of(chosen):
    return pytest.mark.parametrize("case", chosen, ids=lambda case: f"{case.kind}: {case.name}")


cases = of(CASES)


def rounded(named, dtype):
    """The floats among the arrays in that dtype."""
    return {name: array if array.dtype == bool else array.astype(dtype) for name, array in named.items()}


def run_forward(case, operands, device, training):
    moved = {name: device.asarray(array) for name, array in operands.items()}
    *results, residuals = case.forward(**moved, **case.options, training=training)
    return dict(zip(("outputs", "h", "c"), map(device.to_numpy, results))), residuals


def run_backward(case, residuals, grads, device):
    results = case.run_backward({name: device.asarray(array) for name, array in grads.items()}, residuals)
    return {name: device.to_numpy(array) for name, array in results.items()}


def check(case, dtype, device):
    """Forward and backward against the float64 reference, which other tests compare with loops and
    differences.

    16-bit types round h, the saved gates and their gradients once a step, and each of these passes on what it
    got; with layer normalisation also both products, their normal forms and the gradients to them.
    """
    operands, grads = (rounded(named, dtype) for named in case.draw())
    values, residuals = run_forward(case, operands, device, True)
    results = run_backward(case, residuals, grads, device)
    truth, truth_residuals = run_forward(case, rounded(operands, np.float64), arrays.CPU, True)
    true_results = run_backward(case, truth_residuals, rounded(grads, np.float64), arrays.CPU)

    steps = max(1, case.steps)
    terms = (case.input_dim + case.units) * steps
    for name, expected in truth.items():
        assert values[name].dtype == dtype
        magnitude = max(1.0, np.abs(expected).max(initial=0))
        assert_close(values[name], expected, terms, magnitude, roundings=2, what=name)
    terms = (case.input_dim + case.gates * case.units + case.batch) * steps
    assert set(results) == set(true_results)
    for name, expected in true_results.items():
        assert results[name].dtype == dtype
        magnitude = max(1.0, np.abs(expected).max(initial=0))
        roundings = 8 if case.normalized else 4
        assert_close(results[name], expected, terms, magnitude, roundings, what=f"grad_{name}")

    without, nothing = run_forward(case, operands, device, False)
    again, residuals = run_forward(case, operands, device, True)
    assert nothing is None
    for name, first in values.items():
        assert first.tobytes() == without[name].tobytes(), f"{name} depends on training"
        assert first.tobytes() == again[name].tobytes(), f"{name}: two runs differ in bits"
    for name, second in run_backward(case, residuals, grads, device).items():
        assert results[name].tobytes() == second.tobytes(), f"grad_{name}: two runs differ in bits"


@cases
def test_references_against_scalar_loops(case):
    operands, _ = case.draw()
    results, _ = run_forward(case, operands, arrays.CPU, False)
    for (name, actual), expected in zip(results.items(), LOOPS[case.kind](case, **operands)):
        assert_close(actual, expected, 300 * max(1, case.steps), 1.0, what=name)


@cases
def test_references_against_numeric_gradients(case):
    """Central differences of the loss sum(grad * result) at up to 12 elements of every operand."""
    operands, grads = case.draw()
    _, residuals = run_forward(case, operands, arrays.CPU, True)
    results = run_backward(case, residuals, grads, arrays.CPU)
    states = {"initial_h": (case.batch, case.size), "initial_c": (case.batch, case.units)}
    states = {f"initial_{name}": states[f"initial_{name}"] for name in case.states_of_the_cell}
    given = [name for name in operands if name not in CONSTANT | set(states)]
    assert set(results) == set(given) | set(states)
    assert [name for name in GRADIENTS if name in results] == list(results)

    def loss(changed):
        outputs, _ = run_forward(case, changed, arrays.CPU, False)
        return sum(float((grads[name] * outputs[name]).sum()) for name in grads)

    for name, found in results.items():
        array = (
            operands[name] if name in operands else np.zeros(states[name])
        )  # an absent state is a zero one
        assert found.shape == array.shape
        for at in np.random.default_rng(3).permutation(array.size)[:12]:
            step, ends = 1e-5, []
            for sign in (1, -1):
                moved = array.copy()
                moved.reshape(-1)[at] += sign * step
                ends.append(loss(operands | {name: moved}))
            numeric, exact = (ends[0] - ends[1]) / (2 * step), found.reshape(-1)[at]
            # Truncation 1e-10 times third derivatives, which a normalisation of few numbers makes large.
            limit = 2e-6 if case.normalized else 2e-8
            assert abs(numeric - exact) < limit * max(1, abs(numeric)), (name, at, numeric, exact)


@cases
def test_references(case, dtype):
    check(case, dtype, arrays.CPU)


@cases
def test_kernels(case, kernel_device):
    check(case, np.dtype(np.float32), kernel_device)


@of([case for case in CASES if "everything" in case.name or "projection" in case.name])
def test_kernels_in_other_types(case, dtype, kernel_device):
    check(case, dtype, kernel_device)


@pytest.fixture
def large_tiles(monkeypatch):
    """Large tiles for problems that are too small to deserve them."""

    def large(problem, device):
        wide = problem.recurrent_scaled and problem.dtype == np.float64  # over static shared memory
        return launching.SMALL if wide else launching.LARGE

    monkeypatch.setattr(launching, "cell_config", large)


@of([case for case in CASES if "many of both" in case.name])
def test_large_tiles(case, dtype, kernel_device, large_tiles):
    check(case, dtype, kernel_device)


def integers(case, seed=0):
    """Operands of -1, 0 and 1 so sparse that a linear cell's numbers stay small."""
    operands, grads = case.draw(seed)
    generator = np.random.default_rng(seed + 1)

    def sparse(array, density):
        return generator.integers(-1, 2, array.shape) * (generator.random(array.shape) < density)

    density = {"weight": 1.5 / case.input_dim, "recurrent_weight": 1 / case.units, "peephole": 0.3}
    kept = {"mask", "update_h", "update_c"}
    operands = {
        name: array if name in kept else sparse(array, density.get(name, 0.9)).astype(np.float64)
        for name, array in operands.items()
    }
    return operands, {name: sparse(array, 0.5).astype(np.float64) for name, array in grads.items()}


EXACT = [
    dataclasses.replace(case, activation="linear", recurrent_activation="linear", steps=min(2, case.steps))
    for case in CASES
    if case.activation == "tanh" and min(case.batch, case.steps) > 0 and not case.normalized
]


@of(EXACT)
def test_references_are_exact_on_integers(case):
    operands, grads = integers(case)
    results, residuals = run_forward(case, rounded(operands, np.float32), arrays.CPU, True)
    for (name, actual), expected in zip(results.items(), LOOPS[case.kind](case, **operands)):
        assert_exact(actual, expected, name)
    if case.mask != "all":
        assert np.count_nonzero(results["h"]) * 10 >= results["h"].size
        gradients = run_backward(case, residuals, rounded(grads, np.float32), arrays.CPU)
        assert all(np.count_nonzero(gradients[name]) for name in gradients), case.name


def check_exact(case, device):
    operands, grads = integers(case)
    truth, true_residuals = run_forward(case, operands, arrays.CPU, True)
    true_results = run_backward(case, true_residuals, grads, arrays.CPU)
    values, residuals = run_forward(case, rounded(operands, np.float32), device, True)
    for name, expected in truth.items():
        assert_exact(values[name], expected, name)
    results = run_backward(case, residuals, rounded(grads, np.float32), device)
    for name, expected in true_results.items():
        assert np.abs(expected).max(initial=0) < 2**22  # so every sum is exact in float32
        assert_exact(results[name], expected, f"grad_{name}")


@of(EXACT)
def test_kernels_are_exact_on_integers(case, kernel_device):
    check_exact(case, kernel_device)


@of([case for case in EXACT if "many of both" in case.name])
def test_large_tiles_are_exact_on_integers(case, kernel_device, large_tiles):
    check_exact(case, kernel_device)


STATE = ["recurrent_state_product"], ["recurrent_state_backward"]
LAUNCHES = {
    "lstm: peepholes": (["lstm_extended_forward"], ["lstm_extended_backward"]),
    "lstm: projection": (
        ["lstm_extended_forward", "recurrent_projection_forward"],
        ["recurrent_state_backward", "recurrent_projection_backward", "lstm_rows_backward"],
    ),
    "lstm: layer normalisation": (STATE[0] + ["lstm_rows_forward"], STATE[1] + ["lstm_rows_backward"]),
    "lstm: everything": (
        STATE[0] + ["lstm_rows_forward", "recurrent_projection_forward"],
        STATE[1] + ["recurrent_projection_backward", "lstm_rows_backward"],
    ),
    "gru: zoneout": (["gru_cell_forward"], ["gru_cell_backward"]),
    "gru: everything": (STATE[0] + ["gru_rows_forward"], STATE[1] + ["gru_rows_backward"]),
}


@of([case for case in CASES if f"{case.kind}: {case.name}" in LAUNCHES])
@pytest.mark.parametrize("mask", [None, "left", "right", "holes", "all"])
def test_few_launches_a_step_whatever_the_mask(case, mask, emulated):
    """The masks are read by the kernels alone: neither the launches nor their arguments depend on them."""
    case = dataclasses.replace(case, mask=mask)
    forward, backward = LAUNCHES[f"{case.kind}: {case.name}"]
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    _, residuals = run_forward(case, operands, emulated, True)
    names = [launch.expression.split("<")[0] for launch in emulated.launches]
    before = ["recurrent_normalize_forward"] * case.normalized
    assert names == before + forward * case.steps
    run_backward(case, residuals, grads, emulated)
    after = [launch.expression.split("<")[0] for launch in emulated.launches[len(names) :]]
    count = len(backward) * case.steps + 1  # and one for the initial states
    assert after[:count] == backward * case.steps + backward[:1]
    sums = {"recurrent_bias_backward", "recurrent_gain_backward", "recurrent_normalize_backward"}
    assert set(after[count:]) <= sums and len(after) - count <= 5


def check_mask(case, device):
    """Masked steps repeat the output before them, whatever x and the updates hold there, and get no
    gradient."""
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    mask = operands["mask"]
    values, residuals = run_forward(case, operands, device, True)
    results = run_backward(case, residuals, grads, device)
    first = operands["initial_h"] if "initial_h" in operands else np.zeros_like(values["h"])
    for b in range(case.batch):
        held = first[b]
        for s in range(case.steps):
            if not mask[b, case.steps - 1 - s if case.go_backwards else s]:
                assert np.array_equal(values["outputs"][b, s], held)
            held = values["outputs"][b, s]
        assert np.array_equal(values["h"][b], held)
    assert not results["x"][~mask].any()
    noisy = operands | {"x": np.where(mask[..., None], operands["x"], np.float32(1000))}
    for name in set(operands) & {"update_h", "update_c"}:
        processed = mask[:, ::-1] if case.go_backwards else mask
        noisy[name] = np.where(processed[..., None], operands[name], np.float32(7))
    others, other_residuals = run_forward(case, noisy, device, True)
    again = run_backward(case, other_residuals, grads, device)
    for name, value in values.items():
        assert value.tobytes() == others[name].tobytes(), name
    for name, grad in results.items():
        assert np.array_equal(grad, again[name]), name
    nothing = ~mask.any(axis=1)  # where nothing happens, states and their gradients are handed through
    for name in case.states_of_the_cell:
        given = operands.get(f"initial_{name}", np.zeros_like(values[name]))
        assert np.array_equal(values[name][nothing], given[nothing])
    handed = grads["outputs"][nothing].sum(axis=1, dtype=np.float64) + grads["h"][nothing]
    assert_close(results["initial_h"][nothing], handed, case.steps, 6.0, what="grad_initial_h")
    if "c" in grads:
        assert np.array_equal(results["initial_c"][nothing], grads["c"][nothing])


MASKED = [
    dataclasses.replace(case, mask=mask)
    for case in CASES
    if case.mask in ("holes", "right") and {"outputs", "h"} <= set(case.grads) and case.batch < 9
    for mask in ("left", "right", "holes", "all")
]


@pytest.mark.parametrize("case", MASKED, ids=lambda case: f"{case.kind}: {case.name}, {case.mask}")
def test_masks(case, kernel_device):
    check_mask(case, arrays.CPU)
    check_mask(case, kernel_device)


def test_general_activations_run_as_array_functions(emulated):
    case = dataclasses.replace(CASES[0], activation="silu", mask="holes")
    operands, grads = (rounded(named, np.float32) for named in case.draw())
    values, residuals = run_forward(case, operands, emulated, True)
    results = run_backward(case, residuals, grads, emulated)
    assert not emulated.launches
    told = ops.explain(residuals.problem, emulated)
    assert "rows_forward (recurrent/lstm_rows.cu): the kernels know the activations tanh" in told
    assert "-> step_loop_forward: chosen" in told and "-> step_loop_backward: chosen" in told
    truth, true_residuals = run_forward(case, operands, arrays.CPU, True)
    for name, expected in truth.items():
        assert_close(values[name], expected, 100, 1.0, what=name)
    for name, expected in run_backward(case, true_residuals, grads, arrays.CPU).items():
        assert_close(results[name], expected, 100, 5.0, what=name)


@pytest.mark.parametrize("activation", ["tanh", "silu"])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("kind, plain", [(LSTMCase, ops.lstm), (GRUCase, ops.gru)])
def test_without_extensions_it_is_the_plain_operation(kind, plain, go_backwards, activation):
    case = kind("plain", 3, 4, 5, 7, mask="holes", go_backwards=go_backwards, activation=activation)
    operands, _ = case.draw()
    results, _ = run_forward(case, operands, arrays.CPU, False)
    for actual, expected in zip(results.values(), plain(**operands, **case.options)):
        assert_close(actual, expected, 100, 1.0)


PLAIN = LSTMCase("plain", 3, 5, 4, 6, states="hc")


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            dict(peephole=np.zeros((2, 6))),
            r"peephole must have shape \(3, units\) = \(3, 6\). Received: \(2, 6\)",
        ),
        (
            dict(projection=np.zeros((6, 2))),
            r"recurrent_weight must have shape \(size, 4 \* units\) = \(2, 24\). Received: \(6, 24\)",
        ),
        (dict(projection=np.zeros(6)), r"projection must have shape \(units, size\). Received: \(6,\)"),
        (dict(input_gain=np.zeros(24)), "go together. Received: input_gain"),
        (dict(update_h=1.5), "update_h must lie .*Received: 1.5"),
        (dict(update_c=np.ones((3, 5))), r"update_c must have shape .*\(3, 5, 6\). Received: \(3, 5\)"),
        (dict(x=np.zeros((3, 4))), r"x must have shape .*Received: \(3, 4\)"),
        (dict(initial_h=np.zeros((3, 5))), r"initial_h must have shape \(batch, units\) = \(3, 6\)"),
        (dict(activation="swoosh"), "activation must be one of tanh.*Received: 'swoosh'"),
    ],
)
def test_wrong_arguments(changes, words):
    with pytest.raises(ValueError, match=words):
        ops.lstm_variant(**(PLAIN.draw()[0] | changes))


@pytest.mark.parametrize("case", [PLAIN, GRUCase("plain", 3, 5, 4, 6)], ids=lambda case: case.kind)
def test_wrong_types(case):
    operands, _ = case.draw()
    with pytest.raises(TypeError, match="x must be .*Received: list"):
        case.forward(**(operands | {"x": [1, 2]}))
    with pytest.raises(TypeError, match="x float32"):
        case.forward(**(operands | {"x": np.zeros((3, 5, 4), np.float32)}))
    *_, nothing = case.forward(**operands, training=False)
    assert nothing is None
    with pytest.raises(
        TypeError, match=rf"those of {case.kind}_variant\(..., training=True\). Received: NoneType"
    ):
        case.run_backward({}, nothing)
    plain = {"lstm": ops.lstm_backward, "gru": ops.gru_backward}[case.kind]
    *_, residuals = case.forward(**operands)
    with pytest.raises(TypeError, match=f"those of {case.kind}.*Received: VariantResiduals"):
        plain(*[None] * (3 if case.kind == "lstm" else 2), residuals)
    with pytest.raises(ValueError, match=r"grad_h must have shape \(3, 6\). Received: \(3, 7\)"):
        case.run_backward({"h": np.zeros((3, 7))}, residuals)


def test_a_batch_that_no_grid_holds_is_refused_in_words():
    problem = LSTMVariantProblem(2**22, 1, 1, 1, np.dtype(np.float32), peepholes=True)
    told = ops.explain(problem, RecordingDevice("sm_90"))
    assert "extended_forward (recurrent/lstm_extended.cu): a batch of 4194304 needs 131072 rows" in told


def test_the_header_agrees_with_python():
    source = (jit.kernels_folder() / "recurrent/rows.cuh").read_text()
    assert f"constexpr int ROW_THREADS = {launching.ROW_THREADS};" in source


def test_work():
    sizes = dict(batch=2, steps=3, input_dim=5, units=7, dtype=np.dtype(np.float32))
    problem = LSTMVariantProblem(**sizes, projection_size=4, peepholes=True, normalized=True)
    assert problem.flops() == 2 * 6 * ((5 + 4) * 28 + 7 * 4)
    weights = (5 + 4 + 1) * 28 + 3 * 7 + 7 * 4 + 2 * 28 + 2 * 7
    assert problem.bytes_moved() == 4 * (weights + 6 * (5 + 4))
    kept = 28 + 7 + 2 * 28 + 4 + 7  # gates, c, both normal forms, statistics, what is projected
    assert dataclasses.replace(problem, training=True).bytes_moved() == problem.bytes_moved() + 4 * 6 * kept
    drawn = dataclasses.replace(problem, drawn_h=True, drawn_c=True)
    assert drawn.bytes_moved() == problem.bytes_moved() + 4 * 6 * (4 + 7)


def test_case_names_are_unique():
    assert len({(case.kind, case.name) for case in CASES}) == len(CASES)
